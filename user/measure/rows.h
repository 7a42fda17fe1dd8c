/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of the table of what is measured that are no struct of counters already: encoders fill them,
 * once a window, and the table (measurements.c) says which member is which field.
 */
#ifndef CROSSTAP_MEASURE_ROWS_H
#define CROSSTAP_MEASURE_ROWS_H

#include "crosscheck/crosscheck.h"
#include "crosstap/dns.h"
#include "dnstap/dnstap.h"
#include "relay/tee.h"
#include "stats/key.h"
#include "stats/traits.h"

/* -- dnstap */

struct dns_row {
	uint64_t queries, responses, query_bytes, response_bytes, sources, malformed;
};

struct flags_row {
	uint64_t flags[DNS_FLAG_COUNT];
};

struct count_row { /* of a query type, an rcode, ... */
	uint64_t count;
};

struct sources_row {
	uint64_t count;
	const char *registers, *registers_key; /* NULL: not wanted, or nobody asked */
};

struct edns_size_row {
	uint64_t sizes[EDNS_SIZE_COUNT];
};

struct priming_row {
	uint64_t queries, queries_do, query_sizes[EDNS_SIZE_COUNT];
	uint64_t responses, response_bytes, responses_tc;
};

struct qname_row {
	uint64_t lengths[KEY_QNAME_BINS], labels[KEY_QNAME_LABELS + 1], traits[QNAME_TRAIT_COUNT];
};

struct latency_row {
	double p50_us, p90_us, p99_us, max_us;
	uint64_t count;
};

struct origin_row { /* a country or an AS; NaN: not measured */
	uint64_t queries, responses, sources;
	double icmp_rtt_ms_p50, icmp_rtt_ms_p90, tcp_rtt_ms_p50, tcp_rtt_ms_p90;
	uint64_t queries_icmp, queries_tcp, queries_both, queries_unmeasured;
	struct clients clients;
	const char *as_org;
};

#define ORIGIN_KNOWS_TRAITS 1u

#define RESOLVER_KNOWS_ASN 1u
struct resolver_row {
	const char *address, *country;
	uint64_t asn, queries, nxdomain;
	double icmp_rtt_ms, tcp_rtt_ms; /* NaN: not measured */
};

struct name_row {
	const char *name;
	uint64_t count;
};

struct clients_row {
	uint64_t sources, queries;
};

struct attack_row { /* ATTACK_KNOWS_BYTES: response_bytes */
	const char *subject;
	uint64_t queries, response_bytes;
	double share;
	uint64_t since_s;
};

#define DOMAIN_KNOWS_DISTINCT 1u
struct domain_row {
	const char *domain;
	uint64_t queries, nxdomain, sources, names;
	double magnitude; /* NaN: not known */
};

struct subnet_row {
	const char *subnet;
	uint64_t queries, response_bytes, nxdomain;
};

struct talker_row {
	const char *address;
	uint64_t count;
};

/* What /metrics has of whom and what there may be many: by rank in the last window. */
enum top_kind {
	TOP_COUNTRY,
	TOP_ASN,
	TOP_RESOLVER,
	TOP_SUBNET,
	TOP_TALKER,
	TOP_DOMAIN,
	TOP_TRAIT,
	TOP_ATTACK,
	TOP_KINDS
};
struct top_row {
	enum top_kind kind;
	unsigned rank; /* from 1 on */
	const char *zone;
	/* Country, AS number, network, address or domain, as privacy lets it out. */
	const char *value;
	const char *detail; /* holder of the AS, country of the resolver; may be empty */
	/* Of talkers and domains: what they are ranked by; of clients: their trait. Static. */
	const char *by;
	uint64_t queries;                  /* of talkers: the count */
	uint64_t response_bytes, nxdomain; /* of networks */
	double icmp_rtt_ms, tcp_rtt_ms;    /* NaN: not measured */
	struct domain_row domain; /* of clients: queries and sources; of attacks: queries */
};

/* -- wire and cross-check */

/* What there is of struct wire_cell. */
#define WIRE_KNOWS_MESSAGES    1u
#define WIRE_KNOWS_CONNECTIONS 2u
#define WIRE_KNOWS_STREAMS     4u
uint32_t wire_cell_known(unsigned transport);

struct tcp_rtt_row {
	uint64_t handshakes, retransmitted;
	double p50_us, p90_us, p99_us; /* NaN without a handshake */
};

/* Which parts of a row are meant: a whole input has no neighbours. */
#define CROSSCHECK_KNOWS_LATE     1u
#define CROSSCHECK_KNOWS_BOUNDARY 2u
#define CROSSCHECK_KNOWS_COMPLETE 4u
struct crosscheck_point {
	struct crosscheck_row row;
	bool complete;
};

struct source_row {
	const char *address;
	uint64_t wire, dnstap;
	int64_t difference;
};

/* Beside enum wire_known. */
#define FUNNEL_KNOWS_WIRE      (1u << 16)
#define FUNNEL_KNOWS_RESPONSES (1u << 17)
#define FUNNEL_KNOWS_BALANCE   (1u << 18)
struct funnel_row {
	struct crosscheck_funnel funnel;
	const char *verdict;
	bool complete;
};
/* Of a window; returns what it knows. */
uint32_t funnel_row(const struct crosscheck_result *result, struct funnel_row *ret);

/* -- the agent */

/* Of a window; and, added up by measure_add(), since the start. */
struct agent_figures {
	const char *version;
	uint64_t config_hash;
	double interval_s;
	uint64_t connections, resolvers, frames, frames_bad, frames_ignored, late, skewed, merged,
	    lost, overflow, pairs_evicted;
	uint64_t rss_bytes, cpu_us, points, points_dropped, points_rejected, points_found,
	    spool_points, spool_bytes, spool_limit_bytes, log_dropped;
	uint64_t wire_stepped_down; /* interfaces */
	double window_lag_ms;
	double mmdb_age_s; /* NaN: no database */
	uint64_t windows;
	double start_time_s, window_end_time_s; /* since 1970; 0: none yet */
};

struct report_input {
	char address[128];
	uint64_t number;           /* another input's is another */
	struct dnstap_stats stats; /* since the start */
	uint64_t late, skewed;     /* of this window */
	bool tees;                 /* it has a tee */
	struct tee_stats tee;      /* since the start */
};

/* What is known of an input. */
#define INPUT_KNOWS_TEE 1u

struct input_row { /* of a window; for /metrics and the status since the start */
	uint64_t connections, accepted, refused, frames, frames_bad, bytes, late, skewed;
	uint64_t timed_out, denied, cut;
	uint64_t tee_frames, tee_dropped; /* INPUT_KNOWS_TEE */
	double last_frame_age_s;          /* NaN: none yet */
	double last_frame_time_s;
};

struct output_row { /* since the start */
	uint64_t points, points_dropped, points_rejected, points_found, bytes, errors, queued,
	    spool_bytes, spool_limit_bytes, spool_points, spool_batches;
	bool failing;
	double last_push_time_s;    /* since 1970; 0: none yet */
	double spool_oldest_time_s; /* since 1970; 0: nothing is there */
	/* What an output's library says of itself; NAN: this one has none that does. */
	double kafka_messages, kafka_brokers, kafka_retries, kafka_round_trip_s;
};

struct certificate_row {
	double expires_in_s; /* below 0: it has ended */
	double not_after_time_s;
};

struct event_row {
	const char *text;
};

#endif
