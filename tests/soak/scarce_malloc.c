/* SPDX-License-Identifier: BSD-2-Clause */
/* For LD_PRELOAD: one allocation in SCARCE_ONE_IN fails, at random, from SCARCE_AFTER_MS after the
 * start on. What libraries ask for is not spared. glibc. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);

static uint64_t one_in, after_ms;
static _Atomic uint64_t state = 1;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void begin(void)
{
	atomic_store(&state, number("SCARCE_SEED", 1));
	after_ms = now_ms() + number("SCARCE_AFTER_MS", 0);
	one_in = number("SCARCE_ONE_IN", 0);
}

/* SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t next_random(void)
{
	uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool fails(void)
{
	if (!one_in || next_random() % one_in || now_ms() < after_ms)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}
