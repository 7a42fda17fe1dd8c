/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the agent keeps over its own end: a day of RSSAC002, a day of DNS Magnitude, the history.
 * Each is held against the points that were made, or against what the wire was given. A kill may
 * cost what rssac002.h, magnitude.h and history.h say, and no more.
 */
#include "simulation.h"

#include "history/history.h"
#include "magnitude/magnitude.h"
#include "rssac002/rssac002.h"

#include "base/replace.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS         60000
#define MAX_RECORDS       4096
#define FIELDS            2
#define ALL_MS            (INT64_MAX / 4)
#define MAGNITUDE_SAVE_NS (60 * (uint64_t)NS_PER_S)
#define HISTORY_SAVE_NS   (300 * (uint64_t)NS_PER_S)

/* A point's of `dns`, in the order in which they were made. */
struct record {
	int64_t time_ms;
	uint64_t counts[FIELDS]; /* queries, responses */
};

static struct {
	uint64_t in_hand; /* of a window that is being written down: a kill may count it twice */
	uint64_t twice;   /* at most, after kills */
} rssac;

static struct {
	uint64_t now, saved; /* queries that the dataset should have, and its state */
	uint64_t saved_ns;   /* 0: not in this life */
	uint64_t killed;     /* that kills took away */
	bool writing;        /* the state: after a kill it may be the new one, or the one before */
} magnitude;

static bool unsure; /* the power was cut, or the disk fails: what states say is older */

static struct {
	struct record records[MAX_RECORDS];
	size_t n, saved, added; /* in points; in its file; in memory */
	uint64_t saved_ns;
	bool unsure, adding;
	bool saving, lost; /* lost: killed while it was saved, nobody knows what is in the file */
} past;

static struct sim_kept kept;

void sim_kept_init(const struct sim_kept *which)
{
	kept = *which;
	memset(&rssac, 0, sizeof(rssac));
	memset(&magnitude, 0, sizeof(magnitude));
	unsure = which->fails;
	past.n = past.saved = past.added = 0;
	past.saved_ns = 0;
	past.unsure = past.adding = past.saving = past.lost = false;
}

/* -- RSSAC002 */

int __real_rssac002_add(
    struct rssac002 *rssac, int64_t start_ns, const struct rssac002_counts *counts);
int __wrap_rssac002_add(
    struct rssac002 *rssac, int64_t start_ns, const struct rssac002_counts *counts);
int __wrap_rssac002_add(
    struct rssac002 *files, int64_t start_ns, const struct rssac002_counts *counts)
{
	rssac.in_hand = counts->volume[0][RSSAC002_UDP][0];
	return __real_rssac002_add(files, start_ns, counts);
}

void sim_kept_reported(void)
{
	rssac.in_hand = 0;
}

/* NULL: it has none. */
static const char *find_volume(const char *path, const char *data, size_t size)
{
	static const char key[] = "dns-udp-queries-received-ipv4: ";
	const char *at =
	    strstr(path, "-traffic-volume.yaml") ? memmem(data, size, key, sizeof(key) - 1) : NULL;

	return at ? at + sizeof(key) - 1 : NULL;
}

/* Of a day's file that is complete. */
static void sum_volume(void *context, const char *path, const char *data, size_t size)
{
	const char *volume = strstr(path, ".part") ? NULL : find_volume(path, data, size);

	if (volume)
		*(uint64_t *)context += strtoull(volume, NULL, 10);
}

/* All days' files are there, at an orderly end. */
static void check_rssac002(const struct sim_kept_truth *truth)
{
	uint64_t sum = 0;

	if (!kept.rssac002 || truth->disturbed)
		return;
	sim_disk_each(SIM_ROOT "/rssac002/", sum_volume, &sum);
	if (sum > truth->counted + rssac.twice)
		sim_fail("RSSAC002's days have %llu queries, and there were %llu",
		    (unsigned long long)sum, (unsigned long long)truth->counted);
	if (sum < truth->counted && !truth->lost)
		sim_fail("RSSAC002's days have %llu queries of %llu", (unsigned long long)sum,
		    (unsigned long long)truth->counted);
}

/* -- DNS Magnitude */

int __real_magnitude_add(struct magnitude *magnitude, int64_t start_ns, const struct tally *tally);
int __wrap_magnitude_add(struct magnitude *magnitude, int64_t start_ns, const struct tally *tally);
int __wrap_magnitude_add(struct magnitude *day, int64_t start_ns, const struct tally *tally)
{
	if (tally)
		magnitude.now += tally_queries(tally);
	return __real_magnitude_add(day, start_ns, tally);
}

static uint64_t dataset_queries(const char *path, const char *data, size_t size)
{
	struct magnitude_day day;
	uint64_t queries;

	sim_peek(true);
	sim_memory_spare(true);
	if (dataset_read(&day, 16, (const uint8_t *)data, size) < 0)
		sim_fail("%s is no dataset", path);
	queries = day.queries;
	dataset_done(&day);
	sim_memory_spare(false);
	sim_peek(false);
	return queries;
}

static void sum_datasets(void *context, const char *path, const char *data, size_t size)
{
	if (strstr(path, ".cbor") && !strstr(path, ".part"))
		*(uint64_t *)context += dataset_queries(path, data, size);
}

/* -- files of days */

/* A file that a day had before is not replaced by one of which a part is missing. */
static void check_day(const char *path, const void *data, size_t size)
{
	const char *volume = find_volume(path, data, size);
	uint64_t before = 0, now;

	if (volume) {
		now = strtoull(volume, NULL, 10);
		sim_disk_each(path, sum_volume, &before);
	} else if (strstr(path, ".cbor")) {
		now = dataset_queries(path, data, size);
		sim_disk_each(path, sum_datasets, &before);
	} else {
		return;
	}
	if (now < before && !unsure)
		sim_fail("%s had %llu queries, and gets %llu", path, (unsigned long long)before,
		    (unsigned long long)now);
}

int __real_replace_file(
    const char *path, const void *data, size_t size, mode_t mode, enum replace_sync sync);
int __wrap_replace_file(
    const char *path, const void *data, size_t size, mode_t mode, enum replace_sync sync);
int __wrap_replace_file(
    const char *path, const void *data, size_t size, mode_t mode, enum replace_sync sync)
{
	const bool state = strstr(path, ".magnitude.state") != NULL;
	int r;

	if (sim_in_process())
		check_day(path, data, size);
	magnitude.writing = state;
	r = __real_replace_file(path, data, size, mode, sync);
	if (r == 0 && state) {
		magnitude.saved = magnitude.now;
		magnitude.saved_ns = sim_now_ns();
	}
	magnitude.writing = false;
	return r;
}

static void check_magnitude(const struct sim_kept_truth *truth)
{
	uint64_t sum = 0;

	if (!kept.magnitude || truth->disturbed)
		return;
	sim_disk_each(SIM_ROOT "/magnitude/", sum_datasets, &sum);
	if (sum != magnitude.now && !unsure)
		sim_fail("DNS Magnitude's days have %llu queries, and should have %llu",
		    (unsigned long long)sum, (unsigned long long)magnitude.now);
	if (magnitude.now + magnitude.killed < truth->made)
		sim_fail("DNS Magnitude was told of %llu queries of %llu",
		    (unsigned long long)magnitude.now, (unsigned long long)truth->made);
}

static void kill_magnitude(const struct sim_kept_truth *truth)
{
	const uint64_t since_ns = magnitude.saved_ns ? magnitude.saved_ns : truth->began_ns;

	if (kept.magnitude && !truth->disturbed && magnitude.now > magnitude.saved &&
	    sim_now_ns() - since_ns > MAGNITUDE_SAVE_NS + truth->slack_ns)
		sim_fail("DNS Magnitude's state is %.0f s old",
		    (double)(sim_now_ns() - since_ns) / NS_PER_S);
	unsure |= magnitude.writing;
	magnitude.writing = false;
	magnitude.killed += magnitude.now - magnitude.saved;
	magnitude.now = magnitude.saved;
}

/* -- the history */

void sim_kept_point(int64_t time_ms, uint64_t queries, uint64_t responses)
{
	if (!queries && !responses)
		return;
	if (past.n == MAX_RECORDS)
		sim_fail("more than %d windows", MAX_RECORDS);
	past.records[past.n++] = (struct record){time_ms, {queries, responses}};
}

int __real_history_add(struct history *history, struct past_window *window);
int __wrap_history_add(struct history *history, struct past_window *window);
int __wrap_history_add(struct history *history, struct past_window *window)
{
	int r;

	past.adding = true;
	r = __real_history_add(history, window);
	past.adding = false;
	past.added = past.n;
	return r;
}

int __real_history_save(struct history *history, const char *path);
int __wrap_history_save(struct history *history, const char *path);
int __wrap_history_save(struct history *history, const char *path)
{
	int r;

	past.saving = true;
	r = __real_history_save(history, path);
	past.saving = false;
	if (r == 0) {
		past.saved = past.added;
		past.saved_ns = sim_now_ns();
	}
	return r;
}

/* Records that no history has any more. */
static void forget_records(size_t kept_records)
{
	past.n = past.saved = past.added = kept_records;
}

int __real_history_load(struct history *history, const char *path);
int __wrap_history_load(struct history *history, const char *path);
int __wrap_history_load(struct history *history, const char *path)
{
	int r = __real_history_load(history, path);

	if (r == -ENOENT && past.saved && !past.unsure)
		sim_fail("the history's file is gone");
	if (r < 0) {
		forget_records(0);
		past.unsure |= r != -ENOENT; /* for this seed */
	}
	return r;
}

/* What the points of that time come to. */
static uint64_t expected(int64_t from_ms, int64_t to_ms, unsigned field)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < past.added; i++) {
		const struct record *record = &past.records[i];

		if (from_ms <= record->time_ms && record->time_ms < to_ms)
			sum += record->counts[field];
	}
	return sum;
}

static json_t *ask(struct history *history, int64_t from_ms, int64_t step_ms)
{
	struct history_query query = {.from_ms = from_ms, .to_ms = ALL_MS, .step_ms = step_ms};
	char error[256] = "", *text;
	json_t *root;

	query.fields[KEPT_TRANSPORTS] = (1u << FIELDS) - 1;
	sim_peek(true);
	if (history_answer(history, &query, &text, error, sizeof(error)) < 0)
		sim_fail("the history does not answer: %s", error);
	root = json_loads(text, 0, NULL);
	if (!root)
		sim_fail("the history's answer is no JSON: %s", text);
	free(text);
	sim_peek(false);
	return root;
}

static int64_t milliseconds(const json_t *root, const char *key)
{
	return json_integer_value(json_object_get(root, key)) * 1000;
}

/* All queries are UDP's, so that is the one transport. The sum of all. */
static uint64_t check_series(const json_t *root, const json_t *series, unsigned field)
{
	const int64_t from_ms = milliseconds(root, "from"), step_ms = milliseconds(root, "step");
	const json_t *values = json_object_get(series, "values"), *value;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach(values, i, value)
	{
		const int64_t at_ms = from_ms + (int64_t)i * step_ms;
		const uint64_t has = (uint64_t)json_integer_value(value);
		const uint64_t should = expected(at_ms, at_ms + step_ms, field);

		sum += has;
		if (has != should)
			sim_fail("the history has %llu messages at %lld in %lld s, and the "
				 "points %llu",
			    (unsigned long long)has, (long long)at_ms / 1000,
			    (long long)step_ms / 1000, (unsigned long long)should);
	}
	return sum;
}

static void check_answer(struct history *history, int64_t from_ms, int64_t step_ms)
{
	json_t *root = ask(history, from_ms, step_ms), *series;
	uint64_t sum[FIELDS] = {0};
	size_t i;

	json_array_foreach(json_object_get(root, "series"), i, series) sum[i % FIELDS] =
	    check_series(root, series, (unsigned)i % FIELDS);
	for (unsigned field = 0; field < FIELDS; field++) {
		if (sum[field] != expected(from_ms, ALL_MS, field))
			sim_fail("the history has %llu messages, and the points %llu",
			    (unsigned long long)sum[field],
			    (unsigned long long)expected(from_ms, ALL_MS, field));
	}
	json_decref(root);
}

/* A window without memory, or one that was being added, is missing in part. */
void sim_kept_check_history(struct history *history, bool disturbed)
{
	if (!kept.history || !history || disturbed || past.adding || past.lost)
		return;
	check_answer(history, -ALL_MS, MINUTE_MS);
}

/* -- ends */

static void kill_history(const struct sim_kept_truth *truth)
{
	const uint64_t since_ns = past.saved_ns ? past.saved_ns : truth->began_ns;

	if (kept.history && !truth->disturbed && past.added > past.saved &&
	    sim_now_ns() - since_ns > HISTORY_SAVE_NS + truth->slack_ns)
		sim_fail("the history's file is %.0f s old",
		    (double)(sim_now_ns() - since_ns) / NS_PER_S);
	past.lost |= past.saving;
	past.saving = false;
	forget_records(kept.history ? past.saved : 0);
}

void sim_kept_end(const struct sim_kept_truth *truth)
{
	past.unsure |= truth->power;
	unsure |= truth->power || truth->disturbed;
	if (truth->killed) {
		rssac.twice += rssac.in_hand;
		kill_magnitude(truth);
		kill_history(truth);
	} else {
		check_rssac002(truth);
		check_magnitude(truth);
		forget_records(kept.history ? past.saved : 0);
	}
	rssac.in_hand = 0;
	magnitude.saved_ns = past.saved_ns = 0;
	past.adding = false;
}
