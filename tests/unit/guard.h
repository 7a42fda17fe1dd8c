/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that ends at an unreadable page: a parser that reads one byte too far dies there. */
#ifndef CROSSTAP_TESTS_GUARD_H
#define CROSSTAP_TESTS_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	uint8_t *map;
	size_t bytes; /* readable; the page behind them is not */
};

static inline void guard_init(struct guard *guard, size_t most)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	guard->bytes = (most + page) / page * page;
	guard->map = mmap(
	    NULL, guard->bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guard->map == MAP_FAILED || mprotect(guard->map + guard->bytes, page, PROT_NONE) < 0)
		abort();
}

static inline void guard_done(struct guard *guard)
{
	munmap(guard->map, guard->bytes + (size_t)sysconf(_SC_PAGESIZE));
}

/* A copy whose last byte is the last readable one; valid until the next call. */
static inline uint8_t *guard_put(struct guard *guard, const void *data, size_t length)
{
	uint8_t *copy = guard->map + guard->bytes - length;

	if (length > guard->bytes)
		abort();
	if (length)
		memcpy(copy, data, length);
	return copy;
}

#endif
