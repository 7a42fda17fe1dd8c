/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second readers of inputs[].tee, with the sockets to them and what else the tee's thread
 * waits for. Each frame that a reader has whole is one that the agent was given, in its order and
 * never twice; what a tee was given it has sent, or says that it left out.
 */
#include "simulation.h"

#include "base/unused.h"
#include "dnstap/frame_stream.h"
#include "relay/tee.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xxhash.h>

#define FIRST_FD     (1 << 22) /* beyond those of disk.c */
#define MAX_ENDS     64
#define SOCKET_BYTES 4096
#define MAX_FRAMES   (1u << 14)
#define MAX_TEES     8
#define MAX_FRAME    65536

/* A descriptor of the process. */
struct end {
	bool used, is_link;
	uint64_t count; /* of an eventfd */
	/* A link to a reader. */
	unsigned reader;
	bool closed; /* by the reader */
	uint8_t sent[SOCKET_BYTES], said[SOCKET_BYTES];
	size_t n_sent, n_said;
	uint64_t dies_after; /* bytes that it reads; UINT64_MAX: it does not */
	struct frame_stream stream;
};

struct reader {
	enum sim_mood mood;
	uint64_t frames; /* that it has, in all */
	uint64_t given[MAX_FRAMES];
	size_t n_given, next; /* next: of those that it may still get */
	uint64_t sent;        /* as tees say */
	bool lost;            /* some may be lost with a socket, or a tee with its process */
};

static struct end ends[MAX_ENDS];
static struct reader readers[SIM_INPUTS];
/* Whose the frames are that it was given. */
static struct {
	const struct tee *tee;
	unsigned reader;
	uint64_t frames;
} tees[MAX_TEES];

void sim_relay_init(void)
{
	memset(ends, 0, sizeof(ends));
	memset(tees, 0, sizeof(tees));
	for (int i = 0; i < SIM_INPUTS; i++) {
		readers[i].mood = SIM_MOOD_GOOD;
		readers[i].frames = readers[i].sent = 0;
		readers[i].n_given = readers[i].next = 0;
		readers[i].lost = false;
	}
}

static struct end *of(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + MAX_ENDS && ends[fd - FIRST_FD].used
	    ? &ends[fd - FIRST_FD]
	    : NULL;
}

bool sim_is_end(int fd)
{
	return of(fd) != NULL;
}

static int error(int code)
{
	errno = code;
	return -1;
}

static int new_end(bool is_link)
{
	for (int i = 0; i < MAX_ENDS; i++) {
		if (ends[i].used)
			continue;
		ends[i].used = true;
		ends[i].is_link = is_link;
		ends[i].closed = false;
		ends[i].count = 0;
		ends[i].n_sent = ends[i].n_said = 0;
		return FIRST_FD + i;
	}
	sim_fail("more than %d sockets", MAX_ENDS);
}

/* Everybody looks again. */
static void stir(void)
{
	sim_wake(ends);
}

/* -- a reader */

static void expect_frame(struct reader *reader, const uint8_t *frame, size_t length)
{
	const uint64_t hash = XXH3_64bits(frame, length);

	while (reader->next < reader->n_given && reader->given[reader->next] != hash)
		reader->next++;
	if (reader->next == reader->n_given)
		sim_fail("the second reader has a frame twice, or one that was never sent");
	reader->next++;
	reader->frames++;
}

static void reply(struct end *end, const uint8_t *bytes, size_t length)
{
	if (readers[end->reader].mood == SIM_MOOD_SILENT)
		return;
	if (end->n_said + length > SOCKET_BYTES)
		sim_fail("a reader says more than anybody reads");
	memcpy(end->said + end->n_said, bytes, length);
	if (readers[end->reader].mood == SIM_MOOD_GARBAGE)
		end->said[sim_random(length)] ^= (uint8_t)(1 + sim_random(255));
	end->n_said += length;
}

/* Reads what has come, and answers. */
static void consume(struct end *end)
{
	struct reader *reader = &readers[end->reader];
	const uint8_t *at = end->sent, *last = end->sent + end->n_sent, *frame;
	uint8_t answer[FRAME_STREAM_MAX_REPLY_BYTES];
	const char *reason = NULL;
	enum frame_stream_result result;
	uint32_t length;

	while ((result = frame_stream_next(&end->stream, &at, last, &frame, &length, answer,
		    &reason)) != FRAME_STREAM_MORE) {
		if (result == FRAME_STREAM_ERROR)
			sim_fail("the second reader does not understand: %s", reason);
		if (result == FRAME_STREAM_DATA)
			expect_frame(reader, frame, length);
		else if (length)
			reply(end, answer, length);
	}
	end->n_sent = (size_t)(last - at);
	memmove(end->sent, at, end->n_sent);
}

static void close_link(struct end *end)
{
	end->closed = true;
	readers[end->reader].lost |= end->n_sent != 0;
}

static void read_link(struct end *end)
{
	const enum sim_mood mood = readers[end->reader].mood;

	if (end->closed || mood == SIM_MOOD_STALLED)
		return;
	if (mood == SIM_MOOD_ABSENT || end->n_sent >= end->dies_after) {
		close_link(end);
	} else {
		if (end->dies_after != UINT64_MAX)
			end->dies_after -= end->n_sent;
		consume(end);
	}
	stir();
}

void sim_relay_set(unsigned reader, enum sim_mood mood)
{
	readers[reader].mood = mood;
	for (int i = 0; i < MAX_ENDS; i++) {
		if (!ends[i].used || !ends[i].is_link || ends[i].reader != reader)
			continue;
		if (mood == SIM_MOOD_DIES)
			close_link(&ends[i]);
		read_link(&ends[i]);
	}
	stir();
}

/* -- system calls of the tee's thread */

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
	return sim_in_process() ? new_end(false) : __real_eventfd(count, flags);
}

ssize_t sim_end_read(int fd, void *data, size_t size)
{
	struct end *end = of(fd);

	sim_yield();
	if (!end->count)
		return error(EAGAIN);
	memcpy(data, &end->count, size < sizeof(end->count) ? size : sizeof(end->count));
	end->count = 0;
	return (ssize_t)sizeof(end->count);
}

ssize_t sim_end_write(int fd, const void *data UNUSED, size_t size)
{
	of(fd)->count++;
	stir();
	sim_yield();
	return (ssize_t)size;
}

int sim_end_close(int fd)
{
	struct end *end = of(fd);

	/* A reader has what its socket holds. */
	if (end->is_link && !end->closed && readers[end->reader].mood == SIM_MOOD_GOOD)
		consume(end);
	if (end->is_link && end->n_sent)
		readers[end->reader].lost = true;
	end->used = false;
	return 0;
}

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
	return sim_in_process() ? new_end(true) : __real_socket(family, type, protocol);
}

int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct end *end = of(fd);
	struct sockaddr_un path;

	if (!end)
		return __real_connect(fd, address, length);
	memcpy(&path, address, sizeof(path));
	end->reader = path.sun_path[strlen(path.sun_path) - 1] == '1';
	frame_stream_init(&end->stream, MAX_FRAME);
	end->dies_after = UINT64_MAX;
	if (readers[end->reader].mood == SIM_MOOD_DIES)
		end->dies_after = sim_random(2000);
	sim_yield();
	return readers[end->reader].mood == SIM_MOOD_ABSENT ? error(ECONNREFUSED) : 0;
}

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	if (!of(fd))
		return __real_getsockopt(fd, level, option, value, size);
	memset(value, 0, *size);
	return 0;
}

/* As much as the socket's buffer takes, and now and then less. */
static size_t put(struct end *end, const void *data, size_t length)
{
	size_t room = SOCKET_BYTES - end->n_sent;

	if (length > room)
		length = room;
	if (length > 1 && sim_once_in(8))
		length = 1 + sim_random(length);
	memcpy(end->sent + end->n_sent, data, length);
	end->n_sent += length;
	return length;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct end *end = of(fd);
	size_t sent = 0;

	if (!end)
		return __real_sendmsg(fd, message, flags);
	sim_yield();
	if (end->closed)
		return error(EPIPE);
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const size_t n =
		    put(end, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);

		sent += n;
		if (n < message->msg_iov[i].iov_len)
			break;
	}
	if (!sent)
		return error(EAGAIN);
	read_link(end);
	return (ssize_t)sent;
}

ssize_t __real_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags)
{
	struct iovec part = {(void *)(uintptr_t)data, length};
	const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct end *end = of(fd);

	if (!end)
		return __real_send(fd, data, length, flags);
	/* A control frame goes whole where it fits at all. */
	if (end->closed)
		return error(EPIPE);
	if (length > SOCKET_BYTES - end->n_sent)
		return __wrap_sendmsg(fd, &message, flags);
	memcpy(end->sent + end->n_sent, data, length);
	end->n_sent += length;
	read_link(end);
	return (ssize_t)length;
}

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
	struct end *end = of(fd);
	size_t n;

	if (!end)
		return __real_recv(fd, data, size, flags);
	sim_yield();
	n = end->n_said < size ? end->n_said : size;
	if (!n)
		return end->closed ? 0 : error(EAGAIN);
	if (n > 1 && sim_once_in(4))
		n = 1 + sim_random(n);
	memcpy(data, end->said, n);
	end->n_said -= n;
	memmove(end->said, end->said + n, end->n_said);
	return (ssize_t)n;
}

static short events_of(const struct pollfd *fd)
{
	const struct end *end = of(fd->fd);
	bool in, out;

	if (!end)
		return 0;
	in = end->is_link ? end->n_said || end->closed : end->count != 0;
	out = end->is_link && (end->n_sent < SOCKET_BYTES || end->closed);
	return (short)(fd->events & ((in ? POLLIN : 0) | (out ? POLLOUT : 0)));
}

int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	const uint64_t until_ns =
	    ms < 0 ? UINT64_MAX : sim_now_ns() + (uint64_t)ms * (uint64_t)NS_PER_MS;

	if (!sim_in_process())
		return __real_poll(fds, n, ms);
	for (;;) {
		int ready = 0;

		for (nfds_t i = 0; i < n; i++) {
			fds[i].revents = events_of(&fds[i]);
			ready += fds[i].revents != 0;
		}
		if (ready || sim_now_ns() >= until_ns)
			return ready;
		sim_wait(ends, until_ns);
	}
}

/* -- what a tee is given */

static size_t place_of(const struct tee *tee)
{
	size_t free = MAX_TEES;

	for (size_t i = 0; i < MAX_TEES; i++) {
		if (tees[i].tee == tee)
			return i;
		if (!tees[i].tee)
			free = i;
	}
	if (free == MAX_TEES)
		sim_fail("more than %d tees", MAX_TEES);
	return free;
}

void __real_tee_take(struct tee *tee, const uint8_t *data, size_t length);
void __wrap_tee_take(struct tee *tee, const uint8_t *data, size_t length);
void __wrap_tee_take(struct tee *tee, const uint8_t *data, size_t length)
{
	const unsigned number = strchr(tee_target(tee), '1') != NULL;
	struct reader *reader = &readers[number];
	const size_t i = place_of(tee);
	size_t at = 0;

	tees[i].tee = tee;
	tees[i].reader = number;
	while (at + 4 <= length) {
		const uint32_t bytes = (uint32_t)data[at] << 24 | (uint32_t)data[at + 1] << 16 |
		    (uint32_t)data[at + 2] << 8 | data[at + 3];

		if (!bytes) { /* a control frame: its length follows */
			at += 8 + data[at + 7];
			continue;
		}
		if (reader->n_given == MAX_FRAMES)
			sim_fail("more than %u frames for a second reader", MAX_FRAMES);
		reader->given[reader->n_given++] = XXH3_64bits(data + at + 4, bytes);
		tees[i].frames++;
		at += 4 + bytes;
	}
	__real_tee_take(tee, data, length);
}

/* A thread that looks for a name is left behind; here there are none. */
void __real_tee_free(struct tee *tee, struct tee_stats *ret);
void __wrap_tee_free(struct tee *tee, struct tee_stats *ret);
void __wrap_tee_free(struct tee *tee, struct tee_stats *ret)
{
	struct tee_stats stats = {0};
	struct reader *reader;
	uint64_t frames = 0;

	if (!tee)
		return;
	reader = &readers[strchr(tee_target(tee), '1') != NULL];
	for (int i = 0; i < MAX_TEES; i++) {
		if (tees[i].tee == tee) {
			frames = tees[i].frames;
			tees[i].tee = NULL;
			tees[i].frames = 0;
		}
	}
	__real_tee_free(tee, &stats);
	if (ret)
		*ret = stats;
	sim_trace("tee: given %llu, sent %llu, left out %llu", (unsigned long long)frames,
	    (unsigned long long)stats.frames, (unsigned long long)stats.dropped);
	if (stats.frames + stats.dropped != frames)
		sim_fail("a tee was given %llu frames, sent %llu and left out %llu",
		    (unsigned long long)frames, (unsigned long long)stats.frames,
		    (unsigned long long)stats.dropped);
	reader->sent += stats.frames;
	if (reader->frames > reader->sent || (reader->frames < reader->sent && !reader->lost))
		sim_fail("the second reader has %llu frames of %llu",
		    (unsigned long long)reader->frames, (unsigned long long)reader->sent);
	if (stats.dropped && sim_relay_is_good())
		sim_fail("a tee left out %llu frames that its reader would have taken",
		    (unsigned long long)stats.dropped);
}

static bool good; /* readers have been so for long */

void sim_relay_good(bool is)
{
	good = is;
}

bool sim_relay_is_good(void)
{
	return good;
}

/* -- ends */

/* The kernel closes its sockets; what is in them is still read. */
void sim_relay_killed(void)
{
	for (int i = 0; i < MAX_ENDS; i++) {
		if (ends[i].used)
			sim_end_close(FIRST_FD + i);
	}
	for (int i = 0; i < MAX_TEES; i++) {
		if (!tees[i].tee)
			continue;
		readers[tees[i].reader].lost = true;
		/* What they had sent is not known any more. */
		readers[tees[i].reader].sent += tees[i].frames;
	}
	memset(tees, 0, sizeof(tees));
}
