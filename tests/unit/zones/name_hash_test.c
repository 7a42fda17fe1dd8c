/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/name_hash.h"

#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

/* A message whose name has one label, of that many bytes in all, without the root label. */
static uint8_t *put_name(uint8_t *message, size_t bytes, uint8_t before, uint8_t letter)
{
	memset(message, before, DNS_HEADER_BYTES);
	message[DNS_HEADER_BYTES] = (uint8_t)(bytes - 1);
	memset(message + DNS_HEADER_BYTES + 1, letter, bytes - 1);
	message[DNS_HEADER_BYTES + bytes] = 0;
	return message + DNS_HEADER_BYTES;
}

static void case_does_not_matter_and_all_else_does(void **state UNUSED)
{
	uint8_t lower[80], upper[80];

	for (size_t bytes = 2; bytes <= 60; bytes++) {
		const uint8_t *name = put_name(lower, bytes, 0, 'z'),
			      *capital = put_name(upper, bytes, 0xff, 'Z');
		const uint64_t hash = name_hash(&seed, name, bytes + 1);

		assert_true(hash == name_hash(&seed, capital, bytes + 1));
		for (size_t i = 1; i < bytes; i++) {
			lower[DNS_HEADER_BYTES + i] ^= 1;
			assert_true(hash != name_hash(&seed, name, bytes + 1));
			lower[DNS_HEADER_BYTES + i] ^= 1;
		}
	}
}

static bool is_unusual(const uint8_t *name, size_t length)
{
	bool unusual;

	assert_true(
	    name_hash_look(&seed, name, length, &unusual) == name_hash(&seed, name, length));
	return unusual;
}

/* Capitals and hyphens, wherever they are, and neither other letters and digits nor what lies
 * before the name. The length of a label is below those bytes here. */
static void what_is_unusual(void **state UNUSED)
{
	static const char odd[] = "AZ-", plain[] = "az09";
	uint8_t message[80];

	for (size_t bytes = 2; bytes <= 32; bytes++) {
		uint8_t *name = put_name(message, bytes, '-', 'a');

		assert_false(is_unusual(name, bytes + 1));
		for (size_t i = 1; i < bytes; i++) {
			for (const char *c = odd; *c; c++) {
				name[i] = (uint8_t)*c;
				assert_true(is_unusual(name, bytes + 1));
			}
			for (const char *c = plain; *c; c++) {
				name[i] = (uint8_t)*c;
				assert_false(is_unusual(name, bytes + 1));
			}
		}
	}
}

/* Neither what lies before it nor its case. */
static void a_tail_is_its_bytes(void **state UNUSED)
{
	uint8_t one[80], other[80];

	for (size_t bytes = 16; bytes <= 60; bytes++) {
		const size_t length = bytes + 1;
		const uint8_t *end = put_name(one, bytes, 0, 'q') + length;
		const uint8_t *end_other = put_name(other, bytes, 0xff, 'Q') + length;

		for (size_t tail = 1; tail < length; tail++) {
			const uint64_t hash = name_hash_tail(&seed, end, tail);

			assert_true(hash == name_hash_tail(&seed, end_other, tail));
			other[DNS_HEADER_BYTES + length - tail - 1] ^= 1;
			assert_true(hash == name_hash_tail(&seed, end_other, tail));
			assert_true(tail == 1 || hash != name_hash_tail(&seed, end, tail - 1));
			other[DNS_HEADER_BYTES + length - tail - 1] ^= 1;
			other[DNS_HEADER_BYTES + length - tail] ^= 1;
			assert_true(hash != name_hash_tail(&seed, end_other, tail));
			other[DNS_HEADER_BYTES + length - tail] ^= 1;
		}
	}
}

/* A domain is the whole of one name and the end of another. */
static void a_short_name_has_the_hash_of_its_tail(void **state UNUSED)
{
	uint8_t alone[80], below[80];

	for (size_t bytes = 2; bytes <= 40; bytes++) {
		const uint8_t *end = put_name(alone, bytes, 0xee, 'n') + bytes + 1;
		uint8_t *name = put_name(below, 4, 0x11, 'w');

		memcpy(name + 4, alone + DNS_HEADER_BYTES, bytes + 1);
		assert_true(name_hash_tail(&seed, end, bytes + 1) ==
		    name_hash_tail(&seed, name + 4 + bytes + 1, bytes + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(case_does_not_matter_and_all_else_does),
	    cmocka_unit_test(what_is_unusual),
	    cmocka_unit_test(a_tail_is_its_bytes),
	    cmocka_unit_test(a_short_name_has_the_hash_of_its_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
