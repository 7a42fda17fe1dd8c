/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/image.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define PAGE  4096
#define BULKY 65536

/* In the program's file, and only read: none of it is resident before it is. */
static const uint8_t bulky[BULKY * 16] = {[BULKY] = 1, [sizeof(bulky) - 1] = 2};
static const char *relocated[] = {"one", "two"};
static int written = 1;

/* KiB of files' pages that this process has mapped; 0: nobody says. */
static unsigned long file_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[256];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "RssFile: %lu kB", &kib) == 1)
			break;
	}
	fclose(file);
	return kib;
}

static unsigned touch_all(void)
{
	const volatile uint8_t *bytes = bulky;
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(bulky); i += PAGE)
		sum += bytes[i];
	return sum + bytes[sizeof(bulky) - 1];
}

/* What giving it back by hand takes from what is mapped: nothing under an emulator. */
static unsigned long by_hand(void)
{
	const uintptr_t begin = ((uintptr_t)bulky + PAGE - 1) & ~((uintptr_t)PAGE - 1);
	unsigned long before;

	assert_int_equal(touch_all(), 3);
	before = file_kib();
	(void)madvise((void *)begin, sizeof(bulky) - PAGE, MADV_DONTNEED);
	return before - file_kib();
}

static void test_what_was_used_once_is_given_back(void **state UNUSED)
{
	const unsigned long least = by_hand();
	unsigned long before;

	written = 2;
	assert_int_equal(touch_all(), 3);
	before = file_kib();
	image_settle();
	assert_true(before - file_kib() >= least / 2);
	/* All of it is there as it was, and so is what the program wrote. */
	assert_int_equal(touch_all(), 3);
	assert_int_equal(written, 2);
	assert_string_equal(relocated[1], "two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_was_used_once_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
