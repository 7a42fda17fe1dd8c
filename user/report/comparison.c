/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/comparison.h"

#include "encode/documents.h"
#include "report/witness.h"
#include "text/json_text.h"

#include <errno.h>
#include <stdlib.h>

struct comparison {
	struct crosscheck *crosscheck;
	struct wire_totals *totals;
	struct crosscheck_result result;
	struct hash_seed seed;
};

static void make_options(
    struct crosscheck_options *ret, const struct config *config, const struct hash_seed *seed)
{
	*ret = (struct crosscheck_options){
	    .interval_ns = config->interval_ns,
	    .horizon_ns = config->crosscheck_horizon_ns,
	    .top_sources = config->top.resolvers,
	    .seed = *seed,
	};
}

int comparison_new(
    struct comparison **ret, const struct config *config, const struct hash_seed *seed)
{
	struct comparison *comparison = calloc(1, sizeof(*comparison));
	struct crosscheck_options options;
	int r;

	if (!comparison)
		return -ENOMEM;
	comparison->seed = *seed;
	make_options(&options, config, seed);
	r = crosscheck_new(&comparison->crosscheck, &options);
	if (r == 0)
		r = wire_totals_new(&comparison->totals);
	if (r < 0) {
		comparison_free(comparison);
		return r;
	}
	*ret = comparison;
	return 0;
}

int comparison_prepare(
    const struct comparison *comparison, const struct config *config, struct crosscheck_next **ret)
{
	struct crosscheck_options options;

	make_options(&options, config, &comparison->seed);
	return crosscheck_prepare(comparison->crosscheck, &options, ret);
}

void comparison_commit(struct comparison *comparison, struct crosscheck_next *next)
{
	crosscheck_commit(comparison->crosscheck, next);
}

void comparison_free(struct comparison *comparison)
{
	if (!comparison)
		return;
	crosscheck_free(comparison->crosscheck);
	wire_totals_free(comparison->totals);
	free(comparison);
}

const struct crosscheck_result *comparison_make(struct comparison *comparison,
    const struct window_view *view, const struct comparison_window *window, struct arena *arena)
{
	struct crosscheck_dnstap dnstap;

	if (witness_of(&dnstap, view, arena) < 0 ||
	    crosscheck_window(comparison->crosscheck, window->duration_ns, window->wire, &dnstap,
		&window->inputs, arena, &comparison->result) < 0)
		return NULL;
	wire_totals_add(comparison->totals, window->wire, &comparison->result);
	return &comparison->result;
}

void comparison_encode(struct points *points, int64_t time_ms, const struct wire_window *wire,
    const struct crosscheck_result *result, const struct encode_context *context,
    struct arena *arena)
{
	if (wire)
		(void)encode_wire(points, time_ms, wire, context->unassigned, arena);
	encode_crosscheck(points, time_ms, result, context);
}

char *comparison_json(const struct crosscheck_result *result, const struct wire_window *wire,
    int64_t time_ms, struct privacy *privacy)
{
	json_t *document = json_crosscheck_window(result, wire, time_ms, privacy);
	char *text = json_text(document);

	json_decref(document);
	return text;
}

struct wire_totals *comparison_totals(struct comparison *comparison)
{
	return comparison->totals;
}

unsigned comparison_stepped_down(struct comparison *comparison, enum wire_mode wanted)
{
	return wire_totals_stepped_down(comparison->totals, wanted);
}
