/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "base/clock.h"
#include "encode/addresses.h"
#include "encode/domains.h"
#include "encode/histogram.h"
#include "encode/priming.h"
#include "encode/registers.h"
#include "encode/row.h"
#include "encode/unite.h"
#include "measure/bounded.h"
#include "measure/margin_tag.h"
#include "measure/rows.h"
#include "measure/size_bin.h"
#include "stats/facts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST "other"

/* What every encoder below needs to know. */
struct job {
	struct points *points;
	const struct window_view *view;
	const struct zone_view *zone;
	const struct encode_context *context;
	const struct bounded *bounded;
	struct registers *registers; /* NULL: none */
};

const char *encode_rank(const struct encode_context *context, size_t rank, const char *value,
    char buffer[ENCODE_RANK_BYTES])
{
	snprintf(buffer, ENCODE_RANK_BYTES, "%zu", rank + 1);
	return context->top_key == TOP_KEY_VALUE ? value : buffer;
}

/* `tags` after the zone. */
static void put(const struct job *job, enum measurement_id id, const char *tag, const char *next,
    const void *row)
{
	row_point(job->points, &measurements[id], job->view->span.time_ms,
	    (const char *[MEASURE_MAX_TAGS]){job->zone->label, tag, next}, row, 0);
}

static bool is_always(const struct job *job)
{
	for (size_t i = 0; i < job->context->n_always; i++) {
		if (job->context->always[i] == job->zone->zone)
			return true;
	}
	return false;
}

/* The sum of its margin that the field stands for. */
static uint64_t sum_of(
    const struct job *job, const struct measure_field *field, unsigned transport, unsigned family)
{
	const bool any = field->direction == MEASURE_ANY;
	uint64_t sum = 0;

	for (unsigned d = any ? 0 : field->direction; d <= (any ? 1 : field->direction); d++) {
		const struct cell *cell = margin_at(&job->zone->margins[field->margin],
		    job->zone->zone, field->margin, d, transport, family, 0);

		sum += field->amount ? cell->amount : cell->count;
	}
	return sum;
}

static void fill(const struct job *job, enum measurement_id id, unsigned transport, unsigned family,
    struct dns_row *ret)
{
	for (size_t i = 0; i < measurements[id].n_fields; i++) {
		const struct measure_field *field = &measurements[id].fields[i];
		const uint64_t sum = field->margin ? sum_of(job, field, transport, family) : 0;

		memcpy((char *)ret + field->offset, &sum, sizeof(sum));
	}
}

static void encode_messages(const struct job *job)
{
	const bool always = is_always(job);
	struct dns_row row = {0};

	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		for (unsigned f = 0; f < 2; f++) {
			fill(job, M_DNS, t, f, &row);
			if (!row.queries && !row.responses && !(always && t <= TRANSPORT_TCP))
				continue;
			row.sources = job->zone->sources[f][t];
			put(job, M_DNS, mnemonic_transport(t), mnemonic_family(f), &row);
		}
	}
}

static void encode_sources(const struct job *job)
{
	const bool always = is_always(job);

	for (unsigned f = 0; f < 2; f++) {
		struct sources_row row = {.count = job->zone->sources_all[f]};

		if (job->registers)
			row.registers = registers_text(job->registers, job->zone->zone, f);
		if (row.registers)
			row.registers_key = registers_key(job->registers);
		if (row.count || always)
			put(job, M_DNS_SOURCES, mnemonic_family(f), NULL, &row);
	}
}

/* What a field of a margin's values has of one cell. */
struct part {
	uint64_t key; /* of the point, in the first field's margin */
	uint64_t count;
	size_t field;
};

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static uint64_t key_in(uint64_t key, enum margin margin)
{
	return (key & ~(0x3full << MARGIN_KIND_SHIFT)) | (uint64_t)margin << MARGIN_KIND_SHIFT;
}

/* Sorted by key; *ret is the caller's to free. */
static size_t collect_parts(
    const struct job *job, const struct measurement *measurement, struct part **ret)
{
	struct part *parts;
	size_t room = 1, n = 0;

	for (size_t i = 0; i < measurement->n_fields; i++)
		room += job->zone->margins[measurement->fields[i].margin].n;
	parts = calloc(room, sizeof(*parts));
	if (!parts)
		points_fail(job->points, -ENOMEM);
	for (size_t i = 0; parts && i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];
		const struct margin_slice *slice = &job->zone->margins[field->margin];

		for (size_t k = 0; k < slice->n; k++)
			parts[n++] =
			    (struct part){key_in(bounded_key(job->bounded, slice->cells[k].key),
					      measurement->fields[0].margin),
				field->amount ? slice->cells[k].amount : slice->cells[k].count, i};
	}
	if (n)
		qsort(parts, n, sizeof(*parts), compare_parts);
	*ret = parts;
	return n;
}

static void put_values(const struct job *job, enum measurement_id id, uint64_t key, const void *row)
{
	const struct measurement *measurement = &measurements[id];
	const char *tags[MEASURE_MAX_TAGS] = {job->zone->label};
	char buffers[MEASURE_MAX_TAGS][MNEMONIC_BYTES];

	for (size_t i = 1; i < measurement->n_tags; i++)
		tags[i] = margin_tag_text(measurement->tags[i], key, job->view->places, buffers[i]);
	row_point(job->points, measurement, job->view->span.time_ms, tags, row, job->view->facts);
}

/* A point for each value of a margin, or of several that have the same values. */
static void encode_values(const struct job *job, enum measurement_id id)
{
	const struct measurement *measurement = &measurements[id];
	struct part *parts;
	const size_t n = collect_parts(job, measurement, &parts);

	for (size_t i = 0; i < n;) {
		const uint64_t key = parts[i].key;
		union {
			struct dns_row dns;
			struct count_row count;
		} row = {0};

		for (; i < n && parts[i].key == key; i++) {
			char *at = (char *)&row + measurement->fields[parts[i].field].offset;
			uint64_t sum;

			memcpy(&sum, at, sizeof(sum));
			sum += parts[i].count;
			memcpy(at, &sum, sizeof(sum));
		}
		put_values(job, id, key, &row);
	}
	free(parts);
}

static bool is_counted(const struct job *job, enum margin margin)
{
	return (facts_of_margin(margin) & job->view->facts) == facts_of_margin(margin);
}

static void encode_all_values(const struct job *job)
{
	for (int id = 0; id < MEASUREMENT_COUNT; id++) {
		const struct measurement *measurement = &measurements[id];
		const enum margin margin = measurement->fields[0].margin;

		if (margin && measurement->when != WHEN_METRICS && measurement->n_tags > 1 &&
		    margin_tag_is_value(measurement->tags[1]) && is_counted(job, margin))
			encode_values(job, (enum measurement_id)id);
	}
}

/* Counts of one margin into an array of its values; false: there are none. */
static bool fill_values(const struct job *job, enum margin margin, uint64_t *counts, size_t most)
{
	const struct margin_slice *slice = &job->zone->margins[margin];

	for (size_t i = 0; i < slice->n; i++) {
		const uint32_t value = margin_value(slice->cells[i].key);

		if (value < most)
			counts[value] = slice->cells[i].count;
	}
	return slice->n > 0;
}

static void encode_edns_size(const struct job *job)
{
	struct edns_size_row row = {0};

	if (is_counted(job, MARGIN_EDNS_SIZE) &&
	    fill_values(job, MARGIN_EDNS_SIZE, row.sizes, EDNS_SIZE_COUNT))
		put(job, M_DNS_EDNS_SIZE, NULL, NULL, &row);
}

static void encode_qname(const struct job *job)
{
	struct qname_row row = {0};

	if (!is_counted(job, MARGIN_QNAME_LENGTH) ||
	    !fill_values(job, MARGIN_QNAME_LENGTH, row.lengths, KEY_QNAME_BINS))
		return;
	fill_values(job, MARGIN_QNAME_LABELS, row.labels, KEY_QNAME_LABELS + 1);
	fill_values(job, MARGIN_QNAME_TRAIT, row.traits, QNAME_TRAIT_COUNT);
	put(job, M_DNS_QNAME, NULL, NULL, &row);
}

static void encode_flags(const struct job *job)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&job->zone->margins[MARGIN_FLAG], d);
		struct flags_row row = {0};

		if (!slice.n)
			continue;
		for (size_t i = 0; i < slice.n; i++)
			row.flags[margin_value(slice.cells[i].key) % DNS_FLAG_COUNT] =
			    slice.cells[i].count;
		put(job, M_DNS_FLAGS, mnemonic_direction(d), NULL, &row);
	}
}

/* The rcodes of key_rcode_size() are above its bin. */
static unsigned coarse_bin(const struct cell *cell)
{
	return size_bin_coarse(key_size_of(margin_value(cell->key)));
}

/* A point of the slice, sorted by size. */
static void put_bins(const struct job *job, enum measurement_id id, const char *tag,
    const char *next, const struct margin_slice *slice)
{
	if (!slice->n)
		return;
	row_begin(job->points, &measurements[id], job->view->span.time_ms,
	    (const char *[MEASURE_MAX_TAGS]){job->zone->label, tag, next});
	for (size_t i = 0; i < slice->n;) {
		const unsigned bin = coarse_bin(&slice->cells[i]);
		uint64_t count = 0;
		char field[16];

		while (i < slice->n && coarse_bin(&slice->cells[i]) == bin)
			count += slice->cells[i++].count;
		snprintf(field, sizeof(field), "b%u", bin);
		points_uint(job->points, field, count);
	}
	points_end(job->points);
}

static void encode_size(const struct job *job, unsigned direction, unsigned transport)
{
	const struct margin_slice slice =
	    margin_of_transport(&job->zone->margins[MARGIN_SIZE], direction, transport);

	put_bins(
	    job, M_DNS_SIZE, mnemonic_direction(direction), mnemonic_transport(transport), &slice);
}

static int compare_cells(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static void put_rcode_sizes(const struct job *job, const struct cell *cells, size_t n_cells)
{
	for (size_t i = 0, n; i < n_cells; i += n) {
		const uint32_t rcode = key_size_rcode(margin_value(cells[i].key));
		char buffer[MNEMONIC_BYTES];

		for (n = 1;
		     i + n < n_cells && key_size_rcode(margin_value(cells[i + n].key)) == rcode;)
			n++;
		put_bins(job, M_DNS_RCODE_SIZE,
		    margin_tag_text(TAG_RCODE, cells[i].key, NULL, buffer), NULL,
		    &(struct margin_slice){&cells[i], n});
	}
}

static void encode_rcode_sizes(const struct job *job)
{
	const struct margin_slice *all = &job->zone->margins[MARGIN_RCODE_SIZE];
	struct cell *cells;

	if (!all->n || !is_counted(job, MARGIN_RCODE_SIZE))
		return;
	cells = calloc(all->n, sizeof(*cells));
	if (!cells) {
		points_fail(job->points, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < all->n; i++) {
		cells[i] = all->cells[i];
		cells[i].key = bounded_key(job->bounded, cells[i].key);
	}
	/* Codes that are counted together came apart, each with sizes of its own. */
	qsort(cells, all->n, sizeof(*cells), compare_cells);
	put_rcode_sizes(job, cells, all->n);
	free(cells);
}

static void encode_priming(const struct job *job, unsigned transport)
{
	struct priming_row row;

	if (is_counted(job, MARGIN_PRIMING) && priming_row(job->zone, transport, &row))
		put(job, M_DNS_PRIMING, mnemonic_transport(transport), NULL, &row);
}

static void encode_outgoing(const struct job *job)
{
	struct dns_row row;

	if (!job->zone->margins[MARGIN_OUTGOING].n)
		return;
	fill(job, M_DNS_OUTGOING, 0, 0, &row);
	put(job, M_DNS_OUTGOING, NULL, NULL, &row);
}

static void encode_latency(const struct job *job, unsigned transport)
{
	const struct margin_slice slice =
	    margin_of_transport(&job->zone->margins[MARGIN_LATENCY], 0, transport);
	const struct measurement *measurement = &measurements[M_DNS_LATENCY];
	struct histogram histogram = {0};
	struct view_latency latency;

	if (!slice.n || view_latency(&slice, &latency) < 0)
		return;
	row_begin(job->points, measurement, job->view->span.time_ms,
	    (const char *[]){job->zone->label, mnemonic_transport(transport)});
	row_fields(job->points, measurement,
	    &(struct latency_row){
		.p50_us = latency.p50_ns / NS_PER_US,
		.p90_us = latency.p90_ns / NS_PER_US,
		.p99_us = latency.p99_ns / NS_PER_US,
		.max_us = latency.max_ns / NS_PER_US,
		.count = latency.count,
	    },
	    0);
	for (size_t i = 0; i < slice.n; i++)
		histogram_add(&histogram, margin_value(slice.cells[i].key), 1.0 / NS_PER_S,
		    slice.cells[i].count);
	points_histogram(job->points, "seconds", &histogram);
	points_end(job->points);
}

static void name_text(struct privacy *privacy, const void *row, char text[PRIVACY_NAME_SIZE])
{
	const struct view_name *name = row;

	(void)privacy_name(privacy, name->name, name->length, text, PRIVACY_NAME_SIZE);
}

static void add_name(void *to, const void *row)
{
	struct view_name *name = to;

	name->count += ((const struct view_name *)row)->count;
}

static void encode_names(const struct job *job, enum shard_names kind)
{
	static const struct unite_rows rows = {sizeof(struct view_name), name_text, add_name};
	size_t n;
	struct view_name *names = encode_unite(
	    job->points, job->context, &rows, job->zone->names[kind], job->zone->n_names[kind], &n);

	for (size_t i = 0; names && i < n; i++) {
		char text[PRIVACY_NAME_SIZE], rank[ENCODE_RANK_BYTES];

		name_text(job->context->privacy, &names[i], text);
		if (*text)
			put(job, M_DNS_NAME, kind == NAMES_QUERY ? "query" : "nxdomain",
			    encode_rank(job->context, i, text, rank),
			    &(struct name_row){text, names[i].count});
	}
	free(names);
}

static void put_domain(const struct job *job, enum domains_by by, const char *rank,
    const struct domain_row *row, uint32_t known)
{
	row_point(job->points, &measurements[M_DNS_DOMAIN], job->view->span.time_ms,
	    (const char *[]){job->zone->label, domains_by_name(by), rank}, row, known);
}

/* How many clients and names several domains have together nobody can tell. */
#define OF_SEVERAL UINT64_MAX

static void domain_text(struct privacy *privacy, const void *row, char text[PRIVACY_NAME_SIZE])
{
	const struct view_domain *domain = row;

	(void)privacy_name(privacy, domain->name, domain->length, text, PRIVACY_NAME_SIZE);
}

static void add_domain(void *to, const void *row)
{
	const struct view_domain *domain = row;
	struct view_domain *sum = to;

	sum->queries += domain->queries;
	sum->nxdomain += domain->nxdomain;
	sum->sources = OF_SEVERAL;
	sum->magnitude = NAN;
}

/* A domain of that name would have the series of the rest. */
static bool is_rest(const struct job *job, const char *text)
{
	return job->context->top_key == TOP_KEY_VALUE && strcmp(text, REST) == 0;
}

/* What may not be told counts in the rest. */
static void encode_domains(const struct job *job, enum domains_by by)
{
	static const struct unite_rows rows = {sizeof(struct view_domain), domain_text, add_domain};
	char text[PRIVACY_NAME_SIZE], rank[ENCODE_RANK_BYTES];
	struct domain_row row, rest;
	size_t n;
	struct view_domain *domains = encode_unite(
	    job->points, job->context, &rows, job->zone->domains[by], job->zone->n_domains[by], &n);

	domains_rest(job->zone, by, &rest);
	for (size_t i = 0; domains && i < n; i++) {
		if (domain_row(&domains[i], job->context->privacy, text, &row) &&
		    !is_rest(job, text)) {
			put_domain(job, by, encode_rank(job->context, i, text, rank), &row,
			    row.sources == OF_SEVERAL ? 0 : DOMAIN_KNOWS_DISTINCT);
			continue;
		}
		rest.queries += domains[i].queries;
		rest.nxdomain += domains[i].nxdomain;
	}
	if (domains && (n || (by == DOMAINS_NXDOMAIN ? rest.nxdomain : rest.queries)) &&
	    (rest.queries || rest.nxdomain))
		put_domain(job, by, REST, &rest, 0);
	free(domains);
}

static void encode_clients(const struct job *job)
{
	const struct clients *clients = job->zone->clients;

	for (int trait = 0; clients && trait < CLIENT_TRAIT_COUNT; trait++)
		put(job, M_DNS_CLIENTS, client_trait_name((enum client_trait)trait), NULL,
		    &(struct clients_row){clients->sources[trait], clients->queries[trait]});
}

static void encode_zone(const struct job *job)
{
	encode_messages(job);
	encode_sources(job);
	encode_all_values(job);
	encode_edns_size(job);
	encode_qname(job);
	encode_flags(job);
	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		encode_size(job, DIR_QUERY, t);
		encode_size(job, DIR_RESPONSE, t);
		encode_latency(job, t);
		encode_priming(job, t);
	}
	encode_rcode_sizes(job);
	encode_outgoing(job);
	for (int kind = 0; kind < NAMES_KINDS; kind++)
		encode_names(job, (enum shard_names)kind);
	for (int by = 0; by < DOMAINS_BYS; by++) {
		if (job->view->lists_domains[by])
			encode_domains(job, (enum domains_by)by);
	}
	encode_clients(job);
	encode_addresses(job->points, job->view, job->zone, job->context);
}

void encode_dns(
    struct points *points, const struct window_view *view, const struct encode_context *context)
{
	struct registers *registers = NULL;

	/* Without memory for them the window goes without. */
	if (context->source_key && !points_are_running(points))
		(void)registers_new(&registers, &view->total->sources, context->source_key);
	for (size_t i = 0; i < view->n_zones; i++) {
		struct bounded bounded;

		bounded_make(&bounded, view, &view->zones[i], context->unassigned);
		encode_zone(
		    &(struct job){points, view, &view->zones[i], context, &bounded, registers});
	}
	registers_free(registers);
}
