/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay.h"

#include "base/clock.h"
#include "base/log.h"
#include "setup.h"
#include "source/receiver.h"
#include "stats/item.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE          "replay"
#define BUFFER_BYTES    (1u << 20)
#define STEP_BYTES      4096 /* what one of several files is ahead at most */
#define JUMP_NS         (3600 * NS_PER_S)
#define JUMP_AGREED     16
#define MAX_EMPTY       3600 /* windows without a frame that are reported in a row */
#define STOP_TIMEOUT_NS (60 * NS_PER_S)

struct replay_file {
	struct replay *replay;
	int fd;
	const char *name;
	struct receiver receiver;
	uint8_t *buffer;
	size_t start, end, size; /* of what is not consumed yet */
	uint64_t bytes;
	int64_t newest_ns; /* INT64_MIN: nothing yet */
	int64_t jump_ns;   /* where the last frames say the time is, against newest_ns */
	unsigned jumped;   /* how many, running */
	bool at_end;
	bool broken; /* not read to its end */
};

struct replay {
	struct replay_options options;
	struct zone_registry *registry;
	struct hash_seed seed;
	struct compare_filter filter;
	struct input_setup setup;
	struct shard_limits limits;
	struct collector *collector;
	struct windows windows;
	bool begun;    /* the windows are */
	bool reported; /* one window at least */
	struct report *report;
	struct replay_file **files;
	size_t n_files;
	struct shard *total;
};

static int make_stages(struct replay *replay, char *error, size_t size)
{
	const struct config *config = replay->options.config;
	struct collector_config collector = {.interval_ns = (int64_t)config->interval_ns};
	int r = zone_registry_new(&replay->registry);

	if (r == 0) {
		compare_filter_make(&replay->filter, config);
		r = input_setup_make(&replay->setup, replay->options.input, replay->registry,
		    &replay->filter, &replay->seed, error, size);
	}
	if (r < 0)
		return r;
	collector.seed = replay->seed;
	collector.max_shards = shards_per_collector(config);
	collector.traits = replay->setup.traits;
	shard_limits_make(&replay->limits, config, collector.max_shards + 1);
	collector.limits = replay->limits;
	r = collector_new(&replay->collector, &collector);
	if (r == 0)
		r = shard_new(&replay->total, &replay->limits, &replay->seed);
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	else if (replay->options.windows)
		r = report_new(
		    &replay->report, config, replay->registry, &replay->seed, error, size);
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
	hash_seed_random(&replay->seed);
	r = make_stages(replay, error, size);
	if (r < 0) {
		replay_free(replay);
		return r;
	}
	*ret = replay;
	return 0;
}

static void file_free(struct replay_file *file)
{
	if (file)
		free(file->buffer);
	free(file);
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	for (size_t i = 0; i < replay->n_files; i++)
		file_free(replay->files[i]);
	free(replay->files);
	report_free(replay->report);
	collector_free(replay->collector);
	shard_free(replay->total);
	input_setup_done(&replay->setup);
	zone_registry_free(replay->registry);
	free(replay);
}

int replay_add(struct replay *replay, int fd, const char *name)
{
	struct replay_file **files =
	    reallocarray(replay->files, replay->n_files + 1, sizeof(*files));
	struct replay_file *file = calloc(1, sizeof(*file));

	if (files)
		replay->files = files;
	if (!files || !file)
		goto nomem;
	file->size = BUFFER_BYTES + (size_t)replay->options.config->limits.frame;
	file->buffer = malloc(file->size);
	if (!file->buffer)
		goto nomem;
	file->replay = replay;
	file->fd = fd;
	file->name = name;
	file->newest_ns = INT64_MIN;
	receiver_init(&file->receiver, (uint32_t)replay->options.config->limits.frame);
	files[replay->n_files++] = file;
	return 0;
nomem:
	file_free(file);
	return -ENOMEM;
}

/* The windows of shards that the collector has given up: counted in the total, reported, given
 * back. */
static void finish_window(
    struct replay *replay, struct shard *shard, const struct window_span *span)
{
	if (shard && shard_merge(replay->total, shard, &replay->seed) < 0)
		log_error(MODULE, "no memory for the sources of all windows");
	if (!shard && (!replay->report || shard_new(&shard, &replay->limits, &replay->seed) < 0))
		return;
	if (replay->report)
		report_window(replay->report, shard, span, NULL);
	replay->reported = true;
	shard_clear(shard, &replay->limits);
	collector_give(replay->collector, shard);
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
		finish_empty(replay, shards[i]->index);
		windows_close(&replay->windows, &span);
		finish_window(replay, shards[i], &span);
	}
	if (oldest != INT64_MAX) {
		finish_empty(replay, oldest);
		collector_reopen(replay->collector, oldest);
	}
}

static int64_t clock_of(const struct replay *replay)
{
	int64_t clock_ns = INT64_MAX;

	for (size_t i = 0; i < replay->n_files; i++) {
		if (!replay->files[i]->at_end && replay->files[i]->newest_ns < clock_ns)
			clock_ns = replay->files[i]->newest_ns;
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

static void take(void *context, const struct record *records, size_t n)
{
	struct replay_file *file = context;
	struct replay *replay = file->replay;
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		const int direction = record_is_query(&records[i]) ? DIR_QUERY : DIR_RESPONSE;
		const int64_t time_ns = record_time(&records[i], direction, file->newest_ns);
		int64_t clock_ns;
		bool back;

		if (time_ns == INT64_MIN || time_ns == INT64_MAX)
			continue; /* no time before the first: cannot move the clock */
		if (!replay->begun)
			begin(replay, time_ns);
		back = advance(file, time_ns);
		clock_ns = clock_of(replay);
		if (!back && (clock_ns == INT64_MIN || clock_ns < windows_due_ns(&replay->windows)))
			continue;
		if (i > start)
			collector_take(
			    replay->collector, records + start, i - start, file->newest_ns);
		start = i;
		if (back)
			begin_again(replay, time_ns);
		else
			close_windows(replay, clock_ns);
	}
	if (!replay->begun)
		begin(replay, clock_wall_ns(&clock_system));
	collector_take(replay->collector, records + start, n - start,
	    file->newest_ns == INT64_MIN ? clock_wall_ns(&clock_system) : file->newest_ns);
}

static void bad(void *context)
{
	struct replay_file *file = context;
	struct replay *replay = file->replay;
	int64_t now_ns = file->newest_ns;

	if (now_ns == INT64_MIN)
		now_ns = clock_wall_ns(&clock_system);
	if (!replay->begun)
		begin(replay, now_ns);
	collector_bad(replay->collector, now_ns);
}

static void stop_file(struct replay_file *file, const char *why)
{
	if (why) {
		log_error(MODULE, "%s: %s offset=%llu", file->name, why,
		    (unsigned long long)(file->bytes - (file->end - file->start)));
		file->broken = true;
	}
	file->at_end = true;
}

/* More bytes behind what is left; at the end of the file nothing may be left. */
static void fill(struct replay_file *file)
{
	ssize_t n;

	memmove(file->buffer, file->buffer + file->start, file->end - file->start);
	file->end -= file->start;
	file->start = 0;
	do {
		n = read(file->fd, file->buffer + file->end, file->size - file->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		stop_file(file, strerror(errno));
	} else if (n == 0) {
		if (file->end || file->receiver.stream.state == FRAME_STREAM_NEW)
			stop_file(file, file->end ? "ends inside a frame" : "is empty");
		else
			stop_file(file,
			    NULL); /* without STOP too: a capture that was cut between frames */
	} else {
		file->end += (size_t)n;
		file->bytes += (uint64_t)n;
	}
}

/* Feeds what is there, at most a step where files must keep together. */
static void feed(struct replay_file *file)
{
	static const struct receiver_ops ops = {.take = take, .bad = bad};
	const bool alone = file->replay->n_files == 1;
	size_t length = file->end - file->start;
	struct receiver_step step;

	for (size_t part = alone ? length : STEP_BYTES; length; part *= 2) {
		if (part > length)
			part = length;
		receiver_feed(&file->receiver, &ops, file, file->buffer + file->start, part, &step);
		file->start += step.used;
		if (step.error) {
			stop_file(file, step.error);
			return;
		}
		if (step.used || part == length) {
			if (!step.used)
				fill(file);
			return;
		}
	}
	fill(file);
}

/* The one whose time is least: it holds the clock back. */
static struct replay_file *next_file(const struct replay *replay)
{
	struct replay_file *next = NULL;

	for (size_t i = 0; i < replay->n_files; i++) {
		struct replay_file *file = replay->files[i];

		if (!file->at_end && (!next || file->newest_ns < next->newest_ns))
			next = file;
	}
	return next;
}

int replay_run(struct replay *replay)
{
	struct replay_file *file;
	int r = 0;

	while ((file = next_file(replay)))
		feed(file);
	if (replay->begun)
		close_windows(replay, INT64_MAX);
	if (replay->report)
		report_stop(replay->report, STOP_TIMEOUT_NS);
	for (size_t i = 0; i < replay->n_files; i++) {
		if (replay->files[i]->broken)
			r = -EIO;
	}
	return r;
}

void replay_get_totals(struct replay *replay, struct replay_totals *ret)
{
	*ret = (struct replay_totals){
	    .total = replay->total, .registry = replay->registry, .seed = replay->seed};
	for (size_t i = 0; i < replay->n_files; i++) {
		ret->frames += replay->files[i]->receiver.frames;
		ret->frames_bad += replay->files[i]->receiver.frames_bad;
		ret->bytes += replay->files[i]->bytes;
	}
}
