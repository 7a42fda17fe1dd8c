/* SPDX-License-Identifier: BSD-2-Clause */
/* All counters of one run as text, so that a test compares everything and not only what it looks
 * for. */
#ifndef CROSSTAP_TESTS_TOTALS_H
#define CROSSTAP_TESTS_TOTALS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crosstap/wire_abi.h"

#define TOTALS_TEXT 8192

struct totals {
	struct wire_counters counters[WIRE_DIRECTIONS]; /* both slots */
	u64 *rare;                                      /* WIRE_RARE_ENTRIES, both slots */
	u64 sources, source_messages;                   /* entries; their messages */
	u64 rtt[2];                                     /* by family */
};

static inline void totals_add_sources(
    struct totals *totals, const struct wire_source_bucket *bucket)
{
	for (u32 way = 0; way < WIRE_SOURCE_WAYS; way++) {
		totals->sources += bucket->clients[way].low != 0;
		totals->source_messages += bucket->messages[0][way] + bucket->messages[1][way];
	}
}

struct totals_text {
	char text[TOTALS_TEXT];
	size_t length;
};

static inline void totals_put(struct totals_text *out, u64 value, const char *format, ...)
{
	va_list args;
	size_t room = sizeof(out->text) - out->length;
	int n;

	if (!value || room < 64)
		return;
	va_start(args, format);
	n = vsnprintf(out->text + out->length, room, format, args);
	va_end(args);
	out->length += (size_t)n;
	n = snprintf(out->text + out->length, sizeof(out->text) - out->length, "=%llu ",
	    (unsigned long long)value);
	out->length += (size_t)n;
}

static inline void totals_cell(
    struct totals_text *out, const char *direction, const char *name, const struct wire_cell *cell)
{
#define TOTALS_FIELD(field) totals_put(out, cell->field, "%s.%s.%s", direction, name, #field);
	TOTALS_FIELD(packets)
	TOTALS_FIELD(bytes)
	TOTALS_FIELD(fragments)
	TOTALS_FIELD(messages)
	TOTALS_FIELD(message_bytes)
	TOTALS_FIELD(malformed)
	TOTALS_FIELD(not_query)
	TOTALS_FIELD(not_query_aa)
	TOTALS_FIELD(tc)
	TOTALS_FIELD(left_out)
	TOTALS_FIELD(malformed_uncompared)
	TOTALS_FIELD(connections)
	TOTALS_FIELD(resets)
	TOTALS_FIELD(resync)
#undef TOTALS_FIELD
}

static inline void totals_array(struct totals_text *out, const char *direction, const char *name,
    const u64 *values, u32 n, u32 unit)
{
	for (u32 i = 0; i < n; i++)
		totals_put(out, values[i], "%s.%s.%u", direction, name, i * unit);
}

static inline void totals_direction(
    struct totals_text *out, const char *direction, const struct wire_counters *counters)
{
	static const char *const transports[] = {"udp", "tcp", "dot", "doh", "doq"};
	char name[16];

	for (u32 transport = 0; transport < WIRE_TRANSPORTS; transport++) {
		for (u32 family = 0; family < 2; family++) {
			snprintf(name, sizeof(name), "%s%d", transports[transport], family ? 6 : 4);
			totals_cell(out, direction, name, &counters->cells[transport][family]);
		}
	}
	totals_array(out, direction, "udp_size", counters->sizes[WIRE_UDP], WIRE_SIZE_BINS, 16);
	totals_array(out, direction, "tcp_size", counters->sizes[WIRE_TCP], WIRE_SIZE_BINS, 16);
	totals_array(out, direction, "malformed", counters->malformed, WIRE_REASONS, 1);
	totals_array(out, direction, "opcode", counters->opcodes, WIRE_OPCODES, 1);
	totals_array(out, direction, "qtype", counters->qtypes, WIRE_QTYPES, 1);
	totals_array(out, direction, "qtype_left_out", counters->qtypes_left_out, WIRE_QTYPES, 1);
	totals_array(out, direction, "rcode", counters->rcodes, WIRE_RCODES, 1);
	totals_array(out, direction, "class", counters->classes, WIRE_CLASSES, 1);
	totals_put(out, counters->rare, "%s.rare", direction);
	totals_put(out, counters->sources_other, "%s.sources_other", direction);
	totals_put(out, counters->handshakes[0], "%s.handshakes4", direction);
	totals_put(out, counters->handshakes[1], "%s.handshakes6", direction);
	totals_put(out, counters->retransmitted[0], "%s.retransmitted4", direction);
	totals_put(out, counters->retransmitted[1], "%s.retransmitted6", direction);
	totals_put(out, counters->flows_new, "%s.flows", direction);
}

static inline void totals_print(const struct totals *totals, struct totals_text *out)
{
	out->length = 0;
	out->text[0] = '\0';
	totals_direction(out, "in", &totals->counters[WIRE_IN]);
	totals_direction(out, "out", &totals->counters[WIRE_OUT]);
	for (u32 i = 0; i < WIRE_RARE_ENTRIES; i++)
		totals_put(out, totals->rare[i], "rare.%u", i);
	totals_put(out, totals->sources, "sources");
	totals_put(out, totals->source_messages, "source_messages");
	totals_put(out, totals->rtt[0], "rtt4");
	totals_put(out, totals->rtt[1], "rtt6");
	if (out->length)
		out->text[--out->length] = '\0';
}

/* dst += src, u64 by u64. */
static inline void totals_add(void *dst, const void *src, size_t bytes)
{
	u64 *to = dst;
	const u64 *from = src;

	for (size_t i = 0; i < bytes / sizeof(u64); i++)
		to[i] += from[i];
}

static inline int totals_new(struct totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	totals->rare = calloc(WIRE_RARE_ENTRIES, sizeof(u64));
	return totals->rare ? 0 : -1;
}

static inline void totals_free(struct totals *totals)
{
	free(totals->rare);
}

#endif
