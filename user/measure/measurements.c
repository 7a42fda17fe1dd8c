/* SPDX-License-Identifier: BSD-2-Clause */
/* The table itself: data only. */
#include "measure/measurement.h"

#include "attack/attack.h"
#include "measure/rows.h"
#include "stats/facts.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TAG_INFO_(id, name, bound, help) [TAG_##id] = {name, bound, help},
const struct measure_tag_info measure_tags[TAG_COUNT] = {MEASURE_TAGS(TAG_INFO_)};

/* Where a value is: a member of the row, whose type says how it is held. */
#define FORM_OF(type, member)                                                                      \
	_Generic(((type *)NULL)->member, unsigned long                                             \
		 : FORM_U64, unsigned long long                                                    \
		 : FORM_U64, long                                                                  \
		 : FORM_I64, long long                                                             \
		 : FORM_I64, bool                                                                  \
		 : FORM_BOOL, double                                                               \
		 : FORM_DOUBLE, const char *                                                       \
		 : FORM_TEXT)
#define AT(row, member) .offset = offsetof(struct row, member), .form = FORM_OF(struct row, member)
/* A field; NAMED: one whose member has another name. More initialisers may follow. */
#define NAMED(type_, name_, row, member, unit_, help_, ...)                                        \
	{                                                                                          \
		.name = (name_), .type = MEASURE_##type_, .unit = (unit_), .help = (help_),        \
		AT(row, member), __VA_ARGS__                                                       \
	}
#define FIELD(type_, row, member, ...) NAMED(type_, #member, row, member, __VA_ARGS__)
/* One that no row holds. */
#define OWN(type_, name_, unit_, help_, ...)                                                       \
	{                                                                                          \
		.name = (name_), .type = MEASURE_##type_, .unit = (unit_), .help = (help_),        \
		__VA_ARGS__                                                                        \
	}

#define NO_METRIC .metric = ""
#define SUM_OF(margin_, direction_, amount_)                                                       \
	.margin = MARGIN_##margin_, .direction = (direction_), .amount = (amount_)

/* -- dnstap */

static const struct measure_field dns_fields[] = {
    FIELD(COUNTER, dns_row, queries, "{query}", "DNS queries received.",
	SUM_OF(MESSAGES, DIR_QUERY, false)),
    FIELD(COUNTER, dns_row, responses, "{response}", "DNS responses sent.",
	SUM_OF(MESSAGES, DIR_RESPONSE, false)),
    FIELD(COUNTER, dns_row, query_bytes, "By", "Bytes of DNS queries.",
	SUM_OF(MESSAGES, DIR_QUERY, true)),
    FIELD(COUNTER, dns_row, response_bytes, "By", "Bytes of DNS responses.",
	SUM_OF(MESSAGES, DIR_RESPONSE, true)),
    FIELD(GAUGE, dns_row, sources, "{source}", "Distinct addresses that sent or were sent one.",
	NO_METRIC),
    FIELD(COUNTER, dns_row, malformed, "{message}",
	"Messages without a readable header or question.", SUM_OF(MALFORMED, MEASURE_ANY, false),
	NO_METRIC),
};

static const struct measure_field dns_malformed_fields[] = {
    OWN(COUNTER, "messages", "{message}", "Messages without a readable header or question.",
	SUM_OF(MALFORMED, MEASURE_ANY, false), .metric = "crosstap_dns_malformed_total"),
};

static const struct measure_field dns_sources_fields[] = {
    NAMED(GAUGE, "sources", sources_row, count, "{source}",
	"Distinct addresses over all transports."),
    FIELD(TEXT, sources_row, registers, "",
	"They as the registers of a HyperLogLog, base64: see crosstap-fleet(7); of the dataset "
	"`sketches`.",
	.not_in = NOT_IN_JSON),
    FIELD(TEXT, sources_row, registers_key, "",
	"Tells the keys apart under which registers were made: only those of one key are united.",
	.not_in = NOT_IN_JSON),
};

static const struct measure_field dns_qtype_fields[] = {
    FIELD(COUNTER, dns_row, queries, "{query}", "Queries by type of the first question.",
	SUM_OF(QTYPE, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_qtype_total"),
    FIELD(COUNTER, dns_row, responses, "{response}", "Responses by type of their first question.",
	SUM_OF(QTYPE_RESPONSES, MEASURE_ANY, false), .needs = FACTS_TYPES,
	.metric = "crosstap_dns_responses_by_qtype_total"),
    FIELD(COUNTER, dns_row, query_bytes, "By", "Bytes of these queries.",
	SUM_OF(QTYPE, MEASURE_ANY, true), .metric = "crosstap_dns_query_bytes_by_qtype_total"),
    FIELD(COUNTER, dns_row, response_bytes, "By", "Bytes of these responses.",
	SUM_OF(QTYPE_RESPONSES, MEASURE_ANY, true), .needs = FACTS_TYPES,
	.metric = "crosstap_dns_response_bytes_by_qtype_total"),
};

static const struct measure_field dns_qtype_rcode_fields[] = {
    NAMED(COUNTER, "responses", count_row, count, "{response}",
	"Responses by type of their first question and rcode; the 20 busiest types of a zone and "
	"UTC day, under `other` the rest and responses without a question.",
	SUM_OF(QTYPE_RCODE, MEASURE_ANY, false),
	.metric = "crosstap_dns_responses_by_qtype_and_rcode_total"),
};

static const struct measure_field dns_transport_qtype_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}",
	"Queries by transport and type of their first question; of the zone's 20 busiest types, "
	"as in dns_qtype_rcode.",
	SUM_OF(TRANSPORT_QTYPE, MEASURE_ANY, false),
	.metric = "crosstap_dns_queries_by_transport_and_qtype_total"),
};

static const struct measure_field dns_class_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}", "Queries by class.",
	SUM_OF(CLASS, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_class_total"),
};

static const struct measure_field dns_edns_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}", "Queries by EDNS version.",
	SUM_OF(EDNS, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_edns_version_total"),
};

/* Its bins are fields in points, and values of a tag in /metrics: so with names. */
#define EDNS_BIN(bytes)                                                                            \
	NAMED(COUNTER, "b" #bytes, edns_size_row, sizes[EDNS_SIZE_##bytes], "{query}",             \
	    "Queries that advertise so many bytes over UDP, up to the next bin.", NO_METRIC),
static const struct measure_field dns_edns_size_fields[] = {
    EDNS_SIZES(EDNS_BIN) NAMED(COUNTER, "none", edns_size_row, sizes[EDNS_SIZE_NONE], "{query}",
	"Queries without EDNS.", NO_METRIC),
};

static const struct measure_field dns_edns_sizes_fields[] = {
    OWN(COUNTER, "queries", "{query}", "Queries by the size that they advertise over UDP.",
	SUM_OF(EDNS_SIZE, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_edns_size_total"),
};

static const struct measure_field dns_ede_fields[] = {
    NAMED(COUNTER, "responses", count_row, count, "{response}",
	"Responses by extended DNS error (RFC 8914); one with two codes counts under both.",
	SUM_OF(EDE, MEASURE_ANY, false), .metric = "crosstap_dns_responses_by_ede_total"),
};

static const struct measure_field dns_ecs_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}",
	"Queries by family and source prefix of their client subnet (RFC 7871).",
	SUM_OF(ECS, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_ecs_total"),
};

#define LENGTH(bytes)                                                                              \
	NAMED(COUNTER, "b" #bytes, qname_row, lengths[(bytes) / KEY_QNAME_STEP], "{query}",        \
	    "Queries for names of so many bytes on the wire, up to the next bin.", NO_METRIC),
#define LABELS(n, says)                                                                            \
	NAMED(COUNTER, "labels_" #n, qname_row, labels[n], "{query}", says, NO_METRIC),
#define TRAIT(id, name, says)                                                                      \
	NAMED(COUNTER, name, qname_row, traits[QNAME_##id], "{query}", says, NO_METRIC)
#define SO_MANY "Queries for names of so many labels, without the root."
static const struct measure_field dns_qname_fields[] = {
    /* clang-format off */
    LENGTH(0) LENGTH(16) LENGTH(32) LENGTH(48) LENGTH(64) LENGTH(80) LENGTH(96) LENGTH(112)
    LENGTH(128) LENGTH(144) LENGTH(160) LENGTH(176) LENGTH(192) LENGTH(208) LENGTH(224) LENGTH(240)
    LABELS(0, "Queries for the root.") LABELS(1, SO_MANY) LABELS(2, SO_MANY) LABELS(3, SO_MANY)
    LABELS(4, SO_MANY) LABELS(5, SO_MANY) LABELS(6, SO_MANY) LABELS(7, SO_MANY) LABELS(8, SO_MANY)
    LABELS(9, SO_MANY) LABELS(10, "Queries for names of 10 labels and more.")
    /* clang-format on */
    TRAIT(IDN, "idn", "Queries for names with an A-label (RFC 5890)."),
    TRAIT(MIXED_CASE, "mixed_case", "Queries for names with letters of both cases."),
    TRAIT(REVERSE, "reverse", "Queries for names below in-addr.arpa and ip6.arpa."),
};

static const struct measure_field dns_qname_lengths_fields[] = {
    OWN(COUNTER, "queries", "{query}", "Queries by length of the name on the wire.",
	SUM_OF(QNAME_LENGTH, MEASURE_ANY, false),
	.metric = "crosstap_dns_queries_by_qname_length_total"),
};
static const struct measure_field dns_qname_labels_fields[] = {
    OWN(COUNTER, "queries", "{query}", "Queries by labels of the name.",
	SUM_OF(QNAME_LABELS, MEASURE_ANY, false),
	.metric = "crosstap_dns_queries_by_qname_labels_total"),
};
static const struct measure_field dns_qname_traits_fields[] = {
    OWN(COUNTER, "queries", "{query}", "Queries for names of this kind.",
	SUM_OF(QNAME_TRAIT, MEASURE_ANY, false),
	.metric = "crosstap_dns_queries_by_qname_trait_total"),
};

static const struct measure_field dns_junk_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}",
	"Queries that should not have come, as DSC's query_classification has them: each of the "
	"first kind that it fits, in the order src-port-zero, funny-class, funny-qtype, a-for-a, "
	"a-for-root, localhost, root-servers.net, non-auth-tld, rfc1918-ptr.",
	SUM_OF(JUNK, MEASURE_ANY, false), .metric = "crosstap_dns_junk_queries_total"),
};

#define PRIMING_BIN(bytes)                                                                         \
	NAMED(COUNTER, "b" #bytes, priming_row, query_sizes[EDNS_SIZE_##bytes], "{query}",         \
	    "Of the queries those that advertise so many bytes over UDP, up to the next bin.",     \
	    NO_METRIC),
static const struct measure_field dns_priming_fields[] = {
    FIELD(COUNTER, priming_row, queries, "{query}",
	"Queries for the root's NS records, class IN (RFC 9609).",
	SUM_OF(PRIMING, DIR_QUERY, false)),
    FIELD(COUNTER, priming_row, queries_do, "{query}", "Of these, those with DO.",
	SUM_OF(PRIMING_DO, DIR_QUERY, false)),
    FIELD(COUNTER, priming_row, responses, "{response}", "Responses to such questions.",
	SUM_OF(PRIMING, DIR_RESPONSE, false)),
    FIELD(COUNTER, priming_row, response_bytes, "By", "Bytes of these responses.",
	SUM_OF(PRIMING, DIR_RESPONSE, true)),
    FIELD(COUNTER, priming_row, responses_tc, "{response}", "Of these responses, those with TC.",
	SUM_OF(PRIMING_TC, DIR_RESPONSE, false)),
    EDNS_SIZES(PRIMING_BIN) NAMED(COUNTER, "none", priming_row, query_sizes[EDNS_SIZE_NONE],
	"{query}", "Of the queries those without EDNS.", NO_METRIC),
};

static const struct measure_field dns_priming_sizes_fields[] = {
    OWN(COUNTER, "queries", "{query}",
	"Queries for the root's NS records by the size that they advertise over UDP.",
	SUM_OF(PRIMING_SIZE, DIR_QUERY, false),
	.metric = "crosstap_dns_priming_queries_by_edns_size_total"),
};

static const struct measure_field dns_sport_range_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}",
	"Queries from ports of this range, where the producer tells the port.",
	SUM_OF(PORTS, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_sport_range_total"),
};

static const struct measure_field dns_rcode_fields[] = {
    NAMED(COUNTER, "responses", count_row, count, "{response}",
	"Responses by rcode, upper bits included.", SUM_OF(RCODE, MEASURE_ANY, false),
	.metric = "crosstap_dns_responses_by_rcode_total"),
};

static const struct measure_field dns_opcode_fields[] = {
    NAMED(COUNTER, "queries", count_row, count, "{query}", "Queries by opcode.",
	SUM_OF(OPCODE, MEASURE_ANY, false), .metric = "crosstap_dns_queries_by_opcode_total"),
};

#define FLAG_(id, name)                                                                            \
	NAMED(COUNTER, name, flags_row, flags[DNS_FLAG_BIT_##id], "{message}",                     \
	    "Messages with this flag or EDNS option.", NO_METRIC),
static const struct measure_field dns_flags_fields[] = {DNS_FLAGS(FLAG_)};

#define SIZE_BINS                                                                                  \
	OWN(BINS, "b0", "{message}",                                                               \
	    "Messages by size: `b0`, `b16`, ... of 16 bytes to 512, of 128 to `b4096`, all from "  \
	    "there on.")
static const struct measure_field dns_size_fields[] = {SIZE_BINS};

static const struct measure_field dns_outgoing_fields[] = {
    FIELD(COUNTER, dns_row, queries, "{query}", "Queries that the server itself sent.",
	SUM_OF(OUTGOING, DIR_QUERY, false)),
    FIELD(COUNTER, dns_row, responses, "{response}", "Responses to the server's own queries.",
	SUM_OF(OUTGOING, DIR_RESPONSE, false)),
};

static const struct measure_field dns_latency_fields[] = {
    FIELD(FLOAT, latency_row, p50_us, "us", "Half of the responses took no longer."),
    FIELD(FLOAT, latency_row, p90_us, "us", "90 % of the responses took no longer."),
    FIELD(FLOAT, latency_row, p99_us, "us", "99 % of the responses took no longer."),
    FIELD(FLOAT, latency_row, max_us, "us", "The longest."),
    FIELD(COUNTER, latency_row, count, "{response}", "Responses whose query is known.", NO_METRIC),
    OWN(HISTOGRAM, "seconds", "s",
	"Time from query to response, of responses whose query is known.",
	SUM_OF(LATENCY, MEASURE_ANY, false), .metric = "crosstap_dns_response_time_seconds",
	.not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

/* -- who asks */

#define WITH_TRAIT(id, name)                                                                       \
	NAMED(GAUGE, "sources_" name, origin_row, clients.sources[CLIENT_##id], "{source}",        \
	    "Addresses with the trait " name ".", .needs = ORIGIN_KNOWS_TRAITS),                   \
	    NAMED(COUNTER, "queries_" name, origin_row, clients.queries[CLIENT_##id], "{query}",   \
		"Queries of addresses with the trait " name ".", .needs = ORIGIN_KNOWS_TRAITS)

#define ORIGIN_FIELDS                                                                              \
	FIELD(COUNTER, origin_row, queries, "{query}", "Queries from there."),                     \
	    FIELD(COUNTER, origin_row, responses, "{response}", "Responses to there."),            \
	    FIELD(GAUGE, origin_row, sources, "{source}", "Addresses from there."),                \
	    FIELD(FLOAT, origin_row, icmp_rtt_ms_p50, "ms",                                        \
		"Round-trip time by ICMP echo, median over queries."),                             \
	    FIELD(FLOAT, origin_row, icmp_rtt_ms_p90, "ms",                                        \
		"Round-trip time by ICMP echo, 90th percentile over queries."),                    \
	    FIELD(COUNTER, origin_row, queries_icmp, "{query}",                                    \
		"Queries of resolvers whose ICMP round-trip time is known."),                      \
	    FIELD(FLOAT, origin_row, tcp_rtt_ms_p50, "ms",                                         \
		"Round-trip time by TCP handshakes, median over queries."),                        \
	    FIELD(FLOAT, origin_row, tcp_rtt_ms_p90, "ms",                                         \
		"Round-trip time by TCP handshakes, 90th percentile over queries."),               \
	    FIELD(COUNTER, origin_row, queries_tcp, "{query}",                                     \
		"Queries of resolvers whose TCP round-trip time is known."),                       \
	    FIELD(COUNTER, origin_row, queries_both, "{query}",                                    \
		"Queries of resolvers of which both are known."),                                  \
	    FIELD(COUNTER, origin_row, queries_unmeasured, "{query}",                              \
		"Queries of resolvers of which neither is known.", .not_in = NOT_IN_JSON),         \
	    WITH_TRAIT(VALIDATING, "validating"), WITH_TRAIT(MINIMISING, "minimising"),            \
	    WITH_TRAIT(MIXED_CASE, "mixed_case"), WITH_TRAIT(COOKIE, "cookie"),                    \
	    WITH_TRAIT(EDNS, "edns"),                                                              \
	    WITH_TRAIT(LARGE_EDNS,                                                                 \
		"large_edns"), /* `tcp` has none here: queries_tcp is what is measured by TCP. */  \
	    WITH_TRAIT(TCP_AFTER_TC, "tcp_after_tc"), WITH_TRAIT(FIXED_PORT, "fixed_port"),        \
	    WITH_TRAIT(NXDOMAIN, "nxdomain"), WITH_TRAIT(IPV6, "ipv6")

static const struct measure_field dns_country_fields[] = {ORIGIN_FIELDS};

static const struct measure_field dns_asn_fields[] = {
    ORIGIN_FIELDS,
    FIELD(TEXT, origin_row, as_org, "", "Who the AS belongs to, as the database says."),
};

static const struct measure_field dns_resolver_fields[] = {
    FIELD(TEXT, resolver_row, address, "", "As `privacy.addresses` lets it out."),
    FIELD(TEXT, resolver_row, country, "", "ISO 3166-1 code."),
    FIELD(GAUGE, resolver_row, asn, "", "AS number.", .needs = RESOLVER_KNOWS_ASN),
    FIELD(COUNTER, resolver_row, queries, "{query}", "Queries of the resolver."),
    FIELD(COUNTER, resolver_row, nxdomain, "{response}", "Answers with NXDOMAIN."),
    FIELD(FLOAT, resolver_row, icmp_rtt_ms, "ms", "Round-trip time by ICMP echo."),
    FIELD(FLOAT, resolver_row, tcp_rtt_ms, "ms", "Round-trip time by TCP handshakes."),
};

/* Gauges: another window has another at this rank. */
#define TOP_FIELDS(of)                                                                             \
	FIELD(GAUGE, top_row, queries, "{query}", "Queries in the last window.",                   \
	    .metric = "crosstap_dns_top_" of "_queries"),                                          \
	    FIELD(FLOAT, top_row, icmp_rtt_ms, "ms", "Round-trip time by ICMP echo, median.",      \
		.metric = "crosstap_dns_top_" of "_icmp_rtt_seconds", .divisor = 1e3),             \
	    FIELD(FLOAT, top_row, tcp_rtt_ms, "ms", "Round-trip time by TCP handshakes, median.",  \
		.metric = "crosstap_dns_top_" of "_tcp_rtt_seconds", .divisor = 1e3)
#define TOP_INFO(of)                                                                               \
	OWN(GAUGE, "info", "", "1, with what has this rank.",                                      \
	    .metric = "crosstap_dns_top_" of "_info")
static const struct measure_field dns_top_country_fields[] = {TOP_FIELDS("country")};
static const struct measure_field dns_top_country_info_fields[] = {TOP_INFO("country")};
static const struct measure_field dns_top_asn_fields[] = {TOP_FIELDS("asn")};
static const struct measure_field dns_top_asn_info_fields[] = {TOP_INFO("asn")};
static const struct measure_field dns_top_resolver_fields[] = {TOP_FIELDS("resolver")};
static const struct measure_field dns_top_resolver_info_fields[] = {TOP_INFO("resolver")};

static const struct measure_field dns_name_fields[] = {
    FIELD(TEXT, name_row, name, "", "As `privacy.names` lets it out."),
    FIELD(COUNTER, name_row, count, "{query}", "Queries for it, or answers with NXDOMAIN."),
};

static const struct measure_field dns_domain_fields[] = {
    FIELD(TEXT, domain_row, domain, "", "As `privacy.names` lets it out."),
    FIELD(COUNTER, domain_row, queries, "{query}", "Queries for the domain and names below it."),
    FIELD(COUNTER, domain_row, nxdomain, "{response}", "Answers with NXDOMAIN."),
    FIELD(GAUGE, domain_row, sources, "{source}", "Distinct addresses that asked for it.",
	.needs = DOMAIN_KNOWS_DISTINCT),
    FIELD(GAUGE, domain_row, names, "{name}",
	"Distinct names that were asked for, its own included.", .needs = DOMAIN_KNOWS_DISTINCT),
    FIELD(FLOAT, domain_row, magnitude, "",
	"DNS Magnitude of the window: 10 ln(sources) / ln(sources of the zone).",
	.metric = "crosstap_dns_domain_magnitude"),
};

static const struct measure_field dns_clients_fields[] = {
    FIELD(GAUGE, clients_row, sources, "{source}", "Addresses with this trait.", NO_METRIC),
    FIELD(COUNTER, clients_row, queries, "{query}", "Queries of addresses with this trait.",
	NO_METRIC),
};

static const struct measure_field dns_top_clients_fields[] = {
    NAMED(GAUGE, "sources", top_row, domain.sources, "{source}",
	"Addresses with this trait in the last window.", .metric = "crosstap_dns_clients_sources"),
    NAMED(GAUGE, "queries", top_row, domain.queries, "{query}",
	"Queries of addresses with this trait in the last window.",
	.metric = "crosstap_dns_clients_queries"),
};

static const struct measure_field dns_attack_fields[] = {
    FIELD(
	TEXT, attack_row, subject, "", "Domain, address, network or AS, as `privacy` lets it out."),
    FIELD(COUNTER, attack_row, queries, "{query}", "Queries of it in the window.", NO_METRIC),
    FIELD(COUNTER, attack_row, response_bytes, "By", "Bytes that it was sent over UDP.",
	.needs = ATTACK_KNOWS_BYTES, NO_METRIC),
    FIELD(FLOAT, attack_row, share, "",
	"Of all queries; of a reflection: of all bytes sent to clients over UDP.", NO_METRIC),
    FIELD(GAUGE, attack_row, since_s, "s", "How long it has been going on.", NO_METRIC),
};

static const struct measure_field dns_top_attack_fields[] = {
    NAMED(GAUGE, "queries", top_row, domain.queries, "{query}",
	"Queries of the attack in the last window, while it lasts.",
	.metric = "crosstap_dns_attack_queries"),
};

#define TOP_DOMAIN(type, member, unit, help)                                                       \
	NAMED(type, #member, top_row, domain.member, unit, help,                                   \
	    .metric = "crosstap_dns_top_domain_" #member)
static const struct measure_field dns_top_domain_fields[] = {
    TOP_DOMAIN(GAUGE, queries, "{query}", "Queries in the last window."),
    TOP_DOMAIN(GAUGE, nxdomain, "{response}", "Answers with NXDOMAIN in the last window."),
    TOP_DOMAIN(GAUGE, sources, "{source}", "Distinct addresses that asked for it."),
    TOP_DOMAIN(GAUGE, names, "{name}", "Distinct names that were asked for."),
    TOP_DOMAIN(FLOAT, magnitude, "", "DNS Magnitude of the last window, 0 to 10."),
};
static const struct measure_field dns_top_domain_info_fields[] = {TOP_INFO("domain")};
/* -- the dataset `addresses` */

#define PLACE(member, of, margin_, unit_, says, metric_)                                           \
	FIELD(COUNTER, dns_row, member, unit_, says, SUM_OF(margin_, MEASURE_ANY, of),             \
	    .metric = "crosstap_dns_" metric_ "_total")
static const struct measure_field dns_address_fields[] = {
    PLACE(queries, false, ADDRESS, "{query}", "Queries to this address.", "queries_by_address"),
    PLACE(responses, false, ADDRESS_RESPONSES, "{response}", "Responses from this address.",
	"responses_by_address"),
    PLACE(query_bytes, true, ADDRESS, "By", "Bytes of these queries.", "query_bytes_by_address"),
    PLACE(response_bytes, true, ADDRESS_RESPONSES, "By", "Bytes of these responses.",
	"response_bytes_by_address"),
};

static const struct measure_field dns_identity_fields[] = {
    PLACE(queries, false, IDENTITY, "{query}", "Queries to the server of this identity.",
	"queries_by_identity"),
    PLACE(responses, false, IDENTITY_RESPONSES, "{response}", "Responses of it.",
	"responses_by_identity"),
};

static const struct measure_field dns_subnet_fields[] = {
    FIELD(TEXT, subnet_row, subnet, "", "The network, as `privacy.addresses` lets it out."),
    FIELD(COUNTER, subnet_row, queries, "{query}", "Queries of its clients."),
    FIELD(COUNTER, subnet_row, response_bytes, "By", "Bytes of responses to them."),
    FIELD(COUNTER, subnet_row, nxdomain, "{response}", "Answers with NXDOMAIN to them."),
};

static const struct measure_field dns_talker_fields[] = {
    FIELD(TEXT, talker_row, address, "", "As `privacy.addresses` lets it out."),
    FIELD(COUNTER, talker_row, count, "",
	"Bytes of responses to it, its answers with NXDOMAIN or REFUSED, its queries over TCP, its "
	"malformed queries."),
};

static const struct measure_field dns_top_subnet_fields[] = {
    FIELD(GAUGE, top_row, queries, "{query}", "Queries in the last window.",
	.metric = "crosstap_dns_top_subnet_queries"),
    FIELD(GAUGE, top_row, response_bytes, "By", "Bytes of responses in the last window.",
	.metric = "crosstap_dns_top_subnet_response_bytes"),
    FIELD(GAUGE, top_row, nxdomain, "{response}", "Answers with NXDOMAIN in the last window.",
	.metric = "crosstap_dns_top_subnet_nxdomain"),
};
static const struct measure_field dns_top_subnet_info_fields[] = {TOP_INFO("subnet")};
static const struct measure_field dns_top_talker_fields[] = {
    FIELD(GAUGE, top_row, queries, "", "Its count in the last window.",
	.metric = "crosstap_dns_top_talker_amount"),
};
static const struct measure_field dns_top_talker_info_fields[] = {TOP_INFO("talker")};

/* -- wire */

static const struct measure_field wire_fields[] = {
    FIELD(COUNTER, wire_cell, packets, "{packet}",
	"IP packets; merged segments count each, later fragments not: they have no port."),
    FIELD(COUNTER, wire_cell, bytes, "By", "Bytes of IP, headers included."),
    FIELD(COUNTER, wire_cell, fragments, "{packet}",
	"IP fragments: first ones, which are among the packets, and all later ones to or from a "
	"server, as udp or tcp."),
    FIELD(COUNTER, wire_cell, messages, "{message}", "DNS messages seen on the wire.",
	.needs = WIRE_KNOWS_MESSAGES),
    FIELD(COUNTER, wire_cell, malformed, "{message}",
	"Messages without a readable header or question.", .needs = WIRE_KNOWS_MESSAGES),
    FIELD(COUNTER, wire_cell, not_query, "{message}",
	"Inbound messages with QR=1, outbound ones with QR=0.", .needs = WIRE_KNOWS_MESSAGES),
    FIELD(COUNTER, wire_cell, not_query_aa, "{message}",
	"Those of not_query with AA: answers of other authoritative servers, as a reflection "
	"brings them.",
	.needs = WIRE_KNOWS_MESSAGES),
    FIELD(COUNTER, wire_cell, tc, "{message}", "Well-formed messages with TC set.",
	.needs = WIRE_KNOWS_MESSAGES),
    FIELD(COUNTER, wire_cell, connections, "{connection}",
	"SYNs in, SYN-ACKs out; over DoQ QUIC Initial packets in.",
	.needs = WIRE_KNOWS_CONNECTIONS),
    FIELD(COUNTER, wire_cell, resets, "{packet}", "TCP segments with RST.",
	.needs = WIRE_KNOWS_CONNECTIONS),
    FIELD(COUNTER, wire_cell, resync, "{event}",
	"Times that a TCP stream could not be followed: some messages may be missing.",
	.needs = WIRE_KNOWS_STREAMS),
};

static const struct measure_field wire_mode_fields[] = {
    OWN(GAUGE, "watched", "", "1, with how the interface is watched.",
	.metric = "crosstap_wire_mode"),
};

static const struct measure_field wire_count_fields[] = {
    NAMED(COUNTER, "messages", count_row, count, "{message}", "Messages seen on the wire."),
};

static const struct measure_field wire_size_fields[] = {
    SIZE_BINS,
    OWN(HISTOGRAM, "bytes", "By", "Bytes of DNS messages on the wire; summed by bins of 16.",
	.metric = "crosstap_wire_size_bytes", .not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

static const struct measure_field wire_tcp_rtt_fields[] = {
    FIELD(COUNTER, tcp_rtt_row, handshakes, "{handshake}", "TCP handshakes that were timed.",
	NO_METRIC),
    FIELD(COUNTER, tcp_rtt_row, retransmitted, "{handshake}",
	"TCP handshakes not timed: a segment of theirs was sent twice."),
    FIELD(FLOAT, tcp_rtt_row, p50_us, "us", "Half of them took no longer."),
    FIELD(FLOAT, tcp_rtt_row, p90_us, "us", "90 % of them took no longer."),
    FIELD(FLOAT, tcp_rtt_row, p99_us, "us", "99 % of them took no longer."),
    OWN(HISTOGRAM, "seconds", "s", "Round-trip time to clients, from TCP handshakes.",
	.metric = "crosstap_wire_tcp_rtt_seconds", .not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

/* -- cross-check */

static const struct measure_field crosscheck_fields[] = {
    NAMED(
	COUNTER, "wire", crosscheck_point, row.wire, "{message}", "Compared messages on the wire."),
    NAMED(COUNTER, "dnstap", crosscheck_point, row.dnstap, "{message}",
	"Compared messages in dnstap."),
    NAMED(GAUGE, "difference", crosscheck_point, row.difference, "{message}", "wire less dnstap.",
	NO_METRIC),
    NAMED(COUNTER, "left_out", crosscheck_point, row.left_out, "{message}",
	"Messages on the wire that are not compared."),
    NAMED(COUNTER, "late", crosscheck_point, row.late, "{message}",
	"Messages in dnstap that came after their window's end.", .needs = CROSSCHECK_KNOWS_LATE),
    NAMED(GAUGE, "boundary", crosscheck_point, row.boundary, "{message}",
	"So many may count in a neighbouring window for one of the witnesses.",
	.needs = CROSSCHECK_KNOWS_BOUNDARY),
    FIELD(GAUGE, crosscheck_point, complete, "", "1: both witnesses watched for the whole window.",
	.needs = CROSSCHECK_KNOWS_COMPLETE, NO_METRIC),
    OWN(COUNTER, "missing", "{message}",
	"Messages on the wire that dnstap does not have, summed over windows.",
	.not_in = NOT_IN_POINTS | NOT_IN_JSON),
    OWN(COUNTER, "surplus", "{message}",
	"Messages in dnstap that the wire does not have, summed over windows.",
	.not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

static const struct measure_field crosscheck_qtype_fields[] = {
    FIELD(COUNTER, crosscheck_qtype, wire, "{query}", "Compared queries on the wire."),
    FIELD(COUNTER, crosscheck_qtype, dnstap, "{query}", "Compared queries in dnstap."),
    FIELD(GAUGE, crosscheck_qtype, difference, "{query}", "wire less dnstap."),
};

static const struct measure_field crosscheck_source_fields[] = {
    FIELD(TEXT, source_row, address, "", "As `privacy.addresses` lets it out."),
    FIELD(COUNTER, source_row, wire, "{query}", "Its compared queries on the wire."),
    FIELD(COUNTER, source_row, dnstap, "{query}", "Its compared queries in dnstap."),
    FIELD(GAUGE, source_row, difference, "{query}", "wire less dnstap."),
};

/* UDP over both families, from the NIC to the answer. */
#define FUNNEL(type, member, unit, help, ...)                                                      \
	NAMED(type, #member, funnel_row, funnel.member, unit, help, .needs = (__VA_ARGS__))
static const struct measure_field funnel_fields[] = {
    FUNNEL(COUNTER, nic_drops, "{packet}", "Packets that the NIC dropped, before the wire.",
	FUNNEL_KNOWS_WIRE | WIRE_KNOWS_NIC_DROPS),
    FUNNEL(COUNTER, wire_queries, "{query}", "Compared queries on the wire.", FUNNEL_KNOWS_WIRE),
    FUNNEL(COUNTER, stack_drops, "{query}", "Queries that the network stack dropped.",
	FUNNEL_KNOWS_WIRE | WIRE_KNOWS_STACK_DROPS),
    FUNNEL(COUNTER, socket_drops, "{query}", "Queries that found the nameserver's sockets full.",
	FUNNEL_KNOWS_WIRE | WIRE_KNOWS_SOCKETS),
    FUNNEL(GAUGE, queued, "{query}", "Change over the window of what waits in the sockets, signed.",
	FUNNEL_KNOWS_WIRE | WIRE_KNOWS_SOCKETS),
    FUNNEL(GAUGE, malformed, "{query}", "Malformed ones on the wire less those in dnstap, signed.",
	FUNNEL_KNOWS_WIRE),
    FUNNEL(GAUGE, not_logged, "{query}",
	"Queries of a kind that the nameserver's dnstap leaves out, signed.", FUNNEL_KNOWS_WIRE),
    FUNNEL(COUNTER, dnstap_queries, "{query}", "Compared queries in dnstap.", 0),
    FUNNEL(GAUGE, explained, "{query}",
	"stack_drops, socket_drops, queued, malformed and not_logged together, signed.",
	FUNNEL_KNOWS_WIRE),
    FUNNEL(GAUGE, unexplained, "{query}",
	"wire_queries less dnstap_queries less explained, signed.", FUNNEL_KNOWS_WIRE),
    FUNNEL(GAUGE, boundary, "{query}",
	"So many may count in a neighbouring window for one of the witnesses.", FUNNEL_KNOWS_WIRE),
    FUNNEL(GAUGE, balance, "{query}", "Running sum of unexplained, signed.", FUNNEL_KNOWS_BALANCE),
    FUNNEL(COUNTER, dnstap_responses, "{response}", "Compared responses in dnstap.", 0),
    FUNNEL(COUNTER, wire_responses, "{response}", "Compared responses on the wire.",
	FUNNEL_KNOWS_WIRE | FUNNEL_KNOWS_RESPONSES),
    FUNNEL(COUNTER, tx_drops, "{packet}", "Packets dropped after tc egress: queue or device.",
	FUNNEL_KNOWS_WIRE | WIRE_KNOWS_TX_DROPS),
    FUNNEL(GAUGE, unanswered, "{query}", "dnstap_queries less wire_responses, signed.",
	FUNNEL_KNOWS_WIRE | FUNNEL_KNOWS_RESPONSES),
    FUNNEL(COUNTER, listen_overflows, "{connection}",
	"TCP connections that found the backlog full.", FUNNEL_KNOWS_WIRE | WIRE_KNOWS_LISTEN),
    FUNNEL(COUNTER, corrected, "{query}", "dnstap_queries, and unexplained where it is above 0.",
	FUNNEL_KNOWS_WIRE),
    FUNNEL(GAUGE, corrected_low, "{query}", "corrected less boundary.", FUNNEL_KNOWS_WIRE),
    FUNNEL(GAUGE, corrected_high, "{query}", "corrected and boundary.", FUNNEL_KNOWS_WIRE),
    FIELD(TEXT, funnel_row, verdict, "", "What the cross-check says of the horizon."),
    FIELD(GAUGE, funnel_row, complete, "", "1: both witnesses watched for the whole window."),
};

static const struct measure_field verdict_fields[] = {
    OWN(GAUGE, "is", "", "1 for the verdict of the cross-check, 0 for others.",
	.metric = "crosstap_verdict"),
};

/* -- the agent */

static const struct measure_field crosstap_fields[] = {
    FIELD(TEXT, agent_figures, version, "", "Of the agent."),
    {.name = "config_hash",
	.type = MEASURE_TEXT,
	.unit = "",
	.help = "Changes with the configuration.",
	.offset = offsetof(struct agent_figures, config_hash),
	.form = FORM_HEX},
    FIELD(FLOAT, agent_figures, interval_s, "s", "Length of a window.",
	.metric = "crosstap_interval_seconds"),
    FIELD(GAUGE, agent_figures, connections, "{connection}", "Producers connected now."),
    FIELD(GAUGE, agent_figures, resolvers, "{source}", "Sources seen in the last window."),
    FIELD(COUNTER, agent_figures, frames, "{frame}", "dnstap frames read."),
    FIELD(COUNTER, agent_figures, frames_bad, "{frame}", "Frames that hold no dnstap message."),
    FIELD(COUNTER, agent_figures, frames_ignored, "{frame}",
	"Frames that the input's settings leave out."),
    FIELD(COUNTER, agent_figures, late, "{frame}", "Frames that came after their window's end.",
	.metric = "crosstap_frames_late_total"),
    FIELD(COUNTER, agent_figures, skewed, "{frame}", "Frames with timestamps from the future.",
	.metric = "crosstap_frames_skewed_total"),
    FIELD(COUNTER, agent_figures, merged, "{frame}",
	"Frames that were counted in a neighbouring window for want of memory.",
	.metric = "crosstap_frames_merged_total"),
    FIELD(COUNTER, agent_figures, lost, "{update}", "Counts that found no memory.",
	.metric = "crosstap_updates_lost_total"),
    FIELD(COUNTER, agent_figures, overflow, "{message}",
	"Messages of sources that found the table of sources full.",
	.metric = "crosstap_overflow_messages_total"),
    FIELD(COUNTER, agent_figures, pairs_evicted, "{query}",
	"Queries that left the pairing table before their responses."),
    FIELD(GAUGE, agent_figures, rss_bytes, "By", "Resident memory of the agent.",
	.metric = "crosstap_resident_memory_bytes"),
    FIELD(COUNTER, agent_figures, cpu_us, "us", "CPU time that the agent has used.",
	.metric = "crosstap_cpu_seconds_total", .divisor = 1e6),
    FIELD(COUNTER, agent_figures, points, "{point}", "Points that the outputs have.", NO_METRIC),
    FIELD(COUNTER, agent_figures, points_dropped, "{point}", "Points dropped: queue or spool full.",
	NO_METRIC),
    FIELD(COUNTER, agent_figures, points_rejected, "{point}",
	"Points that the outputs refused for good.", NO_METRIC),
    FIELD(COUNTER, agent_figures, points_found, "{point}",
	"Points that an output found on disk when it began, not delivered before.", NO_METRIC),
    FIELD(GAUGE, agent_figures, spool_points, "{point}", "Points waiting on disk.", NO_METRIC),
    FIELD(GAUGE, agent_figures, spool_bytes, "By", "Bytes waiting on disk.", NO_METRIC),
    FIELD(GAUGE, agent_figures, spool_limit_bytes, "By",
	"Bytes that may wait on disk, over all outputs.", NO_METRIC),
    FIELD(GAUGE, agent_figures, wire_stepped_down, "{interface}",
	"Interfaces watched in a worse mode than was asked for, or than they have been."),
    FIELD(COUNTER, agent_figures, log_dropped, "{line}", "Lines of the log that nobody read."),
    FIELD(FLOAT, agent_figures, window_lag_ms, "ms",
	"From the time when the window before was due until it was reported.",
	.metric = "crosstap_window_lag_seconds", .divisor = 1e3),
    FIELD(FLOAT, agent_figures, mmdb_age_s, "s", "Age of the oldest database.",
	.metric = "crosstap_mmdb_age_seconds"),
    FIELD(COUNTER, agent_figures, windows, "{window}", "Windows closed.", .not_in = NOT_IN_POINTS),
    FIELD(FLOAT, agent_figures, start_time_s, "s", "When the agent started, Unix time.",
	.metric = "crosstap_start_time_seconds", .not_in = NOT_IN_POINTS | NOT_IN_JSON),
    FIELD(FLOAT, agent_figures, window_end_time_s, "s", "End of the last closed window, Unix time.",
	.metric = "crosstap_window_end_time_seconds", .not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

static const struct measure_field crosstap_build_fields[] = {
    OWN(GAUGE, "info", "", "1, with the version and the name of the agent.",
	.metric = "crosstap_build_info"),
};

static const struct measure_field crosstap_input_fields[] = {
    FIELD(GAUGE, input_row, connections, "{connection}", "Producers connected now."),
    FIELD(COUNTER, input_row, frames, "{frame}", "Frames read."),
    FIELD(COUNTER, input_row, frames_bad, "{frame}", "Frames that hold no dnstap message."),
    FIELD(COUNTER, input_row, refused, "{connection}",
	"Connections closed for breaking a rule, those of the next two included."),
    FIELD(COUNTER, input_row, timed_out, "{connection}",
	"Connections whose handshake or frame did not end in time."),
    FIELD(COUNTER, input_row, denied, "{connection}",
	"Connections from addresses that `allow` does not have, or that have their share."),
    FIELD(COUNTER, input_row, cut, "{connection}",
	"TLS connections that ended without close_notify."),
    FIELD(COUNTER, input_row, late, "{frame}", "Frames that came after their window's end.",
	NO_METRIC),
    FIELD(COUNTER, input_row, skewed, "{frame}", "Frames with timestamps from the future.",
	NO_METRIC),
    FIELD(COUNTER, input_row, tee_frames, "{frame}", "Frames passed on to `tee`.",
	.needs = INPUT_KNOWS_TEE),
    FIELD(COUNTER, input_row, tee_dropped, "{frame}", "Frames that `tee` did not take in time.",
	.needs = INPUT_KNOWS_TEE),
    FIELD(FLOAT, input_row, last_frame_age_s, "s", "How long ago the last frame came."),
    FIELD(COUNTER, input_row, accepted, "{connection}", "Connections accepted.",
	.not_in = NOT_IN_POINTS),
    FIELD(COUNTER, input_row, bytes, "By", "Bytes read.", .not_in = NOT_IN_POINTS),
    FIELD(FLOAT, input_row, last_frame_time_s, "s",
	"When the last frame came, Unix time; 0: none yet.",
	.metric = "crosstap_input_last_frame_time_seconds", .not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

static const struct measure_field crosstap_output_fields[] = {
    FIELD(COUNTER, output_row, points, "{point}", "Points that the output has.",
	.metric = "crosstap_points_total"),
    FIELD(COUNTER, output_row, points_dropped, "{point}", "Points dropped: queue or spool full.",
	.metric = "crosstap_points_dropped_total"),
    FIELD(COUNTER, output_row, points_rejected, "{point}",
	"Points that the output refused for good.", .metric = "crosstap_points_rejected_total"),
    FIELD(COUNTER, output_row, bytes, "By", "Bytes that the output has."),
    FIELD(COUNTER, output_row, errors, "{attempt}", "Failed attempts."),
    FIELD(GAUGE, output_row, queued, "{batch}", "Batches waiting.",
	.metric = "crosstap_output_queued_batches"),
    FIELD(COUNTER, output_row, points_found, "{point}",
	"Points that it found on disk when it began, not delivered before.",
	.metric = "crosstap_points_found_total"),
    FIELD(GAUGE, output_row, spool_batches, "{batch}", "Batches waiting on disk."),
    FIELD(GAUGE, output_row, spool_points, "{point}", "Points waiting on disk."),
    FIELD(FLOAT, output_row, spool_oldest_time_s, "s",
	"When the oldest batch on disk was put there, Unix time; 0: there is none.",
	.metric = "crosstap_output_spool_oldest_time_seconds", .not_in = NOT_IN_JSON),
    FIELD(GAUGE, output_row, spool_bytes, "By", "Bytes waiting on disk."),
    FIELD(GAUGE, output_row, spool_limit_bytes, "By", "Bytes that may wait on disk."),
    FIELD(FLOAT, output_row, last_push_time_s, "s",
	"When the output last took points, Unix time; 0: never yet.",
	.metric = "crosstap_output_last_push_time_seconds", .not_in = NOT_IN_JSON),
    FIELD(GAUGE, output_row, failing, "", "1 if the last attempt failed.", .not_in = NOT_IN_JSON),
    FIELD(FLOAT, output_row, kafka_messages, "{message}", "Messages that librdkafka holds.",
	.metric = "crosstap_output_kafka_messages"),
    FIELD(FLOAT, output_row, kafka_brokers, "{broker}", "Brokers that it is connected to.",
	.metric = "crosstap_output_kafka_brokers"),
    FIELD(FLOAT, output_row, kafka_retries, "{request}",
	"Requests that it sent again, since it began.", .metric = "crosstap_output_kafka_retries"),
    FIELD(FLOAT, output_row, kafka_round_trip_s, "s",
	"99th percentile of the time to a broker and back, of the slowest.",
	.metric = "crosstap_output_kafka_round_trip_seconds"),
};

static const struct measure_field crosstap_certificate_fields[] = {
    FIELD(FLOAT, certificate_row, expires_in_s, "s",
	"Until the certificate ends; below 0: it has ended."),
    FIELD(FLOAT, certificate_row, not_after_time_s, "s", "When the certificate ends, Unix time.",
	.metric = "crosstap_certificate_not_after_time_seconds",
	.not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

static const struct measure_field crosstap_event_fields[] = {
    FIELD(TEXT, event_row, text, "", "What happened; the point's time is when."),
    OWN(COUNTER, "events", "{event}", "Events of this kind.",
	.not_in = NOT_IN_POINTS | NOT_IN_JSON),
};

/* -- measurements */

#define TAGS(...)                                                                                  \
	.tags = {__VA_ARGS__},                                                                     \
	.n_tags = sizeof((enum measure_tag[]){__VA_ARGS__}) / sizeof(enum measure_tag)
#define FIELDS(name) .fields = name##_fields, .n_fields = ARRAY_SIZE(name##_fields)

const struct measurement measurements[MEASUREMENT_COUNT] = {
    [M_DNS] = {"dns", "Messages of clients", WHEN_FIGURES, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_TRANSPORT, TAG_FAMILY), FIELDS(dns)},
    [M_DNS_MALFORMED] = {"dns_malformed", "Malformed messages by direction", WHEN_METRICS,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_DIRECTION, TAG_TRANSPORT, TAG_FAMILY),
	FIELDS(dns_malformed)},
    [M_DNS_SOURCES] = {"dns_sources", "Clients over all transports", WHEN_FIGURES, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_FAMILY), FIELDS(dns_sources)},
    [M_DNS_QTYPE] = {"dns_qtype", "Messages by type of the first question", WHEN_FIGURES,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_QTYPE), FIELDS(dns_qtype)},
    [M_DNS_RCODE] = {"dns_rcode", "Responses by rcode, with the OPT record's upper bits",
	WHEN_FIGURES, METRICS_MARGINS, TAGS(TAG_ZONE, TAG_RCODE), FIELDS(dns_rcode)},
    [M_DNS_QTYPE_RCODE] = {"dns_qtype_rcode", "Responses by type and rcode", WHEN_CORE,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_BUSY_QTYPE, TAG_RCODE), FIELDS(dns_qtype_rcode)},
    [M_DNS_TRANSPORT_QTYPE] = {"dns_transport_qtype", "Queries by transport and type", WHEN_CORE,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_BUSY_QTYPE, TAG_TRANSPORT),
	FIELDS(dns_transport_qtype)},
    [M_DNS_RCODE_SIZE] = {"dns_rcode_size", "Responses by rcode and size", WHEN_CORE, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_RCODE), FIELDS(dns_size)},
    [M_DNS_CLASS] = {"dns_class", "Queries by class", WHEN_CORE, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_CLASS), FIELDS(dns_class)},
    [M_DNS_EDNS] = {"dns_edns", "Queries by EDNS version", WHEN_EDNS, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_EDNS_VERSION), FIELDS(dns_edns)},
    [M_DNS_EDNS_SIZE] = {"dns_edns_size", "Queries by the size that they advertise over UDP",
	WHEN_EDNS, METRICS_NONE, TAGS(TAG_ZONE), FIELDS(dns_edns_size)},
    [M_DNS_EDNS_SIZES] = {"dns_edns_sizes", "The same by bin", WHEN_METRICS, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_EDNS_SIZE), FIELDS(dns_edns_sizes)},
    [M_DNS_EDE] = {"dns_ede", "Responses by extended DNS error", WHEN_EDNS, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_EDE), FIELDS(dns_ede)},
    [M_DNS_ECS] = {"dns_ecs", "Queries with a client subnet", WHEN_EDNS, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_ECS_FAMILY, TAG_PREFIX), FIELDS(dns_ecs)},
    [M_DNS_QNAME] = {"dns_qname", "Queries by what their names are like", WHEN_NAMES, METRICS_NONE,
	TAGS(TAG_ZONE), FIELDS(dns_qname)},
    [M_DNS_QNAME_LENGTHS] = {"dns_qname_lengths", "Queries by length of the name", WHEN_METRICS,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_QNAME_LENGTH), FIELDS(dns_qname_lengths)},
    [M_DNS_QNAME_LABELS] = {"dns_qname_labels", "Queries by labels of the name", WHEN_METRICS,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_QNAME_LABELS), FIELDS(dns_qname_labels)},
    [M_DNS_QNAME_TRAITS] = {"dns_qname_traits", "Queries by kind of the name", WHEN_METRICS,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_QNAME_TRAIT), FIELDS(dns_qname_traits)},
    [M_DNS_JUNK] = {"dns_junk", "Queries that should not have come, by kind", WHEN_NAMES,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_JUNK), FIELDS(dns_junk)},
    [M_DNS_PRIMING] = {"dns_priming", "Priming: the root's NS records", WHEN_NAMES, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_TRANSPORT), FIELDS(dns_priming)},
    [M_DNS_PRIMING_SIZES] = {"dns_priming_sizes", "Priming queries by bin of their size",
	WHEN_METRICS, METRICS_MARGINS, TAGS(TAG_ZONE, TAG_EDNS_SIZE, TAG_TRANSPORT),
	FIELDS(dns_priming_sizes)},
    [M_DNS_SPORT_RANGE] = {"dns_sport_range", "Queries by source port, in 64 ranges", WHEN_PORTS,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_PORT_RANGE), FIELDS(dns_sport_range)},
    [M_DNS_OPCODE] = {"dns_opcode", "Queries by opcode", WHEN_FIGURES, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_OPCODE), FIELDS(dns_opcode)},
    [M_DNS_FLAGS] = {"dns_flags", "Messages by flag and EDNS option", WHEN_FIGURES, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_DIRECTION), FIELDS(dns_flags)},
    [M_DNS_SIZE] = {"dns_size", "Messages by size", WHEN_FIGURES, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_DIRECTION, TAG_TRANSPORT), FIELDS(dns_size)},
    [M_DNS_OUTGOING] = {"dns_outgoing",
	"Messages of the server itself (RESOLVER, FORWARDER, STUB, TOOL)", WHEN_FIGURES,
	METRICS_MARGINS, TAGS(TAG_ZONE), FIELDS(dns_outgoing)},
    [M_DNS_LATENCY] = {"dns_latency", "Response times", WHEN_FIGURES, METRICS_MARGINS,
	TAGS(TAG_ZONE, TAG_TRANSPORT), FIELDS(dns_latency)},
    [M_DNS_COUNTRY] = {"dns_country", "Clients by country, and how far away they are", WHEN_COUNTRY,
	METRICS_NONE, TAGS(TAG_ZONE, TAG_COUNTRY), FIELDS(dns_country)},
    [M_DNS_ASN] = {"dns_asn", "Clients by AS, and how far away they are", WHEN_ASN, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_ASN), FIELDS(dns_asn)},
    [M_DNS_RESOLVER] = {"dns_resolver", "The busiest clients", WHEN_FIGURES, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_RESOLVER), FIELDS(dns_resolver)},
    [M_DNS_NAME] = {"dns_name", "The most frequent names, and those that do not exist",
	WHEN_FIGURES, METRICS_NONE, TAGS(TAG_ZONE, TAG_NAME_KIND, TAG_NAME), FIELDS(dns_name)},
    [M_DNS_DOMAIN] = {"dns_domain", "The domains that are asked for most, by rank", WHEN_DOMAINS,
	METRICS_NONE, TAGS(TAG_ZONE, TAG_DOMAIN_BY, TAG_DOMAIN), FIELDS(dns_domain)},
    [M_DNS_ADDRESS] = {"dns_address", "Messages by the server's own address", WHEN_ADDRESSES,
	METRICS_MARGINS, TAGS(TAG_ZONE, TAG_ADDRESS), FIELDS(dns_address)},
    [M_DNS_IDENTITY] = {"dns_identity", "Messages by the identity that the producer sends",
	WHEN_ADDRESSES, METRICS_MARGINS, TAGS(TAG_ZONE, TAG_IDENTITY), FIELDS(dns_identity)},
    [M_DNS_SUBNET] = {"dns_subnet", "The busiest networks of clients, /24 and /48", WHEN_ADDRESSES,
	METRICS_NONE, TAGS(TAG_ZONE, TAG_SUBNET), FIELDS(dns_subnet)},
    [M_DNS_TALKER] = {"dns_talker", "Clients that stand out", WHEN_ADDRESSES, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_TALKER_BY, TAG_TALKER), FIELDS(dns_talker)},
    [M_DNS_TOP_SUBNET] = {"dns_top_subnet", "The networks that ask most, by rank", WHEN_METRICS,
	METRICS_TOPS, TAGS(TAG_ZONE, TAG_TOP), FIELDS(dns_top_subnet)},
    [M_DNS_TOP_SUBNET_INFO] = {"dns_top_subnet_info", "Which they are", WHEN_METRICS,
	METRICS_TOPS_INFO, TAGS(TAG_ZONE, TAG_TOP, TAG_TOP_SUBNET), FIELDS(dns_top_subnet_info)},
    [M_DNS_TOP_TALKER] = {"dns_top_talker", "The clients that stand out, by rank", WHEN_METRICS,
	METRICS_TOPS, TAGS(TAG_ZONE, TAG_TALKER_BY, TAG_TOP), FIELDS(dns_top_talker)},
    [M_DNS_TOP_TALKER_INFO] = {"dns_top_talker_info", "Which they are", WHEN_METRICS,
	METRICS_TOPS_INFO, TAGS(TAG_ZONE, TAG_TALKER_BY, TAG_TOP, TAG_TOP_ADDRESS),
	FIELDS(dns_top_talker_info)},
    [M_DNS_CLIENTS] = {"dns_clients", "Clients by what they are like", WHEN_CLIENTS, METRICS_NONE,
	TAGS(TAG_ZONE, TAG_CLIENT_TRAIT), FIELDS(dns_clients)},
    [M_DNS_ATTACK] = {"dns_attack", "Attacks while they last, over all zones", WHEN_ATTACKS,
	METRICS_NONE, TAGS(TAG_ATTACK_KIND, TAG_ATTACK), FIELDS(dns_attack)},
    [M_DNS_TOP_COUNTRY] = {"dns_top_country", "The countries that ask most, by rank", WHEN_METRICS,
	METRICS_TOPS, TAGS(TAG_ZONE, TAG_TOP), FIELDS(dns_top_country)},
    [M_DNS_TOP_COUNTRY_INFO] = {"dns_top_country_info", "Which they are", WHEN_METRICS,
	METRICS_TOPS_INFO, TAGS(TAG_ZONE, TAG_TOP, TAG_TOP_COUNTRY), FIELDS(dns_top_country_info)},
    [M_DNS_TOP_ASN] = {"dns_top_asn", "The ASes that ask most, by rank", WHEN_METRICS, METRICS_TOPS,
	TAGS(TAG_ZONE, TAG_TOP), FIELDS(dns_top_asn)},
    [M_DNS_TOP_ASN_INFO] = {"dns_top_asn_info", "Which they are", WHEN_METRICS, METRICS_TOPS_INFO,
	TAGS(TAG_ZONE, TAG_TOP, TAG_TOP_ASN, TAG_TOP_ORG), FIELDS(dns_top_asn_info)},
    [M_DNS_TOP_RESOLVER] = {"dns_top_resolver", "The resolvers that ask most, by rank",
	WHEN_METRICS, METRICS_TOPS, TAGS(TAG_ZONE, TAG_TOP), FIELDS(dns_top_resolver)},
    [M_DNS_TOP_RESOLVER_INFO] = {"dns_top_resolver_info", "Which they are", WHEN_METRICS,
	METRICS_TOPS_INFO, TAGS(TAG_ZONE, TAG_TOP, TAG_TOP_ADDRESS, TAG_TOP_COUNTRY),
	FIELDS(dns_top_resolver_info)},
    [M_DNS_TOP_DOMAIN] = {"dns_top_domain", "The domains that are asked for most, by rank",
	WHEN_METRICS, METRICS_TOPS, TAGS(TAG_ZONE, TAG_DOMAIN_BY, TAG_TOP), FIELDS(dns_top_domain)},
    [M_DNS_TOP_DOMAIN_INFO] = {"dns_top_domain_info", "Which they are", WHEN_METRICS,
	METRICS_TOPS_INFO, TAGS(TAG_ZONE, TAG_DOMAIN_BY, TAG_TOP, TAG_TOP_DOMAIN),
	FIELDS(dns_top_domain_info)},
    [M_DNS_TOP_CLIENTS] = {"dns_top_clients", "Clients by what they are like, in the last window",
	WHEN_METRICS, METRICS_TOPS, TAGS(TAG_ZONE, TAG_CLIENT_TRAIT), FIELDS(dns_top_clients)},
    [M_DNS_TOP_ATTACK] = {"dns_top_attack", "Attacks in the last window", WHEN_METRICS,
	METRICS_TOPS, TAGS(TAG_ATTACK_KIND, TAG_ATTACK), FIELDS(dns_top_attack)},
    [M_WIRE] = {"wire", "Packets and messages on the wire; messages of udp and tcp only", WHEN_WIRE,
	METRICS_WIRE, TAGS(TAG_INTERFACE, TAG_DIRECTION, TAG_WIRE_TRANSPORT, TAG_FAMILY),
	FIELDS(wire)},
    [M_WIRE_MODE] = {"wire_mode", "How interfaces are watched", WHEN_METRICS, METRICS_MODES,
	TAGS(TAG_INTERFACE, TAG_MODE), FIELDS(wire_mode)},
    [M_WIRE_QTYPE] = {"wire_qtype", "Queries on the wire by type", WHEN_WIRE, METRICS_DETAILS,
	TAGS(TAG_INTERFACE, TAG_QTYPE), FIELDS(wire_count)},
    [M_WIRE_RCODE] = {"wire_rcode", "Responses on the wire by rcode", WHEN_WIRE, METRICS_DETAILS,
	TAGS(TAG_INTERFACE, TAG_RCODE), FIELDS(wire_count)},
    [M_WIRE_OPCODE] = {"wire_opcode", "Queries on the wire by opcode", WHEN_WIRE, METRICS_DETAILS,
	TAGS(TAG_INTERFACE, TAG_OPCODE), FIELDS(wire_count)},
    [M_WIRE_SIZE] = {"wire_size", "Messages on the wire by size", WHEN_WIRE, METRICS_DETAILS,
	TAGS(TAG_INTERFACE, TAG_DIRECTION, TAG_PLAIN_TRANSPORT), FIELDS(wire_size)},
    [M_WIRE_MALFORMED] = {"wire_malformed", "Malformed messages on the wire by reason", WHEN_WIRE,
	METRICS_DETAILS, TAGS(TAG_INTERFACE, TAG_DIRECTION, TAG_REASON), FIELDS(wire_count)},
    [M_WIRE_TCP_RTT] = {"wire_tcp_rtt", "Round-trip times of TCP handshakes", WHEN_RTT, METRICS_RTT,
	TAGS(TAG_FAMILY), FIELDS(wire_tcp_rtt)},
    [M_CROSSCHECK] = {"crosscheck", "The two witnesses", WHEN_COMPARED, METRICS_CROSSCHECK,
	TAGS(TAG_DIRECTION, TAG_PLAIN_TRANSPORT, TAG_FAMILY), FIELDS(crosscheck)},
    [M_CROSSCHECK_QTYPE] = {"crosscheck_qtype", "The same for queries by type", WHEN_COMPARED,
	METRICS_NONE, TAGS(TAG_QTYPE), FIELDS(crosscheck_qtype)},
    [M_CROSSCHECK_SOURCE] = {"crosscheck_source", "The clients that miss most", WHEN_PER_SOURCE,
	METRICS_NONE, TAGS(TAG_CLIENT), FIELDS(crosscheck_source)},
    [M_FUNNEL] = {"funnel", "UDP from the NIC to the answer", WHEN_COMPARED, METRICS_FUNNEL,
	FIELDS(funnel)},
    [M_VERDICT] = {"verdict", "What the cross-check says", WHEN_METRICS, METRICS_VERDICT,
	TAGS(TAG_VERDICT), FIELDS(verdict)},
    [M_CROSSTAP] = {"crosstap", "The agent", WHEN_ALWAYS, METRICS_AGENT, FIELDS(crosstap)},
    [M_CROSSTAP_BUILD] = {"crosstap_build", "The program", WHEN_METRICS, METRICS_BUILD,
	TAGS(TAG_VERSION, TAG_SERVER), FIELDS(crosstap_build)},
    [M_CROSSTAP_INPUT] = {"crosstap_input", "Each input", WHEN_ALWAYS, METRICS_INPUTS,
	TAGS(TAG_INPUT), FIELDS(crosstap_input)},
    [M_CROSSTAP_OUTPUT] = {"crosstap_output", "Each output", WHEN_METRICS, METRICS_OUTPUTS,
	TAGS(TAG_OUTPUT), FIELDS(crosstap_output)},
    [M_CROSSTAP_CERTIFICATE] = {"crosstap_certificate", "Certificates that the agent shows",
	WHEN_ALWAYS, METRICS_CERTIFICATES, TAGS(TAG_CERTIFICATE), FIELDS(crosstap_certificate)},
    [M_CROSSTAP_EVENT] = {"crosstap_event", "What happened", WHEN_ALWAYS, METRICS_NONE,
	TAGS(TAG_EVENT), FIELDS(crosstap_event)},
};
