/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/rest.h"

#include "base/clock.h"

#include <sys/socket.h>
#include <unistd.h>

#define PERIOD_NS (10 * NS_PER_MS) /* a rate is that of so much time, or more */
#define LATE_NS   (10 * NS_PER_MS) /* a busy machine's clock may wake us so much later */
#define LOOKS     4
#define RESTS     64   /* after so many, one single write is looked at: a producer may change */
#define TCP_PIECE 1448 /* of an Ethernet frame; what was joined on its way takes less room */
#define BUFFER    256  /* struct sk_buff (linux/skbuff.h), 64 bit */
#define TAIL      320  /* struct skb_shared_info behind its data */

void rest_init(struct rest *rest, int fd)
{
	int domain = AF_UNSPEC, bytes = 0;
	socklen_t length = sizeof(domain);

	*rest = (struct rest){.looks = LOOKS, .page = (size_t)sysconf(_SC_PAGESIZE)};
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0)
		return;
	/* What waits in a Unix socket is charged to its writer (net/unix/af_unix.c), whose buffer
	 * is as large as ours unless it was set; what waits in a TCP socket, to us. */
	length = sizeof(bytes);
	if (getsockopt(
		fd, SOL_SOCKET, domain == AF_UNIX ? SO_SNDBUF : SO_RCVBUF, &bytes, &length) == 0 &&
	    bytes > 0)
		rest->room = (size_t)bytes;
	rest->write_most = domain == AF_UNIX ? SIZE_MAX : TCP_PIECE;
}

/* Shorter ones count at once, longer ones by half: short writes fill a buffer with few bytes. */
static void learn(struct rest *rest, size_t bytes)
{
	if (!rest->write_bytes || bytes < rest->write_bytes)
		rest->write_bytes = bytes;
	else
		rest->write_bytes += (bytes - rest->write_bytes) / 2;
	if (rest->looks)
		rest->looks--;
}

void rest_read(struct rest *rest, uint64_t now_ns, size_t bytes, bool rested)
{
	const uint64_t time_ns = now_ns - rest->since_ns;

	if (rested)
		rest->rests++;
	else
		learn(rest, bytes);
	if (!rest->since_ns) {
		rest->since_ns = now_ns;
		return;
	}
	rest->gathered += bytes;
	if (time_ns < PERIOD_NS)
		return;
	rest->rate -= rest->rate / 8;
	if ((double)rest->gathered * NS_PER_S / (double)time_ns > (double)rest->rate)
		rest->rate = (uint64_t)((double)rest->gathered * NS_PER_S / (double)time_ns);
	rest->since_ns = now_ns;
	rest->gathered = 0;
}

/* What the kernel charges for a piece: with a short one the power of two that kmalloc() gives, with
 * a longer one (unix_stream_sendmsg) whole pages. */
static size_t charge(size_t piece, size_t page)
{
	size_t head = 1;

	if (piece + TAIL > page)
		return BUFFER + 2 * TAIL + (piece + page - 1) / page * page;
	while (head < piece + TAIL)
		head *= 2;
	return BUFFER + head;
}

/* Bytes that half of the room holds: the rate may double meanwhile. */
static uint64_t fitting(const struct rest *rest)
{
	const size_t piece =
	    rest->write_bytes < rest->write_most ? rest->write_bytes : rest->write_most;

	return rest->room / 2 / charge(piece, rest->page) * piece;
}

uint64_t rest_room_ns(const struct rest *rest)
{
	return rest->rate ? fitting(rest) * NS_PER_S / rest->rate : UINT64_MAX;
}

uint64_t rest_ns_of(struct rest *rest, uint64_t held_ns)
{
	const uint64_t room_ns = rest_room_ns(rest);

	if (rest->looks || !rest->rate)
		return 0;
	if (rest->rests >= RESTS) {
		rest->rests = 0;
		return 0;
	}
	if (room_ns < held_ns)
		held_ns = room_ns;
	/* Less than two writes: they come one by one. */
	if (held_ns < REST_LEAST_NS ||
	    (double)rest->rate * (double)held_ns < 2.0 * (double)rest->write_bytes * NS_PER_S)
		return 0;
	return held_ns < REST_MOST_NS ? held_ns : REST_MOST_NS;
}

double rest_writes(const struct rest *rest)
{
	if (!rest->write_bytes)
		return 0;
	return (double)rest->rate / (double)rest->write_bytes * REST_MOST_NS / NS_PER_S;
}

uint64_t rest_more_ns(struct rest *rest, size_t waiting)
{
	const uint64_t room = 2 * fitting(rest),
		       late = waiting + rest->rate * LATE_NS / NS_PER_S; /* if we wake so late */
	uint64_t rest_ns = 0;

	if (late < room && rest->rate) /* which may double meanwhile */
		rest_ns = rest_part((room - late) * NS_PER_S / (2 * rest->rate));
	rest->rests += rest_ns > 0;
	return rest_ns;
}
