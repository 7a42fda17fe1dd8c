/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode_crosscheck.h"

#include "measure/funnel_fields.h"
#include "measure/mnemonic.h"

#include <stdio.h>
#include <string.h>

static void encode_row(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, unsigned direction, unsigned transport, unsigned family)
{
	const struct crosscheck_row *row = &result->rows[direction][transport][family];

	points_begin(points, "crosscheck", time_ms);
	points_tag(points, "direction", mnemonic_direction(direction));
	points_tag(points, "transport", mnemonic_transport(transport));
	points_tag(points, "family", mnemonic_family(family));
	points_uint(points, "wire", row->wire);
	points_uint(points, "dnstap", row->dnstap);
	points_int(points, "difference", row->difference);
	points_uint(points, "left_out", row->left_out);
	points_uint(points, "late", row->late);
	points_uint(points, "boundary", row->boundary);
	points_uint(points, "complete", !result->incomplete);
	points_end(points);
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
	points_begin(points, "crosscheck_qtype", time_ms);
	points_tag(points, "qtype", name);
	points_uint(points, "wire", row->wire);
	points_uint(points, "dnstap", row->dnstap);
	points_int(points, "difference", row->difference);
	points_end(points);
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

static void encode_sources(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, const struct encode_context *context)
{
	for (size_t i = 0; i < result->n_sources; i++) {
		const struct crosscheck_source *row = &result->sources[i];
		char text[INET6_ADDRSTRLEN], rank[24];

		privacy_address(context->privacy, row->address, row->length == 4 ? 4 : 6, text);
		if (!*text)
			continue;
		snprintf(rank, sizeof(rank), "%zu", i + 1);
		points_begin(points, "crosscheck_source", time_ms);
		points_tag(points, "rank", context->top_key == TOP_KEY_VALUE ? text : rank);
		points_string(points, "address", text, strlen(text));
		points_uint(points, "wire", row->wire);
		points_uint(points, "dnstap", row->dnstap);
		points_int(points, "difference", row->difference);
		points_end(points);
	}
}

static void encode_funnel(
    struct points *points, int64_t time_ms, const struct crosscheck_result *result)
{
	const char *verdict = verdict_name(result->verdict);
	struct funnel_field fields[FUNNEL_FIELDS];
	const size_t n = funnel_fields(result, fields);

	points_begin(points, "funnel", time_ms);
	for (size_t i = 0; i < n; i++)
		points_int(points, fields[i].name, fields[i].value);
	points_string(points, "verdict", verdict, strlen(verdict));
	points_uint(points, "complete", !result->incomplete);
	points_end(points);
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
}
