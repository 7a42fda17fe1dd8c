/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory whose owner gives it back all at once: the strings of a configuration, of a window, of a
 * report. One thread at a time uses an arena. */
#ifndef CROSSTAP_BASE_ARENA_H
#define CROSSTAP_BASE_ARENA_H

#include <stddef.h>

struct arena;

int arena_new(struct arena **ret);
void arena_free(struct arena *arena);
/* Likewise, and nothing that was in it stays in memory: for secrets. */
void arena_wipe(struct arena *arena);
/* Zeroed, aligned for any type, or NULL when there is no memory. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Frees everything but the first block. */
void arena_reset(struct arena *arena);
/* Bytes taken from the system. */
size_t arena_size(const struct arena *arena);

#endif
