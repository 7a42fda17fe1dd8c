/* SPDX-License-Identifier: BSD-2-Clause */
/* When an input's connections rest unread, all of them together: as long as the busiest may. */
#include "dnstap/input_internal.h"

#include "base/least.h"

#include <poll.h>
#include <sys/ioctl.h>

#define RESTING_MOST 4 /* connections that are looked at instead of read */
/* Writes in the time of a rest. Our clock wakes a core that may be asleep, a write comes from one
 * that is not: so many of the others cost as much (tests/bench/agent paced). */
#define RESTING_WRITES 3.0
#define ROOM_TERM_NS   (100 * NS_PER_MS) /* a producer that pauses counts for one to two of these */

/* Whoever pauses may go on as fast as before. */
static void set_room(struct dnstap_input *input, const struct rest *rest)
{
	const uint64_t term_ns = input->now_ns - input->room_since_ns;

	if (term_ns >= ROOM_TERM_NS) {
		input->room_before_ns = term_ns < 2 * ROOM_TERM_NS ? input->room_ns : UINT64_MAX;
		input->room_ns = UINT64_MAX;
		input->room_since_ns = input->now_ns;
	}
	input->room_ns = least(input->room_ns, rest_room_ns(rest));
}

static uint64_t room_ns(const struct dnstap_input *input)
{
	return least(input->room_ns, input->room_before_ns);
}

void dnstap_rest_read(struct dnstap_input *input, struct connection *connection, size_t bytes)
{
	uint64_t rest_ns = 0;

	rest_read(&connection->rest, input->now_ns, bytes, input->rested);
	set_room(input, &connection->rest);
	if (!connection_is_new(connection))
		rest_ns = rest_ns_of(&connection->rest, input->held_ns);
	input->rest_ns = least(input->rest_ns, rest_ns);
}

/* Whether a rest spares more than it costs. */
static bool rest_spares(const struct dnstap_input *input)
{
	const struct connection *connection = input->connections;
	double writes = 0;

	for (int n = 0; connection && n < RESTING_MOST; n++, connection = connection->next)
		writes += rest_writes(&connection->rest);
	return connection || writes >= RESTING_WRITES;
}

uint64_t dnstap_rest_first_ns(const struct dnstap_input *input)
{
	const uint64_t rest_ns = least(input->rest_ns, room_ns(input));

	return rest_ns >= REST_LEAST_NS && rest_spares(input) ? rest_ns : 0;
}

/* To look costs less than to read, where there are few. Where nothing waits nobody looks: the next
 * write wakes. */
uint64_t dnstap_rest_again_ns(const struct dnstap_input *input, uint64_t left_ns)
{
	struct connection *connection = input->connections;
	uint64_t most_ns = rest_part(least(left_ns, room_ns(input)));
	bool waits = false;
	int looks = 0;

	for (; connection && most_ns; connection = connection->next) {
		int waiting;

		if (++looks > RESTING_MOST || connection->held || connection_is_new(connection) ||
		    ioctl(connection->fd, FIONREAD, &waiting) < 0)
			return 0;
		if (!waiting)
			continue;
		waits = true;
		most_ns = least(most_ns, rest_more_ns(&connection->rest, (size_t)waiting));
	}
	return waits ? most_ns : 0;
}

void dnstap_rest_take(struct dnstap_input *input)
{
	struct pollfd command = {.fd = input->event_fd, .events = POLLIN};
	uint64_t rest_ns = dnstap_rest_first_ns(input), left_ns = input->held_ns;

	input->rested = rest_ns > 0;
	while (rest_ns) {
		const struct timespec time = {.tv_nsec = (long)rest_ns};

		if (ppoll(&command, 1, &time, NULL) != 0)
			return;
		left_ns -= rest_ns;
		rest_ns = dnstap_rest_again_ns(input, left_ns);
	}
}
