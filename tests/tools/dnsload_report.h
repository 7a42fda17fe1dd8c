/* SPDX-License-Identifier: BSD-2-Clause */
/* What the load generator prints at its end. Included by dnsload.c and nowhere else. */
#ifndef CROSSTAP_TESTS_DNSLOAD_REPORT_H
#define CROSSTAP_TESTS_DNSLOAD_REPORT_H

#include "dnsload_channel.h"

static uint64_t total_sent(void)
{
	return load.counts[0].sent + load.counts[1].sent;
}

static void print_counts(const char *name, const struct counts *c, const char *end)
{
	printf("\"%s\": {\"sent\": %lu, \"received\": %lu, \"sent_bytes\": %lu, "
	       "\"received_bytes\": %lu, "
	       "\"timeouts\": %lu, \"lost\": %lu}%s",
	    name, c->sent, c->received, c->sent_bytes, c->received_bytes, c->timeouts, c->lost,
	    end);
}

/* {"name": count, …} of what is not zero. */
static void print_map(
    const char *map, const uint64_t *counts, size_t n, const char *(*name)(size_t i))
{
	const char *comma = "";

	printf("\"%s\": {", map);
	for (size_t i = 0; i < n; i++) {
		if (!counts[i])
			continue;
		printf("%s\"%s\": %lu", comma, name(i), counts[i]);
		comma = ", ";
	}
	printf("}, ");
}

static const char *numbered(const char *prefix, size_t i)
{
	static char buf[32];

	snprintf(buf, sizeof(buf), "%s%zu", prefix, i);
	return buf;
}

static const char *qtype_name(size_t i)
{
	const struct query_type *type = query_type_find((uint16_t)i);

	return type ? type->name : numbered("TYPE", i);
}

static const char *opcode_name(size_t i)
{
	return i == 0 ? "QUERY" : i == 2 ? "STATUS" : numbered("OPCODE", i);
}

static const char *rcode_name(size_t i)
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
	    "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};

	if (i < sizeof(names) / sizeof(*names))
		return names[i];
	return i == 16 ? "BADVERS" : i == 23 ? "BADCOOKIE" : numbered("RCODE", i);
}

static const char *flag_name(size_t i)
{
	return query_flag_names[i];
}

static const char *zone_name(size_t i)
{
	return load.mix.zones[i];
}

static uint64_t sources_used(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < load.n_sources; i++)
		n += load.source_used[i];
	return load.n_sources ? n : total_sent() > 0;
}

/* The end of the bin that holds so many of all answers, in us; 0: there were none. */
static double latency_us(double share)
{
	uint64_t all = 0, below = 0;

	for (size_t i = 0; i < LATENCY_BINS; i++)
		all += load.latency[i];
	for (size_t i = 0; all && i < LATENCY_BINS; i++) {
		below += load.latency[i];
		if ((double)below >= share * (double)all)
			return (double)(LATENCY_STEPS + i % LATENCY_STEPS + 1) / LATENCY_STEPS *
			    (double)(1UL << i / LATENCY_STEPS);
	}
	return 0;
}

static void print_json(void)
{
	const struct counts *u = &load.counts[0], *t = &load.counts[1];

	printf("{\"family\": \"%s\", \"seconds\": %.3f, \"sent\": %lu, \"received\": %lu, "
	       "\"timeouts\": %lu, "
	       "\"lost\": %lu, \"unmatched\": %lu, \"malformed\": %lu, \"truncated\": %lu, "
	       "\"sources\": %lu, "
	       "\"reconnects\": %u, ",
	    load.server.ss_family == AF_INET ? "ipv4" : "ipv6", (double)load.elapsed_ns / 1e9,
	    total_sent(), u->received + t->received, u->timeouts + t->timeouts, u->lost + t->lost,
	    load.unmatched, load.malformed, load.truncated, sources_used(), load.reconnects);
	printf("\"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}, ", latency_us(0.5),
	    latency_us(0.99), latency_us(0.999));
	print_map("qtype", load.qtype, 65536, qtype_name);
	print_map("opcode", load.opcode, 16, opcode_name);
	print_map("rcode", load.rcode, 4096, rcode_name);
	print_map("flags", load.flags, FLAG_COUNT, flag_name);
	if (!load.mix.n_names) {
		print_map("zones", load.zone, load.mix.n_zones, zone_name);
		print_map("apex_ds", load.apex_ds, load.mix.n_zones, zone_name);
	}
	printf("\"transport\": {");
	print_counts("udp", u, ", ");
	print_counts("tcp", t, "}}\n");
}

static void print_text(void)
{
	const struct counts *u = &load.counts[0], *t = &load.counts[1];

	printf("sent %lu (udp %lu, tcp %lu) in %.1f s, received %lu, timed out %lu, lost %lu, "
	       "malformed %lu\n",
	    total_sent(), u->sent, t->sent, (double)load.elapsed_ns / 1e9,
	    u->received + t->received, u->timeouts + t->timeouts, u->lost + t->lost,
	    load.malformed);
}

#endif
