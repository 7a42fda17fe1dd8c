/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources and names of a window, of several threads, past the capacity of their tables. */
#include "base/unused.h"
#include "counting.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* One shard with clients [from, to), `times` queries each, its table at most `slots`. */
static struct shard *ask(uint32_t from, uint32_t to, int times, size_t slots, uint8_t protocol)
{
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct sample s;

	config.limits.source_slots = slots;
	assert_int_equal(collector_new(&collector, &config), 0);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	s.record.protocol = protocol;
	for (int round = 0; round < times; round++) {
		for (uint32_t client = from; client < to; client++) {
			memcpy(s.address, &client, 4);
			take_one(collector, &s, T0_NS);
		}
	}
	assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
	collector_free(collector);
	return shards[0];
}

static uint64_t distinct(const struct shard *total, uint32_t transport)
{
	uint64_t in_table = 0;

	for (size_t i = 0; i < total->sources.size; i++) {
		const uint32_t used = sources_slot(&total->sources, i)->transports;

		in_table += transport == OVERFLOW_ANY ? used != 0 : used >> transport & 1;
	}
	return shard_distinct(total, 0, FAMILY_IPV4, transport, in_table);
}

static void assert_near(uint64_t found, double exact)
{
	if ((double)found < exact * 0.98 || (double)found > exact * 1.02)
		fail_msg("%llu for %.0f", (unsigned long long)found, exact);
}

static struct shard *merge_and_free(struct shard *const *parts, size_t n)
{
	struct shard *total = empty_shard();

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(shard_merge(total, parts[i], &test_seed), 0);
		shard_free(parts[i]);
	}
	shard_close_overflow(total, &test_seed);
	return total;
}

static void test_entries_are_exact(void **state UNUSED)
{
	struct shard *parts[] = {ask(1, 401, 3, 1024, 1), ask(201, 601, 2, 1024, 2)};
	struct shard *total = merge_and_free(parts, 2);
	uint64_t queries = 0;

	assert_null(total->overflow);
	assert_int_equal(total->sources.used, 600);
	for (size_t i = 0; i < total->sources.size; i++) {
		const struct source *source = sources_slot(&total->sources, i);
		uint32_t client;

		if (!source->transports)
			continue;
		memcpy(&client, source->address, 4);
		assert_int_equal(source->queries, (client < 401 ? 3 : 0) + (client >= 201 ? 2 : 0));
		assert_int_equal(source->transports, (client < 401) | (client >= 201 ? 2 : 0));
		queries += source->queries;
	}
	assert_int_equal(queries, 400 * 3 + 400 * 2);
	assert_int_equal(distinct(total, OVERFLOW_ANY), 600);
	assert_int_equal(distinct(total, TRANSPORT_UDP), 400);
	assert_int_equal(distinct(total, TRANSPORT_TCP), 400);
	shard_free(total);
}

/* Full tables, of four threads that saw different and the same clients: exact to 4,096. */
static void test_exact_to_4096_across_threads(void **state UNUSED)
{
	struct shard *parts[] = {ask(1, 1501, 2, 1024, 1), ask(1001, 2501, 2, 1024, 1),
	    ask(1, 4097, 1, 1024, 1), ask(1, 301, 1, 1024, 2)};
	struct shard *total = merge_and_free(parts, 4);

	assert_non_null(total->overflow);
	assert_true(total->overflow->messages > 0);
	assert_int_equal(distinct(total, OVERFLOW_ANY), 4096);
	assert_int_equal(distinct(total, TRANSPORT_UDP), 4096);
	assert_int_equal(distinct(total, TRANSPORT_TCP), 300);
	assert_int_equal(distinct(total, TRANSPORT_DOT), 0);
	assert_int_equal(total->lost, 0);
	shard_free(total);
}

static void test_within_two_percent_beyond(void **state UNUSED)
{
	struct shard *parts[] = {ask(1, 100001, 1, 4096, 1), ask(50001, 200001, 1, 4096, 1)};
	struct shard *total = merge_and_free(parts, 2);

	assert_near(distinct(total, OVERFLOW_ANY), 200000);
	assert_near(distinct(total, TRANSPORT_UDP), 200000);
	/* Every message is in the table or beside it. */
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, 0, 0, 0, 0), 250000);
	shard_free(total);
}

static void test_clear_makes_it_new(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct shard *shard = ask(1, 20001, 1, 1024, 1);

	shard_fold(shard);
	assert_non_null(shard->overflow);
	shard_clear(shard, &config.limits);
	assert_null(shard->overflow);
	assert_null(shard->margins.slots);
	assert_int_equal(shard->cube.used + shard->sources.used, 0);
	assert_int_equal(shard->frames + shard->late + shard->lost + shard->merged, 0);
	for (size_t i = 0; i < shard->sources.size; i++)
		assert_int_equal(sources_slot(&shard->sources, i)->transports, 0);
	for (size_t i = 0; i <= shard->cube.mask; i++)
		assert_true(shard->cube.cells[i].key == 0);
	/* It was full: the next window has more room, within the limits. */
	assert_true(shard->sources.size > 1024);
	assert_true(shard->sources.size <= config.limits.source_slots);
	shard_free(shard);
}

struct top {
	const char *name;
	uint32_t count;
};

static void look(void *context, const struct topk_entry *entry)
{
	struct top *top = context;

	if (entry->length == strlen(top->name) + 1 &&
	    memcmp(entry->key, top->name, entry->length) == 0)
		top->count += entry->count;
}

static uint32_t name_count(const struct shard *shard, enum shard_names kind, const char *name)
{
	struct top top = {name, 0};

	topk_each(shard->names[kind], look, &top);
	return top.count;
}

/* So that no window of the same traffic makes them grow again. Between windows the memory of small
 * ones goes back. */
static void test_margins_begin_as_large_as_they_were(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct shard *shard = empty_shard();
	size_t slots;

	shard_fold(shard);
	for (uint64_t key = 1; key <= 100000; key++)
		assert_int_equal(margins_add(&shard->margins, key, 1, 0), 0);
	slots = (size_t)shard->margins.mask + 1;
	for (size_t wanted = slots; wanted >= slots / 4; wanted /= 2) {
		shard_note_margins(shard);
		for (uint64_t key = 100001; wanted == slots && key <= 900000; key++)
			assert_int_equal(
			    margins_add(&shard->margins, key, 1, 0), 0); /* a report's */
		shard_clear(shard, &config.limits);
		assert_int_equal(shard->margins.slots != NULL, wanted >= 131072);
		shard_fold(shard); /* of a window without traffic */
		assert_int_equal(shard->margins.used, 0);
		assert_int_equal(shard->margins.mask + 1, wanted);
	}
	shard_free(shard);
}

static void test_names(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;
	struct sample s;

	assert_int_equal(collector_new(&collector, &config), 0);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	sample_question(&s, "\1a\2nl", 1);
	for (int i = 0; i < 5; i++)
		take_one(collector, &s, T0_NS);
	sample_question(&s, "\1A\2nL", 1); /* the same: case says nothing */
	take_one(collector, &s, T0_NS);
	sample_init(&s, RECORD_AUTH_RESPONSE, 1, 1, T0_NS);
	sample_question(&s, "\1b\2nl", 1);
	take_one(collector, &s, T0_NS);
	s.message[3] = 3; /* NXDOMAIN */
	take_one(collector, &s, T0_NS);
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	assert_int_equal(name_count(total, NAMES_QUERY, "\1a\2nl"), 6);
	assert_int_equal(name_count(total, NAMES_QUERY, "\1b\2nl"), 0);
	assert_int_equal(name_count(total, NAMES_NXDOMAIN, "\1b\2nl"), 2);
	shard_free(total);
	collector_free(collector);
}

static void test_nxdomain_of_a_source(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;
	struct sample s;

	assert_int_equal(collector_new(&collector, &config), 0);
	sample_init(&s, RECORD_AUTH_RESPONSE, 1, 1, T0_NS);
	take_one(collector, &s, T0_NS);
	s.message[3] = 3;
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	for (size_t i = 0; i < total->sources.size; i++) {
		if (!sources_slot(&total->sources, i)->transports)
			continue;
		assert_int_equal(sources_slot(&total->sources, i)->queries, 0);
		assert_int_equal(sources_slot(&total->sources, i)->responses, 2);
		assert_int_equal(sources_slot(&total->sources, i)->nxdomain, 1);
	}
	shard_free(total);
	collector_free(collector);
}

/* With a reload: from the next window on there are as many names as the new limits say. */
static void test_names_follow_the_limits(void **state UNUSED)
{
	const size_t slots[] = {0, 1024, 0};
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct sample s;

	config.limits.name_slots = 512;
	config.max_shards = 2;
	assert_int_equal(collector_new(&collector, &config), 0);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		take_one(collector, &s, T0_NS);
		assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
		shard_clear(shards[0], &config.limits);
		assert_int_equal(shards[0]->name_slots, config.limits.name_slots);
		assert_int_equal(!shards[0]->names[NAMES_QUERY], !config.limits.name_slots);
		collector_give(collector, shards[0]); /* cleared by the old limits */
		config.limits.name_slots = slots[i];
		collector_set_limits(collector, &config.limits, 2);
		take_one(collector, &s, T0_NS);
		assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
		assert_int_equal(shards[0]->name_slots, slots[i]);
		assert_int_equal(!shards[0]->names[NAMES_NXDOMAIN], !slots[i]);
		shard_clear(shards[0], &config.limits);
		collector_give(collector, shards[0]);
	}
	collector_free(collector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_entries_are_exact),
	    cmocka_unit_test(test_exact_to_4096_across_threads),
	    cmocka_unit_test(test_within_two_percent_beyond),
	    cmocka_unit_test(test_clear_makes_it_new),
	    cmocka_unit_test(test_margins_begin_as_large_as_they_were),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_nxdomain_of_a_source),
	    cmocka_unit_test(test_names_follow_the_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
