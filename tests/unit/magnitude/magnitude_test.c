/* SPDX-License-Identifier: BSD-2-Clause */
/* Against the vectors of tests/magnitude/, which ICANN's toolkit made. */
#include "magnitude/magnitude.h"

#include "base/clock.h"
#include "base/unused.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEED    0x123456789abcdef1
#define DAY     20785 /* 2026-11-28 */
#define DAY_NS  (86400 * NS_PER_S)
#define DOMAINS 2500

static uint8_t *read_file(const char *path, size_t *ret_length)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(data);
	*ret_length = fread(data, 1, 1 << 20, file);
	fclose(file);
	return data;
}

static size_t to_wire(const char *text, uint8_t name[256], unsigned *ret_labels)
{
	size_t n = 0;

	*ret_labels = 0;
	while (*text) {
		const size_t length = strcspn(text, ".");

		name[n++] = (uint8_t)length;
		memcpy(name + n, text, length);
		n += length;
		text += length + (text[length] == '.');
		++*ret_labels;
	}
	name[n++] = 0;
	return n;
}

static void ask(struct tally *tally, const char *client, const char *text, unsigned labels)
{
	uint8_t address[16] = {0}, name[256];
	const bool is_ipv4 = inet_pton(AF_INET, client, address) == 1;
	unsigned n;
	size_t length = to_wire(text, name, &n);

	if (!is_ipv4)
		assert_int_equal(inet_pton(AF_INET6, client, address), 1);
	tally_add(tally, name, length, n, labels, public_sketch_hash(address, is_ipv4));
}

static struct tally *tally_of(const char *path)
{
	FILE *file = fopen(path, "r");
	char client[64], name[256];
	struct tally *tally;
	unsigned n;

	assert_non_null(file);
	assert_int_equal(tally_new(&tally, SEED), 0);
	while (fscanf(file, "%63[^,],%255[^,],%u\n", client, name, &n) == 3) {
		while (n-- > 0)
			ask(tally, client, name, 1);
	}
	fclose(file);
	return tally;
}

static const struct dataset_domain *find(const struct magnitude_day *dataset, const char *name)
{
	for (size_t i = 0; i < dataset->n; i++) {
		if (strcmp(dataset->domains[i].name, name) == 0)
			return &dataset->domains[i];
	}
	return NULL;
}

static void assert_same_sketch(const struct public_sketch *a, const struct public_sketch *b)
{
	uint8_t x[PUBLIC_SKETCH_BYTES], y[PUBLIC_SKETCH_BYTES];
	const size_t n = public_sketch_write(a, x);

	assert_int_equal(n, public_sketch_write(b, y));
	assert_memory_equal(x, y, n);
}

static void assert_same(const struct magnitude_day *a, const struct magnitude_day *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->queries, b->queries);
	assert_int_equal(a->day, b->day);
	assert_same_sketch(&a->clients, &b->clients);
	for (size_t i = 0; i < a->n; i++) {
		const struct dataset_domain *other = find(b, a->domains[i].name);

		assert_non_null(other);
		assert_int_equal(a->domains[i].queries, other->queries);
		assert_same_sketch(&a->domains[i].clients, &other->clients);
	}
}

static void read_vector(struct magnitude_day *ret, const char *path)
{
	size_t length;
	uint8_t *data = read_file(path, &length);

	assert_int_equal(dataset_read(ret, DOMAINS, data, length), 0);
	free(data);
}

/* Magnitudes, clients and queries of every domain as the toolkit's report has them. */
static void assert_report(struct magnitude_day *dataset, const char *path)
{
	json_error_t error;
	json_t *expected = json_load_file(path, 0, &error), *report, *row;
	const char *const members[] = {"totalUniqueClients", "totalQueryVolume", "date"};
	json_t *by_name = json_object();
	size_t i;

	assert_non_null(expected);
	report = dataset_report(dataset, "example");
	assert_non_null(report);
	for (i = 0; i < 3; i++)
		assert_true(json_equal(
		    json_object_get(report, members[i]), json_object_get(expected, members[i])));
	json_array_foreach(json_object_get(report, "magnitudeData"), i, row)
	    json_object_set(by_name, json_string_value(json_object_get(row, "domain")), row);
	assert_int_equal(
	    json_object_size(by_name), json_array_size(json_object_get(expected, "magnitudeData")));
	json_array_foreach(json_object_get(expected, "magnitudeData"), i, row)
	{
		const char *name = json_string_value(json_object_get(row, "domain"));
		const json_t *got = json_object_get(by_name, name);

		assert_true(json_equal(
		    json_object_get(got, "uniqueClients"), json_object_get(row, "uniqueClients")));
		assert_true(json_equal(
		    json_object_get(got, "queryVolume"), json_object_get(row, "queryVolume")));
		assert_float_equal(json_real_value(json_object_get(got, "magnitude")),
		    json_real_value(json_object_get(row, "magnitude")), 1e-9);
	}
	json_decref(by_name);
	json_decref(report);
	json_decref(expected);
}

static void hashes_are_the_toolkits(void **state UNUSED)
{
	uint8_t address[16] = {0};

	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", address), 1);
	assert_true(public_sketch_hash(address, true) == 0xb15ce949ae6f3312);
	assert_int_equal(inet_pton(AF_INET6, "2001:503:ba3e::2:30", address), 1);
	assert_true(public_sketch_hash(address, false) == 0x1a8286592f9f366d);
	/* The least bit that is set behind a register's number, at most the greatest that one
	 * holds. */
	assert_int_equal(public_sketch_entry(5), 0);
	assert_int_equal(public_sketch_entry((uint64_t)4 << PUBLIC_SKETCH_LOG2 | 5), 5 << 5 | 3);
	assert_int_equal(public_sketch_entry((uint64_t)1 << (PUBLIC_SKETCH_LOG2 + 40) | 5),
	    5 << 5 | PUBLIC_SKETCH_MAX);
}

/* Our tally of the same clients has the same registers and counts; and that of both, merged. */
static void datasets_are_the_toolkits(void **state UNUSED)
{
	static const char *const sites[] = {
	    "tests/magnitude/site1", "tests/magnitude/site2", "tests/magnitude/both"};
	struct tally *tallies[2], *merged;

	assert_int_equal(tally_new(&merged, SEED), 0);
	for (int i = 0; i < 2; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s.csv", sites[i]);
		tallies[i] = tally_of(path);
		tally_merge(merged, tallies[i]);
		assert_int_equal(tally_lost(tallies[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		struct tally *tally = i < 2 ? tallies[i] : merged;
		struct magnitude_day ours, theirs, again;
		struct buffer buffer = {0};
		char path[64];

		snprintf(path, sizeof(path), "%s.cbor", sites[i]);
		read_vector(&theirs, path);
		assert_int_equal(dataset_init(&ours, DAY, DOMAINS), 0);
		assert_int_equal(dataset_add(&ours, tally), 0);
		assert_same(&ours, &theirs);
		dataset_write(&ours, false, &buffer);
		assert_int_equal(
		    dataset_read(&again, DOMAINS, (const uint8_t *)buffer.at, buffer.length), 0);
		assert_same(&again, &theirs);
		snprintf(path, sizeof(path), "%s.report.json", sites[i]);
		assert_report(&again, path);
		buffer_free(&buffer);
		dataset_done(&ours);
		dataset_done(&theirs);
		dataset_done(&again);
	}
	tally_free(tallies[0]);
	tally_free(tallies[1]);
	tally_free(merged);
}

static void names_are_cut_to_domains(void **state UNUSED)
{
	static const struct {
		const char *name, *domain; /* NULL: none */
		unsigned labels;
	} cases[] = {
	    {"WWW.Example.NL", "nl", 1},
	    {"WWW.Example.NL", "example.nl", 2},
	    {"a.b.example.nl", "b.example.nl", 3},
	    {"nl", "nl", 1},
	    {"nl", NULL, 2},
	    {"", NULL, 1},
	    {"x.1nl", NULL, 1},
	    {"x.n", NULL, 1},
	    {"x.nl-", NULL, 1},
	    {"x.n_l", NULL, 1},
	    {"xn--p1ai", "xn--p1ai", 1},
	    {"3com_.nl", "3com_.nl", 2},
	    {"a b.nl", NULL, 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally *tally;
		const char *domain;
		uint64_t queries = 0;

		assert_int_equal(tally_new(&tally, SEED), 0);
		ask(tally, "192.0.2.1", cases[i].name, cases[i].labels);
		domain = tally_domain(tally, 0, &queries);
		assert_int_equal(tally_queries(tally), cases[i].domain != NULL);
		if (cases[i].domain)
			assert_string_equal(domain, cases[i].domain);
		else
			assert_null(domain);
		tally_free(tally);
	}
}

/* A flood of random domains: those with clients stay, and memory has a bound. */
static void domains_are_bounded(void **state UNUSED)
{
	struct magnitude_day dataset;
	struct tally *tally;
	char client[32], name[32];

	assert_int_equal(dataset_init(&dataset, DAY, 10), 0);
	assert_int_equal(tally_new(&tally, SEED), 0);
	for (unsigned window = 0; window < 3; window++) {
		for (unsigned i = 0; i < 9000; i++) {
			snprintf(client, sizeof(client), "10.%u.%u.1", i / 200 % 250, i % 200);
			snprintf(name, sizeof(name), "r%ux%u", i, window);
			ask(tally, client, i % 10 ? name : "real", 1);
		}
		assert_int_equal(dataset_add(&dataset, tally), 0);
		assert_true(dataset.n <= 10 * DATASET_ROOM);
		tally_clear(tally);
	}
	assert_non_null(find(&dataset, "real"));
	assert_int_equal(find(&dataset, "real")->queries, 2700);
	assert_int_equal(dataset.queries, 27000);
	dataset_done(&dataset);
	tally_free(tally);
}

static void no_damaged_dataset_is_read(void **state UNUSED)
{
	struct magnitude_day dataset;
	size_t length;
	uint8_t *data = read_file("tests/magnitude/site1.cbor", &length);

	for (size_t n = 0; n < length; n += 97)
		assert_int_equal(dataset_read(&dataset, DOMAINS, data, n), -EBADMSG);
	data[0] ^= 0x20;
	assert_int_equal(dataset_read(&dataset, DOMAINS, data, length), -EBADMSG);
	free(data);
}

static struct magnitude *open_day(const char *dir, int64_t day, const char *reason)
{
	const struct magnitude_options options = {.dir = dir,
	    .server = "ns1/a",
	    .domains = DOMAINS,
	    .live = true,
	    .now_ns = day * DAY_NS};
	struct magnitude *magnitude;
	const char *fresh;

	assert_int_equal(magnitude_new(&magnitude, &options, &fresh), 0);
	if (reason)
		assert_non_null(strstr(fresh, reason));
	else
		assert_null(fresh);
	return magnitude;
}

static void remove_folder(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* Two halves of a day, with a restart between them, are the dataset of all of it; the next day has
 * its own. */
static void a_restart_loses_nothing(void **state UNUSED)
{
	char dir[] = "/tmp/magnitude_test.XXXXXX", path[64];
	struct tally *one = tally_of("tests/magnitude/site1.csv");
	struct tally *two = tally_of("tests/magnitude/site2.csv");
	struct magnitude *magnitude;
	struct magnitude_day ours, theirs;
	uint8_t *data;
	size_t length;

	assert_non_null(mkdtemp(dir));
	magnitude = open_day(dir, DAY, NULL);
	assert_int_equal(magnitude_add(magnitude, DAY * DAY_NS, one), 0);
	assert_int_equal(magnitude_flush(magnitude), 0);
	magnitude_free(magnitude);
	magnitude = open_day(dir, DAY, NULL);
	assert_int_equal(magnitude_add(magnitude, DAY * DAY_NS + 1, two), 0);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS, NULL), 0);
	snprintf(path, sizeof(path), "%s/ns1_a-20261128.cbor", dir);
	data = read_file(path, &length);
	assert_int_equal(dataset_read(&ours, DOMAINS, data, length), 0);
	read_vector(&theirs, "tests/magnitude/both.cbor");
	assert_same(&ours, &theirs);
	free(data);
	dataset_done(&ours);
	dataset_done(&theirs);
	assert_int_equal(magnitude_flush(magnitude), 0);
	magnitude_free(magnitude);
	snprintf(path, sizeof(path), "%s/ns1_a-20261129.cbor", dir);
	assert_int_equal(access(path, R_OK), 0);
	snprintf(path, sizeof(path), "%s/ns1_a.magnitude.state", dir);
	assert_int_equal(truncate(path, 20), 0);
	magnitude_free(open_day(dir, DAY + 1, "set aside"));
	remove_folder(dir);
	tally_free(one);
	tally_free(two);
}

static uint64_t queries_of(const char *path)
{
	struct magnitude_day day;
	uint8_t *data;
	size_t length;
	uint64_t queries;

	data = read_file(path, &length);
	assert_int_equal(dataset_read(&day, DOMAINS, data, length), 0);
	queries = day.queries;
	dataset_done(&day);
	free(data);
	return queries;
}

/* The state of the day before is not older than its dataset, once the next day has begun. */
static void a_kill_after_midnight_takes_nothing_of_the_day_before(void **state UNUSED)
{
	char dir[] = "/tmp/magnitude_test.XXXXXX", path[64];
	struct tally *tally = tally_of("tests/magnitude/site1.csv");
	struct magnitude *magnitude;
	uint64_t queries;

	assert_non_null(mkdtemp(dir));
	magnitude = open_day(dir, DAY, NULL);
	assert_int_equal(magnitude_flush_when_due(magnitude, 1), 0);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS - 2, NULL), 0);
	assert_int_equal(magnitude_flush_when_due(magnitude, 2), 0);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS - 1, tally), 0);
	assert_int_equal(magnitude_flush_when_due(magnitude, 3), 0);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS, NULL), 0);
	assert_int_equal(magnitude_flush_when_due(magnitude, 4), 0);
	magnitude_free(magnitude); /* killed: nothing is written */
	snprintf(path, sizeof(path), "%s/ns1_a-20261128.cbor", dir);
	queries = queries_of(path);
	assert_int_equal(queries, tally_queries(tally));
	magnitude = open_day(dir, DAY + 1, NULL);
	assert_int_equal(magnitude_flush(magnitude), 0);
	magnitude_free(magnitude);
	assert_int_equal(queries_of(path), queries);
	/* Nor does a clock that was set back over midnight. */
	magnitude = open_day(dir, DAY, NULL);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS - 1, tally), 0);
	assert_int_equal(magnitude_flush(magnitude), 0);
	magnitude_free(magnitude);
	assert_int_equal(queries_of(path), queries);
	snprintf(path, sizeof(path), "%s/ns1_a-20261129.cbor", dir);
	assert_int_equal(queries_of(path), queries);
	remove_folder(dir);
	tally_free(tally);
}

/* Nothing can be written while the folder has another name. */
static void block_folder(const char *dir, bool blocked)
{
	char aside[64];

	snprintf(aside, sizeof(aside), "%s.aside", dir);
	assert_int_equal(blocked ? rename(dir, aside) : rename(aside, dir), 0);
}

/* The day that ends then is written whole when it can be, also by the next agent. */
static void a_day_that_cannot_be_written_waits(void **state UNUSED)
{
	char dir[] = "/tmp/magnitude_test.XXXXXX", path[64];
	struct tally *tally = tally_of("tests/magnitude/site1.csv");
	struct magnitude *magnitude;

	assert_non_null(mkdtemp(dir));
	magnitude = open_day(dir, DAY, NULL);
	assert_int_equal(magnitude_flush(magnitude), 0);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS - 1, tally), 0);
	block_folder(dir, true);
	assert_int_equal(magnitude_add(magnitude, (DAY + 1) * DAY_NS, NULL), -ENOENT);
	assert_int_equal(magnitude_flush_when_due(magnitude, 1), -ENOENT);
	block_folder(dir, false);
	assert_int_equal(magnitude_flush_when_due(magnitude, 2), 0);
	snprintf(path, sizeof(path), "%s/ns1_a-20261128.cbor", dir);
	assert_int_equal(queries_of(path), tally_queries(tally));
	/* It is done with it. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(magnitude_flush(magnitude), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(magnitude_add(magnitude, (DAY + 2) * DAY_NS - 1, tally), 0);
	assert_int_equal(magnitude_flush(magnitude), 0);
	magnitude_free(magnitude);
	/* Another agent finds a state of which a folder keeps the dataset from being written. */
	snprintf(path, sizeof(path), "%s/ns1_a-20261129.cbor", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	magnitude = open_day(dir, DAY + 2, NULL);
	assert_int_equal(magnitude_flush_when_due(magnitude, 1), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(magnitude_flush(magnitude), 0);
	magnitude_free(magnitude);
	assert_int_equal(queries_of(path), tally_queries(tally));
	remove_folder(dir);
	tally_free(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_are_the_toolkits),
	    cmocka_unit_test(datasets_are_the_toolkits),
	    cmocka_unit_test(names_are_cut_to_domains),
	    cmocka_unit_test(domains_are_bounded),
	    cmocka_unit_test(no_damaged_dataset_is_read),
	    cmocka_unit_test(a_restart_loses_nothing),
	    cmocka_unit_test(a_kill_after_midnight_takes_nothing_of_the_day_before),
	    cmocka_unit_test(a_day_that_cannot_be_written_waits),
	};

	return cmocka_run_group_tests_name("magnitude", tests, NULL, NULL);
}
