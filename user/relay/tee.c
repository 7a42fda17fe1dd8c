/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tee.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "relay/relay_queue.h"
#include "relay/tee_connect.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODULE       "tee"
#define NOTHING_SAID 1
/* After a wake-up, for more than one read of the input to come. */
#define GATHER_MS 5
/* So much waits for no others. */
#define ENOUGH_BYTES (64 * 1024)

struct tee {
	char *target, *input;
	struct relay_queue queue;
	_Atomic uint64_t frames, dropped;
	_Atomic bool asleep; /* nothing was queued */
	_Atomic bool begun, stopping;
	uint64_t end_ns;         /* when stopping: what is not sent by then is dropped */
	int news_fd, stop_fd;    /* eventfds; the second stays readable */
	int said;                /* why it does not send, as it was logged last; 0: it sends */
	_Atomic unsigned owners; /* of this struct: whoever made it, and the thread */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ended; /* the thread; under the lock */
};

static void unref(struct tee *tee)
{
	if (atomic_fetch_sub(&tee->owners, 1) > 1)
		return;
	relay_queue_done(&tee->queue);
	if (tee->news_fd >= 0)
		close(tee->news_fd);
	if (tee->stop_fd >= 0)
		close(tee->stop_fd);
	pthread_cond_destroy(&tee->changed);
	pthread_mutex_destroy(&tee->lock);
	free(tee->target);
	free(tee->input);
	free(tee);
}

static void ring(int fd)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full: then it can be read already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

/* -- the thread */

/* Once for each reason, and when it is over. */
static void say(struct tee *tee, int error)
{
	if (error == tee->said)
		return;
	tee->said = error;
	if (error)
		log_warning(MODULE,
		    "frames are not passed on, tried again: %s input=%s to=%s dropped=%llu",
		    error == -EPROTONOSUPPORT ? "it does not take protobuf:dnstap.Dnstap"
					      : strerror(-error),
		    tee->input, tee->target,
		    (unsigned long long)atomic_load_explicit(&tee->dropped, memory_order_relaxed));
	else
		log_info(MODULE, "frames are passed on input=%s to=%s", tee->input, tee->target);
}

static bool is_stopping(const struct tee *tee)
{
	return atomic_load_explicit(&tee->stopping, memory_order_acquire);
}

/* Until there is something to send, or to stop; -errno: the reader is gone. */
static int wait_for_frames(struct tee *tee, int fd)
{
	struct pollfd fds[] = {{.fd = tee->news_fd, .events = POLLIN},
	    {.fd = tee->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	struct iovec parts[2];
	uint64_t count;

	atomic_store_explicit(&tee->asleep, true, memory_order_seq_cst);
	if (relay_queue_peek(&tee->queue, parts) == 0 && poll(fds, 3, -1) < 0 && errno != EINTR)
		return -errno;
	atomic_store_explicit(&tee->asleep, false, memory_order_relaxed);
	if (fds[0].revents && read(tee->news_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	/* A reader says nothing between ACCEPT and FINISH. */
	if (fds[2].revents)
		return -ECONNRESET;
	if (fds[0].revents && relay_queue_peek(&tee->queue, parts) < ENOUGH_BYTES)
		poll(&fds[1], 1, GATHER_MS);
	return 0;
}

/* Until the reader takes more, or there is to stop. */
static int wait_for_room(struct tee *tee, int fd)
{
	struct pollfd fds[] = {
	    {.fd = fd, .events = POLLOUT}, {.fd = tee->stop_fd, .events = POLLIN}};
	int ms = -1;

	if (is_stopping(tee)) {
		const uint64_t now_ns = clock_monotonic_ns();

		if (now_ns >= tee->end_ns)
			return -ETIMEDOUT;
		ms = (int)((tee->end_ns - now_ns) / NS_PER_MS + 1);
		fds[1].fd = -1;
	}
	return poll(fds, 2, ms) < 0 && errno != EINTR ? -errno : 0;
}

/* What is queued; 0: all of it is sent. */
static int send_queued(struct tee *tee, int fd)
{
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;
	int r;

	while (relay_queue_peek(&tee->queue, parts) > 0) {
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (n > 0)
			atomic_fetch_add_explicit(&tee->frames,
			    relay_queue_sent(&tee->queue, (size_t)n), memory_order_relaxed);
		if (n < 0 && errno == EAGAIN) {
			r = wait_for_room(tee, fd);
			if (r < 0)
				return r;
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Until the reader is gone, or there is to stop: then all that is queued is sent, and 0 returned.
 */
static int serve(struct tee *tee, int fd)
{
	int r;

	for (;;) {
		const bool stopping = is_stopping(tee);

		r = send_queued(tee, fd);
		if (r < 0)
			return r;
		if (stopping)
			return tee_finish(fd, tee->end_ns);
		r = wait_for_frames(tee, fd);
		if (r < 0)
			return r;
	}
}

/* Between two attempts; true: there is to stop. */
static bool rest(struct tee *tee, unsigned ms)
{
	struct pollfd stop = {.fd = tee->stop_fd, .events = POLLIN};

	(void)poll(&stop, 1, (int)ms);
	return is_stopping(tee);
}

static void connect_and_serve(struct tee *tee)
{
	unsigned rest_ms = TEE_RETRY_MS;
	bool stopping = is_stopping(tee);

	while (!stopping) {
		const uint64_t until_ns = clock_monotonic_ns() + TEE_CONNECT_MS * NS_PER_MS;
		int fd, r = tee_connect(tee->target, tee->stop_fd, until_ns, &fd);

		if (r == 0) {
			say(tee, 0);
			rest_ms = TEE_RETRY_MS;
			r = serve(tee, fd);
			close(fd);
			relay_queue_again(&tee->queue);
		}
		if (r < 0 && r != -ECANCELED)
			say(tee, r);
		stopping = rest(tee, rest_ms);
		rest_ms = rest_ms < TEE_REST_MS / 2 ? 2 * rest_ms : TEE_REST_MS;
	}
}

static void *run(void *argument)
{
	struct tee *tee = argument;

	pthread_setname_np(pthread_self(), "crosstap-tee");
	pthread_mutex_lock(&tee->lock);
	while (!tee->begun && !is_stopping(tee))
		pthread_cond_wait(&tee->changed, &tee->lock);
	pthread_mutex_unlock(&tee->lock);
	connect_and_serve(tee);
	atomic_fetch_add_explicit(
	    &tee->dropped, relay_queue_clear(&tee->queue), memory_order_relaxed);
	pthread_mutex_lock(&tee->lock);
	tee->ended = true;
	pthread_cond_broadcast(&tee->changed);
	pthread_mutex_unlock(&tee->lock);
	unref(tee);
	return NULL;
}

/* -- for its owner */

static int start_thread(struct tee *tee)
{
	int r;

	tee->owners = 2;
	r = thread_start_detached(run, tee);
	if (r < 0)
		tee->owners = 1;
	return r;
}

int tee_new(struct tee **ret, const char *target, const char *input)
{
	struct tee *tee = calloc(1, sizeof(*tee));
	int r;

	if (!tee)
		return -ENOMEM;
	r = thread_condition_init(&tee->changed);
	if (r < 0) {
		free(tee);
		return r;
	}
	pthread_mutex_init(&tee->lock, NULL);
	tee->owners = 1;
	tee->said = NOTHING_SAID;
	tee->target = strdup(target);
	tee->input = strdup(input);
	tee->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	tee->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = relay_queue_init(&tee->queue);
	if (r == 0 && (!tee->target || !tee->input))
		r = -ENOMEM;
	if (r == 0 && (tee->news_fd < 0 || tee->stop_fd < 0))
		r = -EMFILE;
	if (r == 0)
		r = start_thread(tee);
	if (r < 0) {
		unref(tee);
		return r;
	}
	*ret = tee;
	return 0;
}

void tee_begin(struct tee *tee)
{
	pthread_mutex_lock(&tee->lock);
	tee->begun = true;
	pthread_cond_broadcast(&tee->changed);
	pthread_mutex_unlock(&tee->lock);
}

void tee_take(struct tee *tee, const uint8_t *data, size_t length)
{
	const uint64_t dropped = relay_queue_put(&tee->queue, data, length);

	if (dropped)
		atomic_fetch_add_explicit(&tee->dropped, dropped, memory_order_relaxed);
	if (atomic_load_explicit(&tee->asleep, memory_order_seq_cst) &&
	    atomic_exchange_explicit(&tee->asleep, false, memory_order_relaxed))
		ring(tee->news_fd);
}

void tee_stats(const struct tee *tee, struct tee_stats *ret)
{
	*ret = (struct tee_stats){
	    .frames = atomic_load_explicit(&tee->frames, memory_order_relaxed),
	    .dropped = atomic_load_explicit(&tee->dropped, memory_order_relaxed),
	};
}

const char *tee_target(const struct tee *tee)
{
	return tee->target;
}

/* The thread may be looking up a name for longer than anybody waits: it frees the rest. */
void tee_free(struct tee *tee, struct tee_stats *ret)
{
	struct timespec until;

	if (!tee)
		return;
	tee->end_ns = clock_monotonic_ns() + TEE_END_MS * NS_PER_MS;
	until = (struct timespec){.tv_sec = (time_t)(tee->end_ns / NS_PER_S) + 1,
	    .tv_nsec = (long)(tee->end_ns % NS_PER_S)};
	pthread_mutex_lock(&tee->lock);
	atomic_store_explicit(&tee->stopping, true, memory_order_release);
	ring(tee->stop_fd);
	pthread_cond_broadcast(&tee->changed);
	while (
	    !tee->ended && pthread_cond_timedwait(&tee->changed, &tee->lock, &until) != ETIMEDOUT)
		continue;
	pthread_mutex_unlock(&tee->lock);
	if (ret)
		tee_stats(tee, ret);
	unref(tee);
}
