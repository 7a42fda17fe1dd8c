/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "encode/row.h"
#include "encode/unite.h"
#include "measure/mnemonic.h"
#include "measure/rows.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ALL (CROSSCHECK_KNOWS_LATE | CROSSCHECK_KNOWS_BOUNDARY | CROSSCHECK_KNOWS_COMPLETE)

static void encode_row(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, unsigned direction, unsigned transport, unsigned family)
{
	const struct crosscheck_point row = {
	    .row = result->rows[direction][transport][family],
	    .complete = !result->incomplete,
	};

	row_point(points, &measurements[M_CROSSCHECK], time_ms,
	    (const char *[]){mnemonic_direction(direction), mnemonic_transport(transport),
		mnemonic_family(family)},
	    &row, ALL);
}

static void encode_rows(
    struct points *points, int64_t time_ms, const struct crosscheck_result *result)
{
	const unsigned directions = result->responses ? CROSSCHECK_DIRECTIONS : 1;

	for (unsigned d = 0; d < directions; d++)
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++)
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++)
				encode_row(points, time_ms, result, d, t, f);
}

static void encode_qtype(
    struct points *points, int64_t time_ms, const char *name, const struct crosscheck_qtype *row)
{
	row_point(
	    points, &measurements[M_CROSSCHECK_QTYPE], time_ms, (const char *[]){name}, row, 0);
}

/* Types that are not to have a series of their own are sent as one point. */
static void encode_qtypes(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, struct unassigned *unassigned)
{
	struct crosscheck_qtype other = {0};
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < result->n_qtypes; i++) {
		const struct crosscheck_qtype *row = &result->qtypes[i];
		const char *name = unassigned
		    ? unassigned_qtype(unassigned, time_ms, row->qtype, buffer)
		    : mnemonic_qtype(row->qtype, buffer);

		if (strcmp(name, UNASSIGNED_OTHER) != 0) {
			encode_qtype(points, time_ms, name, row);
			continue;
		}
		other.wire += row->wire;
		other.dnstap += row->dnstap;
		other.difference += row->difference;
	}
	if (other.wire || other.dnstap)
		encode_qtype(points, time_ms, UNASSIGNED_OTHER, &other);
}

static void source_text(struct privacy *privacy, const void *row, char *text)
{
	const struct crosscheck_source *source = row;

	privacy_address(privacy, source->address, source->length == 4 ? 4 : 6, text);
}

static void add_source(void *to, const void *row)
{
	const struct crosscheck_source *source = row;
	struct crosscheck_source *sum = to;

	sum->wire += source->wire;
	sum->dnstap += source->dnstap;
	sum->difference += source->difference;
}

static void encode_sources(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, const struct encode_context *context)
{
	static const struct unite_rows rows = {
	    sizeof(struct crosscheck_source), source_text, add_source};
	size_t n;
	struct crosscheck_source *sources =
	    encode_unite(points, context, &rows, result->sources, result->n_sources, &n);

	for (size_t i = 0; sources && i < n; i++) {
		const struct crosscheck_source *source = &sources[i];
		char text[INET6_ADDRSTRLEN], rank[ENCODE_RANK_BYTES];

		source_text(context->privacy, source, text);
		if (!*text)
			continue;
		row_point(points, &measurements[M_CROSSCHECK_SOURCE], time_ms,
		    (const char *[]){encode_rank(context, i, text, rank)},
		    &(struct source_row){text, source->wire, source->dnstap, source->difference},
		    0);
	}
	free(sources);
}

static void encode_funnel(
    struct points *points, int64_t time_ms, const struct crosscheck_result *result)
{
	struct funnel_row row;
	const uint32_t known = funnel_row(result, &row);

	row_point(points, &measurements[M_FUNNEL], time_ms, NULL, &row, known);
}

/* Where a text is none of a point's fields: 1 for the verdict that is, 0 for the others. */
static void encode_verdicts(
    struct points *points, int64_t time_ms, const struct crosscheck_result *result)
{
	if (!points_are_running(points))
		return;
	for (int i = 0; i < VERDICT_COUNT; i++) {
		row_begin(points, &measurements[M_VERDICT], time_ms,
		    (const char *[]){verdict_name((enum verdict)i)});
		points_uint(points, measurements[M_VERDICT].fields[0].name,
		    result->verdict == (enum verdict)i);
		points_end(points);
	}
}

void encode_crosscheck(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, const struct encode_context *context)
{
	if (result->wire) {
		encode_rows(points, time_ms, result);
		encode_qtypes(points, time_ms, result, context->unassigned);
		encode_sources(points, time_ms, result, context);
	}
	encode_funnel(points, time_ms, result);
	encode_verdicts(points, time_ms, result);
}
