/* SPDX-License-Identifier: BSD-2-Clause */
#include "text/buffer.h"

#include "text/decimal.h"
#include "text/escape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define INITIAL_BYTES 4096
#define STRING_MAX    65535

void buffer_free(struct buffer *buffer)
{
	free(buffer->at);
	*buffer = (struct buffer){0};
}

void buffer_reset(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
}

static bool reserve(struct buffer *buffer, size_t more)
{
	size_t size = buffer->size ? buffer->size : INITIAL_BYTES;
	char *at;

	if (buffer->failed)
		return false;
	if (more <= buffer->size - buffer->length)
		return true;
	while (size - buffer->length < more && size < SIZE_MAX / 4)
		size *= 2;
	at = size - buffer->length < more ? NULL : realloc(buffer->at, size);
	if (!at) {
		buffer->failed = true;
		return false;
	}
	buffer->at = at;
	buffer->size = size;
	return true;
}

void buffer_put(struct buffer *buffer, const char *bytes, size_t length)
{
	if (!length || !reserve(buffer, length))
		return;
	memcpy(buffer->at + buffer->length, bytes, length);
	buffer->length += length;
}

static ssize_t stream_write(void *cookie, const char *bytes, size_t length)
{
	struct buffer *buffer = cookie;

	buffer_put(buffer, bytes, length);
	return buffer->failed ? 0 : (ssize_t)length;
}

FILE *buffer_stream(struct buffer *buffer)
{
	return fopencookie(buffer, "w", (cookie_io_functions_t){.write = stream_write});
}

char *buffer_close(struct buffer *buffer, FILE *stream, size_t *ret_length)
{
	const bool failed = ferror(stream);
	char *text;

	if (fclose(stream) == 0 && !failed)
		buffer_put(buffer, "", 1);
	else
		buffer->failed = true;
	if (buffer->failed) {
		buffer_free(buffer);
		return NULL;
	}
	text = realloc(buffer->at, buffer->length);
	if (!text)
		text = buffer->at; /* as large as it was */
	if (ret_length)
		*ret_length = buffer->length - 1;
	*buffer = (struct buffer){0};
	return text;
}

void buffer_integer(struct buffer *buffer, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	buffer_text(buffer, digits);
}

void buffer_count(struct buffer *buffer, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	buffer_text(buffer, digits);
}

void buffer_real(struct buffer *buffer, double value)
{
	char digits[DECIMAL_MAX];
	const size_t n = decimal_write(digits, value);

	if (n)
		buffer_put(buffer, digits, n);
	else
		buffer_text(buffer, "null");
}

void buffer_json_string(struct buffer *buffer, const char *text)
{
	const size_t length = strlen(text);

	buffer_text(buffer, "\"");
	if (reserve(buffer, escape_bound(length, STRING_MAX)))
		buffer->length += escape_write(
		    buffer->at + buffer->length, ESCAPE_JSON, text, length, STRING_MAX);
	buffer_text(buffer, "\"");
}
