/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that ends at an unreadable page: a parser that reads one byte too far dies there. One for
 * a test program, between its group's guard_setup() and guard_teardown(). */
#ifndef CROSSTAP_TESTS_GUARD_H
#define CROSSTAP_TESTS_GUARD_H

#include "base/unused.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_BYTES 8192 /* readable; the page behind them is not */

static uint8_t *guard;

static inline size_t guard_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static inline size_t guard_readable(void)
{
	return (GUARD_BYTES + guard_page() - 1) / guard_page() * guard_page();
}

static inline int guard_setup(void **state UNUSED)
{
	const size_t readable = guard_readable();

	guard = mmap(NULL, readable + guard_page(), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return guard == MAP_FAILED ? -1 : mprotect(guard + readable, guard_page(), PROT_NONE);
}

static inline int guard_teardown(void **state UNUSED)
{
	return munmap(guard, guard_readable() + guard_page());
}

/* A copy whose last byte is the last readable one; valid until the next call. */
static inline uint8_t *guard_put(const void *data, size_t length)
{
	uint8_t *copy = guard + guard_readable() - length;

	if (length > guard_readable())
		abort();
	if (length)
		memcpy(copy, data, length);
	return copy;
}

#endif
