/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/replay_internal.h"

#include "agent/setup.h"
#include "base/clock.h"
#include "base/log.h"
#include "enrich/enrich.h"
#include "stats/item.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JUMP_NS         (3600 * NS_PER_S)
#define JUMP_AGREED     16
#define MAX_EMPTY       3600 /* windows without a frame that are reported in a row */
#define STOP_TIMEOUT_NS (60 * NS_PER_S)

static int open_magnitude(struct replay *replay, char *error, size_t size)
{
	const struct config *config = replay->options.config;
	const struct magnitude_options options = {.dir = config->magnitude.dir,
	    .server = config->server,
	    .domains = config->magnitude.domains};
	const char *unused;
	int r = *options.dir ? magnitude_new(&replay->magnitude, &options, &unused) : 0;

	if (r < 0)
		snprintf(error, size, "magnitude.dir: %s", strerror(-r));
	return r;
}

static void add_magnitude(struct replay *replay, const struct shard *shard, int64_t start_ns)
{
	int r = replay->magnitude && shard
	    ? magnitude_add(replay->magnitude, start_ns, shard->tally)
	    : 0;

	if (r < 0)
		log_error(MODULE, "DNS Magnitude of a window is not whole: %s", strerror(-r));
}

static int make_stages(struct replay *replay, char *error, size_t size)
{
	const struct config *config = replay->options.config;
	struct collector_config collector = {.interval_ns = (int64_t)config->interval_ns};
	int r = zone_registry_new(&replay->registry);

	if (r == 0) {
		compare_filter_make(&replay->filter, config);
		r = input_setup_make(&replay->setup, config, replay->options.input,
		    replay->registry, &replay->filter, &replay->seed, error, size);
	}
	if (r < 0)
		return r;
	collector.seed = replay->seed;
	collector.max_shards = shards_per_collector(config);
	collector.traits = replay->setup.traits;
	shard_limits_make(&replay->limits, config, collector.max_shards + 1);
	replay->limits.unassigned = SIZE_MAX; /* a file says all that it holds */
	collector.limits = replay->limits;
	r = collector_new(&replay->collector, &collector);
	if (r == 0)
		r = shard_new(&replay->total, &replay->limits, &replay->seed);
	if (r == 0 && replay->options.windows)
		r = enrich_new(&replay->enrich, config, &replay->seed, false);
	if (r == 0)
		r = replay_attacks_init(&replay->attacks, &replay->seed);
	if (r == 0)
		r = arena_new(&replay->arena);
	if (r == 0)
		r = place_names_new(&replay->places);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	r = privacy_new(&replay->privacy, config, error, size);
	if (r == 0)
		r = open_magnitude(replay, error, size);
	if (r < 0)
		return r;
	if (!replay->options.windows)
		return 0;
	r = report_new(&replay->report, config, replay->registry, &replay->seed, error, size);
	if (r == 0)
		report_use_enrich(replay->report, replay->enrich);
	return r;
}

int replay_new(struct replay **ret, const struct replay_options *options, char *error, size_t size)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	int r;

	if (!replay) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	replay->options = *options;
	config_ref(options->config);
	hash_seed_random(&replay->seed);
	r = make_stages(replay, error, size);
	if (r < 0) {
		replay_free(replay);
		return r;
	}
	*ret = replay;
	return 0;
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	for (size_t i = 0; i < replay->n_files; i++)
		replay_file_free(replay->files[i]);
	free(replay->files);
	replay_wire_free(replay->wire);
	privacy_free(replay->privacy);
	magnitude_free(replay->magnitude);
	report_free(replay->report);
	enrich_free(replay->enrich);
	arena_free(replay->arena);
	place_names_free(replay->places);
	replay_attacks_done(&replay->attacks);
	collector_free(replay->collector);
	shard_free(replay->total);
	input_setup_done(&replay->setup);
	zone_registry_free(replay->registry);
	config_unref(replay->options.config);
	free(replay);
}

/* The shard that the collector has given up: counted in the total, reported, given back. */
static void finish_shard(struct replay *replay, struct shard *shard, const struct window_span *span,
    const struct comparison_window *compared)
{
	struct shard *empty = NULL; /* no more of the collector's than it made */

	add_magnitude(replay, shard, span->start_ns);
	if (replay->options.config->datasets & DATASET_ATTACKS)
		replay_attacks_window(&replay->attacks, replay->options.config, shard, span);
	if (shard && shard_merge(replay->total, shard, &replay->seed) < 0)
		log_error(MODULE, "no memory for the sources of all windows");
	if (!shard && (!replay->report || shard_new(&empty, &replay->limits, &replay->seed) < 0))
		return;
	if (replay->report)
		report_window(replay->report, shard ? shard : empty, span, compared, NULL);
	replay->reported = true;
	shard_free(empty);
	if (!shard)
		return;
	shard_clear(shard, &replay->limits);
	collector_give(replay->collector, shard);
}

/* The packets of a window join its frames; they are part of the captures' total already. */
static void finish_window(
    struct replay *replay, struct shard *shard, const struct window_span *span)
{
	struct comparison_window compared = {
	    .duration_ns = (uint64_t)(span->end_ns - span->start_ns)};
	struct counter_window *counter =
	    replay->wire ? replay_wire_take(replay->wire, span->index) : NULL;
	struct wire_window wire;

	if (replay->wire && replay->report) {
		replay_inputs(replay, &compared.inputs);
		if (replay_wire_fill(replay->wire, counter, replay->arena, &wire) == 0)
			compared.wire = &wire;
		else
			log_error(MODULE, "no memory for the packets of a window");
	}
	finish_shard(replay, shard, span, compared.wire ? &compared : NULL);
	if (replay->wire)
		replay_wire_give(replay->wire, counter);
	arena_reset(replay->arena);
}

/* Windows without a frame up to `oldest`. None before the first frame, nor over hours in which
 * nothing was recorded. */
static void finish_empty(struct replay *replay, int64_t oldest)
{
	struct window_span span;

	if (!replay->reported || oldest - replay->windows.oldest > MAX_EMPTY)
		windows_skip(&replay->windows, oldest);
	while (replay->windows.oldest < oldest) {
		windows_close(&replay->windows, &span);
		finish_window(replay, NULL, &span);
	}
}

/* Windows without a shard up to `oldest`; INT64_MAX: those of packets. */
static void finish_until(struct replay *replay, int64_t oldest)
{
	struct window_span span;
	int64_t index;

	while (replay->wire && replay_wire_first(replay->wire, &index) && index < oldest) {
		finish_empty(replay, index);
		windows_close(&replay->windows, &span);
		finish_window(replay, NULL, &span);
	}
	if (oldest != INT64_MAX)
		finish_empty(replay, oldest);
}

/* Closes every window that ended, with grace, before `clock_ns`; INT64_MAX: all. */
static void close_windows(struct replay *replay, int64_t clock_ns)
{
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	int64_t oldest = clock_ns == INT64_MAX
	    ? INT64_MAX
	    : windows_index(&replay->windows, clock_ns - replay->windows.grace_ns);
	size_t n = collector_close(replay->collector, oldest, shards);
	struct window_span span;

	for (size_t i = 0; i < n; i++) {
		shard_settle(shards[i], &replay->seed);
		finish_until(replay, shards[i]->index);
		windows_close(&replay->windows, &span);
		finish_window(replay, shards[i], &span);
	}
	finish_until(replay, oldest);
	if (oldest != INT64_MAX)
		collector_reopen(replay->collector, oldest);
}

/* Of the packet or frame that is next. */
static int64_t next_of(const struct replay_file *file)
{
	return file->capture ? replay_capture_time(file) : file->next_ns;
}

static bool is_jump(const struct replay_file *file, int64_t time_ns)
{
	return time_ns > file->newest_ns &&
	    (uint64_t)time_ns - (uint64_t)file->newest_ns > (uint64_t)JUMP_NS;
}

/* How far the file has come: what follows is not earlier, or late. A jump is not believed yet. One
 * that has its turn later begins with what it has first. */
static int64_t time_of(const struct replay_file *file)
{
	const int64_t next_ns = next_of(file);

	if (file->newest_ns == INT64_MIN)
		return next_ns;
	return next_ns > file->newest_ns && !is_jump(file, next_ns) ? next_ns : file->newest_ns;
}

static int64_t clock_of(const struct replay *replay)
{
	int64_t clock_ns = INT64_MAX;

	for (size_t i = 0; i < replay->n_files; i++) {
		if (!replay->files[i]->at_end && time_of(replay->files[i]) < clock_ns)
			clock_ns = time_of(replay->files[i]);
	}
	return clock_ns;
}

static void begin(struct replay *replay, int64_t time_ns)
{
	const int64_t grace = (int64_t)replay->options.config->grace_ns;

	windows_init(&replay->windows, (int64_t)replay->options.config->interval_ns, grace,
	    time_ns - grace, true);
	collector_reopen(replay->collector, replay->windows.oldest);
	replay->begun = true;
}

/* The files' clock jumped back over more than an hour: like a clock that was set. */
static void begin_again(struct replay *replay, int64_t time_ns)
{
	close_windows(replay, INT64_MAX);
	windows_reopen(&replay->windows, time_ns);
	collector_reopen(replay->collector, replay->windows.oldest);
}

/* Moves the file's time on to that of a frame. A jump of over an hour must be agreed on by some
 * frames running: until then they count as skewed, or late. True where they stepped back. */
static bool advance(struct replay_file *file, int64_t time_ns)
{
	const bool forward = file->newest_ns == INT64_MIN || time_ns > file->newest_ns;

	if (file->newest_ns != INT64_MIN &&
	    (forward ? (uint64_t)time_ns - (uint64_t)file->newest_ns
		     : (uint64_t)file->newest_ns - (uint64_t)time_ns) > (uint64_t)JUMP_NS) {
		const int64_t distance =
		    time_ns > file->jump_ns ? time_ns - file->jump_ns : file->jump_ns - time_ns;

		file->jumped =
		    file->jumped && distance >= 0 && distance <= JUMP_NS ? file->jumped + 1 : 1;
		file->jump_ns = time_ns;
		if (file->jumped < JUMP_AGREED)
			return false;
		file->jumped = 0;
		file->newest_ns = time_ns;
		return !forward;
	}
	file->jumped = 0;
	if (forward)
		file->newest_ns = time_ns;
	return false;
}

/* The first time that a file says; the wall clock where none does. */
static int64_t first_of(const struct replay *replay)
{
	int64_t first_ns = INT64_MAX;

	for (size_t i = 0; i < replay->n_files; i++) {
		const struct replay_file *file = replay->files[i];
		const int64_t time_ns = file->capture ? replay_capture_time(file) : file->first_ns;

		if (!file->at_end && time_ns != INT64_MIN && time_ns < first_ns)
			first_ns = time_ns;
	}
	return first_ns == INT64_MAX ? clock_wall_ns(&clock_system) : first_ns;
}

/* When what says no time came: with what came before it, else with the first that says one. */
static int64_t receipt_of(const struct replay_file *file)
{
	if (file->newest_ns != INT64_MIN)
		return file->newest_ns;
	return file->first_ns != INT64_MIN ? file->first_ns : first_of(file->replay);
}

static void count_frames(
    struct replay_file *file, const struct record *records, size_t n, int64_t now_ns)
{
	if (n)
		collector_take(file->replay->collector, records, n, now_ns);
}

static bool is_due(const struct replay *replay)
{
	const int64_t clock_ns = clock_of(replay);

	return clock_ns != INT64_MIN && clock_ns >= windows_due_ns(&replay->windows);
}

void replay_take(void *context, const struct record *records, size_t n)
{
	struct replay_file *file = context;
	struct replay *replay = file->replay;
	size_t start = 0;

	if (replay->wire)
		replay_note_producer(file);
	for (size_t i = 0; i < n; i++) {
		const int direction = record_is_query(&records[i]) ? DIR_QUERY : DIR_RESPONSE;
		const int64_t time_ns = record_time(&records[i], direction, INT64_MIN);
		const bool told = time_ns != INT64_MIN && time_ns != INT64_MAX;
		const int64_t before_ns = receipt_of(file); /* a step back makes none skewed */
		bool back;

		if (!replay->begun)
			begin(replay, told ? time_ns : first_of(replay));
		back = told && advance(file, time_ns);
		if (back || is_due(replay)) {
			count_frames(file, records + start, i - start, before_ns);
			start = i;
			if (back)
				begin_again(replay, time_ns);
			else
				close_windows(replay, clock_of(replay));
		}
		/* In the window of the clock: of that which it shows now. */
		if (!told || time_ns > file->newest_ns) {
			count_frames(file, records + start, i + 1 - start, receipt_of(file));
			start = i + 1;
		}
	}
	count_frames(file, records + start, n - start, receipt_of(file));
}

void replay_take_bad(void *context)
{
	struct replay_file *file = context;
	struct replay *replay = file->replay;

	if (!replay->begun)
		begin(replay, first_of(replay));
	collector_bad(replay->collector, receipt_of(file));
}

/* The window that is open for this time. */
static int64_t index_of(const struct replay *replay, int64_t time_ns)
{
	const int64_t index = windows_index(&replay->windows, time_ns);

	return index < replay->windows.oldest ? replay->windows.oldest : index;
}

void replay_take_packet(struct replay_file *file, const struct pcap_packet *packet)
{
	struct replay *replay = file->replay;
	int64_t index, clock_ns;

	if (!replay->begun)
		begin(replay, packet->time_ns);
	if (advance(file, packet->time_ns)) {
		begin_again(replay, packet->time_ns);
	} else {
		clock_ns = clock_of(replay);
		if (clock_ns != INT64_MIN && clock_ns >= windows_due_ns(&replay->windows))
			close_windows(replay, clock_ns);
	}
	index =
	    index_of(replay, packet->time_ns < file->newest_ns ? packet->time_ns : file->newest_ns);
	if (replay_wire_count(replay->wire, index, packet) < 0) {
		log_error(MODULE, "no memory for the packets of a window");
		file->broken = true;
	}
}

void replay_end_packets(struct replay_file *last)
{
	struct replay *replay = last->replay;

	for (size_t i = 0; i < replay->n_files; i++) {
		if (replay->files[i]->capture && !replay->files[i]->at_end)
			return;
	}
	if (replay->begun && replay_wire_end(replay->wire, index_of(replay, last->newest_ns)) < 0) {
		log_error(MODULE, "no memory for the packets of a window");
		last->broken = true;
	}
}

/* Packets and frames are counted in the order of their times, so that no file is ahead of the
 * windows that are open, and streams can be followed from one capture to another. One whose time
 * jumps ahead is not waited for: what is behind it may be earlier. */
static int64_t turn_of(const struct replay_file *file)
{
	const int64_t next_ns = next_of(file);

	return file->newest_ns != INT64_MIN && is_jump(file, next_ns) ? file->newest_ns : next_ns;
}

/* The one whose time is least: it holds the clock back. */
static struct replay_file *next_file(const struct replay *replay)
{
	struct replay_file *next = NULL;
	int64_t least_ns = 0;

	for (size_t i = 0; i < replay->n_files; i++) {
		struct replay_file *file = replay->files[i];

		if (file->at_end || (next && turn_of(file) >= least_ns))
			continue;
		next = file;
		least_ns = turn_of(file);
	}
	return next;
}

static void warn_of_captures(const struct replay *replay)
{
	const struct replay_wire *wire = replay->wire;
	bool captures = false;
	char hint[768];

	for (size_t i = 0; i < replay->n_files; i++)
		captures |= replay->files[i]->capture != NULL;

	if (replay_wire_cut(wire))
		log_warning(MODULE,
		    "packets were captured without all of their message, which may not count: "
		    "packets=%llu",
		    (unsigned long long)replay_wire_cut(wire));
	if (captures && replay_wire_hint(wire, hint, sizeof(hint)))
		log_warning(MODULE, "%s", hint);
}

int replay_run(struct replay *replay)
{
	struct replay_file *file;
	int r = 0;

	replay_learn_servers(replay);
	for (size_t i = 0; i < replay->n_files; i++)
		replay_file_start(replay->files[i]);
	while ((file = next_file(replay)))
		replay_file_feed(file);
	if (replay->begun)
		close_windows(replay, INT64_MAX);
	if (replay->wire)
		warn_of_captures(replay);
	if (replay->magnitude && (r = magnitude_flush(replay->magnitude)) < 0)
		log_error(MODULE, "DNS Magnitude not written: %s", strerror(-r));
	if (replay->report)
		report_stop(replay->report, STOP_TIMEOUT_NS);
	for (size_t i = 0; i < replay->n_files; i++) {
		if (replay->files[i]->broken)
			r = -EIO;
	}
	return r;
}

void replay_sum_outputs(struct replay *replay, struct sink_stats *ret)
{
	*ret = (struct sink_stats){0};
	if (replay->report)
		report_sum_outputs(replay->report, ret);
}
