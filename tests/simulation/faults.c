/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults that the simulation must find: each is one that was made somewhere, by somebody. */
#include "simulation.h"

#include "crosscheck/crosscheck.h"
#include "history/held.h"
#include "magnitude/magnitude.h"
#include "relay/relay_queue.h"
#include "rssac002/rssac002_internal.h"
#include "sink/queue.h"
#include "sink/spool.h"
#include "stats/collector.h"
#include "stats/windows.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum sim_fault sim_fault;
const char *const sim_fault_names[SIM_FAULTS] = {
    [SIM_FAULT_NONE] = "none",
    [SIM_FAULT_WINDOW_TWICE] = "window-twice",   /* a window is taken twice after a clock step */
    [SIM_FAULT_SPOOL_EARLY] = "spool-early",     /* a spool file goes before its answer comes */
    [SIM_FAULT_LATE_TWICE] = "late-twice",       /* a late frame counts in two windows */
    [SIM_FAULT_RETRY] = "retry-after-success",   /* sent again although it was taken */
    [SIM_FAULT_RELOAD_WINDOW] = "reload-window", /* the last window is lost at a reload */
    [SIM_FAULT_BALANCE] = "balance-forgotten",   /* it begins anew in each window */
    [SIM_FAULT_TORN] = "torn-file",              /* a torn spool file is read as a whole one */
    [SIM_FAULT_DROPS] = "drops-uncounted",       /* what a full queue drops is not counted */
    [SIM_FAULT_SYNC] = "no-sync",                /* a spool file is renamed and not synced */
    [SIM_FAULT_MERGE] = "merge-forgotten",       /* the second input is in no window */
    [SIM_FAULT_STEP] = "step-unnoticed",         /* the clock goes back and nobody sees it */
    [SIM_FAULT_WIRE] = "wire-forgotten",         /* a window of the wire is not reported */
    [SIM_FAULT_TWO_LOOKS] = "two-looks",         /* a stage of a reload looks at the clock itself */
    [SIM_FAULT_RSSAC_STATE] = "rssac-late",      /* its state lacks the newest windows */
    [SIM_FAULT_RSSAC_DAY] = "rssac-day", /* the files of a day that is over are not written */
    [SIM_FAULT_MAGNITUDE] = "magnitude-forgotten", /* a stop does not write its state */
    [SIM_FAULT_HISTORY_TWICE] =
	"history-twice",                       /* a window is added to the minute before as well */
    [SIM_FAULT_HISTORY_FILE] = "history-file", /* a stop does not write its file */
    [SIM_FAULT_STREAM] = "stream-asleep",      /* a reader of events is not woken */
    [SIM_FAULT_TEE_PIECE] =
	"tee-piece", /* after a piece of a frame its rest goes to the next reader */
    [SIM_FAULT_TEE_DROPS] = "tee-uncounted", /* what a tee could not send is in no counter */
};

bool sim_planted(enum sim_fault fault)
{
	return sim_fault == fault;
}

void __real_windows_reopen(struct windows *windows, int64_t now_ns);
void __wrap_windows_reopen(struct windows *windows, int64_t now_ns);
void __wrap_windows_reopen(struct windows *windows, int64_t now_ns)
{
	const uint32_t steps = windows->written.steps;

	__real_windows_reopen(windows, now_ns);
	if (sim_planted(SIM_FAULT_WINDOW_TWICE))
		windows->written.steps = steps;
}

bool __real_windows_stepped_back(const struct windows *windows, int64_t now_ns);
bool __wrap_windows_stepped_back(const struct windows *windows, int64_t now_ns);
bool __wrap_windows_stepped_back(const struct windows *windows, int64_t now_ns)
{
	return !sim_planted(SIM_FAULT_STEP) && __real_windows_stepped_back(windows, now_ns);
}

int __real_spool_oldest(
    struct spool *spool, struct batch **ret, uint64_t *ret_id, size_t *ret_lost);
int __wrap_spool_oldest(
    struct spool *spool, struct batch **ret, uint64_t *ret_id, size_t *ret_lost);
int __wrap_spool_oldest(struct spool *spool, struct batch **ret, uint64_t *ret_id, size_t *ret_lost)
{
	int r = __real_spool_oldest(spool, ret, ret_id, ret_lost);

	if (r == 0 && sim_planted(SIM_FAULT_SPOOL_EARLY))
		spool_remove(spool, *ret_id);
	return r;
}

void __real_collector_take(
    struct collector *collector, const struct record *records, size_t n, int64_t now_ns);
void __wrap_collector_take(
    struct collector *collector, const struct record *records, size_t n, int64_t now_ns);
void __wrap_collector_take(
    struct collector *collector, const struct record *records, size_t n, int64_t now_ns)
{
	__real_collector_take(collector, records, n, now_ns);
	for (size_t i = 0; i < n && sim_planted(SIM_FAULT_LATE_TWICE); i++) {
		const int64_t time_ns =
		    records[i].type & 1 ? records[i].query_time_ns : records[i].response_time_ns;

		if (window_index(time_ns, NS_PER_S) < window_index(now_ns, NS_PER_S) - 4)
			__real_collector_take(collector, &records[i], 1, now_ns);
	}
}

/* All shards leave at once at a reload that changes the interval, at a step and at the end. */
size_t __real_collector_close(
    struct collector *collector, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS]);
size_t __wrap_collector_close(
    struct collector *collector, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS]);
size_t __wrap_collector_close(
    struct collector *collector, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS])
{
	size_t n = __real_collector_close(collector, oldest, ret);

	if (sim_planted(SIM_FAULT_RELOAD_WINDOW) && oldest == INT64_MAX && n && sim_reloading()) {
		shard_free(ret[n - 1]);
		n--;
	}
	return n;
}

int __real_crosscheck_window(struct crosscheck *crosscheck, uint64_t duration_ns,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    const struct crosscheck_inputs *inputs, struct arena *arena, struct crosscheck_result *ret);
int __wrap_crosscheck_window(struct crosscheck *crosscheck, uint64_t duration_ns,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    const struct crosscheck_inputs *inputs, struct arena *arena, struct crosscheck_result *ret);
int __wrap_crosscheck_window(struct crosscheck *crosscheck, uint64_t duration_ns,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    const struct crosscheck_inputs *inputs, struct arena *arena, struct crosscheck_result *ret)
{
	int r = __real_crosscheck_window(crosscheck, duration_ns, wire, dnstap, inputs, arena, ret);

	if (r == 0 && sim_planted(SIM_FAULT_BALANCE))
		ret->funnel.balance = ret->funnel.unexplained;
	if (r == 0)
		sim_judged(ret);
	return r;
}

/* The header that was read last, and the text behind it: its checksum is always right. */
static const struct {
	uint64_t words[6];
} * header;
static const void *body;

ssize_t __real_io_read(int fd, void *data, size_t size);
ssize_t __wrap_io_read(int fd, void *data, size_t size);
ssize_t __wrap_io_read(int fd, void *data, size_t size)
{
	if (size == sizeof(*header))
		header = data;
	else
		body = data;
	return __real_io_read(fd, data, size);
}

XXH64_hash_t __real_XXH64(const void *data, size_t length, XXH64_hash_t seed);
XXH64_hash_t __wrap_XXH64(const void *data, size_t length, XXH64_hash_t seed);
XXH64_hash_t __wrap_XXH64(const void *data, size_t length, XXH64_hash_t seed)
{
	if (sim_planted(SIM_FAULT_TORN) && data == body && sim_in_process())
		return header->words[5];
	return __real_XXH64(data, length, seed);
}

size_t __real_queue_push(struct queue *queue, struct batch *batch, uint64_t due_ns);
size_t __wrap_queue_push(struct queue *queue, struct batch *batch, uint64_t due_ns);
size_t __wrap_queue_push(struct queue *queue, struct batch *batch, uint64_t due_ns)
{
	const size_t dropped = __real_queue_push(queue, batch, due_ns);

	return sim_planted(SIM_FAULT_DROPS) ? 0 : dropped;
}

int __real_spool_put(struct spool *spool, const char *text, size_t length, size_t points,
    enum replace_sync sync, uint64_t *ret_id, size_t *ret_dropped);
int __wrap_spool_put(struct spool *spool, const char *text, size_t length, size_t points,
    enum replace_sync sync, uint64_t *ret_id, size_t *ret_dropped);
int __wrap_spool_put(struct spool *spool, const char *text, size_t length, size_t points,
    enum replace_sync sync, uint64_t *ret_id, size_t *ret_dropped)
{
	return __real_spool_put(spool, text, length, points,
	    sim_planted(SIM_FAULT_SYNC) ? REPLACE_FAST : sync, ret_id, ret_dropped);
}

void __real_wire_commit(struct wire *wire, struct wire_next *next, int64_t now_ns);
void __wrap_wire_commit(struct wire *wire, struct wire_next *next, int64_t now_ns);
void __wrap_wire_commit(struct wire *wire, struct wire_next *next, int64_t now_ns)
{
	__real_wire_commit(
	    wire, next, sim_planted(SIM_FAULT_TWO_LOOKS) ? clock_wall_ns(&clock_system) : now_ns);
}

int __real_shard_merge(struct shard *into, struct shard *from, const struct hash_seed *seed);
int __wrap_shard_merge(struct shard *into, struct shard *from, const struct hash_seed *seed);
int __wrap_shard_merge(struct shard *into, struct shard *from, const struct hash_seed *seed)
{
	return sim_planted(SIM_FAULT_MERGE) ? 0 : __real_shard_merge(into, from, seed);
}

/* As if the state were written before the window is added. */
int __real_rssac002_write_state(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service);
int __wrap_rssac002_write_state(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service);
int __wrap_rssac002_write_state(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service)
{
	static unsigned calls;

	if (sim_planted(SIM_FAULT_RSSAC_STATE) && calls++ % 2)
		return 0;
	return __real_rssac002_write_state(day, key, dir, service);
}

int __real_rssac002_write_files(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service, const char *prefix);
int __wrap_rssac002_write_files(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service, const char *prefix);
int __wrap_rssac002_write_files(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service, const char *prefix)
{
	const bool over = day->day < clock_day(sim_wall_ns());

	return over && sim_planted(SIM_FAULT_RSSAC_DAY)
	    ? 0
	    : __real_rssac002_write_files(day, key, dir, service, prefix);
}

int __real_magnitude_flush(struct magnitude *magnitude);
int __wrap_magnitude_flush(struct magnitude *magnitude);
int __wrap_magnitude_flush(struct magnitude *magnitude)
{
	return sim_planted(SIM_FAULT_MAGNITUDE) ? 0 : __real_magnitude_flush(magnitude);
}

int __real_past_add(struct past *past, struct past_window *window);
int __wrap_past_add(struct past *past, struct past_window *window);
int __wrap_past_add(struct past *past, struct past_window *window)
{
	const int64_t begin_ms = window->start_ms;

	if (sim_planted(SIM_FAULT_HISTORY_TWICE) && begin_ms % 60000 == 0) {
		window->start_ms--;
		__real_past_add(past, window);
		window->start_ms = begin_ms;
	}
	return __real_past_add(past, window);
}

int __real_held_write(const struct history_next *held, const char *path);
int __wrap_held_write(const struct history_next *held, const char *path);
int __wrap_held_write(const struct history_next *held, const char *path)
{
	return sim_planted(SIM_FAULT_HISTORY_FILE) ? 0 : __real_held_write(held, path);
}

void __real_relay_queue_again(struct relay_queue *queue);
void __wrap_relay_queue_again(struct relay_queue *queue);
void __wrap_relay_queue_again(struct relay_queue *queue)
{
	if (!sim_planted(SIM_FAULT_TEE_PIECE))
		__real_relay_queue_again(queue);
}

uint64_t __real_relay_queue_clear(struct relay_queue *queue);
uint64_t __wrap_relay_queue_clear(struct relay_queue *queue);
uint64_t __wrap_relay_queue_clear(struct relay_queue *queue)
{
	const uint64_t frames = __real_relay_queue_clear(queue);

	return sim_planted(SIM_FAULT_TEE_DROPS) ? 0 : frames;
}

const struct wire_window *__real_wire_get(struct wire *wire, int64_t index);
const struct wire_window *__wrap_wire_get(struct wire *wire, int64_t index);
const struct wire_window *__wrap_wire_get(struct wire *wire, int64_t index)
{
	const struct wire_window *window = __real_wire_get(wire, index);

	return sim_planted(SIM_FAULT_WIRE) && index % 8 == 0 ? NULL : window;
}
