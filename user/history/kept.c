/* SPDX-License-Identifier: BSD-2-Clause */
#include "history/kept.h"

#define TAGS(...)                                                                                  \
	.tags = {__VA_ARGS__},                                                                     \
	.n_tags = sizeof((enum measure_tag[]){__VA_ARGS__}) / sizeof(enum measure_tag)
#define FIELDS(...)                                                                                \
	.fields = {__VA_ARGS__},                                                                   \
	.n_fields = sizeof((struct kept_field[]){__VA_ARGS__}) / sizeof(struct kept_field)

#define SUM(name)                                                                                  \
	{                                                                                          \
		name, FOLD_SUM                                                                     \
	}
#define MAX(name)                                                                                  \
	{                                                                                          \
		name, FOLD_MAX                                                                     \
	}
#define MIN(name)                                                                                  \
	{                                                                                          \
		name, FOLD_MIN                                                                     \
	}
#define LAST(name)                                                                                 \
	{                                                                                          \
		name, FOLD_LAST                                                                    \
	}

/* What fits counts from the first on: those without which a page says nothing come first. */
const struct kept history_kept[KEPT_COUNT] = {
    /* `corrected_low` and `corrected_high` follow from `corrected` and `boundary`. */
    [KEPT_FUNNEL] = {M_FUNNEL,
	FIELDS(SUM("nic_drops"), SUM("wire_queries"), SUM("stack_drops"), SUM("socket_drops"),
	    SUM("queued"), SUM("malformed"), SUM("not_logged"), SUM("dnstap_queries"),
	    SUM("explained"), SUM("unexplained"), MAX("boundary"), LAST("balance"),
	    SUM("dnstap_responses"), SUM("wire_responses"), SUM("tx_drops"), SUM("unanswered"),
	    SUM("listen_overflows"), SUM("corrected"), MIN("verdict"), MIN("complete")),
	.most = 1},
    [KEPT_AGENT] = {M_CROSSTAP,
	FIELDS(SUM("frames"), SUM("frames_bad"), SUM("late"), SUM("lost"), SUM("cpu_us"),
	    MAX("rss_bytes"), MAX("connections")),
	.most = 1},
    [KEPT_LATENCY] = {M_DNS_LATENCY, FIELDS(MAX("p50_us"), MAX("p99_us"), SUM("count")), .most = 1},
    [KEPT_TCP_RTT] = {M_WIRE_TCP_RTT, TAGS(TAG_FAMILY),
	FIELDS(MAX("p50_us"), MAX("p99_us"), SUM("handshakes")), .most = 2},
    [KEPT_CROSSCHECK] = {M_CROSSCHECK, TAGS(TAG_DIRECTION, TAG_PLAIN_TRANSPORT),
	FIELDS(SUM("wire"), SUM("dnstap"), SUM("difference"), SUM("left_out")), .most = 4},
    [KEPT_TRANSPORTS] = {M_DNS, TAGS(TAG_TRANSPORT), FIELDS(SUM("queries"), SUM("responses")),
	.most = 8},
    [KEPT_ZONES] = {M_DNS, TAGS(TAG_ZONE), FIELDS(SUM("queries"), SUM("responses")), .most = 33,
	.busiest = true},
    [KEPT_QTYPES] = {M_DNS_QTYPE, TAGS(TAG_QTYPE), FIELDS(SUM("queries")), .most = 33,
	.busiest = true},
    [KEPT_RCODES] = {M_DNS_RCODE, TAGS(TAG_RCODE), FIELDS(SUM("responses")), .most = 17,
	.busiest = true},
    [KEPT_ZONE_LATENCY] = {M_DNS_LATENCY, TAGS(TAG_ZONE),
	FIELDS(MAX("p50_us"), MAX("p99_us"), SUM("count")), .most = 17, .busiest = true},
    [KEPT_COUNTRIES] = {M_DNS_COUNTRY, TAGS(TAG_ZONE, TAG_COUNTRY),
	FIELDS(SUM("queries"), MAX("icmp_rtt_ms_p50"), MAX("tcp_rtt_ms_p50")), .most = 25,
	.busiest = true},
    [KEPT_ASNS] = {M_DNS_ASN, TAGS(TAG_ZONE, TAG_ASN),
	FIELDS(SUM("queries"), MAX("icmp_rtt_ms_p50"), MAX("tcp_rtt_ms_p50")), .most = 25,
	.busiest = true},
    [KEPT_ZONE_QTYPES] = {M_DNS_QTYPE, TAGS(TAG_ZONE, TAG_QTYPE), FIELDS(SUM("queries")),
	.most = 65, .busiest = true},
    [KEPT_ZONE_RCODES] = {M_DNS_RCODE, TAGS(TAG_ZONE, TAG_RCODE), FIELDS(SUM("responses")),
	.most = 33, .busiest = true},
};

const struct measure_field *kept_field(const struct kept *of, size_t field)
{
	return measurement_field(&measurements[of->measurement], of->fields[field].name);
}

const char *kept_fold_name(enum kept_fold fold)
{
	return fold == FOLD_SUM ? "sum"
	    : fold == FOLD_MAX  ? "max"
	    : fold == FOLD_MIN  ? "min"
				: "last";
}

unsigned kept_scale(const struct measure_field *field)
{
	return field->type == MEASURE_FLOAT ? 1000 : 1;
}
