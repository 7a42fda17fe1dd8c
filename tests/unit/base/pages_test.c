/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/pages.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const size_t sizes[] = {
    1, 4096, 100000, 128 << 10, (128 << 10) + 1, 1 << 20, 2 << 20, 5000000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void check_zeros(const uint8_t *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(memory[i], 0);
}

static void test_memory_is_zero_and_zero_again(void **state UNUSED)
{
	for (size_t i = 0; i < SIZES; i++) {
		uint8_t *memory[] = {pages_alloc(sizes[i]), pages_reserve(sizes[i])};

		for (int kind = 0; kind < 2; kind++) {
			assert_non_null(memory[kind]);
			check_zeros(memory[kind], sizes[i]);
			memset(memory[kind], 0x5a, sizes[i]);
			pages_clear(memory[kind], sizes[i]);
			check_zeros(memory[kind], sizes[i]);
			memset(memory[kind], 0x5a, sizes[i]);
			pages_renew(memory[kind], sizes[i]);
			check_zeros(memory[kind], sizes[i]);
			pages_free(memory[kind], sizes[i]);
		}
	}
	pages_free(NULL, 1);
}

static size_t resident(uint8_t *memory, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char pages[512];
	size_t n = 0;

	assert_true(size / page <= sizeof(pages));
	assert_int_equal(mincore(memory, size, pages), 0);
	for (size_t i = 0; i < size / page; i++)
		n += pages[i] & 1;
	return n;
}

static void test_a_cleared_table_takes_no_memory(void **state UNUSED)
{
	const size_t size = 1 << 20;
	uint8_t *memory = pages_alloc(size);

	assert_non_null(memory);
	assert_int_equal(resident(memory, size), 0);
	memset(memory, 1, size);
	assert_true(resident(memory, size) > 0);
	pages_clear(memory, size);
	assert_int_equal(resident(memory, size), 0);
	pages_free(memory, size);
}

static void test_a_renewed_table_has_all_its_memory(void **state UNUSED)
{
	const size_t size = 2 << 20;
	uint8_t *memory = pages_reserve(size);

	assert_non_null(memory);
	assert_int_equal(resident(memory, size), 0);
	memory[size / 2] = 1;
	pages_renew(memory, size);
	assert_int_equal(resident(memory, size), size / (size_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(memory[size / 2], 0);
	pages_free(memory, size);
}

/* A number of /proc/self/status, in KiB. */
static long status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	long value = -1;

	assert_non_null(file);
	while (value < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name), NULL, 10);
	}
	fclose(file);
	return value;
}

/* Of no size a part stays mapped. */
static void test_all_of_it_goes(void **state UNUSED)
{
	const long before = status("VmSize:");

	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < SIZES; i++) {
			pages_free(pages_alloc(sizes[i] + 7), sizes[i] + 7);
			pages_free(pages_reserve(sizes[i] + 1), sizes[i] + 1);
		}
	}
	assert_in_range(status("VmSize:"), 0, before + 4096);
}

/* What must stay in memory is zero all the same. */
static void test_locked_memory_is_cleared(void **state UNUSED)
{
	const size_t size = 128 << 10;
	uint8_t *memory = pages_reserve(size);

	assert_non_null(memory);
	(void)mlock(memory, size); /* refused: as any other */
	memset(memory, 1, size);
	pages_clear(memory, size);
	check_zeros(memory, size);
	pages_free(memory, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_memory_is_zero_and_zero_again),
	    cmocka_unit_test(test_a_cleared_table_takes_no_memory),
	    cmocka_unit_test(test_a_renewed_table_has_all_its_memory),
	    cmocka_unit_test(test_all_of_it_goes),
	    cmocka_unit_test(test_locked_memory_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
