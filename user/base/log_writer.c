/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log_writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/unused.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES  4096 /* PIPE_BUF: what another writer does not cut into */
#define NOTICE_BYTES 128

enum writer_state { DIRECT, HELD, RUNNING, STOPPING, STOPPED };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	_Atomic int state; /* enum writer_state */
	pthread_t thread;
	char ring[LOG_RING_BYTES];
	size_t first, used; /* of the ring, whole lines */
	uint64_t untold;    /* lines dropped of which no line tells yet */
	_Atomic uint64_t dropped;
	bool writing; /* the thread is, outside the lock */
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER,
    .filled = PTHREAD_COND_INITIALIZER,
    .emptied = PTHREAD_COND_INITIALIZER};

/* -- the ring, under the lock */

static void put(const char *line, size_t length)
{
	const size_t at = (writer.first + writer.used) % LOG_RING_BYTES;
	const size_t head = length < LOG_RING_BYTES - at ? length : LOG_RING_BYTES - at;

	memcpy(writer.ring + at, line, head);
	memcpy(writer.ring, line + head, length - head);
	writer.used += length;
}

/* Before anything that comes after the gap. */
static void put_notice(void)
{
	char notice[NOTICE_BYTES];
	size_t length;

	if (!writer.untold || LOG_RING_BYTES - writer.used < NOTICE_BYTES)
		return;
	length = log_dropped_line(notice, sizeof(notice), writer.untold);
	if (length) {
		put(notice, length);
		writer.untold = 0;
	}
}

static char at(size_t i)
{
	return writer.ring[(writer.first + i) % LOG_RING_BYTES];
}

/* Whole lines, as many as fit. */
static size_t take(char chunk[static CHUNK_BYTES])
{
	size_t n = writer.used < CHUNK_BYTES ? writer.used : CHUNK_BYTES;

	while (n && at(n - 1) != '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		chunk[i] = at(i);
	writer.first = (writer.first + n) % LOG_RING_BYTES;
	writer.used -= n;
	/* Few lines wait at once, so few pages of the ring are ever touched. */
	if (!writer.used)
		writer.first = 0;
	put_notice();
	return n;
}

/* -- stderr */

/* Whoever shares it may have made it non-blocking. */
static void write_all(const char *text, size_t length)
{
	while (length) {
		const ssize_t n = write(STDERR_FILENO, text, length);

		if (n > 0) {
			text += n;
			length -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

			(void)poll(&out, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			return; /* nothing can be done about a closed stderr */
		}
	}
}

static void *writer_main(void *context UNUSED)
{
	char chunk[CHUNK_BYTES];

	pthread_setname_np(pthread_self(), "crosstap-log");
	pthread_mutex_lock(&writer.lock);
	for (;;) {
		size_t n;

		while (!writer.used && writer.state == RUNNING)
			pthread_cond_wait(&writer.filled, &writer.lock);
		if (!writer.used)
			break;
		n = take(chunk);
		writer.writing = true;
		pthread_mutex_unlock(&writer.lock);
		write_all(chunk, n);
		pthread_mutex_lock(&writer.lock);
		writer.writing = false;
		pthread_cond_broadcast(&writer.emptied);
	}
	pthread_mutex_unlock(&writer.lock);
	return NULL;
}

/* After the thread's end: lines that need no waiting. A pipe that poll() calls writable takes
 * PIPE_BUF bytes (pipe(7)). */
static void write_if_ready(const char *line, size_t length)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&out, 1, 0) == 1)
		write_all(line, length);
	else
		atomic_fetch_add(&writer.dropped, 1);
}

void log_writer_put(const char *line, size_t length)
{
	if (atomic_load(&writer.state) == DIRECT) {
		write_all(line, length);
		return;
	}
	pthread_mutex_lock(&writer.lock);
	if (writer.state == STOPPED) {
		write_if_ready(line, length);
	} else {
		put_notice();
		if (writer.untold || LOG_RING_BYTES - writer.used < length) {
			writer.untold++;
			atomic_fetch_add(&writer.dropped, 1);
		} else {
			put(line, length);
			pthread_cond_signal(&writer.filled);
		}
	}
	pthread_mutex_unlock(&writer.lock);
}

/* -- start and end */

static void before_fork(void)
{
	pthread_mutex_lock(&writer.lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&writer.lock);
}

/* The thread is the parent's, and so is what waits. The child writes itself, but waits for nobody
 * either. */
static void in_child(void)
{
	writer.state = writer.state == DIRECT ? DIRECT : STOPPED;
	writer.used = 0;
	pthread_mutex_unlock(&writer.lock);
}

void log_hold(void)
{
	if (writer.state == DIRECT)
		pthread_atfork(before_fork, in_parent, in_child);
	if (writer.state == DIRECT || writer.state == STOPPED)
		writer.state = HELD;
}

static void write_held(void)
{
	char chunk[CHUNK_BYTES];

	while (writer.used)
		write_all(chunk, take(chunk));
}

int log_start(void)
{
	int r;

	if (writer.state == RUNNING)
		return -EALREADY;
	log_hold();
	writer.state = RUNNING;
	r = thread_start(&writer.thread, writer_main, NULL);
	if (r < 0) {
		writer.state = DIRECT;
		write_held();
	}
	return r;
}

void log_stop(uint64_t timeout_ns)
{
	struct timespec until;
	uint64_t until_ns;
	bool done;

	if (writer.state == HELD)
		(void)log_start();
	if (writer.state != RUNNING)
		return;
	until_ns = clock_monotonic_ns() + timeout_ns;
	until.tv_sec = (time_t)(until_ns / NS_PER_S);
	until.tv_nsec = (long)(until_ns % NS_PER_S);
	pthread_mutex_lock(&writer.lock);
	writer.state = STOPPING;
	pthread_cond_signal(&writer.filled);
	while ((writer.used || writer.writing) &&
	    pthread_cond_clockwait(&writer.emptied, &writer.lock, CLOCK_MONOTONIC, &until) == 0)
		continue;
	done = !writer.used && !writer.writing;
	writer.used = 0; /* what the thread, if it is ever let go, leaves alone */
	writer.state = STOPPED;
	pthread_mutex_unlock(&writer.lock);
	if (done)
		pthread_join(writer.thread, NULL);
	else
		pthread_detach(writer.thread);
}

uint64_t log_dropped(void)
{
	return atomic_load(&writer.dropped);
}
