/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/wire.h"

#include "base/log.h"
#include "base/unused.h"
#include "stats/windows.h"
#include "wire/bpf/bpf.h"
#include "wire/host/stages.h"
#include "wire/watch.h"
#include "wire/window/gap.h"
#include "wire/window/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE      "wire"
#define MAX_PENDING 8

/* What was counted from one flip to the next: one window, the last, unless the flip came so late
 * that it ended those before it as well. */
struct pending {
	int64_t first, last;
	int64_t start_ns;    /* of the last */
	uint32_t generation; /* of the watch that counted it */
	struct arena *arena;
	struct wire_window window, gap;
};

struct wire {
	struct config *config;
	const struct clock *clock;
	const struct passed_sockets *passed;
	struct wire_listener listener;
	struct watch *watch;        /* NULL: wire.mode is off, or it has not begun */
	uint32_t generation;        /* of the watch: each begins to number its parts anew */
	struct wire_stages *stages; /* NULL: no memory for them */
	int64_t open;               /* index of the window that is counted into */
	bool settling;              /* the one before it was flipped and is not read yet */
	int64_t settling_first, settling_last; /* windows; more than one after a late flip */
	uint64_t settled_ns;                   /* CLOCK_MONOTONIC */
	struct pending pending[MAX_PENDING];
	size_t n_pending;
	struct arena *spare;
};

struct wire_next {
	struct config *config;
	struct watch *watch; /* where none runs yet */
	struct wire_stages_next *stages;
};

static void say(void *context UNUSED, enum log_level level, const char *text)
{
	log_write(level, MODULE, "%s", text);
}

/* -- life */

int wire_new(struct wire **ret, const struct config *config, const struct clock *clock,
    const struct passed_sockets *passed, const struct wire_listener *listener)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return -ENOMEM;
	wire->config = config_ref(config);
	wire->clock = clock;
	wire->passed = passed;
	wire->listener = *listener;
	wire->generation = 1;
	*ret = wire;
	return 0;
}

static int64_t index_of(const struct wire *wire, int64_t time_ns)
{
	return window_index(time_ns, (int64_t)wire->config->interval_ns);
}

static int make_watch(struct watch **ret, const struct wire *wire, const struct config *config)
{
	const struct watch_options options = {
	    .config = config, .passed = wire->passed, .clock = wire->clock, .say = say};

	return watch_new(ret, &options);
}

/* Takes the watch over, in the window of this moment. */
static void begin(struct wire *wire, struct watch *watch, int64_t now_ns)
{
	int r = wire_stages_new(&wire->stages, wire->config);

	if (r < 0)
		log_warning(MODULE, "what the host drops cannot be read: %s", strerror(-r));
	wire->watch = watch;
	wire->generation++;
	(void)watch_start(watch); /* says itself what is missing */
	if (wire->stages)
		wire_stages_follow(wire->stages, wire_bpf_config_fd(watch_bpf(watch)));
	wire->open = index_of(wire, now_ns);
}

/* An end with on_exit: keep leaves programs and counters, which a watch after this one adopts. The
 * windows that wait here are still reported, so it must not have them again; an agent that is
 * killed before it has reported them loses them, as a switched off wire has nobody to tell. */
static void leave_to_report(struct wire *wire)
{
	for (size_t i = 0; i < wire->n_pending; i++) {
		if (wire->pending[i].generation == wire->generation)
			wire_bpf_reported(watch_bpf(wire->watch), wire->pending[i].window.mark);
	}
}

static void end(struct wire *wire)
{
	watch_free(wire->watch);
	wire_stages_free(wire->stages);
	wire->watch = NULL;
	wire->stages = NULL;
	wire->generation++;
}

void wire_start(struct wire *wire, int64_t now_ns)
{
	struct watch *watch;

	if (!wire || wire->config->wire.mode == WIRE_OFF)
		return;
	if (make_watch(&watch, wire, wire->config) < 0)
		log_error(MODULE, "the wire is not watched: %s", strerror(ENOMEM));
	else
		begin(wire, watch, now_ns);
}

void wire_stop(struct wire *wire)
{
	if (wire && wire->watch)
		watch_stop(wire->watch);
}

void wire_free(struct wire *wire)
{
	if (!wire)
		return;
	end(wire);
	for (size_t i = 0; i < wire->n_pending; i++)
		arena_free(wire->pending[i].arena);
	arena_free(wire->spare);
	config_unref(wire->config);
	free(wire);
}

/* -- another configuration */

int wire_prepare(struct wire *wire, const struct config *config, struct wire_next **ret,
    char *error, size_t size)
{
	struct wire_next *next = calloc(1, sizeof(*next));
	int r = next ? 0 : -ENOMEM;

	if (r == 0) {
		next->config = config_ref(config);
		if (wire && config->wire.mode != WIRE_OFF && !wire->watch)
			r = make_watch(&next->watch, wire, config);
		else if (wire && config->wire.mode != WIRE_OFF && wire->stages)
			r = wire_stages_prepare(wire->stages, config, &next->stages);
	}
	if (r < 0) {
		snprintf(error, size, "wire: %s", strerror(-r));
		wire_next_free(next);
		return r;
	}
	*ret = next;
	return 0;
}

void wire_next_free(struct wire_next *next)
{
	if (!next)
		return;
	watch_free(next->watch);
	wire_stages_next_free(next->stages);
	config_unref(next->config);
	free(next);
}

static void swap_config(struct wire *wire, struct wire_next *next)
{
	struct config *old = wire->config;

	wire->config = next->config;
	next->config = old;
}

void wire_commit(struct wire *wire, struct wire_next *next, int64_t now_ns)
{
	const bool on = next->config->wire.mode != WIRE_OFF;
	bool regrid;

	if (!wire) {
		wire_next_free(next);
		return;
	}
	regrid = next->config->interval_ns != wire->config->interval_ns;
	swap_config(wire, next);
	if (wire->watch && regrid)
		wire->open = index_of(wire, now_ns);
	/* What was counted until now is still reported, by windows of the new length. */
	if (wire->watch && !on) {
		wire_cut(wire, now_ns, false);
		leave_to_report(wire);
		watch_stop(wire->watch);
		end(wire);
	}
	if (wire->watch) {
		watch_configure(wire->watch, wire->config);
		if (next->stages)
			wire_stages_commit(wire->stages, next->stages);
	} else if (on && next->watch) {
		begin(wire, next->watch, now_ns);
	}
	next->stages = NULL;
	next->watch = NULL;
	wire_next_free(next);
}

/* -- what outlives the agent */

void wire_note(struct wire *wire, const void *note, size_t size)
{
	if (wire && wire->watch)
		wire_bpf_note(watch_bpf(wire->watch), note, size);
}

bool wire_noted(const struct wire *wire, void *ret, size_t size)
{
	return wire && wire->watch && wire_bpf_noted(watch_bpf(wire->watch), ret, size);
}

/* -- windows */

/* Ends the open window, and all until `last`, which should have ended at `boundary_ns`. A slot is
 * late by what has passed since the first of them ended; packets carry their own time. */
static void flip(struct wire *wire, int64_t last, int64_t boundary_ns)
{
	const int64_t first_ns = (wire->open + 1) * (int64_t)wire->config->interval_ns;

	watch_flip(wire->watch, boundary_ns, first_ns < boundary_ns ? first_ns : boundary_ns);
	wire->settling = true;
	wire->settling_first = wire->open;
	wire->settling_last = last;
	wire->settled_ns = clock_monotonic_ns() + watch_settle_ns(wire->watch);
}

static struct arena *take_arena(struct wire *wire)
{
	struct arena *arena = wire->spare;

	wire->spare = NULL;
	return arena || arena_new(&arena) == 0 ? arena : NULL;
}

static void give_arena(struct wire *wire, struct arena *arena)
{
	if (wire->spare) {
		arena_free(arena);
		return;
	}
	arena_reset(arena);
	wire->spare = arena;
}

static void push(struct wire *wire, const struct pending *pending)
{
	if (wire->n_pending == MAX_PENDING) {
		give_arena(wire, wire->pending[0].arena);
		memmove(
		    wire->pending, wire->pending + 1, --wire->n_pending * sizeof(wire->pending[0]));
	}
	wire->pending[wire->n_pending++] = *pending;
}

/* A window that was counted in two parts, as the wire was off in between: is the first one here? */
static struct pending *first_part(struct wire *wire)
{
	struct pending *newest = wire->n_pending ? &wire->pending[wire->n_pending - 1] : NULL;

	return newest && newest->last == wire->settling_last &&
		newest->generation != wire->generation
	    ? newest
	    : NULL;
}

static void read_window(struct wire *wire, struct wire_window *window, struct arena *arena)
{
	if (watch_collect(wire->watch, window, arena) < 0)
		log_warning(MODULE, "a window of the wire could not be read: the next one has it");
	if (wire->stages)
		wire_stages_read(wire->stages, watch_is_native(wire->watch),
		    wire_bpf_config_fd(watch_bpf(wire->watch)), window, arena);
}

static void collect(struct wire *wire)
{
	struct pending *part = first_part(wire);
	struct arena *arena = part ? part->arena : take_arena(wire);
	struct wire_window window = {0};
	struct pending pending;

	wire->settling = false;
	if (!arena) {
		log_error(MODULE, "no memory to read a window of the wire: the next one has it");
		return;
	}
	read_window(wire, &window, arena);
	if (part) {
		if (wire_join(&part->window, &window, arena) < 0)
			log_warning(MODULE, "no memory for the second part of a window");
		part->generation = wire->generation;
		return;
	}
	pending = (struct pending){.first = wire->settling_first,
	    .last = wire->settling_last,
	    .start_ns = wire->settling_last * (int64_t)wire->config->interval_ns,
	    .generation = wire->generation,
	    .arena = arena,
	    .window = window};
	if (pending.last > pending.first)
		wire_gap_make(&pending.gap, &pending.window,
		    (uint64_t)(pending.last - pending.first) * wire->config->interval_ns, arena);
	push(wire, &pending);
}

static void wait_settled(const struct wire *wire)
{
	const uint64_t now = clock_monotonic_ns();
	struct timespec left;

	if (now >= wire->settled_ns)
		return;
	left = (struct timespec){.tv_nsec = (long)(wire->settled_ns - now)};
	nanosleep(&left, NULL);
}

int64_t wire_tick(struct wire *wire, int64_t now_ns)
{
	const uint64_t now = clock_monotonic_ns();
	bool over; /* the open window is */

	if (!wire || !wire->watch)
		return INT64_MAX;
	over = now_ns >= (wire->open + 1) * (int64_t)wire->config->interval_ns;
	/* Where the clock leaps while the last window settles, the agent reports all until now in
	 * this very turn: none of them can wait for another one. */
	if (wire->settling && over)
		wait_settled(wire);
	if (wire->settling && (over || now >= wire->settled_ns))
		collect(wire);
	if (over) {
		const int64_t open = index_of(wire, now_ns);

		flip(wire, open - 1, open * (int64_t)wire->config->interval_ns);
		wire->open = open;
	}
	if (wire->settling)
		return now_ns + (int64_t)(wire->settled_ns > now ? wire->settled_ns - now : 0);
	return (wire->open + 1) * (int64_t)wire->config->interval_ns;
}

void wire_cut(struct wire *wire, int64_t now_ns, bool whole)
{
	int64_t now;

	if (!wire || !wire->watch)
		return;
	if (wire->settling) {
		wait_settled(wire);
		collect(wire);
	}
	now = index_of(wire, now_ns);
	flip(wire, now > wire->open ? now : wire->open, now_ns);
	wire->open = now;
	wait_settled(wire);
	collect(wire);
	if (wire->n_pending && !whole)
		wire->pending[wire->n_pending - 1].window.whole = false;
}

const struct wire_window *wire_get(struct wire *wire, int64_t index)
{
	if (!wire)
		return NULL;
	if (wire->settling && wire->settling_first <= index && index <= wire->settling_last) {
		wait_settled(wire);
		collect(wire);
	}
	for (size_t i = 0; i < wire->n_pending; i++) {
		const struct pending *pending = &wire->pending[i];

		if (pending->first <= index && index <= pending->last)
			return index == pending->last ? &pending->window : &pending->gap;
	}
	return NULL;
}

int64_t wire_newest(const struct wire *wire)
{
	if (wire && wire->settling)
		return wire->settling_last;
	return wire && wire->n_pending ? wire->pending[wire->n_pending - 1].last : INT64_MIN;
}

bool wire_has(const struct wire *wire, int64_t index)
{
	if (wire && wire->settling && wire->settling_last == index)
		return true;
	for (size_t i = 0; wire && i < wire->n_pending; i++) {
		if (wire->pending[i].last == index)
			return true;
	}
	return false;
}

void wire_done(struct wire *wire, int64_t index)
{
	size_t kept = 0;

	if (!wire)
		return;
	for (size_t i = 0; i < wire->n_pending; i++) {
		struct pending *pending = &wire->pending[i];

		if (pending->last > index) {
			wire->pending[kept++] = *pending;
			continue;
		}
		wire->listener.on_window(
		    wire->listener.context, &pending->window, pending->start_ns);
		if (pending->generation == wire->generation && wire->watch)
			wire_bpf_reported(watch_bpf(wire->watch), pending->window.mark);
		give_arena(wire, pending->arena);
	}
	wire->n_pending = kept;
}

/* -- what changes */

int wire_fd(const struct wire *wire)
{
	return wire && wire->watch ? watch_fd(wire->watch) : -1;
}

void wire_process(struct wire *wire)
{
	if (wire && wire->watch)
		watch_process(wire->watch);
}

size_t wire_own(const struct wire *wire, const uint64_t (**ret)[2], uint64_t *ret_version)
{
	uint64_t version = 0;
	size_t n = 0;

	*ret = NULL;
	if (wire && wire->watch)
		n = watch_own(wire->watch, ret, &version);
	*ret_version = (uint64_t)(wire ? wire->generation : 1) << 32 | version;
	return n;
}
