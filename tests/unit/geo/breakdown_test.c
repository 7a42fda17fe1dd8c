/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "geo/breakdown.h"

#include "../random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BOTH (1u << BREAKDOWN_COUNTRY | 1u << BREAKDOWN_ASN)

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};

struct fixture {
	struct breakdown *breakdown;
	struct admission *admission;
	struct breakdown_limits limits;
	const struct breakdown_row *rows;
	size_t n;
};

static void begin(struct fixture *fixture, int64_t day, unsigned windows)
{
	admission_begin(fixture->admission, day, windows);
	breakdown_begin(fixture->breakdown, BOTH);
}

static void add(struct fixture *fixture, uint16_t zone, const char *country, uint32_t asn,
    uint32_t queries, uint32_t icmp_us, uint32_t tcp_us)
{
	const struct breakdown_item item = {.zone = zone,
	    .values = {country ? breakdown_country(country) : BREAKDOWN_UNKNOWN,
		asn ? asn : BREAKDOWN_OTHER},
	    .queries = queries,
	    .responses = queries / 2,
	    .rtt_us = {icmp_us, tcp_us}};

	assert_int_equal(breakdown_add(fixture->breakdown, &item), 0);
}

static void finish(struct fixture *fixture)
{
	assert_int_equal(breakdown_finish(fixture->breakdown, fixture->admission, &fixture->limits,
			     &fixture->rows, &fixture->n),
	    0);
}

static const struct breakdown_row *row(
    const struct fixture *fixture, uint16_t zone, enum breakdown_kind kind, uint32_t value)
{
	for (size_t i = 0; i < fixture->n; i++) {
		const struct breakdown_row *at = &fixture->rows[i];

		if (at->zone == zone && at->kind == kind && at->value == value)
			return at;
	}
	return NULL;
}

static uint64_t queries_of(
    const struct fixture *fixture, uint16_t zone, enum breakdown_kind kind, uint32_t value)
{
	const struct breakdown_row *at = row(fixture, zone, kind, value);

	return at ? at->queries : 0;
}

static uint64_t sum(const struct fixture *fixture, uint16_t zone, enum breakdown_kind kind)
{
	uint64_t all = 0;

	for (size_t i = 0; i < fixture->n; i++) {
		if (fixture->rows[i].zone == zone && fixture->rows[i].kind == kind)
			all += fixture->rows[i].queries;
	}
	return all;
}

#define NL breakdown_country("NL")
#define DE breakdown_country("DE")

static void test_zones_and_kinds(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture, 1, 1);
	add(fixture, 0, "NL", 64500, 10, 0, 0);
	add(fixture, 0, "NL", 64501, 20, 0, 0);
	add(fixture, 1, "NL", 64500, 5, 0, 0);
	add(fixture, 1, "DE", 64500, 7, 0, 0);
	add(fixture, 1, NULL, 0, 1, 0, 0);
	finish(fixture);
	assert_int_equal(queries_of(fixture, 0, BREAKDOWN_COUNTRY, NL), 30);
	assert_int_equal(row(fixture, 0, BREAKDOWN_COUNTRY, NL)->sources, 2);
	assert_int_equal(row(fixture, 0, BREAKDOWN_COUNTRY, NL)->responses, 15);
	assert_int_equal(queries_of(fixture, 0, BREAKDOWN_ASN, 64500), 10);
	assert_int_equal(queries_of(fixture, 1, BREAKDOWN_COUNTRY, DE), 7);
	assert_int_equal(queries_of(fixture, 1, BREAKDOWN_COUNTRY, BREAKDOWN_UNKNOWN), 1);
	assert_int_equal(queries_of(fixture, 1, BREAKDOWN_ASN, 64500), 12);
	assert_int_equal(queries_of(fixture, 1, BREAKDOWN_ASN, BREAKDOWN_OTHER), 1);
	assert_null(row(fixture, 0, BREAKDOWN_ASN, BREAKDOWN_OTHER)); /* nothing is left */
	assert_false(row(fixture, 0, BREAKDOWN_COUNTRY, NL)->measured[BREAKDOWN_ICMP]);
}

static void test_only_what_is_loaded(void **state)
{
	struct fixture *fixture = *state;

	admission_begin(fixture->admission, 1, 1);
	breakdown_begin(fixture->breakdown, 1u << BREAKDOWN_COUNTRY);
	add(fixture, 0, "NL", 64500, 10, 0, 0);
	finish(fixture);
	assert_int_equal(fixture->n, 1);
	assert_int_equal(fixture->rows[0].kind, BREAKDOWN_COUNTRY);
	breakdown_begin(fixture->breakdown, 0);
	add(fixture, 0, "NL", 64500, 10, 1000, 0);
	finish(fixture);
	assert_int_equal(fixture->n, 0);
}

/* Rows are sorted, and everything is in one of them, at any size. */
static void test_sums(void **state)
{
	struct fixture *fixture = *state;
	uint64_t random = 7, expected[3] = {0}, icmp = 0;

	begin(fixture, 1, 1);
	for (int i = 0; i < 200000; i++) {
		const uint16_t zone = (uint16_t)random_below(&random, 3);
		const uint32_t queries = random_below(&random, 100);
		char code[3] = {(char)('A' + random_below(&random, 26)),
		    (char)('A' + random_below(&random, 26)), '\0'};
		const uint32_t us = random_below(&random, 2) * (1 + random_below(&random, 300000));

		add(fixture, zone, code, random_below(&random, 50000), queries, us, 0);
		expected[zone] += queries;
		icmp += us ? queries : 0;
	}
	finish(fixture);
	for (uint16_t zone = 0; zone < 3; zone++) {
		assert_int_equal(sum(fixture, zone, BREAKDOWN_COUNTRY), expected[zone]);
		assert_int_equal(sum(fixture, zone, BREAKDOWN_ASN), expected[zone]);
	}
	for (size_t i = 0; i < fixture->n; i++) {
		if (fixture->rows[i].kind == BREAKDOWN_ASN)
			icmp -= fixture->rows[i].queries_by[BREAKDOWN_ICMP];
	}
	assert_int_equal(icmp, 0);
	/* 3 zones, each with 249 countries, 10 ASes, and twice the rest. */
	assert_int_equal(fixture->n, 3 * (BREAKDOWN_COUNTRIES + 1 + 10 + 1));
	for (size_t i = 1; i < fixture->n; i++) {
		const struct breakdown_row *a = &fixture->rows[i - 1], *b = a + 1;

		assert_true(a->zone <= b->zone);
		if (a->zone == b->zone && a->kind == b->kind && b->value != BREAKDOWN_OTHER)
			assert_true(a->queries >= b->queries);
	}
}

static void test_quantiles(void **state)
{
	struct fixture *fixture = *state;
	const struct breakdown_row *nl;

	begin(fixture, 1, 1);
	/* By queries, not by resolver: 60 of 100 are 10 ms away, 35 are 20, 5 are 300. */
	add(fixture, 0, "NL", 64500, 60, 10000, 0);
	add(fixture, 0, "NL", 64500, 30, 20000, 21000);
	add(fixture, 0, "NL", 64501, 5, 20000, 0);
	add(fixture, 0, "NL", 64501, 5, 300000, 0);
	add(fixture, 0, "NL", 64501, 900, 0, 0);
	finish(fixture);
	nl = row(fixture, 0, BREAKDOWN_COUNTRY, NL);
	assert_true(fabs(nl->p50_ms[BREAKDOWN_ICMP] - 10) < 0.1);
	assert_true(fabs(nl->p90_ms[BREAKDOWN_ICMP] - 20) < 0.2);
	assert_true(fabs(nl->p50_ms[BREAKDOWN_TCP] - 21) < 0.21);
	assert_int_equal(nl->queries_by[BREAKDOWN_ICMP], 100);
	assert_int_equal(nl->queries_by[BREAKDOWN_TCP], 30);
	assert_int_equal(nl->queries_both, 30);
	assert_int_equal(nl->queries, 1000);
	assert_true(fabs(row(fixture, 0, BREAKDOWN_ASN, 64501)->p90_ms[BREAKDOWN_ICMP] - 300) < 3);
	assert_false(row(fixture, 0, BREAKDOWN_ASN, 64501)->measured[BREAKDOWN_TCP]);
}

static void test_agreement(void **state)
{
	struct fixture *fixture = *state;
	struct breakdown_agreement agreement;

	begin(fixture, 1, 1);
	add(fixture, 0, "NL", 64500, 10, 20000, 21000);
	add(fixture, 0, "NL", 64500, 10, 20000, 18000);
	add(fixture, 1, "NL", 64500, 10, 20000, 20500);
	add(fixture, 1, "NL", 64500, 30, 20000, 0);
	add(fixture, 1, "NL", 64500, 50, 0, 4000);
	add(fixture, 1, "NL", 64500, 7, 0, 0);
	assert_int_equal(breakdown_get_agreement(fixture->breakdown, &agreement), 0);
	assert_int_equal(agreement.queries, 117);
	assert_int_equal(agreement.queries_by[BREAKDOWN_ICMP], 60);
	assert_int_equal(agreement.queries_by[BREAKDOWN_TCP], 80);
	assert_int_equal(agreement.queries_both, 30);
	assert_int_equal(agreement.sources_both, 3);
	assert_true(agreement.difference_p10_ms == -2);
	assert_true(agreement.difference_p50_ms == 0.5);
	assert_true(agreement.difference_p90_ms == 1);
	finish(fixture);
}

/* Three windows of a day; the next day at once. */
static void test_admission(void **state)
{
	struct fixture *fixture = *state;

	for (int window = 1; window <= 4; window++) {
		begin(fixture, 1, ADMISSION_WINDOWS);
		add(fixture, 0, "NL", 64500, 10, 0, 0);
		if (window == 2)
			add(fixture, 0, "NL", 64501, 3, 0, 0);
		finish(fixture);
		assert_int_equal(queries_of(fixture, 0, BREAKDOWN_ASN, 64500), window < 3 ? 0 : 10);
		assert_int_equal(sum(fixture, 0, BREAKDOWN_ASN), window == 2 ? 13 : 10);
	}
	begin(fixture, 2, ADMISSION_WINDOWS);
	add(fixture, 0, "NL", 64500, 10, 0, 0);
	add(fixture, 0, "NL", 64501, 3, 0, 0);
	finish(fixture);
	assert_int_equal(queries_of(fixture, 0, BREAKDOWN_ASN, 64500), 10);
	assert_int_equal(queries_of(fixture, 0, BREAKDOWN_ASN, 64501), 0);
	/* Two days away: like anybody. */
	begin(fixture, 5, ADMISSION_WINDOWS);
	add(fixture, 0, "NL", 64500, 10, 0, 0);
	finish(fixture);
	assert_int_equal(queries_of(fixture, 0, BREAKDOWN_ASN, 64500), 0);
}

/* However many ASes come and go, a day has no more than its limit, in each zone. */
static void test_day_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	static bool seen[2][1000];
	size_t n = 0;

	memset(seen, 0, sizeof(seen));
	fixture->limits.asns_a_day = 25;
	for (uint32_t window = 0; window < 90; window++) {
		begin(fixture, 1, 1);
		for (uint32_t i = 0; i < 10; i++) {
			add(fixture, 0, "NL", 1 + window * 10 + i, 1 + i, 0, 0);
			add(fixture, 9, "NL", 1 + window * 10 + i, 1 + i, 0, 0);
		}
		finish(fixture);
		assert_int_equal(sum(fixture, 0, BREAKDOWN_ASN), 55);
		for (size_t i = 0; i < fixture->n; i++) {
			const struct breakdown_row *at = &fixture->rows[i];

			if (at->kind == BREAKDOWN_ASN && at->value != BREAKDOWN_OTHER)
				seen[at->zone == 9][at->value] = true;
		}
	}
	for (size_t i = 0; i < 1000; i++)
		n += (size_t)seen[0][i] + seen[1][i];
	assert_int_equal(n, 2 * 25);
	begin(fixture, 2, 1);
	add(fixture, 0, "NL", 999, 1, 0, 0);
	finish(fixture);
	assert_int_equal(queries_of(fixture, 0, BREAKDOWN_ASN, 999), 1);
}

/* Hundreds of thousands of values that are never seen again cost no more than the table. */
static void test_admission_is_bounded(void **state UNUSED)
{
	struct admission *admission;

	assert_int_equal(admission_new(&admission, &seed), 0);
	admission_begin(admission, 1, 1);
	for (uint32_t value = 1; value <= 400000; value++)
		admission_ask(admission, 1, 1, value, 1000000);
	assert_false(admission_ask(admission, 1, 1, 400001, 1000000));
	assert_true(admission_ask(admission, 1, 1, 1, 1000000));
	admission_begin(admission, 3, 1);
	assert_true(admission_ask(admission, 1, 1, 400001, 1000000));
	admission_free(admission);
}

/* With a reload: whoever asks first, the busiest, is admitted anew, and nobody waits again. */
static void test_lower_limit_holds_today(void **state UNUSED)
{
	struct admission *admission;

	assert_int_equal(admission_new(&admission, &seed), 0);
	admission_begin(admission, 1, 1);
	for (uint32_t value = 1; value <= 5; value++) {
		assert_true(admission_ask(admission, 1, 1, value, 5));
		assert_true(admission_ask(admission, 1, 0, value, 5));
	}
	for (uint32_t value = 5; value >= 1; value--) {
		assert_int_equal(admission_ask(admission, 1, 1, value, 2), value > 3);
		assert_true(admission_ask(admission, 1, 0, value, 5));
	}
	assert_false(admission_ask(admission, 1, 1, 5, 0));
	admission_free(admission);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture || breakdown_new(&fixture->breakdown, &seed) < 0 ||
	    admission_new(&fixture->admission, &seed) < 0)
		return -1;
	fixture->limits = (struct breakdown_limits){.top_asns = 10, .asns_a_day = 500};
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	breakdown_free(fixture->breakdown);
	admission_free(fixture->admission);
	free(fixture);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_zones_and_kinds),
	    TEST(test_only_what_is_loaded),
	    TEST(test_sums),
	    TEST(test_quantiles),
	    TEST(test_agreement),
	    TEST(test_admission),
	    TEST(test_day_is_bounded),
	    cmocka_unit_test(test_admission_is_bounded),
	    cmocka_unit_test(test_lower_limit_holds_today),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
