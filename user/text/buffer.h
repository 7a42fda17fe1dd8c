/* SPDX-License-Identifier: BSD-2-Clause */
/* A text that grows. A failed allocation sticks: what comes later does nothing, and
 * buffer_failed() says so. */
#ifndef CROSSTAP_TEXT_BUFFER_H
#define CROSSTAP_TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct buffer { /* begins as zeros */
	char *at;
	size_t length, size;
	bool failed;
};

void buffer_free(struct buffer *buffer);
/* Empties it and forgets a failure; keeps the memory. */
void buffer_reset(struct buffer *buffer);
void buffer_put(struct buffer *buffer, const char *bytes, size_t length);
void buffer_integer(struct buffer *buffer, int64_t value);
void buffer_count(struct buffer *buffer, uint64_t value);
/* As text/decimal.h writes it; `null` for NaN and infinities. */
void buffer_real(struct buffer *buffer, double value);
/* A JSON string with its quotes; hostile bytes as text/escape.h writes them. */
void buffer_json_string(struct buffer *buffer, const char *text);

/* What is written to it is put: unlike with open_memstream(), what grows is never there twice. NULL
 * without memory; a failure later is one of the stream, too. */
FILE *buffer_stream(struct buffer *buffer);
/* Closes it. The text, ended by a NUL, is the caller's to free(), and the buffer empty; NULL:
 * something failed. `ret_length` may be NULL. */
char *buffer_close(struct buffer *buffer, FILE *stream, size_t *ret_length);

static inline void buffer_text(struct buffer *buffer, const char *text)
{
	buffer_put(buffer, text, strlen(text));
}

static inline bool buffer_failed(const struct buffer *buffer)
{
	return buffer->failed;
}

#endif
