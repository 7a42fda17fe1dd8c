/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/distinct.h"
#include "base/unused.h"
#include "encode/registers.h"

#include "../address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9};
static struct source_key key;

/* Clients of a zone, from the first to before the last. */
static void add(
    struct sources *sources, uint16_t zone, unsigned family, uint32_t first, uint32_t last)
{
	const uint16_t zone_family = zone | (family == FAMILY_IPV4 ? SOURCE_IPV4 : 0);

	for (uint32_t i = first; i < last; i++) {
		const uint64_t address[2] = {
		    address_word(i * 0x9e3779b1u), family == FAMILY_IPV4 ? 0 : i};

		sources_at(sources, source_hash(&seed, address, zone_family), address, zone_family)
		    ->transports = 1;
	}
}

/* The same clients by the counter of RSSAC002. */
static struct distinct *count(unsigned family, uint32_t first, uint32_t last)
{
	struct distinct *distinct = NULL;

	assert_int_equal(distinct_new(&distinct), 0);
	for (uint32_t i = first; i < last; i++) {
		const uint64_t address[2] = {
		    address_word(i * 0x9e3779b1u), family == FAMILY_IPV4 ? 0 : i};

		distinct_add(distinct,
		    source_key_hash(
			&key, (const uint8_t *)address, family == FAMILY_IPV4 ? 4 : 16));
	}
	return distinct;
}

static unsigned digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	assert_non_null(at);
	return (unsigned)(at - digits);
}

/* As a reader does it. */
static void read_text(const char *text, uint8_t registers[DISTINCT_REGISTERS])
{
	const size_t length = strlen(text);
	int64_t before = -1;

	memset(registers, 0, DISTINCT_REGISTERS);
	assert_true(length <= DISTINCT_REGISTERS && length % 4 == 0);
	for (size_t i = 0; length == DISTINCT_REGISTERS && i < length; i++)
		registers[i] = (uint8_t)digit(text[i]);
	for (size_t i = 0; length < DISTINCT_REGISTERS && i < length; i += 4) {
		const uint32_t entry = digit(text[i]) << 18 | digit(text[i + 1]) << 12 |
		    digit(text[i + 2]) << 6 | digit(text[i + 3]);

		assert_true((int64_t)(entry >> 6) > before); /* each once, in order */
		before = entry >> 6;
		registers[entry >> 6] = entry & 63;
	}
}

static void expect(
    struct registers *registers, uint32_t zone, unsigned family, uint32_t first, uint32_t last)
{
	static uint8_t got[DISTINCT_REGISTERS], wanted[DISTINCT_REGISTERS];
	struct distinct *distinct = count(family, first, last);
	const char *text = registers_text(registers, zone, family);

	assert_non_null(text);
	read_text(text, got);
	distinct_get_registers(distinct, wanted);
	assert_memory_equal(got, wanted, sizeof(got));
	distinct_free(distinct);
}

static void test_are_those_of_rssac002(void **state UNUSED)
{
	struct registers *registers = NULL;
	struct sources sources;

	assert_int_equal(sources_init(&sources, 1 << 17), 0);
	add(&sources, 0, FAMILY_IPV4, 0, 1);
	add(&sources, 0, FAMILY_IPV6, 0, 50000);
	add(&sources, 7, FAMILY_IPV4, 100, 4000);
	add(&sources, 7, FAMILY_IPV6, 0, 20000);
	assert_int_equal(registers_new(&registers, &sources, &key), 0);
	expect(registers, 0, FAMILY_IPV4, 0, 1);
	assert_int_equal(strlen(registers_text(registers, 0, FAMILY_IPV4)), 4);
	expect(registers, 0, FAMILY_IPV6, 0, 50000);
	assert_int_equal(strlen(registers_text(registers, 0, FAMILY_IPV6)), DISTINCT_REGISTERS);
	expect(registers, 7, FAMILY_IPV4, 100, 4000);
	expect(registers, 7, FAMILY_IPV6, 0, 20000);
	assert_null(registers_text(registers, 1, FAMILY_IPV4));
	assert_null(registers_text(registers, 8, FAMILY_IPV6));
	registers_free(registers);
	sources_done(&sources);
}

/* Where the two forms meet. */
static void test_the_shorter_form(void **state UNUSED)
{
	struct registers *registers = NULL;
	size_t before = 0;

	for (uint32_t clients = 9000; clients < 10000; clients += 50) {
		struct sources sources;
		size_t length;

		assert_int_equal(sources_init(&sources, 1 << 15), 0);
		add(&sources, 3, FAMILY_IPV4, 0, clients);
		assert_int_equal(registers_new(&registers, &sources, &key), 0);
		expect(registers, 3, FAMILY_IPV4, 0, clients);
		length = strlen(registers_text(registers, 3, FAMILY_IPV4));
		assert_true(length >= before && length <= DISTINCT_REGISTERS);
		before = length;
		registers_free(registers);
		sources_done(&sources);
	}
	assert_int_equal(before, DISTINCT_REGISTERS);
}

static void test_empty(void **state UNUSED)
{
	struct registers *registers = NULL;
	struct sources sources;

	assert_int_equal(sources_init(&sources, 64), 0);
	assert_int_equal(registers_new(&registers, &sources, &key), 0);
	assert_null(registers_text(registers, 0, FAMILY_IPV4));
	registers_free(registers);
	registers_free(NULL);
	sources_done(&sources);
}

static void test_key_is_told(void **state UNUSED)
{
	struct registers *a = NULL, *b = NULL;
	struct source_key other;
	struct sources sources;

	source_key_init(&other, (const uint8_t *)"0123456789abcdef0123456789abcdeF");
	assert_int_equal(sources_init(&sources, 64), 0);
	assert_int_equal(registers_new(&a, &sources, &key), 0);
	assert_int_equal(registers_new(&b, &sources, &other), 0);
	assert_int_equal(strlen(registers_key(a)), 16);
	assert_int_equal(strspn(registers_key(a), "0123456789abcdef"), 16);
	assert_string_not_equal(registers_key(a), registers_key(b));
	registers_free(a);
	registers_free(b);
	sources_done(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_are_those_of_rssac002),
	    cmocka_unit_test(test_the_shorter_form),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_key_is_told),
	};

	source_key_init(&key, (const uint8_t *)"0123456789abcdef0123456789abcdef");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
