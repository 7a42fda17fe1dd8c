/* SPDX-License-Identifier: BSD-2-Clause */
/* What the doctor reads of a host: nameservers' configurations and texts of /proc. The first byte
 * says which. */
#include "doctor/nameserver_config.h"
#include "doctor/network.h"
#include "doctor/processes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_config(enum nameserver_kind kind, const char *text)
{
	struct nameserver_facts facts = {0};

	nameserver_config_parse(kind, text, &facts);
	if (strlen(facts.socket) >= sizeof(facts.socket) || facts.n_includes > NAMESERVER_INCLUDES)
		abort();
}

static void read_status(const char *text)
{
	struct nameserver_identity who;
	pid_t parent;

	nameserver_status_parse(text, &who, &parent);
	if (who.n_groups > NAMESERVER_GROUPS)
		abort();
}

static void read_tables(const char *text)
{
	static const struct config_ports ports = {{53, 853}, 2};
	unsigned cpu = 0;

	if (doctor_count_tracked(text, &ports) > strlen(text))
		abort();
	if (doctor_busiest_cpu(text, "eth0", "virtio3", &cpu) > 1001)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int which = size ? *data % (NAMESERVER_KINDS + 2) : 0;
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		abort();
	if (which < NAMESERVER_KINDS)
		read_config((enum nameserver_kind)which, text);
	else if (which == NAMESERVER_KINDS)
		read_status(text);
	else
		read_tables(text);
	free(text);
	return 0;
}
