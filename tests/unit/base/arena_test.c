/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_memory_is_zeroed_aligned_and_its_own(void **state UNUSED)
{
	struct arena *arena = NULL;
	unsigned char *blocks[200];

	assert_int_equal(arena_new(&arena), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 200; i++) {
			blocks[i] = arena_alloc(arena, i * 37);
			assert_non_null(blocks[i]);
			assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
			for (size_t k = 0; k < i * 37; k++)
				assert_int_equal(blocks[i][k], 0);
			memset(blocks[i], (int)i, i * 37);
		}
		for (size_t i = 0; i < 200; i++) {
			for (size_t k = 0; k < i * 37; k++)
				assert_int_equal(blocks[i][k], i);
		}
		assert_true(arena_size(arena) >= 199 * 100 * 37);
		arena_reset(arena);
		assert_true(arena_size(arena) <= 4096);
	}
	arena_free(arena);
	arena_free(NULL);
}

static void test_strings(void **state UNUSED)
{
	struct arena *arena = NULL;
	char longer[10000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(arena_new(&arena), 0);
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_strdup(arena, longer), longer);
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_printf(arena, "%s=%d", "k", 7), "k=7");
	assert_string_equal(arena_printf(arena, "%s", longer), longer);
	arena_free(arena);
}

static void test_refuses_impossible_sizes(void **state UNUSED)
{
	struct arena *arena = NULL;

	assert_int_equal(arena_new(&arena), 0);
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 8));
	assert_non_null(arena_alloc(arena, 8)); /* and goes on */
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_memory_is_zeroed_aligned_and_its_own),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_refuses_impossible_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
