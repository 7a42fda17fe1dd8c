/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may come back to a ping socket. The first byte chooses the parser; what it accepts must lie
 * within the data, be encoded as accepted, and fit a probe only with that probe's own cookie.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ping/ping_probes.h"
#include "ping/ping_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ping_address address = {.family = 4, .bytes = {198, 51, 100, 2}},
				 other = {.family = 4, .bytes = {198, 51, 100, 3}};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_fit(const struct ping_message *message)
{
	static struct ping_probes *probes;
	static struct probe *probe;
	const struct probe *found;

	if (!probes) {
		require(ping_probes_new(&probes, 1) == 0);
		require(ping_probes_begin(probes, &address, &probe) == 0);
	}
	found = ping_probes_find(
	    probes, message->sequence, &address, message->cookie, message->cookie_length);
	require(!found ||
	    (message->sequence == probe->sequence &&
		memcmp(message->cookie, probe->cookie, message->cookie_length) == 0));
	/* With the cookie set right, only the sequence number decides. */
	found = ping_probes_find(
	    probes, message->sequence, &address, probe->cookie, message->cookie_length);
	require((found != NULL) == (message->sequence == probe->sequence));
	/* With the number set right, only the cookie; and nothing of another's address. */
	found = ping_probes_find(
	    probes, probe->sequence, &address, message->cookie, message->cookie_length);
	require((found != NULL) ==
	    (memcmp(message->cookie, probe->cookie, message->cookie_length) == 0));
	require(!ping_probes_find(
	    probes, probe->sequence, &other, probe->cookie, message->cookie_length));
}

static void check_message(
    const struct ping_message *message, const uint8_t *data, size_t size, unsigned family)
{
	uint8_t again[PING_REQUEST_BYTES];

	require(message->cookie >= data && message->cookie <= data + size);
	require(message->cookie_length <= (size_t)(data + size - message->cookie));
	require(message->cookie_length <= PING_COOKIE_BYTES);
	require(message->kind != PING_REPLY || message->cookie_length == PING_COOKIE_BYTES);
	check_fit(message);
	if (message->cookie_length < PING_COOKIE_BYTES)
		return;
	ping_wire_request(again, family, message->id, message->sequence, message->cookie);
	require(memcmp(again + 4, message->cookie - 4, PING_REQUEST_BYTES - 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ping_message message = {0};
	enum ping_error error;
	unsigned family;
	int r;

	if (size < 1)
		return 0;
	family = data[0] & 1 ? 6 : 4;
	switch (data[0] >> 1 & 3) {
	case 0:
		family = 4;
		r = ping_wire_parse_ipv4(data + 1, size - 1, &message);
		break;
	case 1:
		r = ping_wire_parse_reply(data + 1, size - 1, family, &message);
		break;
	case 2:
		r = ping_wire_parse_quote(data + 1, size - 1, family, &message);
		break;
	default:
		if (size > 2)
			ping_wire_classify(family, data[1], data[2], &error);
		return 0;
	}
	if (r == 0)
		check_message(&message, data + 1, size - 1, family);
	return 0;
}
