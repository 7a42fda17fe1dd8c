/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: connection tracking, and how large socket buffers may be. */
#include "doctor/network.h"

#include "doctor/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES (1 << 20) /* some ten milliseconds of queries at a million a second */

/* -- connection tracking */

static bool is_of(
    const char *line, size_t length, const char *key, const struct config_ports *ports)
{
	const char *at = memmem(line, length, key, strlen(key));
	const unsigned long port = at ? strtoul(at + strlen(key), NULL, 10) : 0;

	for (size_t i = 0; i < ports->n; i++) {
		if (ports->ports[i] == port)
			return true;
	}
	return false;
}

/* The first direction of an entry comes first: what it asks for has the port as its destination. */
size_t doctor_count_tracked(const char *text, const struct config_ports *ports)
{
	size_t n = 0;

	while (*text) {
		const size_t length = strcspn(text, "\n");

		n += is_of(text, length, "dport=", ports);
		text += length + (text[length] == '\n');
	}
	return n;
}

static void note_tracking(struct doctor *doctor, const char *format, uint64_t a, uint64_t b)
{
	const struct config_ports *ports = &doctor->config->wire.ports;
	char set[128] = "", command[1536];

	for (size_t i = 0; i < ports->n && strlen(set) < sizeof(set) - 8; i++)
		snprintf(set + strlen(set), sizeof(set) - strlen(set), "%s%u", i ? "," : "",
		    ports->ports[i]);
	snprintf(command, sizeof(command),
	    "nft add table inet untracked\n"
	    "nft 'add chain inet untracked in { type filter hook prerouting priority raw; }'\n"
	    "nft 'add chain inet untracked out { type filter hook output priority raw; }'\n"
	    "nft 'add rule inet untracked in udp dport { %s } notrack'\n"
	    "nft 'add rule inet untracked out udp sport { %s } notrack'\n"
	    "# or, with iptables:\n"
	    "for t in iptables ip6tables; do\n"
	    "  $t -t raw -A PREROUTING -p udp -m multiport --dports %s -j CT --notrack\n"
	    "  $t -t raw -A OUTPUT -p udp -m multiport --sports %s -j CT --notrack\n"
	    "done",
	    set, set, set, set);
	doctor_note(doctor, DOCTOR_WARNING,
	    "an entry for each query costs more than the answer, and a full table drops queries: "
	    "nobody needs it for "
	    "UDP, but accept both directions in the firewall, since these packets then have no "
	    "state",
	    command, format, (unsigned long long)a, (unsigned long long)b);
}

struct stack {
	struct doctor *doctor;
	bool seen;
	uint64_t entries, most;
	char *list; /* NULL: cannot be read */
};

static void visit_tracking(void *context)
{
	struct stack *stack = context;
	char place[PATH_MAX];

	doctor_place(stack->doctor, place, "/proc/sys/net/netfilter/nf_conntrack_count");
	stack->seen = doctor_read_number(place, &stack->entries) == 0;
	doctor_place(stack->doctor, place, "/proc/sys/net/netfilter/nf_conntrack_max");
	if (doctor_read_number(place, &stack->most) < 0)
		stack->most = 0;
	doctor_place(stack->doctor, place,
	    stack->doctor->root ? "/proc/net/nf_conntrack" : "/proc/thread-self/net/nf_conntrack");
	if (doctor_read(place, &stack->list, NULL) < 0)
		stack->list = NULL;
}

void doctor_conntrack(struct doctor *doctor)
{
	struct stack stack = {.doctor = doctor};
	size_t tracked;

	doctor_in_namespace(doctor, visit_tracking, &stack);
	tracked = stack.list ? doctor_count_tracked(stack.list, &doctor->config->wire.ports) : 0;
	if (!stack.seen)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "the kernel tracks no connections");
	else if (stack.most && stack.entries >= stack.most / 10 * 9)
		note_tracking(doctor, "the table of connections is full: %llu of %llu",
		    stack.entries, stack.most);
	else if (tracked)
		note_tracking(doctor, "DNS is tracked: %llu of %llu connections are of its ports",
		    tracked, stack.entries);
	else if (!stack.list && stack.entries)
		note_tracking(doctor,
		    "connections are tracked (%llu of at most %llu), which ones cannot be seen",
		    stack.entries, stack.most);
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "no DNS among %llu tracked connections",
		    (unsigned long long)stack.entries);
	free(stack.list);
}

/* -- buffers */

/* Only the first network namespace shows these; they hold for all (before Linux 6.9 or so). */
void doctor_buffers(struct doctor *doctor)
{
	static const char *const names[] = {"rmem_max", "rmem_default", "wmem_max", "wmem_default"};
	char place[PATH_MAX], command[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t bytes;

		doctor_place(doctor, place, "/proc/sys/net/core/%s", names[i]);
		if (doctor_read_number(place, &bytes) < 0) {
			doctor_note(doctor, DOCTOR_OK, NULL, NULL,
			    "net.core.%s cannot be seen from here", names[i]);
			continue;
		}
		if (bytes >= BUFFER_BYTES || strstr(names[i], "default")) {
			doctor_note(doctor, DOCTOR_OK, NULL, NULL, "net.core.%s is %llu", names[i],
			    (unsigned long long)bytes);
			continue;
		}
		snprintf(command, sizeof(command), "sysctl -w net.core.%s=4194304", names[i]);
		doctor_note(doctor, DOCTOR_WARNING,
		    "a nameserver gets no larger socket buffer than this, and a burst that does "
		    "not fit is dropped",
		    command, "net.core.%s is %llu", names[i], (unsigned long long)bytes);
	}
}
