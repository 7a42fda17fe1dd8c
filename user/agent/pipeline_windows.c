/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "agent/pipeline_internal.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE    PIPELINE_MODULE
#define MAX_EMPTY 16 /* windows without a frame, reported in a row: more are a clock that leapt */

static int note_closed(struct pipeline *pipeline, struct shard *shard, struct input *owner)
{
	if (pipeline->n_closed == pipeline->closed_size) {
		size_t size = pipeline->closed_size ? pipeline->closed_size * 2 : 16;
		struct closed_shard *closed = reallocarray(pipeline->closed, size, sizeof(*closed));

		if (!closed)
			return -ENOMEM;
		pipeline->closed = closed;
		pipeline->closed_size = size;
	}
	pipeline->closed[pipeline->n_closed++] = (struct closed_shard){shard, owner};
	return 0;
}

void pipeline_collect_closed(struct pipeline *pipeline, struct input *input)
{
	struct shard *shard;

	while ((shard = ring_pop(&input->closed))) {
		if (note_closed(pipeline, shard, input) < 0) {
			log_error(MODULE, "no memory: a window of one input is lost frames=%llu",
			    (unsigned long long)shard->frames);
			shard_free(shard);
		}
	}
}

/* All inputs at once, then all answers: they work side by side. */
static void command_all(struct pipeline *pipeline, const struct input_command *command)
{
	struct input_command own = *command;

	own.generation = zone_registry_generation(pipeline->registry);
	for (size_t i = 0; i < pipeline->n_inputs; i++)
		input_send(pipeline->inputs[i], &own);
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		input_wait(pipeline->inputs[i]);
		pipeline_collect_closed(pipeline, pipeline->inputs[i]);
	}
}

static void give_back(struct pipeline *pipeline, struct shard *shard, struct input *owner)
{
	shard_clear(shard, &pipeline->limits);
	if (!owner || !ring_push(&owner->returned, shard))
		shard_free(shard);
}

static void fill_agent(struct pipeline *pipeline, struct report_agent *agent)
{
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		struct report_input *input = &pipeline->report_inputs[i];

		snprintf(input->address, sizeof(input->address), "%s",
		    dnstap_input_address(pipeline->inputs[i]->source));
		dnstap_input_stats(pipeline->inputs[i]->source, &input->stats);
		input->late = input->skewed = 0;
	}
	*agent = (struct report_agent){
	    .inputs = pipeline->report_inputs,
	    .n_inputs = pipeline->n_inputs,
	    .now_ns = clock_wall_ns(pipeline->clock),
	    .window_lag_ns = pipeline->lag_ns,
	};
}

/* What happened to the dnstap side since the last window. */
static void fill_comparison(
    struct pipeline *pipeline, const struct window_span *span, struct comparison_window *ret)
{
	const int64_t now_ns = pipeline->now_ns;
	const int64_t from_ns = span->partial ? span->time_ms * NS_PER_MS : span->start_ns;
	const int64_t to_ns = now_ns < span->end_ns ? now_ns : span->end_ns;
	const bool clock_set = span->start_ns <= pipeline->set_until_ns;
	struct crosscheck_inputs *inputs = &ret->inputs;

	*ret = (struct comparison_window){
	    .wire = wire_side_get(pipeline->wire, span->index),
	    /* Where a window begins is told to the millisecond. */
	    .duration_ns = (uint64_t)(to_ns > from_ns + NS_PER_MS ? to_ns - from_ns : NS_PER_MS),
	    .inputs = {.started = !pipeline->reported,
		.stopped = pipeline->stopping,
		.reloaded = pipeline->reloaded,
		.changed = pipeline->changed,
		.clock_set = clock_set},
	};
	/* How long such a window really was, that clock cannot tell. */
	if (clock_set)
		ret->duration_ns = (uint64_t)pipeline->windows.interval_ns;
	for (size_t i = 0; i < pipeline->n_inputs; i++)
		input_witness(pipeline->inputs[i], &pipeline->config->inputs[i],
		    &pipeline->report_inputs[i].stats, inputs);
	inputs->producers = pipeline->producers;
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		if (pipeline->config->inputs[i].scope != SCOPE_ZONE)
			pipeline->producers[inputs->n_producers++] = pipeline->inputs[i]->producer;
	}
	pipeline->reported = true;
	pipeline->reloaded = pipeline->changed = false;
}

static void note_late(struct pipeline *pipeline, const struct closed_shard *closed)
{
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		if (pipeline->inputs[i] == closed->owner) {
			pipeline->report_inputs[i].late += closed->shard->late;
			pipeline->report_inputs[i].skewed += closed->shard->skewed;
		}
	}
}

/* Merges every closed shard up to this window into one, and reports it. A shard that missed its
 * window (its thread was stopped for a while) joins here. */
static void report_span(struct pipeline *pipeline, const struct window_span *span)
{
	struct closed_shard base = {NULL, NULL};
	struct comparison_window compared;
	struct report_agent agent;
	size_t kept = 0;

	fill_agent(pipeline, &agent);
	fill_comparison(pipeline, span, &compared);
	for (size_t i = 0; i < pipeline->n_closed; i++) {
		struct closed_shard *closed = &pipeline->closed[i];

		if (closed->shard->index > span->index) {
			pipeline->closed[kept++] = *closed;
			continue;
		}
		note_late(pipeline, closed);
		if (!base.shard) {
			base = *closed;
			continue;
		}
		if (shard_merge(base.shard, closed->shard, &pipeline->seed) < 0)
			log_error(
			    MODULE, "no memory to merge a window: some of its sources are missing");
		give_back(pipeline, closed->shard, closed->owner);
	}
	pipeline->n_closed = kept;
	report_window(
	    pipeline->report, base.shard ? base.shard : pipeline->empty, span, &compared, &agent);
	wire_side_done(pipeline->wire, span->index);
	if (base.shard)
		give_back(pipeline, base.shard, base.owner);
	else
		shard_clear(pipeline->empty, &pipeline->limits);
}

void pipeline_forget_labels(struct pipeline *pipeline)
{
	uint64_t since = UINT64_MAX;
	struct zone_numbers numbers;

	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		if (since > pipeline->inputs[i]->labels_since)
			since = pipeline->inputs[i]->labels_since;
	}
	for (size_t i = 0; i < pipeline->n_closed; i++) {
		if (since > pipeline->closed[i].shard->labels_since)
			since = pipeline->closed[i].shard->labels_since;
	}
	/* Without memory, the next window tries again. */
	if (zone_registry_due(pipeline->registry, since, &numbers) &&
	    report_forget_zones(pipeline->report, &numbers) == 0)
		zone_registry_forget(pipeline->registry, &numbers);
}

static int64_t newest_closed(const struct pipeline *pipeline)
{
	int64_t newest = wire_side_newest(pipeline->wire);

	for (size_t i = 0; i < pipeline->n_closed; i++) {
		if (pipeline->closed[i].shard->index > newest)
			newest = pipeline->closed[i].shard->index;
	}
	return newest;
}

static bool is_counted(const struct pipeline *pipeline, int64_t index)
{
	for (size_t i = 0; i < pipeline->n_closed; i++) {
		if (pipeline->closed[i].shard->index <= index)
			return true;
	}
	return wire_side_has(pipeline->wire, index);
}

/* Reports all windows before `oldest`. Where the clock leapt, those in between that nobody counted
 * in are left out. */
static void report_until(struct pipeline *pipeline, int64_t oldest)
{
	const bool leapt = oldest - pipeline->windows.oldest > MAX_EMPTY;
	struct window_span span;

	while (pipeline->windows.oldest < oldest) {
		if (leapt && !is_counted(pipeline, pipeline->windows.oldest)) {
			const int64_t newest = newest_closed(pipeline);

			windows_skip(&pipeline->windows,
			    newest >= pipeline->windows.oldest && newest < oldest
				? pipeline->windows.oldest + 1
				: oldest);
			continue;
		}
		windows_close(&pipeline->windows, &span);
		/* Before the points go anywhere: a successor writes none of this time. */
		wire_side_note(
		    pipeline->wire, &pipeline->windows.written, sizeof(pipeline->windows.written));
		report_span(pipeline, &span);
	}
}

void pipeline_close_everything(
    struct pipeline *pipeline, struct input_command *command, int64_t now_ns, bool whole)
{
	const int64_t now = windows_index(&pipeline->windows, now_ns);
	int64_t last;

	pipeline->now_ns = now_ns;
	wire_side_cut(pipeline->wire, now_ns, whole);
	command->oldest = INT64_MAX;
	command_all(pipeline, command);
	last = newest_closed(pipeline);
	/* The window of this moment too, though nobody may have counted in it; none that lies
	 * ahead. */
	if (last < now)
		last = now;
	report_until(pipeline, last + 1);
}

static void step_back(struct pipeline *pipeline, int64_t now_ns)
{
	struct input_command command = {.reopen = windows_index(&pipeline->windows, now_ns)};

	log_warning(MODULE, "the clock was set back: windows begin anew");
	/* All that are open, and then the one that begins now, into which their late frames come.
	 */
	pipeline->set_until_ns = INT64_MAX;
	pipeline_close_everything(pipeline, &command, now_ns, true);
	windows_reopen(&pipeline->windows, now_ns);
	pipeline->set_until_ns = pipeline->newest_ns = now_ns;
}

void pipeline_clock_set(struct pipeline *pipeline)
{
	const int64_t now_ns = clock_wall_ns(pipeline->clock);
	const int64_t until_ns = now_ns > pipeline->newest_ns ? now_ns : pipeline->newest_ns;

	if (until_ns > pipeline->set_until_ns)
		pipeline->set_until_ns = until_ns;
}

int64_t pipeline_tick(struct pipeline *pipeline)
{
	/* One look at the clock for both witnesses: were it set in between, they would part. */
	const int64_t now_ns = clock_wall_ns(pipeline->clock);
	const int64_t wire_ns = wire_side_tick(pipeline->wire, now_ns);
	const int64_t due_ns = windows_due_ns(&pipeline->windows);
	int64_t next_ns;

	pipeline->now_ns = now_ns;
	if (now_ns > pipeline->newest_ns)
		pipeline->newest_ns = now_ns;
	if (windows_stepped_back(&pipeline->windows, now_ns)) {
		step_back(pipeline, now_ns);
	} else if (now_ns >= due_ns) {
		const int64_t oldest =
		    windows_index(&pipeline->windows, now_ns - pipeline->windows.grace_ns);

		command_all(
		    pipeline, &(struct input_command){.oldest = oldest, .reopen = INT64_MIN});
		report_until(pipeline, oldest);
		pipeline->lag_ns = (uint64_t)(clock_wall_ns(pipeline->clock) - due_ns);
	}
	if (windows_due_ns(&pipeline->windows) != due_ns)
		pipeline_forget_labels(pipeline);
	next_ns = windows_due_ns(&pipeline->windows);
	atomic_store_explicit(&pipeline->due_ns, next_ns, memory_order_relaxed);
	return next_ns < wire_ns ? next_ns : wire_ns;
}
