/* SPDX-License-Identifier: BSD-2-Clause */
/* A producer as libfstrm makes one: frames that happen now, at a rate, in writes of 8 KiB; what
 * finds no room waits in a queue, and what finds none there is dropped. dnstap_produce SOCKET
 * SECONDS SOURCES|each:SOURCES FRAMES_PER_SECOND [QUEUE] SOURCES by Zipf's law, or each as often as
 * any other. At rate 0 it waits for room and drops nothing. It prints one JSON object: seconds,
 * frames sent, frames dropped. */
#include "workload.h"

#include "base/clock.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK        8192
#define QUEUE_FRAMES 512 /* fstrm_iothr_options_set_input_queue_size(3) */
#define BATCH        64  /* fstrm's IOVs in one write */
#define FLUSH_NS     NS_PER_S
#define POOL_FRAMES  400000
#define RESPONSE_NS  50000

/* Fields of dnstap.proto. */
enum { DNSTAP_MESSAGE = 14, QUERY_TIME_SEC = 8, RESPONSE_TIME_SEC = 12 };
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

struct producer {
	struct workload pool;
	uint32_t *start; /* of each frame in the pool, and the end of the last */
	uint16_t *time;  /* where its seconds are, behind its start */
	bool *response;
	int fd;
	double rate;
	uint64_t queue, sent, dropped;
	const uint8_t *rest; /* of a write that was cut short */
	size_t n_rest;
	bool blocked;
};

static uint64_t take_varint(const uint8_t **at)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		const uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return value;
	}
}

static void skip_field(const uint8_t **at, unsigned wire)
{
	if (wire == WIRE_VARINT) {
		take_varint(at);
	} else if (wire == WIRE_BYTES) {
		const size_t length = take_varint(at);

		*at += length;
	} else { /* fixed32 */
		*at += 4;
	}
}

/* Where a frame of ours, made a moment ago, has its seconds. */
static const uint8_t *find_time(const uint8_t *at, bool *ret_response)
{
	for (;;) {
		const unsigned tag = (unsigned)take_varint(&at), field = tag >> 3;

		if (field == DNSTAP_MESSAGE) {
			take_varint(&at);
			continue;
		}
		if ((tag & 7) == WIRE_VARINT &&
		    (field == QUERY_TIME_SEC || field == RESPONSE_TIME_SEC)) {
			*ret_response = field == RESPONSE_TIME_SEC;
			return at;
		}
		skip_field(&at, tag & 7);
	}
}

static uint32_t frame_length(const uint8_t *at)
{
	return 4 + ((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

static void index_pool(struct producer *p)
{
	const size_t n = p->pool.frames;
	uint32_t at = 0;

	if (p->pool.length > UINT32_MAX)
		errx(1, "too many sources");
	p->start = calloc(n + 1, sizeof(*p->start));
	p->time = calloc(n, sizeof(*p->time));
	p->response = calloc(n, sizeof(*p->response));
	if (!p->start || !p->time || !p->response)
		err(1, "frames");
	for (size_t i = 0; i < n; i++) {
		const uint8_t *frame = p->pool.stream + at;

		p->start[i] = at;
		p->time[i] = (uint16_t)(find_time(frame + 4, &p->response[i]) - frame);
		at += frame_length(frame);
	}
	p->start[n] = at;
}

/* Seconds of this century are five bytes as a varint, as they were; a tag; nanoseconds,
 * little-endian. */
static void stamp(const struct producer *p, size_t i, int64_t now_ns)
{
	uint8_t *at = p->pool.stream + p->start[i] + p->time[i];
	const int64_t time_ns = now_ns - (p->response[i] ? 0 : RESPONSE_NS);
	uint64_t seconds = (uint64_t)(time_ns / NS_PER_S);
	const uint32_t nanoseconds = (uint32_t)(time_ns % NS_PER_S);

	for (unsigned k = 0; k < 4; k++, seconds >>= 7)
		*at++ = (uint8_t)(seconds & 127) | 128;
	*at++ = (uint8_t)seconds;
	at++;
	for (unsigned k = 0; k < 4; k++)
		*at++ = (uint8_t)(nanoseconds >> (8 * k));
}

/* Sends what is left of a write. False where there is no room. */
static bool send_rest(struct producer *p)
{
	while (p->n_rest) {
		const ssize_t n = send(
		    p->fd, p->rest, p->n_rest, MSG_NOSIGNAL | (p->rate > 0 ? MSG_DONTWAIT : 0));

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			err(1, "the receiver is gone after %lu frames", p->sent);
		p->rest += n;
		p->n_rest -= (size_t)n;
	}
	return true;
}

/* Makes a write of up to `n` frames. Returns how many bytes it has. */
static size_t next_write(struct producer *p, uint64_t n)
{
	const size_t first = (p->sent + p->dropped) % p->pool.frames;
	const int64_t now_ns = clock_wall_ns(&clock_system);
	size_t end = first;

	while (
	    end < p->pool.frames && end - first < n && p->start[end + 1] - p->start[first] <= CHUNK)
		stamp(p, end++, now_ns);
	p->rest = p->pool.stream + p->start[first];
	p->n_rest = p->start[end] - p->start[first];
	p->sent += end - first;
	return p->n_rest;
}

static void nap(int64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)(ns < 999999999 ? ns : 999999999)}, NULL);
}

/* As fast as frames are read. */
static void produce_all(struct producer *p, int64_t end_ns)
{
	while ((int64_t)clock_monotonic_ns() < end_ns) {
		next_write(p, POOL_FRAMES);
		send_rest(p);
	}
}

/*
 * One step at a rate: `due` frames have happened. Returns for how many further ones to wait. While
 * there is room nothing is dropped, however late this program is; the caller lets the schedule move
 * on.
 */
static uint64_t produce_due(struct producer *p, uint64_t due, bool flush)
{
	uint64_t waiting = due - p->sent - p->dropped;

	if (p->blocked && waiting > p->queue)
		p->dropped += waiting - p->queue;
	for (;;) {
		p->blocked = !send_rest(p);
		waiting = due - p->sent - p->dropped;
		if (p->blocked || !waiting || (waiting < BATCH && !flush))
			return p->blocked || waiting >= BATCH ? 0 : BATCH - waiting;
		next_write(p, waiting);
	}
}

static void produce_paced(struct producer *p, int64_t start_ns, int64_t end_ns)
{
	int64_t now_ns, flushed_ns = start_ns;
	uint64_t before = 0;

	while ((now_ns = (int64_t)clock_monotonic_ns()) < end_ns) {
		uint64_t due = (uint64_t)((double)(now_ns - start_ns) * p->rate / NS_PER_S), wait;
		const uint64_t done = p->sent + p->dropped;

		if (!p->blocked && due - done > p->queue / 2 + BATCH) {
			const uint64_t late = due - done - p->queue / 2;

			start_ns += (int64_t)((double)late / p->rate * NS_PER_S);
			due = done + p->queue / 2;
		}
		wait = produce_due(p, due, now_ns - flushed_ns > FLUSH_NS);
		if (p->sent != before || due == done) {
			before = p->sent;
			flushed_ns = now_ns;
		}
		if (p->blocked)
			poll(&(struct pollfd){.fd = p->fd, .events = POLLOUT}, 1, 100);
		else
			nap((int64_t)((double)wait / p->rate * NS_PER_S));
	}
	if (p->n_rest) { /* what was begun */
		p->rate = 0;
		send_rest(p);
	}
}

static void make_pool(struct producer *p, const char *sources)
{
	const char *each = strncmp(sources, "each:", 5) == 0 ? sources + 5 : NULL;
	const size_t n = strtoul(each ? each : sources, NULL, 10);

	if (!n)
		errx(2, "%s: how many sources?", sources);
	workload_make(&p->pool,
	    &(struct workload_options){.frames = each && 2 * n > POOL_FRAMES ? 2 * n : POOL_FRAMES,
		.sources = each ? SOURCES_RANDOM : SOURCES_ZIPF,
		.n_sources = n,
		.n_zones = 1});
	index_pool(p);
}

int main(int argc, char **argv)
{
	struct producer p = {.queue = QUEUE_FRAMES};
	int64_t start_ns, end_ns;

	if (argc < 5 || argc > 6)
		errx(2,
		    "usage: dnstap_produce SOCKET SECONDS SOURCES|each:SOURCES FRAMES_PER_SECOND "
		    "[QUEUE]");
	p.rate = strtod(argv[4], NULL);
	if (argc > 5)
		p.queue = strtoul(argv[5], NULL, 10);
	make_pool(&p, argv[3]);
	p.fd = workload_open(argv[1]);
	start_ns = (int64_t)clock_monotonic_ns();
	end_ns = start_ns + (int64_t)(strtod(argv[2], NULL) * NS_PER_S);
	if (p.rate > 0)
		produce_paced(&p, start_ns, end_ns);
	else
		produce_all(&p, end_ns);
	end_ns = (int64_t)clock_monotonic_ns();
	workload_close(p.fd);
	printf("{\"seconds\": %.3f, \"sent\": %lu, \"dropped\": %lu}\n",
	    (double)(end_ns - start_ns) / NS_PER_S, p.sent, p.dropped);
	workload_free(&p.pool);
	free(p.start);
	free(p.time);
	free(p.response);
	return 0;
}
