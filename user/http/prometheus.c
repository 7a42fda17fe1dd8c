/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/prometheus.h"

#include "base/clock.h"
#include "http/exposition.h"
#include "http/prometheus_wire.h"
#include "measure/mnemonic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER "counter"
#define GAUGE   "gauge"

/* What a label says of a cell. */
enum cell_label {
	LABEL_NONE,
	LABEL_TRANSPORT,
	LABEL_FAMILY,
	LABEL_QTYPE,
	LABEL_RCODE,
	LABEL_OPCODE,
	LABEL_DIRECTION
};
#define MAX_CELL_LABELS 3

enum cell_value { VALUE_COUNT, VALUE_AMOUNT };
#define ANY_DIRECTION 2

/* name, help, margin, direction, value, labels after `zone` */
#define CELL_METRICS(X)                                                                            \
	X("crosstap_dns_queries_total", "DNS queries received.", MARGIN_MESSAGES, DIR_QUERY,       \
	    VALUE_COUNT, LABEL_TRANSPORT, LABEL_FAMILY)                                            \
	X("crosstap_dns_responses_total", "DNS responses sent.", MARGIN_MESSAGES, DIR_RESPONSE,    \
	    VALUE_COUNT, LABEL_TRANSPORT, LABEL_FAMILY)                                            \
	X("crosstap_dns_query_bytes_total", "Bytes of DNS queries.", MARGIN_MESSAGES, DIR_QUERY,   \
	    VALUE_AMOUNT, LABEL_TRANSPORT, LABEL_FAMILY)                                           \
	X("crosstap_dns_response_bytes_total", "Bytes of DNS responses.", MARGIN_MESSAGES,         \
	    DIR_RESPONSE, VALUE_AMOUNT, LABEL_TRANSPORT, LABEL_FAMILY)                             \
	X("crosstap_dns_malformed_total", "Messages without a readable header or question.",       \
	    MARGIN_MALFORMED, ANY_DIRECTION, VALUE_COUNT, LABEL_DIRECTION, LABEL_TRANSPORT,        \
	    LABEL_FAMILY)                                                                          \
	X("crosstap_dns_queries_by_qtype_total", "Queries by type of the first question.",         \
	    MARGIN_QTYPE, ANY_DIRECTION, VALUE_COUNT, LABEL_QTYPE)                                 \
	X("crosstap_dns_queries_by_opcode_total", "Queries by opcode.", MARGIN_OPCODE,             \
	    ANY_DIRECTION, VALUE_COUNT, LABEL_OPCODE)                                              \
	X("crosstap_dns_responses_by_rcode_total", "Responses by rcode, upper bits included.",     \
	    MARGIN_RCODE, ANY_DIRECTION, VALUE_COUNT, LABEL_RCODE)                                 \
	X("crosstap_dns_outgoing_queries_total", "Queries that the server itself sent.",           \
	    MARGIN_OUTGOING, DIR_QUERY, VALUE_COUNT)                                               \
	X("crosstap_dns_outgoing_responses_total", "Responses to the server's own queries.",       \
	    MARGIN_OUTGOING, DIR_RESPONSE, VALUE_COUNT)

/* name, type, help, value of `status` */
#define AGENT_METRICS(X)                                                                           \
	X("crosstap_start_time_seconds", GAUGE, "When the agent started, Unix time.",              \
	    (double)status->started_ns / NS_PER_S)                                                 \
	X("crosstap_interval_seconds", GAUGE, "Length of a window.",                               \
	    (double)status->interval_ns / NS_PER_S)                                                \
	X("crosstap_window_end_time_seconds", GAUGE, "End of the last closed window, Unix time.",  \
	    (double)status->window_end_ns / NS_PER_S)                                              \
	X("crosstap_windows_total", COUNTER, "Windows closed.", (double)status->windows)           \
	X("crosstap_frames_total", COUNTER, "dnstap frames read.", (double)status->frames)         \
	X("crosstap_frames_bad_total", COUNTER, "Frames that hold no dnstap message.",             \
	    (double)status->frames_bad)                                                            \
	X("crosstap_frames_ignored_total", COUNTER, "Frames that the input's settings leave out.", \
	    (double)status->ignored)                                                               \
	X("crosstap_frames_late_total", COUNTER, "Frames that came after their window's end.",     \
	    (double)status->late)                                                                  \
	X("crosstap_frames_skewed_total", COUNTER, "Frames with timestamps from the future.",      \
	    (double)status->skewed)                                                                \
	X("crosstap_frames_merged_total", COUNTER,                                                 \
	    "Frames that were counted in a neighbouring window for want of memory.",               \
	    (double)status->merged)                                                                \
	X("crosstap_updates_lost_total", COUNTER, "Counts that found no memory.",                  \
	    (double)status->lost)                                                                  \
	X("crosstap_pairs_evicted_total", COUNTER,                                                 \
	    "Queries that left the pairing table before their responses.",                         \
	    (double)status->evicted)                                                               \
	X("crosstap_overflow_messages_total", COUNTER,                                             \
	    "Messages of sources that found the table of sources full.", (double)status->overflow) \
	X("crosstap_resolvers", GAUGE, "Sources seen in the last window.",                         \
	    (double)status->resolvers)                                                             \
	X("crosstap_resident_memory_bytes", GAUGE, "Resident memory of the agent.",                \
	    (double)status->rss_bytes)                                                             \
	X("crosstap_cpu_seconds_total", COUNTER, "CPU time that the agent has used.",              \
	    (double)status->cpu_us / 1e6)

/* name, type, help, value of `input` */
#define INPUT_METRICS(X)                                                                           \
	X("crosstap_input_connections", GAUGE, "Producers connected now.",                         \
	    (double)input->stats.connections)                                                      \
	X("crosstap_input_accepted_total", COUNTER, "Connections accepted.",                       \
	    (double)input->stats.accepted)                                                         \
	X("crosstap_input_refused_total", COUNTER, "Connections closed for breaking a rule.",      \
	    (double)input->stats.refused)                                                          \
	X("crosstap_input_frames_total", COUNTER, "Frames read.", (double)input->stats.frames)     \
	X("crosstap_input_frames_bad_total", COUNTER, "Frames that hold no dnstap message.",       \
	    (double)input->stats.frames_bad)                                                       \
	X("crosstap_input_bytes_total", COUNTER, "Bytes read.", (double)input->stats.bytes)        \
	X("crosstap_input_last_frame_time_seconds", GAUGE,                                         \
	    "When the last frame came, Unix time; 0: none yet.",                                   \
	    (double)input->stats.last_frame_ns / NS_PER_S)

/* name, type, help, value of `stats` */
#define OUTPUT_METRICS(X)                                                                          \
	X("crosstap_points_total", COUNTER, "Points that the output has.", (double)stats->points)  \
	X("crosstap_points_dropped_total", COUNTER, "Points dropped: queue or spool full.",        \
	    (double)stats->points_dropped)                                                         \
	X("crosstap_points_rejected_total", COUNTER, "Points that the output refused for good.",   \
	    (double)stats->points_rejected)                                                        \
	X("crosstap_output_bytes_total", COUNTER, "Bytes that the output has.",                    \
	    (double)stats->bytes)                                                                  \
	X("crosstap_output_errors_total", COUNTER, "Failed attempts.", (double)stats->errors)      \
	X("crosstap_output_queued_batches", GAUGE, "Batches waiting.", (double)stats->queued)      \
	X("crosstap_output_spool_bytes", GAUGE, "Bytes waiting on disk.",                          \
	    (double)stats->spool_bytes)                                                            \
	X("crosstap_output_failing", GAUGE, "1 if the last attempt failed.", (double)stats->failing)

struct cell_metric {
	const char *name, *help;
	enum margin margin;
	unsigned direction;
	enum cell_value value;
	enum cell_label labels[MAX_CELL_LABELS];
};

struct counted { /* copies of the totals */
	struct totals_data *dns;
	struct wire_totals_data *wire; /* NULL: no cross-check */
};

static const char *qtype_label(uint16_t type, char buffer[MNEMONIC_BYTES])
{
	return type == TOTALS_QTYPE_OTHER ? UNASSIGNED_OTHER : mnemonic_qtype(type, buffer);
}

static void put_cell_label(struct exposition *to, enum cell_label label, uint64_t key)
{
	const uint16_t value = (uint16_t)margin_value(key);
	char buffer[MNEMONIC_BYTES];

	switch (label) {
	case LABEL_TRANSPORT:
		exposition_label(to, "transport", mnemonic_transport(margin_transport(key)));
		break;
	case LABEL_FAMILY:
		exposition_label(to, "family", mnemonic_family(margin_family(key)));
		break;
	case LABEL_DIRECTION:
		exposition_label(to, "direction", mnemonic_direction(margin_direction(key)));
		break;
	case LABEL_QTYPE:
		exposition_label(to, "qtype", qtype_label(value, buffer));
		break;
	case LABEL_RCODE:
		exposition_label(to, "rcode", mnemonic_rcode(value, buffer));
		break;
	case LABEL_OPCODE:
		exposition_label(to, "opcode", mnemonic_opcode(value, buffer));
		break;
	case LABEL_NONE:
		break;
	}
}

static void put_cells(
    struct exposition *to, const struct cell_metric *metric, const struct counted *counted)
{
	exposition_family(to, metric->name, COUNTER, metric->help);
	for (size_t i = 0; i < counted->dns->n; i++) {
		const struct cell *cell = &counted->dns->cells[i];

		if (margin_kind(cell->key) != metric->margin ||
		    (metric->direction != ANY_DIRECTION &&
			margin_direction(cell->key) != metric->direction))
			continue;
		exposition_begin(to, metric->name);
		exposition_label(
		    to, "zone", totals_data_label(counted->dns, margin_zone(cell->key)));
		for (size_t l = 0; l < MAX_CELL_LABELS; l++)
			put_cell_label(to, metric->labels[l], cell->key);
		exposition_count(to, metric->value == VALUE_COUNT ? cell->count : cell->amount);
	}
}

static void put_dns(struct exposition *to, const struct counted *counted)
{
#define CELL_METRIC_(name, help, margin, direction, value, ...)                                    \
	{name, help, margin, direction, value, {__VA_ARGS__}},
	static const struct cell_metric metrics[] = {CELL_METRICS(CELL_METRIC_)};
#undef CELL_METRIC_

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		put_cells(to, &metrics[i], counted);
}

static bool is_latency_of(const struct cell *cell, uint32_t zone, uint32_t transport)
{
	return margin_kind(cell->key) == MARGIN_LATENCY && margin_zone(cell->key) == zone &&
	    margin_transport(cell->key) == transport;
}

/* Sorted keys keep the buckets of one zone and transport together, in order. */
static void put_latencies(struct exposition *to, const struct counted *counted)
{
	static const char name[] = "crosstap_dns_response_time_seconds";
	struct exposition_histogram histogram;

	exposition_family(to, name, "histogram",
	    "Time from query to response, of responses whose query is known.");
	for (size_t i = 0; i < counted->dns->n;) {
		const uint64_t key = counted->dns->cells[i].key;
		const uint32_t zone = margin_zone(key), transport = margin_transport(key);

		if (margin_kind(key) != MARGIN_LATENCY) {
			i++;
			continue;
		}
		memset(&histogram, 0, sizeof(histogram));
		for (;
		     i < counted->dns->n && is_latency_of(&counted->dns->cells[i], zone, transport);
		     i++)
			exposition_histogram_add(&histogram,
			    margin_value(counted->dns->cells[i].key), counted->dns->cells[i].count);
		exposition_histogram_put(to, name, &histogram,
		    (const struct exposition_pair[]){
			{"zone", totals_data_label(counted->dns, zone)},
			{"transport", mnemonic_transport(transport)}},
		    2);
	}
}

static void put_agent(struct exposition *to, const struct report_status *status)
{
	exposition_family(to, "crosstap_build_info", GAUGE, "1, with the version of the agent.");
	exposition_begin(to, "crosstap_build_info");
	exposition_label(to, "version", CROSSTAP_VERSION);
	exposition_count(to, 1);
#define AGENT_METRIC_(name, type, help, value)                                                     \
	exposition_family(to, name, type, help);                                                   \
	exposition_begin(to, name);                                                                \
	exposition_value(to, value);
	AGENT_METRICS(AGENT_METRIC_)
#undef AGENT_METRIC_
}

/* The how-manieth of its name: two outputs may be to one place, two series must not be one. */
static unsigned input_ordinal(const struct report_status *status, size_t at)
{
	unsigned ordinal = 1;

	for (size_t i = 0; i < at; i++)
		ordinal += strcmp(status->inputs[i].address, status->inputs[at].address) == 0;
	return ordinal;
}

static unsigned output_ordinal(const struct report_status *status, size_t at)
{
	unsigned ordinal = 1;

	for (size_t i = 0; i < at; i++)
		ordinal += strcmp(status->sinks[i].name, status->sinks[at].name) == 0;
	return ordinal;
}

static void put_named(struct exposition *to, const char *name, const char *label, const char *value,
    unsigned ordinal, double sample)
{
	char numbered[300];

	exposition_begin(to, name);
	if (ordinal > 1) {
		snprintf(numbered, sizeof(numbered), "%s #%u", value, ordinal);
		value = numbered;
	}
	exposition_label(to, label, value);
	exposition_value(to, sample);
}

static void put_inputs(struct exposition *to, const struct report_status *status)
{
#define INPUT_METRIC_(metric, type, help, value)                                                   \
	exposition_family(to, metric, type, help);                                                 \
	for (size_t i = 0; i < status->n_inputs; i++) {                                            \
		const struct report_input *input = &status->inputs[i];                             \
                                                                                                   \
		put_named(to, metric, "input", input->address, input_ordinal(status, i), value);   \
	}
	INPUT_METRICS(INPUT_METRIC_)
#undef INPUT_METRIC_
}

static void put_outputs(struct exposition *to, const struct report_status *status)
{
#define OUTPUT_METRIC_(metric, type, help, value)                                                  \
	exposition_family(to, metric, type, help);                                                 \
	for (size_t i = 0; i < status->n_sinks; i++) {                                             \
		const struct sink_stats *stats = &status->sinks[i].stats;                          \
                                                                                                   \
		put_named(to, metric, "output", status->sinks[i].name, output_ordinal(status, i),  \
		    value);                                                                        \
	}
	OUTPUT_METRICS(OUTPUT_METRIC_)
#undef OUTPUT_METRIC_
}

static int write_all(const struct counted *counted, const struct report_status *status, char **ret,
    size_t *ret_length)
{
	char *text = NULL;
	size_t length = 0;
	struct exposition to = {.out = open_memstream(&text, &length)};
	bool failed;

	if (!to.out)
		return -ENOMEM;
	put_dns(&to, counted);
	put_latencies(&to, counted);
	put_agent(&to, status);
	put_inputs(&to, status);
	put_outputs(&to, status);
	if (counted->wire)
		prometheus_wire(&to, counted->wire);
	failed = ferror(to.out) != 0;
	if (fclose(to.out) != 0 || failed) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	*ret_length = length;
	return 0;
}

int prometheus_text(struct report *report, char **ret, size_t *ret_length)
{
	struct report_status *status = NULL;
	struct counted counted = {0};
	int r;

	r = report_get_status(report, &status);
	if (r < 0)
		return r;
	r = totals_copy(report_totals(report), &counted.dns);
	if (r == 0 && report_wire_totals(report))
		r = wire_totals_copy(report_wire_totals(report), &counted.wire);
	if (r == 0)
		r = write_all(&counted, status, ret, ret_length);
	free(counted.wire);
	totals_data_free(counted.dns);
	report_status_free(status);
	return r;
}
