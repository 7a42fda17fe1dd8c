/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/message.h"

#include "base/hex.h"

#include <nettle/sha2.h>
#include <string.h>

static size_t line_length(const char *text, size_t length)
{
	const char *newline = memchr(text, '\n', length);

	return newline ? (size_t)(newline - text) + 1 : length;
}

static void make_id(struct message *message)
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, message->length, (const uint8_t *)message->payload);
	sha256_digest(&sha, sizeof(message->id), message->id);
}

void message_cut(
    struct message *ret, const char *text, size_t length, const struct message_limit *limit)
{
	*ret = (struct message){.payload = text};
	while (ret->taken < length && ret->points < limit->points) {
		const size_t line = line_length(text + ret->taken, length - ret->taken);

		if (ret->points && ret->taken + line > limit->bytes)
			break;
		ret->taken += line;
		ret->points++;
	}
	ret->length = ret->taken - (text[ret->taken - 1] == '\n');
	make_id(ret);
}

void message_id_text(const uint8_t id[MESSAGE_ID_BYTES], char ret[MESSAGE_ID_CHARS + 1])
{
	hex_text(ret, id, MESSAGE_ID_BYTES);
}
