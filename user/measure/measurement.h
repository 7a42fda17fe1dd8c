/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of what is measured: each measurement once, with its tags, its fields and where
 * their values come from. From it follow points, JSON members, /metrics, what is summed for these,
 * the bound of series, and the tables of the README and of crosstap.yaml(5). It is constant data;
 * encoders and HTTP read it once a window or scrape, nobody for each message.
 *
 * A value is a member of a row: the struct of counters that the measurement is taken from, or one
 * of measure/rows.h. What a row does not know (no egress, no socket table) is told by bits beside
 * it; a field that needs one of those that are missing is absent. To add a field is to add a row to
 * measurements.c.
 */
#ifndef CROSSTAP_MEASURE_MEASUREMENT_H
#define CROSSTAP_MEASURE_MEASUREMENT_H

#include "stats/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each tag: name, at most so many values (0: the configuration says), help. Two tags of one name
 * have other values. */
#define MEASURE_TAGS(X)                                                                            \
	X(ZONE, "zone", 0, "Label of the input, or the longest of `zones` that ends the name.")    \
	X(INTERFACE, "interface", 0, "Network interface; `pcap` in replay.")                       \
	X(DIRECTION, "direction", 2, "query or response.")                                         \
	X(TRANSPORT, "transport", 8,                                                               \
	    "udp, tcp, dot, doh, doq, dnscrypt-udp, dnscrypt-tcp, other.")                         \
	X(WIRE_TRANSPORT, "transport", 5, "udp, tcp, dot, doh, doq.")                              \
	X(PLAIN_TRANSPORT, "transport", 2, "udp, tcp: whose messages the wire shows.")             \
	X(FAMILY, "family", 2, "ipv4 or ipv6.")                                                    \
	X(QTYPE, "qtype", 161, "Mnemonic; 32 unassigned types a day as TYPE65534, then `other`.")  \
	X(BUSY_QTYPE, "qtype", 21,                                                                 \
	    "Of the 20 busiest types of a zone and day; `other`: the rest.")                       \
	X(RCODE, "rcode", 24, "Mnemonic; 3 unassigned ones a day as RCODE30, then `other`.")       \
	X(OPCODE, "opcode", 16, "Mnemonic, or OPCODE7.")                                           \
	X(CLASS, "class", 6, "IN, CH, HS, NONE, ANY; `other`: not assigned.")                      \
	X(EDNS_VERSION, "version", 3, "none: without EDNS; 0 or other.")                           \
	X(EDNS_SIZE, "size", 14, "Bin of the advertised size by its lower bound, or none.")        \
	X(EDE, "code", 32, "IANA's number; `other`: not assigned.")                                \
	X(ECS_FAMILY, "family", 3, "ipv4 or ipv6; `other`: not readable.")                         \
	X(PREFIX, "prefix", 130, "Source prefix, bits; `other`: not readable.")                    \
	X(QNAME_LENGTH, "length", 16, "Bin of the name's length by its lower bound.")              \
	X(QNAME_LABELS, "labels", 11, "Without the root; 10: and more.")                           \
	X(QNAME_TRAIT, "trait", 3, "idn, mixed_case or reverse.")                                  \
	X(JUNK, "kind", 9, "src-port-zero, funny-class, funny-qtype, a-for-a, localhost ...")      \
	X(PORT_RANGE, "range", 64, "1,024 ports by the lowest of them: b0, b1024 ... b64512.")     \
	X(ADDRESS, "address", 258, "The server's own; `unknown`: not told; `other`: the rest.")    \
	X(IDENTITY, "identity", 66, "As the producer tells; `unknown`: not; `other`: the rest.")   \
	X(SUBNET, "rank", 0, "Rank from 1 on, or the network (`top.key`); `other`: the rest.")     \
	X(TALKER_BY, "by", 5, "response_bytes, nxdomain, refused, tcp or malformed.")              \
	X(TALKER, "rank", 0, "Rank from 1 on, or the address (`top.key`).")                        \
	X(REASON, "reason", 7, "Why a message is malformed.")                                      \
	X(COUNTRY, "country", 251, "ISO 3166-1 code, `unknown` or `other`.")                       \
	X(ASN, "asn", 0, "AS number, `unknown` or `other`.")                                       \
	X(RESOLVER, "rank", 0, "Rank from 1 on, or the address (`top.key`); `other`: the rest.")   \
	X(CLIENT, "rank", 0, "Rank from 1 on, or the address (`top.key`).")                        \
	X(TOP, "rank", 0, "Rank in the last window, from 1 on.")                                   \
	X(TOP_COUNTRY, "country", 1, "ISO 3166-1 code, or `unknown`.")                             \
	X(TOP_ASN, "asn", 1, "AS number, or `unknown`.")                                           \
	X(TOP_SUBNET, "subnet", 1, "As `privacy.addresses` lets it out.")                          \
	X(TOP_ADDRESS, "address", 1, "As `privacy.addresses` lets it out.")                        \
	X(TOP_ORG, "as_org", 1, "Who the AS belongs to; may be empty.")                            \
	X(NAME_KIND, "kind", 1, "query or nxdomain, each with ranks of its own.")                  \
	X(NAME, "rank", 0, "Rank from 1 on, or the name (`top.key`).")                             \
	X(DOMAIN_BY, "by", 1, "queries, nxdomain or sources, each with ranks of its own.")         \
	X(DOMAIN, "rank", 0, "Rank from 1 on, or the domain (`top.key`); `other`: the rest.")      \
	X(CLIENT_TRAIT, "trait", 12, "all, validating, minimising, mixed_case, cookie, edns ...")  \
	X(ATTACK_KIND, "kind", 3, "random-subdomain, reflection or flood.")                        \
	X(ATTACK, "rank", 8, "Rank among those of its kind, from 1 on.")                           \
	X(TOP_DOMAIN, "domain", 1, "As `privacy.names` lets it out.")                              \
	X(INPUT, "input", 0, "Path or address.")                                                   \
	X(OUTPUT, "output", 0, "Kind and place.")                                                  \
	X(EVENT, "kind", 8,                                                                        \
	    "start, reload, producer, wire_mode, database, sink, verdict, attack.")                \
	X(CERTIFICATE, "certificate", 0, "What shows it: http, or an input's address.")            \
	X(VERSION, "version", 1, "Of the agent.")                                                  \
	X(SERVER, "server", 1, "As the configuration names the agent.")                            \
	X(MODE, "mode", 1, "native, generic, tc, packet or off.")                                  \
	X(VERDICT, "verdict", 9, "What the cross-check says.")

#define MEASURE_TAG_(id, name, bound, help) TAG_##id,
enum measure_tag { MEASURE_TAGS(MEASURE_TAG_) TAG_COUNT };
#undef MEASURE_TAG_

struct measure_tag_info {
	const char *name;
	uint64_t bound;
	const char *help;
};
extern const struct measure_tag_info measure_tags[TAG_COUNT];

enum measure_type {
	MEASURE_COUNTER,   /* an integer of the window; in /metrics since the start */
	MEASURE_GAUGE,     /* an integer that does not add up, or that may be negative */
	MEASURE_FLOAT,     /* a measured quantity */
	MEASURE_TEXT,      /* in points and JSON only */
	MEASURE_BINS,      /* counters of sizes; a function of their own */
	MEASURE_HISTOGRAM, /* in /metrics only; a function of its own */
};

/* How the row holds it. */
enum measure_form {
	FORM_NONE, /* it does not: a function has the value */
	FORM_U64,
	FORM_I64,
	FORM_BOOL,
	FORM_DOUBLE, /* NaN and infinities: absent */
	FORM_TEXT,   /* const char *; NULL: absent */
	FORM_HEX     /* a uint64_t that is a text of 16 digits */
};

#define NOT_IN_POINTS 1u
#define NOT_IN_JSON   2u

struct measure_field {
	const char *name; /* in points and JSON */
	enum measure_type type;
	const char *unit; /* UCUM, as OpenTelemetry wants it; empty for text */
	const char *help; /* a sentence */
	size_t offset;    /* in the row */
	enum measure_form form;
	uint32_t needs; /* bits that must be known */
	/* Of dnstap's measurements: the margin that it is the sum of; 0: none. */
	enum margin margin;
	uint8_t direction; /* MEASURE_ANY: both */
	bool amount;       /* the cells' amounts, not their counts */
	/* In /metrics: NULL the name that follows from this one, "" nowhere. A float needs one. */
	const char *metric;
	double divisor; /* of the metric's value; 0: 1 */
	uint8_t not_in; /* NOT_IN_POINTS, NOT_IN_JSON */
};

#define MEASURE_ANY 2

/* What a configuration must have for there to be points. */
enum measure_when {
	WHEN_ALWAYS,
	WHEN_FIGURES, /* an input that feeds them */
	WHEN_CORE,    /* such an input, and the word in `datasets` */
	WHEN_EDNS,
	WHEN_NAMES,
	WHEN_DOMAINS,
	WHEN_CLIENTS,
	WHEN_ADDRESSES,
	WHEN_ATTACKS,
	WHEN_PORTS,
	WHEN_COUNTRY,
	WHEN_ASN,
	WHEN_WIRE,
	WHEN_RTT,
	WHEN_COMPARED,
	WHEN_PER_SOURCE,
	WHEN_METRICS /* none: /metrics alone */
};

/* Who has the rows of /metrics (http/prometheus.c). */
enum measure_metrics {
	METRICS_NONE,
	METRICS_MARGINS, /* totals of margins: dnstap's */
	METRICS_BUILD,
	METRICS_AGENT,
	METRICS_INPUTS,
	METRICS_OUTPUTS,
	METRICS_CERTIFICATES,
	METRICS_TOPS,
	METRICS_TOPS_INFO,
	METRICS_WIRE,    /* from here on: what wire and cross-check have counted */
	METRICS_DETAILS, /* of the wire: types, rcodes, opcodes, sizes, what is malformed */
	METRICS_RTT,
	METRICS_CROSSCHECK,
	METRICS_FUNNEL,
	METRICS_VERDICT,
	METRICS_MODES
};

#define MEASURE_MAX_TAGS 4

struct measurement {
	const char *name, *help;
	enum measure_when when;
	enum measure_metrics metrics;
	enum measure_tag tags[MEASURE_MAX_TAGS]; /* beside `server` and those of `tags` */
	size_t n_tags;
	const struct measure_field *fields;
	size_t n_fields;
};

/* In the order in which people read them. */
#define MEASUREMENTS(X)                                                                            \
	X(DNS)                                                                                     \
	X(DNS_MALFORMED)                                                                           \
	X(DNS_SOURCES)                                                                             \
	X(DNS_QTYPE)                                                                               \
	X(DNS_RCODE)                                                                               \
	X(DNS_QTYPE_RCODE)                                                                         \
	X(DNS_TRANSPORT_QTYPE)                                                                     \
	X(DNS_RCODE_SIZE)                                                                          \
	X(DNS_OPCODE)                                                                              \
	X(DNS_CLASS)                                                                               \
	X(DNS_FLAGS)                                                                               \
	X(DNS_SIZE)                                                                                \
	X(DNS_EDNS)                                                                                \
	X(DNS_EDNS_SIZE)                                                                           \
	X(DNS_EDNS_SIZES)                                                                          \
	X(DNS_EDE)                                                                                 \
	X(DNS_ECS)                                                                                 \
	X(DNS_QNAME)                                                                               \
	X(DNS_QNAME_LENGTHS)                                                                       \
	X(DNS_QNAME_LABELS)                                                                        \
	X(DNS_QNAME_TRAITS)                                                                        \
	X(DNS_JUNK)                                                                                \
	X(DNS_PRIMING)                                                                             \
	X(DNS_PRIMING_SIZES)                                                                       \
	X(DNS_SPORT_RANGE)                                                                         \
	X(DNS_OUTGOING)                                                                            \
	X(DNS_LATENCY)                                                                             \
	X(DNS_COUNTRY)                                                                             \
	X(DNS_ASN)                                                                                 \
	X(DNS_RESOLVER)                                                                            \
	X(DNS_ADDRESS)                                                                             \
	X(DNS_IDENTITY)                                                                            \
	X(DNS_SUBNET)                                                                              \
	X(DNS_TALKER)                                                                              \
	X(DNS_NAME)                                                                                \
	X(DNS_DOMAIN)                                                                              \
	X(DNS_CLIENTS)                                                                             \
	X(DNS_ATTACK)                                                                              \
	X(DNS_TOP_COUNTRY)                                                                         \
	X(DNS_TOP_COUNTRY_INFO)                                                                    \
	X(DNS_TOP_ASN)                                                                             \
	X(DNS_TOP_ASN_INFO)                                                                        \
	X(DNS_TOP_RESOLVER)                                                                        \
	X(DNS_TOP_RESOLVER_INFO)                                                                   \
	X(DNS_TOP_DOMAIN)                                                                          \
	X(DNS_TOP_DOMAIN_INFO)                                                                     \
	X(DNS_TOP_SUBNET)                                                                          \
	X(DNS_TOP_SUBNET_INFO)                                                                     \
	X(DNS_TOP_TALKER)                                                                          \
	X(DNS_TOP_TALKER_INFO)                                                                     \
	X(DNS_TOP_CLIENTS)                                                                         \
	X(DNS_TOP_ATTACK)                                                                          \
	X(WIRE)                                                                                    \
	X(WIRE_MODE)                                                                               \
	X(WIRE_QTYPE)                                                                              \
	X(WIRE_RCODE)                                                                              \
	X(WIRE_OPCODE)                                                                             \
	X(WIRE_SIZE)                                                                               \
	X(WIRE_MALFORMED)                                                                          \
	X(WIRE_TCP_RTT)                                                                            \
	X(CROSSCHECK)                                                                              \
	X(CROSSCHECK_QTYPE)                                                                        \
	X(CROSSCHECK_SOURCE)                                                                       \
	X(FUNNEL)                                                                                  \
	X(VERDICT)                                                                                 \
	X(CROSSTAP)                                                                                \
	X(CROSSTAP_BUILD)                                                                          \
	X(CROSSTAP_INPUT)                                                                          \
	X(CROSSTAP_OUTPUT)                                                                         \
	X(CROSSTAP_CERTIFICATE)                                                                    \
	X(CROSSTAP_EVENT)

#define MEASUREMENT_(id) M_##id,
enum measurement_id { MEASUREMENTS(MEASUREMENT_) MEASUREMENT_COUNT };
#undef MEASUREMENT_

extern const struct measurement measurements[MEASUREMENT_COUNT];

/* NULL: no such measurement, no such field in points. */
const struct measurement *measurement_find(const char *name);
const struct measure_field *measurement_field(
    const struct measurement *measurement, const char *name);

/* Whether points have the field. */
static inline bool measure_in_points(
    const struct measurement *measurement, const struct measure_field *field)
{
	return measurement->when != WHEN_METRICS && !(field->not_in & NOT_IN_POINTS);
}

/* Whether a row that knows these bits has the field. */
static inline bool measure_known(const struct measure_field *field, uint32_t known)
{
	return (field->needs & known) == field->needs;
}
/* The value of an integer field. */
int64_t measure_integer(const struct measure_field *field, const void *row);
/* The value of a field that is no text; NaN: absent. */
double measure_number(const struct measure_field *field, const void *row);
#define MEASURE_TEXT_BYTES 20
/* The value of a text, in the row or in `buffer`; NULL: absent. */
const char *measure_text(
    const struct measure_field *field, const void *row, char buffer[MEASURE_TEXT_BYTES]);

/* Adds a window's row to that of all windows: counters are summed, of all other fields the last
 * value counts. `known`: of what `row` knows; other fields of *sum stay. */
void measure_add(const struct measurement *measurement, void *sum, const void *row, uint32_t known);

#define MEASURE_METRIC_BYTES 96
/* The field's name in /metrics; false: it has none. */
bool measure_metric(const struct measurement *measurement, const struct measure_field *field,
    char out[MEASURE_METRIC_BYTES]);
/* counter, gauge or histogram. */
const char *measure_metric_type(const struct measure_field *field);
/* Whether a metric is made of this margin: such margins are summed since the start. */
bool measure_margin_is_kept(enum margin margin);

#endif
