/* SPDX-License-Identifier: BSD-2-Clause */
/* What the doctor reads of a host: nameservers' configurations and texts of /proc. The first byte
 * says which. */
#include "doctor/nameserver_config.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		abort();
	if (*data % (NAMESERVER_KINDS + 1) < NAMESERVER_KINDS)
		read_config((enum nameserver_kind)(*data % (NAMESERVER_KINDS + 1)), text);
	else
		read_status(text);
	free(text);
	return 0;
}
