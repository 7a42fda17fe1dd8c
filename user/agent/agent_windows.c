/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/agent_internal.h"
#include "base/log.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#define MODULE    AGENT_MODULE
#define MAX_EMPTY 16 /* windows without a frame, reported in a row: more are a clock that leapt */

static int note_closed(struct agent *agent, struct shard *shard, struct input *owner)
{
	if (agent->n_closed == agent->closed_size) {
		size_t size = agent->closed_size ? agent->closed_size * 2 : 16;
		struct closed_shard *closed = reallocarray(agent->closed, size, sizeof(*closed));

		if (!closed)
			return -ENOMEM;
		agent->closed = closed;
		agent->closed_size = size;
	}
	agent->closed[agent->n_closed++] = (struct closed_shard){shard, owner};
	return 0;
}

static void give_back(struct agent *agent, struct shard *shard, struct input *owner)
{
	shard_clear(shard, &agent->limits);
	if (!owner || !ring_push(&owner->returned, shard))
		shard_free(shard);
}

void agent_collect_closed(struct agent *agent, struct input *input)
{
	struct shard *shard;

	while ((shard = ring_pop(&input->closed))) {
		shard_settle(shard, &agent->seed);
		if (note_closed(agent, shard, input) < 0) {
			log_error(MODULE, "no memory: a window of one input is lost frames=%llu",
			    (unsigned long long)shard->frames);
			agent->lost += shard->frames;
			give_back(agent, shard, input);
		}
	}
}

void agent_command_all(struct agent *agent, const struct input_command *command)
{
	struct input_command own = *command;

	own.generation = zone_registry_generation(agent->registry);
	for (size_t i = 0; i < agent->n_inputs; i++)
		input_send(agent->inputs[i], &own);
	for (size_t i = 0; i < agent->n_inputs; i++) {
		input_wait(agent->inputs[i]);
		agent_collect_closed(agent, agent->inputs[i]);
	}
}

void agent_figure_input(const struct input *input, struct report_input *ret)
{
	*ret = (struct report_input){.number = input->number, .tees = input->tee != NULL};
	snprintf(ret->address, sizeof(ret->address), "%s", dnstap_input_address(input->source));
	input_stats(input, &ret->stats);
	input_tee_stats(input, &ret->tee);
}

static void fill_figures(struct agent *agent, struct report_agent *ret)
{
	for (size_t i = 0; i < agent->n_inputs; i++) {
		agent_figure_input(agent->inputs[i], &agent->report_inputs[i]);
		if (agent->report_inputs[i].stats.accepted)
			atomic_store_explicit(&agent->connected, true, memory_order_relaxed);
	}
	*ret = (struct report_agent){
	    .inputs = agent->report_inputs,
	    .n_inputs = agent->n_inputs,
	    .left = agent->left,
	    .n_left = agent->n_left,
	    .now_ns = clock_wall_ns(agent->clock),
	    .window_lag_ns = agent->lag_ns,
	    .lost = agent->lost,
	};
	agent->lost = 0;
}

/* What happened to the dnstap side since the last window. */
static void fill_comparison(
    struct agent *agent, const struct window_span *span, struct comparison_window *ret)
{
	const int64_t now_ns = agent->now_ns;
	const int64_t from_ns = span->partial ? span->time_ms * NS_PER_MS : span->start_ns;
	const int64_t to_ns = now_ns < span->end_ns ? now_ns : span->end_ns;
	const bool clock_set = span->start_ns <= agent->set_until_ns;
	struct crosscheck_inputs *inputs = &ret->inputs;

	*ret = (struct comparison_window){
	    .wire = wire_get(agent->wire, span->index),
	    /* Where a window begins is told to the millisecond. */
	    .duration_ns = (uint64_t)(to_ns > from_ns + NS_PER_MS ? to_ns - from_ns : NS_PER_MS),
	    .inputs = {.started = !agent->reported,
		.stopped = agent->stopping,
		.reloaded = agent->reloaded,
		.changed = agent->changed,
		.clock_set = clock_set},
	};
	/* How long such a window really was, that clock cannot tell. */
	if (clock_set)
		ret->duration_ns = (uint64_t)agent->windows.interval_ns;
	for (size_t i = 0; i < agent->n_inputs; i++)
		input_witness(agent->inputs[i], &agent->config->inputs[i],
		    &agent->report_inputs[i].stats, inputs);
	inputs->producers = agent->producers;
	for (size_t i = 0; i < agent->n_inputs; i++) {
		if (agent->config->inputs[i].scope != SCOPE_ZONE)
			agent->producers[inputs->n_producers++] = agent->inputs[i]->producer;
	}
	agent->reported = true;
	agent->reloaded = agent->changed = false;
}

static void note_late(struct agent *agent, const struct closed_shard *closed)
{
	for (size_t i = 0; i < agent->n_inputs; i++) {
		if (agent->inputs[i] == closed->owner) {
			agent->report_inputs[i].late += closed->shard->late;
			agent->report_inputs[i].skewed += closed->shard->skewed;
		}
	}
}

/* Merges every closed shard up to this window into one, and reports it. A shard that missed its
 * window (its thread was stopped for a while) joins here. */
static void report_span(struct agent *agent, const struct window_span *span)
{
	struct closed_shard base = {NULL, NULL};
	struct comparison_window compared;
	struct report_agent figures;
	size_t kept = 0;

	fill_figures(agent, &figures);
	fill_comparison(agent, span, &compared);
	for (size_t i = 0; i < agent->n_closed; i++) {
		struct closed_shard *closed = &agent->closed[i];

		if (closed->shard->index > span->index) {
			agent->closed[kept++] = *closed;
			continue;
		}
		note_late(agent, closed);
		if (!base.shard) {
			base = *closed;
			continue;
		}
		if (shard_merge(base.shard, closed->shard, &agent->seed) < 0)
			log_error(
			    MODULE, "no memory to merge a window: some of its sources are missing");
		give_back(agent, closed->shard, closed->owner);
	}
	agent->n_closed = kept;
	report_window(
	    agent->report, base.shard ? base.shard : agent->empty, span, &compared, &figures);
	wire_done(agent->wire, span->index);
	agent->n_left = 0;
	if (base.shard)
		give_back(agent, base.shard, base.owner);
	else
		shard_clear(agent->empty, &agent->limits);
}

void agent_forget_labels(struct agent *agent)
{
	uint64_t since = UINT64_MAX;
	struct zone_numbers numbers;

	for (size_t i = 0; i < agent->n_inputs; i++) {
		if (since > agent->inputs[i]->labels_since)
			since = agent->inputs[i]->labels_since;
	}
	for (size_t i = 0; i < agent->n_closed; i++) {
		if (since > agent->closed[i].shard->labels_since)
			since = agent->closed[i].shard->labels_since;
	}
	/* Without memory, the next window tries again. */
	if (zone_registry_due(agent->registry, since, &numbers) &&
	    report_forget_zones(agent->report, &numbers) == 0)
		zone_registry_forget(agent->registry, &numbers);
}

static int64_t newest_closed(const struct agent *agent)
{
	int64_t newest = wire_newest(agent->wire);

	for (size_t i = 0; i < agent->n_closed; i++) {
		if (agent->closed[i].shard->index > newest)
			newest = agent->closed[i].shard->index;
	}
	return newest;
}

static bool is_counted(const struct agent *agent, int64_t index)
{
	for (size_t i = 0; i < agent->n_closed; i++) {
		if (agent->closed[i].shard->index <= index)
			return true;
	}
	return wire_has(agent->wire, index);
}

/* Reports all windows before `oldest`. Where the clock leapt, those in between that nobody counted
 * in are left out. */
static void report_until(struct agent *agent, int64_t oldest)
{
	const bool leapt = oldest - agent->windows.oldest > MAX_EMPTY;
	struct window_span span;

	while (agent->windows.oldest < oldest) {
		if (leapt && !is_counted(agent, agent->windows.oldest)) {
			const int64_t newest = newest_closed(agent);

			windows_skip(&agent->windows,
			    newest >= agent->windows.oldest && newest < oldest
				? agent->windows.oldest + 1
				: oldest);
			continue;
		}
		windows_close(&agent->windows, &span);
		/* Before the points go anywhere: a successor writes none of this time. */
		wire_note(agent->wire, &agent->windows.written, sizeof(agent->windows.written));
		report_span(agent, &span);
	}
}

void agent_close_everything(
    struct agent *agent, struct input_command *command, int64_t now_ns, bool whole)
{
	const int64_t now = windows_index(&agent->windows, now_ns);
	int64_t last;

	agent->now_ns = now_ns;
	wire_cut(agent->wire, now_ns, whole);
	command->oldest = INT64_MAX;
	agent_command_all(agent, command);
	last = newest_closed(agent);
	/* The window of this moment too, though nobody may have counted in it; none that lies
	 * ahead. */
	if (last < now)
		last = now;
	report_until(agent, last + 1);
}

static void step_back(struct agent *agent, int64_t now_ns)
{
	struct input_command command = {.reopen = windows_index(&agent->windows, now_ns)};

	log_warning(MODULE, "the clock was set back: windows begin anew");
	/* All that are open, and then the one that begins now, into which their late frames come.
	 */
	agent->set_until_ns = INT64_MAX;
	agent_close_everything(agent, &command, now_ns, true);
	windows_reopen(&agent->windows, now_ns);
	agent->set_until_ns = agent->newest_ns = now_ns;
}

void agent_clock_set(struct agent *agent)
{
	const int64_t now_ns = clock_wall_ns(agent->clock);
	const int64_t until_ns = now_ns > agent->newest_ns ? now_ns : agent->newest_ns;

	if (until_ns > agent->set_until_ns)
		agent->set_until_ns = until_ns;
}

int64_t agent_tick(struct agent *agent)
{
	/* One look at the clock for both witnesses: were it set in between, they would part. */
	const int64_t now_ns = clock_wall_ns(agent->clock);
	const int64_t wire_ns = wire_tick(agent->wire, now_ns);
	const int64_t due_ns = windows_due_ns(&agent->windows);
	int64_t next_ns;

	agent->now_ns = now_ns;
	if (now_ns > agent->newest_ns)
		agent->newest_ns = now_ns;
	if (windows_stepped_back(&agent->windows, now_ns)) {
		step_back(agent, now_ns);
	} else if (now_ns >= due_ns) {
		const int64_t oldest =
		    windows_index(&agent->windows, now_ns - agent->windows.grace_ns);

		agent_command_all(
		    agent, &(struct input_command){.oldest = oldest, .reopen = INT64_MIN});
		report_until(agent, oldest);
		(void)agent_inputs_gone(agent);
		/* Views, documents and points of a window leave holes in the heap that nothing
		 * fills until the next one. */
		malloc_trim(0);
		agent->lag_ns = clock_wall_ns(agent->clock) - due_ns;
		if (agent->lag_ns < 0) /* the clock was set back meanwhile */
			agent->lag_ns = 0;
	}
	if (windows_due_ns(&agent->windows) != due_ns)
		agent_forget_labels(agent);
	next_ns = windows_due_ns(&agent->windows);
	atomic_store_explicit(&agent->due_ns, next_ns, memory_order_relaxed);
	return next_ns < wire_ns ? next_ns : wire_ns;
}
