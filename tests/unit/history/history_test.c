/* SPDX-License-Identifier: BSD-2-Clause */
/* Two days and an hour of windows: what is held, what it sums to, what is not there. */
#include "base/replace.h"
#include "base/unused.h"
#include "history/held.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../scarce.h"
#include "../skip.h"

#define START_S 1700002800ll /* a whole hour */
#define MIB     (1024u * 1024)

struct one { /* a series of a window */
	const char *tags[KEPT_TAGS];
	int64_t values[KEPT_FIELDS];
	uint64_t weight;
};

static void configure(struct config *config, uint64_t interval_s, uint64_t limit)
{
	*config = (struct config){.state = ""};
	config->interval_ns = interval_s * 1000000000ull;
	config->limits.history = limit;
}

static struct history *make(uint64_t interval_s, uint64_t limit)
{
	struct config config;
	struct history *history;

	configure(&config, interval_s, limit);
	assert_int_equal(history_new(&history, &config), 0);
	return history;
}

/* A window in which zones, and nothing else, are counted. */
static int add_zones(
    struct history *history, int64_t start_s, uint64_t seconds, struct one *zones, size_t n)
{
	struct past_item items[200];
	struct past_window window = {.start_ms = start_s * 1000, .watched_ms = seconds * 1000};

	for (size_t i = 0; i < n; i++)
		items[i] = (struct past_item){.tags = {zones[i].tags[0], NULL},
		    .values = zones[i].values,
		    .weight = zones[i].weight};
	window.sets[KEPT_ZONES] = (struct past_set){items, n, true};
	return history_add(history, &window);
}

static int add_zone(
    struct history *history, int64_t start_s, uint64_t seconds, const char *zone, int64_t queries)
{
	struct one one = {{zone, NULL}, {queries, queries / 2}, (uint64_t)queries};

	return add_zones(history, start_s, seconds, &one, 1);
}

static json_t *ask(struct history *history, int64_t from_s, int64_t to_s, int64_t step_s,
    const char *names, int64_t now_s)
{
	char from[32], to[32], step[32], error[512] = "", *text = NULL;
	struct history_query query;
	json_t *answer;
	int r;

	snprintf(from, sizeof(from), "%lld", (long long)from_s);
	snprintf(to, sizeof(to), "%lld", (long long)to_s);
	snprintf(step, sizeof(step), "%lld", (long long)step_s);
	r = history_query_parse(
	    &query, from, to, step_s ? step : NULL, names, now_s * 1000, error, sizeof(error));
	if (r == 0)
		r = history_answer(history, &query, &text, error, sizeof(error));
	if (r < 0)
		fail_msg("%s", error);
	answer = json_loads(text, 0, NULL);
	assert_non_null(answer);
	free(text);
	return answer;
}

static json_t *values_of(json_t *answer, const char *zone, const char *field)
{
	json_t *series = json_object_get(answer, "series");

	for (size_t i = 0; i < json_array_size(series); i++) {
		json_t *one = json_array_get(series, i);
		const char *has = json_string_value(json_object_get(one, "field"));
		const char *tag =
		    json_string_value(json_object_get(json_object_get(one, "tags"), "zone"));

		if (strcmp(has, field) == 0 && tag && strcmp(tag, zone) == 0)
			return json_object_get(one, "values");
	}
	return NULL;
}

static int64_t sum_of(json_t *values)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(values); i++)
		sum += json_integer_value(json_array_get(values, i));
	return sum;
}

static int64_t number(json_t *answer, const char *name)
{
	return json_integer_value(json_object_get(answer, name));
}

/* -- 49 hours */

static void fill(uint64_t interval_s)
{
	struct history *history = make(interval_s, 8 * MIB);
	const int64_t end_s = START_S + 49 * 3600;
	const int64_t step_s = interval_s > 60 ? (int64_t)interval_s : 60;
	json_t *answer;

	for (int64_t at_s = START_S; at_s < end_s; at_s += (int64_t)interval_s)
		assert_int_equal(add_zone(history, at_s, interval_s, "nl", at_s % 1000), 0);
	answer = ask(history, -3600, end_s, 0, "dns.queries", end_s);
	assert_int_equal(number(answer, "step"), interval_s);
	assert_int_equal(number(answer, "points"), 3600 / interval_s);
	for (uint64_t i = 0; i < 3600 / interval_s; i++)
		assert_int_equal(
		    json_integer_value(json_array_get(values_of(answer, "nl", "queries"), i)),
		    (end_s - 3600 + (int64_t)(i * interval_s)) % 1000);
	json_decref(answer);
	/* The first hour is gone, the other 48 are there, and each minute is its windows' sum. */
	answer = ask(history, START_S, end_s, step_s, "dns.queries", end_s);
	assert_int_equal(number(answer, "step"), step_s);
	assert_in_range(number(answer, "points"), 48 * 3600 / step_s, 48 * 3600 / step_s + 2);
	for (int64_t i = 0; i < number(answer, "points"); i++) {
		int64_t sum = 0;

		for (int64_t at_s = 0; at_s < step_s; at_s += (int64_t)interval_s)
			sum += (number(answer, "from") + i * step_s + at_s) % 1000;
		assert_int_equal(json_integer_value(
				     json_array_get(values_of(answer, "nl", "queries"), (size_t)i)),
		    sum);
	}
	json_decref(answer);
	history_free(history);
}

static void test_windows_of_a_second(void **state UNUSED)
{
	fill(1);
}

static void test_windows_of_ten_seconds(void **state UNUSED)
{
	fill(10);
}

static void test_windows_of_an_hour(void **state UNUSED)
{
	fill(3600);
}

/* -- what is not there */

static void test_a_gap_is_no_zero(void **state UNUSED)
{
	struct history *history = make(10, 4 * MIB);
	json_t *answer, *values;

	add_zone(history, START_S, 10, "nl", 5);
	add_zone(history, START_S + 10, 10, "org", 7);
	add_zone(history, START_S + 300, 10, "nl", 9);
	answer = ask(history, START_S, START_S + 310, 10, "dns.queries", START_S + 310);
	values = values_of(answer, "nl", "queries");
	assert_int_equal(json_array_size(values), 31);
	assert_int_equal(json_integer_value(json_array_get(values, 0)), 5);
	/* Watched, and nobody asked. */
	assert_true(json_is_integer(json_array_get(values, 1)));
	assert_int_equal(json_integer_value(json_array_get(values, 1)), 0);
	for (size_t i = 2; i < 30; i++) {
		assert_true(json_is_null(json_array_get(values, i)));
		assert_true(json_is_null(json_array_get(json_object_get(answer, "watched"), i)));
	}
	assert_int_equal(json_integer_value(json_array_get(values, 30)), 9);
	json_decref(answer);
	/* In minutes as well. */
	answer = ask(history, START_S, START_S + 310, 60, "dns.queries", START_S + 310);
	values = values_of(answer, "nl", "queries");
	assert_int_equal(json_array_size(values), 6);
	assert_true(json_is_null(json_array_get(values, 2)));
	assert_int_equal(json_integer_value(json_array_get(values, 5)), 9);
	json_decref(answer);
	history_free(history);
}

static void test_the_clock_steps_back(void **state UNUSED)
{
	struct history *history = make(10, 4 * MIB);
	json_t *answer;

	for (int i = 0; i < 12; i++)
		add_zone(history, START_S + 10 * i, 10, "nl", 100);
	for (int i = 3; i < 24; i++)
		add_zone(history, START_S + 10 * i, 10, "nl", 1);
	answer = ask(history, START_S, START_S + 240, 60, "dns.queries", START_S + 240);
	assert_int_equal(number(answer, "points"), 4);
	assert_int_equal(sum_of(values_of(answer, "nl", "queries")), 1221);
	assert_int_equal(
	    json_integer_value(json_array_get(values_of(answer, "nl", "queries"), 0)), 603);
	json_decref(answer);
	answer = ask(history, START_S, START_S + 240, 10, "dns.queries", START_S + 240);
	assert_int_equal(sum_of(values_of(answer, "nl", "queries")), 1221);
	json_decref(answer);
	history_free(history);
}

/* -- bounds */

static size_t held_bytes(const struct past *past)
{
	size_t bytes = sizeof(*past) + (past->max_series + 1) * sizeof(*past->series);

	for (int t = 0; t < PAST_TIERS; t++)
		bytes += past->rings[t].capacity * sizeof(struct past_moment);
	for (size_t i = 0; i < past->n_series; i++)
		bytes += history_kept[past->series[i].of].n_fields *
		    (past->rings[0].capacity + past->rings[1].capacity) * PAST_CELL_BYTES;
	return bytes;
}

/* More zones than have room: the busiest have series, and nothing is lost of the sums. */
static void test_memory_is_bounded(void **state UNUSED)
{
	struct past *past;
	char names[150][16];
	int64_t values[150][KEPT_FIELDS] = {0};
	struct past_item items[150];
	int64_t sum = 0;

	for (size_t limit = MIB / 2; limit <= 16 * MIB; limit *= 2) {
		struct past_plan plan;

		past_plan(&plan, limit, 1000);
		assert_true(plan.bytes <= limit || !plan.most[KEPT_ZONES]);
		assert_int_equal(past_new(&past, limit, 1000), 0);
		for (int w = 0; w < 100; w++) {
			struct past_window window = {
			    .start_ms = (START_S + w) * 1000, .watched_ms = 1000};

			for (size_t i = 0; i < 150; i++) {
				snprintf(
				    names[i], sizeof(names[i]), "z%zu", (i * 7 + (size_t)w) % 400);
				values[i][0] = (int64_t)i;
				items[i] = (struct past_item){
				    .tags = {names[i], names[i]}, .values = values[i], .weight = i};
			}
			for (int of = 0; of < KEPT_COUNT; of++)
				window.sets[of] = (struct past_set){items,
				    history_kept[of].busiest ? 150 : 1, history_kept[of].busiest};
			assert_int_equal(past_add(past, &window), 0);
		}
		assert_true(held_bytes(past) <= limit);
		sum = 0;
		for (size_t i = 0; i < past->n_series; i++) {
			for (size_t p = 0; p < 100 && past->series[i].of == KEPT_ZONES; p++) {
				const int64_t value =
				    past_get(past, &past->series[i], 0, PAST_WINDOWS, p);

				sum += value == PAST_ABSENT ? 0 : value;
			}
		}
		assert_int_equal(sum, past->most[KEPT_ZONES] ? 100 * 150 * 149 / 2 : 0);
		past_free(past);
	}
}

/* A zone that grows gets a series, once a minute at most; who was there before goes on as other. */
static void test_the_busiest_have_series(void **state UNUSED)
{
	struct history *history = make(10, 8 * MIB);
	struct one zones[40];
	char names[40][8];
	json_t *answer;

	for (int w = 0; w < 60; w++) {
		for (size_t i = 0; i < 40; i++) {
			const int64_t queries = i == 39 && w > 20 ? 5000 : 100 - (int64_t)i;

			snprintf(names[i], sizeof(names[i]), "z%zu", i);
			zones[i] = (struct one){{names[i], NULL}, {queries, 0}, (uint64_t)queries};
		}
		assert_int_equal(add_zones(history, START_S + 10 * w, 10, zones, 40), 0);
	}
	answer = ask(history, START_S, START_S + 600, 10, "dns.queries", START_S + 600);
	assert_non_null(values_of(answer, "z0", "queries"));
	assert_non_null(values_of(answer, "z39", "queries"));
	assert_null(values_of(answer, "z38", "queries"));
	assert_int_equal(json_array_size(json_object_get(answer, "series")), 33);
	/* z31 was the least busy of those that were kept: its past is other's, with z32 to z39. */
	assert_null(values_of(answer, "z31", "queries"));
	assert_int_equal(
	    json_integer_value(json_array_get(values_of(answer, "other", "queries"), 0)),
	    69 + 68 + 67 + 66 + 65 + 64 + 63 + 62 + 61);
	json_decref(answer);
	history_free(history);
}

static void test_answers_are_bounded(void **state UNUSED)
{
	struct history *history = make(1, 8 * MIB), *off = make(1, 0);
	struct history_query query;
	char error[512] = "", *text = NULL;

	assert_int_equal(
	    history_query_parse(&query, "-100", NULL, NULL, NULL, START_S * 1000, error, 512), 0);
	assert_int_equal(history_answer(off, &query, &text, error, 512), -ENODATA);
	assert_non_null(strstr(error, "limits.history"));
	for (int i = 0; i < 3608; i++) {
		struct one zones[32];
		char names[32][8];

		for (size_t z = 0; z < 32; z++) {
			snprintf(names[z], sizeof(names[z]), "z%zu", z);
			zones[z] = (struct one){{names[z], NULL}, {1, 1}, 1};
		}
		add_zones(history, START_S + i, 1, zones, 14);
	}
	assert_int_equal(history_query_parse(
			     &query, "-3608", NULL, "1", NULL, (START_S + 3608) * 1000, error, 512),
	    0);
	assert_int_equal(history_answer(history, &query, &text, error, 512), 0);
	free(text);
	for (int i = 0; i < KEPT_COUNT; i++)
		query.fields[i] = UINT32_MAX >> (32 - history_kept[i].n_fields);
	history_free(history);
	/* Steps of an hour's windows, which an answer cannot hold for all of the series. */
	history = make(1, 256 * MIB);
	for (int i = 0; i < 3608; i++) {
		struct past_item items[64];
		static int64_t values[KEPT_FIELDS];
		char names[64][8];
		struct past_window window = {.start_ms = (START_S + i) * 1000, .watched_ms = 1000};

		for (size_t z = 0; z < 64; z++) {
			snprintf(names[z], sizeof(names[z]), "z%zu", z);
			items[z] = (struct past_item){{names[z], names[z]}, values, 1};
		}
		window.sets[KEPT_ZONE_QTYPES] = (struct past_set){items, 64, true};
		window.sets[KEPT_ZONES] = (struct past_set){items, 30, true};
		history_add(history, &window);
	}
	assert_int_equal(history_answer(history, &query, &text, error, 512), -E2BIG);
	assert_non_null(strstr(error, "too many"));
	history_free(history);
	history_free(off);
}

/* -- restart */

/* A file may have but a part of what is to be written. */
static int save_on_a_full_disk(struct history *history, const char *path)
{
	struct rlimit before, full;
	int r;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	full = before;
	full.rlim_cur = 10000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	r = history_save(history, path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	return r;
}

static void test_restart(void **state UNUSED)
{
	struct history *history = make(1, MIB * 4), *after = make(10, MIB * 4);
	char path[] = "/tmp/history_test_XXXXXX", aside[64];
	int fd = mkstemp(path);
	json_t *answer;
	struct stat st;

	assert_true(fd >= 0);
	for (int i = 0; i < 7200; i++)
		add_zone(history, START_S + i, 1, "nl", 3);
	history_event(
	    history, &(struct history_event){(START_S + 7100) * 1000, "reload", "two \"inputs\""});
	assert_int_equal(history_save(history, path), 0);
	/* With longer windows than before: minutes are whole, windows what has room. */
	assert_int_equal(history_load(after, path), 0);
	add_zone(after, START_S + 7300, 10, "nl", 30);
	answer = ask(after, START_S, START_S + 7310, 60, "dns.queries", START_S + 7310);
	assert_int_equal(sum_of(values_of(answer, "nl", "queries")), 7200 * 3 + 30);
	assert_true(json_is_null(json_array_get(values_of(answer, "nl", "queries"), 120)));
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(answer, "events"), 0), "text")),
	    "two \"inputs\"");
	json_decref(answer);
	assert_int_equal(save_on_a_full_disk(history, path), -EFBIG);
	/* A part of it. */
	snprintf(aside, sizeof(aside), "%s" REPLACE_ASIDE, path);
	assert_int_equal(history_save(history, path), 0);
	assert_int_equal(truncate(path, 10000), 0);
	assert_int_equal(history_load(after, path), -EBADMSG);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(stat(aside, &st), 0);
	assert_int_equal(history_load(after, path), -ENOENT);
	unlink(aside);
	close(fd);
	history_free(history);
	history_free(after);
}

/* A damaged file stays where another user's link leads to it. */
static void test_link_of_another_user(void **state UNUSED)
{
	struct history *history = make(1, MIB * 4);
	char folder[] = "/tmp/history_test_XXXXXX", real[64], link[64], path[80];
	int changed;

	assert_non_null(mkdtemp(folder));
	snprintf(real, sizeof(real), "%s/real", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	snprintf(path, sizeof(path), "%s/history", link);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink(real, link), 0);
	assert_int_equal(history_save(history, path), 0);
	assert_int_equal(truncate(path, 100), 0);
	changed = lchown(link, 65534, 65534);
	if (changed == 0) {
		assert_int_equal(history_load(history, path), -ELOOP);
		assert_int_equal(access(path, F_OK), 0);
	}
	unlink(path);
	unlink(link);
	rmdir(real);
	rmdir(folder);
	history_free(history);
	if (changed < 0)
		skip_because("not root");
}

/* A reload keeps what there is, also when there is less room. */
static void test_another_size(void **state UNUSED)
{
	struct history *history = make(10, 8 * MIB);
	struct history_next *next;
	struct config config;
	json_t *answer;

	for (int i = 0; i < 360; i++)
		add_zone(history, START_S + 10 * i, 10, i % 2 ? "nl" : "org", 10);
	configure(&config, 1, 4 * MIB);
	assert_int_equal(history_prepare(&next, &config), 0);
	history_commit(history, next);
	answer = ask(history, START_S, START_S + 3600, 60, "dns.queries", START_S + 3600);
	assert_int_equal(sum_of(values_of(answer, "nl", "queries")), 1800);
	json_decref(answer);
	answer = ask(history, START_S, START_S + 3600, 10, "dns.queries", START_S + 3600);
	assert_int_equal(sum_of(values_of(answer, "org", "queries")), 1800);
	json_decref(answer);
	configure(&config, 1, 0);
	assert_int_equal(history_prepare(&next, &config), 0);
	history_commit(history, next);
	history_free(history);
}

/* -- parameters */

static void test_parameters(void **state UNUSED)
{
	static const char *const bad[][4] = {
	    {"now"},
	    {""},
	    {"1.5"},
	    {"--1"},
	    {"99999999999999999999"},
	    {NULL, "x"},
	    {"100", "100"},
	    {"-10", "-20"},
	    {NULL, NULL, "0"},
	    {NULL, NULL, "-5"},
	    {NULL, NULL, "1s"},
	    {NULL, NULL, NULL, ""},
	    {NULL, NULL, NULL, "dns,"},
	    {NULL, NULL, NULL, "dns.nothing"},
	    {NULL, NULL, NULL, "dn"},
	};
	struct history_query query;
	char error[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error[0] = 0;
		assert_int_equal(history_query_parse(&query, bad[i][0], bad[i][1], bad[i][2],
				     bad[i][3], START_S * 1000, error, sizeof(error)),
		    -EINVAL);
		assert_true(*error);
	}
	assert_int_equal(history_query_parse(&query, "-60", "-10", "5", "funnel.queued,dns",
			     START_S * 1000, error, sizeof(error)),
	    0);
	assert_int_equal(query.from_ms, (START_S - 60) * 1000);
	assert_int_equal(query.to_ms, (START_S - 10) * 1000);
	assert_int_equal(query.step_ms, 5000);
	assert_int_equal(query.fields[KEPT_FUNNEL], 1u << 4);
	assert_int_equal(query.fields[KEPT_ZONES], 3);
	assert_int_equal(query.fields[KEPT_QTYPES], 0);
}

/* Each row of the table names a field that there is. */
static void test_the_table(void **state UNUSED)
{
	for (int of = 0; of < KEPT_COUNT; of++) {
		assert_true(history_kept[of].most > 0);
		for (size_t f = 0; f < history_kept[of].n_fields; f++)
			assert_non_null(kept_field(&history_kept[of], f));
	}
}

/* -- without memory */

static bool run_scarce(void *context)
{
	const char *path = context;
	struct history_query query;
	struct history *history = NULL;
	struct history_next *next;
	struct config config;
	char error[512], *text = NULL;
	bool whole = true;

	configure(&config, 10, 4 * MIB);
	if (history_new(&history, &config) < 0)
		return false;
	for (int i = 0; i < 3; i++)
		whole = add_zone(history, START_S + 10 * i, 10, i ? "nl" : "org", 3) == 0 && whole;
	whole = history_load(history, path) == 0 && whole;
	if (history_prepare(&next, &config) == 0)
		history_commit(history, next);
	else
		whole = false;
	history_query_parse(&query, "-100", NULL, NULL, NULL, (START_S + 30) * 1000, error, 512);
	whole = history_answer(history, &query, &text, error, 512) == 0 && whole;
	whole = whole && strstr(text, "nl") && strstr(text, "org") && strstr(text, "net");
	free(text);
	history_free(history);
	return whole;
}

static void test_without_memory(void **state UNUSED)
{
	char path[] = "/tmp/history_scarce_XXXXXX";
	struct history *history = make(10, 4 * MIB);
	int fd = mkstemp(path);

	add_zone(history, START_S, 10, "net", 3);
	assert_int_equal(history_save(history, path), 0);
	assert_true(scarce_each(run_scarce, path) > 10);
	history_free(history);
	unlink(path);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_windows_of_a_second),
	    cmocka_unit_test(test_windows_of_ten_seconds),
	    cmocka_unit_test(test_windows_of_an_hour),
	    cmocka_unit_test(test_a_gap_is_no_zero),
	    cmocka_unit_test(test_the_clock_steps_back),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_the_busiest_have_series),
	    cmocka_unit_test(test_answers_are_bounded),
	    cmocka_unit_test(test_restart),
	    cmocka_unit_test(test_link_of_another_user),
	    cmocka_unit_test(test_another_size),
	    cmocka_unit_test(test_parameters),
	    cmocka_unit_test(test_the_table),
	    cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
