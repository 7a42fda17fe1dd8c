/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the lines of a batch to messages of Kafka: some whole lines each, without the newline at
 * their end. A message's id follows from its bytes alone, which name server, series and time: what
 * is sent again, by whichever process, has the id that it had, and no other message has it.
 */
#ifndef CROSSTAP_SINK_KAFKA_MESSAGE_H
#define CROSSTAP_SINK_KAFKA_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_ID_BYTES 16
#define MESSAGE_ID_CHARS (2 * MESSAGE_ID_BYTES)

struct message_limit {
	size_t points; /* at most, not 0 */
	size_t bytes;  /* at most; a longer line is a message of its own */
};

struct message {
	const char *payload;
	size_t length;
	size_t taken; /* bytes of the text, newlines included */
	size_t points;
	uint8_t id[MESSAGE_ID_BYTES]; /* the beginning of SHA-256 of the payload */
};

/* The first lines of `text`, which is not empty; at least one, whatever the limit. Points into
 * `text`. */
void message_cut(
    struct message *ret, const char *text, size_t length, const struct message_limit *limit);
/* The id in hexadecimal, and a NUL. */
void message_id_text(const uint8_t id[MESSAGE_ID_BYTES], char ret[MESSAGE_ID_CHARS + 1]);

#endif
