/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a spool that anybody may have written become messages that hold all of them, in order,
 * and the same ones each time; and librdkafka's statistics, with names of brokers in them. */
#include "sink/kafka/message.h"
#include "sink/kafka/statistics.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(
    const struct message *message, const char *text, size_t left, const struct message_limit *limit)
{
	struct message again;
	size_t lines = 0;

	if (message->payload != text || !message->taken || message->taken > left)
		abort();
	if (message->length != message->taken - (text[message->taken - 1] == '\n'))
		abort();
	for (size_t i = 0; i < message->length; i++)
		lines += text[i] == '\n';
	if (message->points != lines + 1 || message->points > limit->points ||
	    (message->points > 1 && message->taken > limit->bytes))
		abort();
	/* What follows does not matter: an id is that of its own bytes. */
	message_cut(&again, text, message->taken, limit);
	if (again.taken != message->taken || memcmp(again.id, message->id, MESSAGE_ID_BYTES) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct message_limit limit = {
	    .points = size ? 1 + data[0] % 5 : 1, .bytes = size > 1 ? data[1] : 1};
	const char *text = (const char *)data;
	struct sink_client client = {0};
	struct message message;

	for (size_t at = 0; at < size; at += message.taken) {
		message_cut(&message, text + at, size - at, &limit);
		check(&message, text + at, size - at, &limit);
	}
	if (kafka_statistics_read(&client, text, size) && !client.known)
		abort();
	return 0;
}
