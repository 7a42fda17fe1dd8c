/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that runs out: a program that is linked with --wrap for malloc, calloc, realloc,
 * reallocarray, strdup and arena_alloc (Makefile) has each allocation of the tested code fail once;
 * the sanitizers look for what comes of it. Libraries have their memory. */
#ifndef TESTS_UNIT_SCARCE_H
#define TESTS_UNIT_SCARCE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define SCARCE_MOST 100000

static long scarce_left = -1;  /* allocations until one fails; below 0: none does */
static bool scarce_from_there; /* all that follow fail, too */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t n, size_t size);
char *__wrap_strdup(const char *text);

struct arena;
void *__real_arena_alloc(struct arena *arena, size_t size);
void *__wrap_arena_alloc(struct arena *arena, size_t size);

static bool scarce_fails(void)
{
	if (scarce_left < 0)
		return false;
	if (scarce_left > 0 || !scarce_from_there)
		return scarce_left-- == 0;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return scarce_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return scarce_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return scarce_fails() ? NULL : __real_realloc(memory, size);
}

/* Within the C library these ask for memory by other names. */
void *__wrap_reallocarray(void *memory, size_t n, size_t size)
{
	return scarce_fails() ? NULL : __real_reallocarray(memory, n, size);
}

char *__wrap_strdup(const char *text)
{
	return scarce_fails() ? NULL : __real_strdup(text);
}

/* An arena asks for memory now and then; each that is asked of it may be the one. */
void *__wrap_arena_alloc(struct arena *arena, size_t size)
{
	return scarce_fails() ? NULL : __real_arena_alloc(arena, size);
}

/* Calls `run` with its first allocation failing, its second, and so on, until it runs with none
 * that failed. `run` says whether it has its whole result; with all memory it must. Returns how
 * many allocations failed. */
static inline long scarce_each(bool (*run)(void *context), void *context)
{
	long n = 0;

	for (;; n++) {
		bool whole, failed;

		scarce_left = n;
		whole = run(context);
		failed = scarce_left < 0;
		scarce_left = -1;
		assert_true(n < SCARCE_MOST);
		if (failed)
			continue;
		assert_true(whole);
		return n;
	}
}

#endif
