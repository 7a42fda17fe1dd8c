/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/prometheus.h"

#include "http/metric_family.h"
#include "http/prometheus_wire.h"
#include "measure/margin_tag.h"
#include "report/agent_rows.h"
#include "text/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 300

struct counted { /* copies of the totals */
	const struct report_status *status;
	struct totals_data *dns;
	const struct place_names *places;
	struct wire_totals_data *wire; /* NULL: no cross-check */
	struct tops *tops;             /* NULL: none */
};

/* -- dnstap: the totals of margins */

static const char *label_of(
    const struct counted *counted, enum measure_tag tag, uint64_t key, char buffer[MNEMONIC_BYTES])
{
	if (tag == TAG_ZONE)
		return totals_data_label(counted->dns, margin_zone(key));
	return margin_tag_text(tag, key, counted->places, buffer);
}

static void make_labels(const struct metric_family *family, const struct counted *counted,
    uint64_t key, const char *labels[MEASURE_MAX_TAGS],
    char buffers[MEASURE_MAX_TAGS][MNEMONIC_BYTES])
{
	for (size_t i = 0; i < family->measurement->n_tags; i++)
		labels[i] = label_of(counted, family->measurement->tags[i], key, buffers[i]);
}

static void put_cells(const struct metric_family *family, const struct counted *counted)
{
	const struct measure_field *field = family->field;

	for (size_t i = 0; i < counted->dns->n; i++) {
		const struct cell *cell = &counted->dns->cells[i];
		const char *labels[MEASURE_MAX_TAGS];
		char buffers[MEASURE_MAX_TAGS][MNEMONIC_BYTES];

		if (margin_kind(cell->key) != field->margin ||
		    (field->direction != MEASURE_ANY &&
			margin_direction(cell->key) != field->direction))
			continue;
		make_labels(family, counted, cell->key, labels, buffers);
		family_count(family, labels, field->amount ? cell->amount : cell->count);
	}
}

static bool is_latency_of(const struct cell *cell, uint64_t key)
{
	return margin_kind(cell->key) == MARGIN_LATENCY &&
	    margin_zone(cell->key) == margin_zone(key) &&
	    margin_transport(cell->key) == margin_transport(key);
}

/* Sorted keys keep the buckets of one zone and transport together, in order. */
static void put_latencies(const struct metric_family *family, const struct counted *counted)
{
	const char *labels[MEASURE_MAX_TAGS];
	char buffers[MEASURE_MAX_TAGS][MNEMONIC_BYTES];

	for (size_t i = 0; i < counted->dns->n;) {
		const uint64_t key = counted->dns->cells[i].key;
		struct exposition_histogram histogram = {0};

		if (margin_kind(key) != MARGIN_LATENCY) {
			i++;
			continue;
		}
		for (; i < counted->dns->n && is_latency_of(&counted->dns->cells[i], key); i++)
			exposition_histogram_add(&histogram,
			    margin_value(counted->dns->cells[i].key), counted->dns->cells[i].count);
		make_labels(family, counted, key, labels, buffers);
		family_histogram(family, labels, &histogram);
	}
}

/* -- countries, ASes, resolvers, networks and talkers by rank */

static enum top_kind top_kind_of(const struct measurement *measurement)
{
	switch ((enum measurement_id)(measurement - measurements)) {
	case M_DNS_TOP_COUNTRY:
	case M_DNS_TOP_COUNTRY_INFO:
		return TOP_COUNTRY;
	case M_DNS_TOP_ASN:
	case M_DNS_TOP_ASN_INFO:
		return TOP_ASN;
	case M_DNS_TOP_DOMAIN:
	case M_DNS_TOP_DOMAIN_INFO:
		return TOP_DOMAIN;
	case M_DNS_TOP_SUBNET:
	case M_DNS_TOP_SUBNET_INFO:
		return TOP_SUBNET;
	case M_DNS_TOP_TALKER:
	case M_DNS_TOP_TALKER_INFO:
		return TOP_TALKER;
	case M_DNS_TOP_CLIENTS:
		return TOP_TRAIT;
	case M_DNS_TOP_ATTACK:
		return TOP_ATTACK;
	default:
		return TOP_RESOLVER;
	}
}

/* As the measurement's tags have them. */
static void top_labels(
    const struct top_row *row, const char *rank, const char *ret[MEASURE_MAX_TAGS])
{
	size_t n = 0;

	if (row->kind != TOP_ATTACK)
		ret[n++] = row->zone;
	if (row->by)
		ret[n++] = row->by;
	ret[n++] = rank;
	ret[n++] = row->value;
	if (n < MEASURE_MAX_TAGS)
		ret[n] = row->detail;
}

static void put_tops(const struct metric_family *family, const struct tops *tops)
{
	const enum top_kind kind = top_kind_of(family->measurement);

	for (size_t i = 0; tops && i < tops->n; i++) {
		const struct top_row *row = &tops->rows[i];
		char rank[16];
		const char *labels[MEASURE_MAX_TAGS];

		if (row->kind != kind)
			continue;
		snprintf(rank, sizeof(rank), "%u", row->rank);
		top_labels(row, rank, labels);
		if (family->measurement->metrics == METRICS_TOPS)
			family_row(family, labels, row, 0);
		else
			family_count(family, labels, 1);
	}
}

/* -- the agent */

/* Two outputs may be to one place, two series must not be one: `name #2`. */
static const char *numbered(const char *name, unsigned ordinal, char buffer[NAME_BYTES])
{
	if (ordinal == 1)
		return name;
	snprintf(buffer, NAME_BYTES, "%s #%u", name, ordinal);
	return buffer;
}

static void put_inputs(const struct metric_family *family, const struct report_status *status)
{
	for (size_t i = 0; i < status->n_inputs; i++) {
		const struct report_input *input = &status->inputs[i];
		unsigned ordinal = 1;
		char buffer[NAME_BYTES];
		struct input_row row;

		for (size_t k = 0; k < i; k++)
			ordinal += strcmp(status->inputs[k].address, input->address) == 0;
		input_row_of(input, NULL, 0, &row);
		family_row(family, (const char *[]){numbered(input->address, ordinal, buffer)},
		    &row, input_row_knows(input));
	}
}

static void put_outputs(const struct metric_family *family, const struct report_status *status)
{
	for (size_t i = 0; i < status->n_sinks; i++) {
		const struct output_status *output = &status->sinks[i];
		unsigned ordinal = 1;
		char buffer[NAME_BYTES];
		struct output_row row;

		for (size_t k = 0; k < i; k++)
			ordinal += strcmp(status->sinks[k].name, output->name) == 0;
		output_row_of(&output->stats, &row);
		family_row(
		    family, (const char *[]){numbered(output->name, ordinal, buffer)}, &row, 0);
	}
}

static void put_certificates(const struct metric_family *family, const struct report_status *status)
{
	for (size_t i = 0; i < status->n_certificates; i++) {
		struct certificate_row row;

		certificate_row_of(&status->certificates[i], 0, &row);
		family_row(family, (const char *[]){status->certificates[i].name}, &row, 0);
	}
}

/* -- all of them */

static void put_family(const struct metric_family *family, const struct counted *counted)
{
	switch (family->measurement->metrics) {
	case METRICS_MARGINS:
		if (family->field->type == MEASURE_HISTOGRAM)
			put_latencies(family, counted);
		else
			put_cells(family, counted);
		break;
	case METRICS_TOPS:
	case METRICS_TOPS_INFO:
		put_tops(family, counted->tops);
		break;
	case METRICS_BUILD:
		family_count(
		    family, (const char *[]){CROSSTAP_VERSION, counted->status->server}, 1);
		break;
	case METRICS_AGENT:
		family_row(family, NULL, &counted->status->figures, 0);
		break;
	case METRICS_INPUTS:
		put_inputs(family, counted->status);
		break;
	case METRICS_CERTIFICATES:
		put_certificates(family, counted->status);
		break;
	case METRICS_OUTPUTS:
		put_outputs(family, counted->status);
		break;
	default:
		break;
	}
}

static void put_measurement(
    struct exposition *to, const struct measurement *measurement, const struct counted *counted)
{
	struct metric_family family;

	for (size_t i = 0; i < measurement->n_fields; i++) {
		if (family_begin(&family, to, measurement, &measurement->fields[i]))
			put_family(&family, counted);
	}
}

static int write_all(
    const struct counted *counted, bool open_metrics, char **ret, size_t *ret_length)
{
	struct buffer buffer = {0};
	struct exposition to = {.out = buffer_stream(&buffer), .open_metrics = open_metrics};

	if (!to.out)
		return -ENOMEM;
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (!prometheus_is_wire(&measurements[i]))
			put_measurement(&to, &measurements[i], counted);
	}
	if (counted->wire)
		prometheus_wire(&to, counted->wire);
	exposition_end(&to);
	*ret = buffer_close(&buffer, to.out, ret_length);
	return *ret ? 0 : -ENOMEM;
}

int prometheus_text(struct report *report, bool open_metrics, char **ret, size_t *ret_length)
{
	struct report_status *status = NULL;
	struct counted counted = {0};
	int r;

	r = report_get_status(report, &status);
	if (r < 0)
		return r;
	counted.status = status;
	counted.tops = report_tops(report);
	counted.places = report_places(report);
	r = totals_copy(report_totals(report), &counted.dns);
	if (r == 0 && report_wire_totals(report))
		r = wire_totals_copy(report_wire_totals(report), &counted.wire);
	if (r == 0)
		r = write_all(&counted, open_metrics, ret, ret_length);
	free(counted.wire);
	tops_unref(counted.tops);
	totals_data_free(counted.dns);
	report_status_free(status);
	return r;
}
