/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/replay_internal.h"

#include "encode/attacks.h"
#include "encode/documents.h"
#include "enrich/clients.h"
#include "measure/datasets.h"
#include "report/witness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool has_frames(const struct replay *replay)
{
	for (size_t i = 0; i < replay->n_files; i++) {
		if (!replay->files[i]->capture)
			return true;
	}
	return false;
}

void replay_note_producer(struct replay_file *file)
{
	struct replay *replay = file->replay;
	enum producer producer;
	char version[64];

	if (!decode_cache_version(&file->receiver.cache, version, sizeof(version)))
		return;
	producer = producer_recognise(version, strlen(version));
	for (size_t i = 0; i < replay->n_producers; i++) {
		if (replay->producers[i] == producer)
			return;
	}
	replay->producers[replay->n_producers++] = producer;
}

void replay_inputs(const struct replay *replay, struct crosscheck_inputs *ret)
{
	const struct config_input *input = replay->options.input;
	const bool frames = has_frames(replay);

	*ret = (struct crosscheck_inputs){
	    .compared = frames && input->scope != SCOPE_ZONE,
	    .zone = frames && input->scope == SCOPE_ZONE,
	    .connected = frames,
	    .from_responses = input->queries == QUERIES_RESPONSES,
	    .producers = replay->producers,
	    .n_producers = input->scope != SCOPE_ZONE ? replay->n_producers : 0,
	};
}

/* All of the input as one window. What the host dropped is not known. */
static int compare(const struct replay *replay, const struct wire_window *wire,
    const struct window_view *view, struct arena *arena, struct crosscheck_result *ret)
{
	const struct config *config = replay->options.config;
	const struct crosscheck_options options = {.interval_ns = config->interval_ns,
	    .horizon_ns = config->crosscheck_horizon_ns,
	    .top_sources = config->top.resolvers,
	    .seed = replay->seed,
	    .whole = true};
	struct crosscheck_inputs inputs;
	struct crosscheck_dnstap dnstap;
	struct crosscheck *crosscheck;
	int r = crosscheck_new(&crosscheck, &options);

	if (r < 0)
		return r;
	replay_inputs(replay, &inputs);
	r = witness_of(&dnstap, view, arena);
	/* All windows are one: whichever of them a frame was counted in. */
	dnstap.pace = NULL;
	dnstap.displaced = replay->total->lost;
	if (r == 0)
		r = crosscheck_window(
		    crosscheck, options.interval_ns, wire, &dnstap, &inputs, arena, ret);
	crosscheck_free(crosscheck);
	return r;
}

static int put_wire(json_t *document, const struct replay *replay, const struct window_view *view,
    struct arena *arena)
{
	struct crosscheck_result result;
	struct wire_window wire;
	int r = replay_wire_fill(replay->wire, replay_wire_total(replay->wire), arena, &wire);

	if (r < 0)
		return r;
	r = compare(replay, &wire, view, arena, &result);
	if (r == 0 &&
	    (json_object_set_new(document, "wire", json_wire(&wire, arena)) < 0 ||
		json_object_set_new(
		    document, "crosscheck", json_crosscheck(&result, replay->privacy)) < 0))
		r = -ENOMEM;
	return r;
}

struct file_sums {
	uint64_t frames, frames_bad, bytes; /* bytes: of the files */
};

static void sum_files(const struct replay *replay, struct file_sums *ret)
{
	*ret = (struct file_sums){0};
	for (size_t i = 0; i < replay->n_files; i++) {
		ret->frames += replay->files[i]->receiver.frames;
		ret->frames_bad += replay->files[i]->receiver.frames_bad;
		ret->bytes += replay->files[i]->bytes;
	}
}

/* Of the whole input, as if it were one day. Without memory for that there are none. */
static void judge_clients(
    const struct replay *replay, struct window_view *view, struct zone_clients *clients)
{
	const struct trait_limits limits = client_limits(replay->options.config);

	if (!replay->total->sources.has_traits || !(view->facts & FACTS_CLIENTS) ||
	    zone_clients_of(clients, &replay->total->sources, &limits) < 0)
		return;
	for (size_t i = 0; i < view->n_zones; i++)
		view->zones[i].clients = zone_clients_find(clients, view->zones[i].zone);
}

static json_t *make_document(struct replay *replay, double seconds, struct window_view *view)
{
	struct zone_clients *clients = calloc(1, sizeof(*clients));
	struct file_sums totals;
	json_t *document;

	sum_files(replay, &totals);
	if (!clients)
		return NULL;
	judge_clients(replay, view, clients);
	document = json_pack("{s:I, s:I, s:I, s:f, s:f, s:o}", "frames", (json_int_t)totals.frames,
	    "frames_bad", (json_int_t)totals.frames_bad, "bytes", (json_int_t)totals.bytes,
	    "seconds", seconds, "frames_per_second",
	    seconds > 0 ? (double)totals.frames / seconds : 0.0, "zones",
	    json_zones(view, 0, view->n_zones, replay->privacy));
	zone_clients_done(clients);
	free(clients);
	return document;
}

static int put_attacks(json_t *document, const struct replay *replay)
{
	const struct replay_attacks *attacks = &replay->attacks;
	struct json_build build = {0};
	unsigned ranks[ATTACK_KINDS] = {0};
	json_t *list = json_put_array(&build, document, "attacks");

	for (size_t i = 0; i < attacks->n; i++)
		json_add_attack(&build, list, &attacks->list[i], ++ranks[attacks->list[i].kind],
		    attacks->end_ns[i], replay->privacy);
	return build.failed ? -ENOMEM : 0;
}

json_t *replay_document(struct replay *replay, double seconds)
{
	const struct config *config = replay->options.config;
	const struct view_limits limits = {.facts = datasets_facts(config->datasets),
	    .domains = {config->top.names, config->top.nxdomain, config->top.names},
	    .subnets = config->top.subnets,
	    .talkers = config->top.talkers,
	    .places = replay->places};
	const struct window_span span = {0};
	struct window_view view;
	struct arena *arena;
	json_t *document = NULL;

	if (arena_new(&arena) < 0)
		return NULL;
	if (view_make(&view, replay->total, &span, replay->registry, &replay->seed, NULL, 0,
		&limits, arena) == 0)
		document = make_document(replay, seconds, &view);
	if (document && config->datasets & DATASET_ATTACKS && put_attacks(document, replay) < 0) {
		json_decref(document);
		document = NULL;
	}
	if (document && replay->wire && put_wire(document, replay, &view, arena) < 0) {
		json_decref(document);
		document = NULL;
	}
	arena_free(arena);
	return document;
}
