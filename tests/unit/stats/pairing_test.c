/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "stats/pairing.h"

#include "counting.h"

#include "crosstap/dns.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t query_ns;
static uint16_t zone;

static void test_newest_first_each_once(void **state UNUSED)
{
	struct pairing *pairing = NULL;
	const uint64_t hash = 0x1234567890abcdef;

	assert_int_equal(pairing_new(&pairing), 0);
	assert_false(pairing_take(pairing, hash, 100, &query_ns, &zone));
	pairing_put(pairing, hash, 7, 100);
	pairing_put(pairing, hash, 8, 300);
	pairing_put(pairing, hash, 9, 200);
	assert_true(pairing_take(pairing, hash, 400, &query_ns, &zone));
	assert_int_equal(query_ns, 300);
	assert_int_equal(zone, 8);
	assert_true(pairing_take(pairing, hash, 400, &query_ns, &zone));
	assert_int_equal(query_ns, 200);
	assert_true(pairing_take(pairing, hash, 400, &query_ns, &zone));
	assert_int_equal(query_ns, 100);
	assert_int_equal(zone, 7);
	assert_false(pairing_take(pairing, hash, 400, &query_ns, &zone));
	assert_int_equal(pairing_evicted(pairing), 0);
	pairing_free(pairing);
	pairing_free(NULL);
}

static void test_age(void **state UNUSED)
{
	struct pairing *pairing = NULL;

	assert_int_equal(pairing_new(&pairing), 0);
	pairing_put(pairing, 1ull << 40, 0, T0_NS);
	assert_false(
	    pairing_take(pairing, 1ull << 40, T0_NS + PAIRING_MAX_AGE_NS + 1, &query_ns, &zone));
	assert_true(
	    pairing_take(pairing, 1ull << 40, T0_NS + PAIRING_MAX_AGE_NS, &query_ns, &zone));
	/* Before its query: the clocks of two threads of the server. */
	pairing_put(pairing, 1ull << 40, 0, T0_NS);
	assert_true(pairing_take(pairing, 1ull << 40, T0_NS - 5, &query_ns, &zone));
	/* Times that no clock shows. */
	pairing_put(pairing, 1ull << 40, 0, INT64_MAX);
	pairing_put(pairing, 1ull << 40, 0, 0);
	pairing_put(pairing, 1ull << 40, 0, INT64_MAX);
	pairing_put(pairing, 1ull << 40, 0, 0);
	pairing_put(pairing, 1ull << 40, 0, 0);
	assert_true(pairing_take(pairing, 1ull << 40, 0, &query_ns, &zone));
	pairing_free(pairing);
}

/* The fifth of a set evicts the oldest, and that is counted. */
static void test_evictions(void **state UNUSED)
{
	struct pairing *pairing = NULL;
	const uint64_t hash = 5ull << 16;

	assert_int_equal(pairing_new(&pairing), 0);
	for (int i = 0; i < 5; i++)
		pairing_put(pairing, hash, 0, T0_NS + i);
	assert_int_equal(pairing_evicted(pairing), 1);
	for (int i = 4; i > 0; i--) {
		assert_true(pairing_take(pairing, hash, T0_NS + 9, &query_ns, &zone));
		assert_true(query_ns == T0_NS + i);
	}
	assert_false(pairing_take(pairing, hash, T0_NS + 9, &query_ns, &zone));
	/* One that nobody could answer any more is no loss. */
	for (int i = 0; i < 4; i++)
		pairing_put(pairing, hash, 0, T0_NS);
	pairing_put(pairing, hash, 0, T0_NS + PAIRING_MAX_AGE_NS + 1);
	assert_int_equal(pairing_evicted(pairing), 1);
	pairing_free(pairing);
}

/* After the clock was set back by an hour, queries of the future do not hold their places. */
/* Of a set, though to the late one all of them are far off. */
static void test_a_late_query_takes_a_free_place(void **state UNUSED)
{
	struct pairing *pairing = NULL;
	const int64_t late_ns = T0_NS - PAIRING_MAX_AGE_NS - 1;
	const uint64_t hash = 1ull << 40;

	assert_int_equal(pairing_new(&pairing), 0);
	for (int i = 0; i < 3; i++)
		pairing_put(pairing, hash, 0, T0_NS + i);
	pairing_put(pairing, hash, 0, late_ns);
	/* Full: the oldest goes, which is too old by now. */
	pairing_put(pairing, hash, 0, T0_NS + 3);
	for (int i = 3; i >= 0; i--) {
		assert_true(pairing_take(pairing, hash, T0_NS + 4, &query_ns, &zone));
		assert_int_equal(query_ns, T0_NS + i);
	}
	assert_int_equal(pairing_evicted(pairing), 0);
	pairing_free(pairing);
}

static void test_backward_step(void **state UNUSED)
{
	struct pairing *pairing = NULL;
	uint64_t random = 41;
	uint64_t hashes[1000];

	assert_int_equal(pairing_new(&pairing), 0);
	for (int i = 0; i < 100000; i++)
		pairing_put(pairing, random_next(&random), 0, T0_NS + SECONDS(3600));
	for (int i = 0; i < 1000; i++) {
		hashes[i] = random_next(&random);
		pairing_put(pairing, hashes[i], 0, T0_NS + i);
	}
	for (int i = 0; i < 1000; i++) {
		/* 1,000 queries in 1,024 sets of four: hardly one set has five. */
		if (!pairing_take(pairing, hashes[i], T0_NS + 5000, &query_ns, &zone))
			assert_in_range(i, 0, 900);
	}
	pairing_free(pairing);
}

/* Nor do they answer for what was asked since: a response pairs with its own query. */
static void test_query_of_before_a_step(void **state UNUSED)
{
	struct pairing *pairing = NULL;
	const uint64_t hash = 7ull << 16, other = hash | 1ull << 63; /* of one set */

	assert_int_equal(pairing_new(&pairing), 0);
	pairing_put(pairing, other, 0, T0_NS + SECONDS(3600));
	pairing_put(pairing, hash, 1, T0_NS + SECONDS(3600));
	assert_true(pairing_take(pairing, other, T0_NS + SECONDS(3600), &query_ns, &zone));
	assert_false(pairing_take(pairing, hash, T0_NS, &query_ns, &zone));
	pairing_put(pairing, hash, 2, T0_NS);
	assert_true(pairing_take(pairing, hash, T0_NS + 5000, &query_ns, &zone));
	assert_true(query_ns == T0_NS);
	assert_int_equal(zone, 2);
	pairing_free(pairing);
}

/* What is in it survives growing, and there is room for more. */
static void test_grows_where_it_evicts(void **state UNUSED)
{
	enum { N = 12000 };
	static uint64_t hashes[N];
	struct pairing *pairing = NULL;
	uint64_t random = 42, evicted;
	size_t found = 0;

	assert_int_equal(pairing_new(&pairing), 0);
	pairing_grow(pairing); /* no need, no growth */
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < N; i++) {
			hashes[i] = random_next(&random);
			pairing_put(pairing, hashes[i], (uint16_t)(i & 1023), T0_NS + round);
		}
		pairing_grow(pairing);
		found = 0;
		for (int i = 0; i < N; i++) {
			if (!pairing_take(pairing, hashes[i], T0_NS + round, &query_ns, &zone))
				continue;
			assert_int_equal(zone, i & 1023);
			assert_true(query_ns == T0_NS + round);
			found++;
		}
	}
	assert_true(found > N * 99 / 100);
	/* Bounded: it goes on evicting, and counts each. */
	evicted = pairing_evicted(pairing);
	for (int i = 0; i < 4 * PAIRING_MOST_SETS + 1000; i++)
		pairing_put(pairing, random_next(&random), 0, T0_NS + 100);
	assert_true(pairing_evicted(pairing) >= evicted + 1000);
	pairing_free(pairing);
}

/* -- through the collector */

/* Copies of samples: their pointers are set anew. */
static struct shard *run(struct sample *samples, size_t n)
{
	const struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;

	assert_int_equal(collector_new(&collector, &config), 0);
	for (size_t i = 0; i < n; i++) {
		struct record *record = &samples[i].record;

		record->query_address = samples[i].address;
		if (record->query_message)
			record->query_message = samples[i].message;
		if (record->response_message)
			record->response_message = samples[i].message;
		take_one(collector, &samples[i], T0_NS + SECONDS(30));
	}
	total = collect(collector);
	collector_free(collector);
	return total;
}

static uint64_t latencies(const struct shard *total, uint64_t *ret_max)
{
	uint64_t n = 0;

	*ret_max = 0;
	for (size_t i = 0; i <= total->margins.mask; i++) {
		const struct cell *cell = &total->margins.slots[i];

		if (!cell->key || margin_kind(cell->key) != MARGIN_LATENCY)
			continue;
		n += cell->count;
		if (*ret_max < cell->amount)
			*ret_max = cell->amount;
	}
	return n;
}

static void expect_pair(struct sample query, struct sample response, bool pairs, uint64_t ns)
{
	struct sample samples[] = {query, response, response};
	struct shard *total = run(samples, 3);
	uint64_t max;

	assert_int_equal(latencies(total, &max), pairs);
	assert_int_equal(total->paired, pairs);
	assert_int_equal(max, ns);
	shard_free(total);
}

static void test_what_pairs(void **state UNUSED)
{
	struct sample q, r, other;

	sample_init(&q, RECORD_AUTH_QUERY, 1, 77, T0_NS);
	sample_init(&r, RECORD_AUTH_RESPONSE, 1, 77, T0_NS + 1234567);
	expect_pair(q, r, true, 1234567);
	/* Knot, NSD: AUTH; BIND: the response may be called CLIENT. */
	other = r;
	other.record.type = RECORD_CLIENT_RESPONSE;
	expect_pair(q, other, true, 1234567);
	other = r;
	other.record.query_port = 4712;
	expect_pair(q, other, false, 0);
	other = r;
	other.message[1]++;
	expect_pair(q, other, false, 0);
	other = r;
	other.record.protocol = 2;
	expect_pair(q, other, false, 0);
	other = r;
	other.address[3]++;
	expect_pair(q, other, false, 0);
	other = r;
	other.record.response_time_ns = T0_NS + PAIRING_MAX_AGE_NS + 1;
	expect_pair(q, other, false, 0);
	other.record.response_time_ns = T0_NS - 1;
	expect_pair(q, other, true, 0); /* never negative */
	/* Too short for a header: its id is not 0, it has none. */
	q.message[0] = q.message[1] = r.message[0] = r.message[1] = 0;
	expect_pair(q, r, true, 1234567);
	other = q;
	other.record.query_length = DNS_HEADER_BYTES - 1;
	expect_pair(other, r, false, 0);
	other = r;
	other.record.response_length = DNS_HEADER_BYTES - 1;
	expect_pair(q, other, false, 0);
}

/* Of either: the time of receipt measures nothing, and the query is answered all the same. */
static void test_untold_times_measure_nothing(void **state UNUSED)
{
	struct sample q, r, again;

	sample_init(&q, RECORD_AUTH_QUERY, 1, 77, T0_NS);
	sample_init(&r, RECORD_AUTH_RESPONSE, 1, 77, T0_NS + 5000);
	again = r;
	r.record.has &= (uint16_t)~RECORD_RESPONSE_TIME;
	expect_pair(q, r, false, 0);
	r.record.has |= RECORD_QUERY_TIME;
	r.record.query_time_ns = T0_NS;
	expect_pair(q, r, false, 0);
	q.record.has &= (uint16_t)~RECORD_QUERY_TIME;
	expect_pair(q, again, false, 0);
}

static void test_a_response_that_carries_its_query_time_needs_no_query(void **state UNUSED)
{
	struct sample r;
	struct shard *total;
	uint64_t max;

	sample_init(&r, RECORD_CLIENT_RESPONSE, 1, 77, T0_NS + 5000);
	r.record.has |= RECORD_QUERY_TIME;
	r.record.query_time_ns = T0_NS;
	total = run(&r, 1);
	assert_int_equal(latencies(total, &max), 1);
	assert_int_equal(max, 5000);
	shard_free(total);
	r.record.query_time_ns = T0_NS + 6000;
	total = run(&r, 1);
	assert_int_equal(latencies(total, &max), 1);
	assert_int_equal(max, 0);
	shard_free(total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_newest_first_each_once),
	    cmocka_unit_test(test_age),
	    cmocka_unit_test(test_evictions),
	    cmocka_unit_test(test_a_late_query_takes_a_free_place),
	    cmocka_unit_test(test_backward_step),
	    cmocka_unit_test(test_query_of_before_a_step),
	    cmocka_unit_test(test_grows_where_it_evicts),
	    cmocka_unit_test(test_what_pairs),
	    cmocka_unit_test(test_untold_times_measure_nothing),
	    cmocka_unit_test(test_a_response_that_carries_its_query_time_needs_no_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
