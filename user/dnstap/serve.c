/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread of an input: reads what comes, looks at deadlines, ends. */
#include "dnstap/input_internal.h"

#include "base/store.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS           64
#define DRAIN_MAX_NS     (1 * NS_PER_S)
#define QUIET_MS         50 /* of a TCP producer that was told of the end: so much later it has heard */
#define BROKEN_WAKE_MS   1000 /* commands to an input that has ended are looked for */
#define EXPIRY_WARNING_S (14 * 86400LL)

static void say_gone(struct dnstap_input *input, const struct connection *connection, ssize_t error)
{
	uint64_t suppressed;

	if (log_burst_pass(&input->news, DNSTAP_LOG_EVERY_NS, DNSTAP_NEWS_MAX, &suppressed))
		log_info(DNSTAP_MODULE,
		    "producer left%s%s input=%s %s frames=%llu bad=%llu suppressed=%llu",
		    error < 0 ? ": " : "", error < 0 ? strerror((int)-error) : "", input->address,
		    connection->who, (unsigned long long)connection->receiver.frames,
		    (unsigned long long)connection->receiver.frames_bad,
		    (unsigned long long)suppressed);
}

static void publish_version(struct dnstap_input *input, const struct receiver *receiver)
{
	char version[sizeof(input->version)];

	if (!decode_cache_version(&receiver->cache, version, sizeof(version)))
		return;
	pthread_mutex_lock(&input->lock);
	memcpy(input->version, version, sizeof(version));
	pthread_mutex_unlock(&input->lock);
}

static void publish(struct dnstap_input *input, const struct receiver *before,
    const struct receiver *after, int64_t now_ns)
{
	if (after->frames == before->frames)
		return;
	if (before->frames == 0)
		publish_version(input, after);
	dnstap_add(&input->counters.frames, after->frames - before->frames);
	dnstap_add(&input->counters.frames_bad, after->frames_bad - before->frames_bad);
	dnstap_add(&input->counters.bytes, after->bytes - before->bytes);
	atomic_store_explicit(&input->counters.last_frame_ns, now_ns, memory_order_relaxed);
}

/* What has begun has to end within limits.handshake, however slowly it goes on; between frames a
 * producer may take its time. */
static void renew_deadline(struct dnstap_input *input, struct connection *connection,
    const struct receiver *before, bool was_new, bool had_begun)
{
	if (connection_is_new(connection))
		return;
	if (!connection->stashed)
		connection->deadline_ns = 0;
	else if (was_new || !had_begun || connection->receiver.frames != before->frames)
		dnstap_set_deadline(input, connection, input->now_ns + dnstap_handshake_ns(input));
}

/* Which way a TLS handshake waits for the producer. */
static void turn(struct dnstap_input *input, struct connection *connection)
{
	const bool wants_write = tls_session_wants_write(connection->tls);
	struct epoll_event event = {
	    .events = wants_write ? EPOLLOUT : EPOLLIN, .data.ptr = connection};

	if (wants_write == connection->wants_write)
		return;
	connection->wants_write = wants_write;
	epoll_ctl(input->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void gone(struct dnstap_input *input, struct connection *connection, ssize_t error)
{
	if (connection->tls && tls_session_was_cut(connection->tls) &&
	    connection->receiver.stream.state != FRAME_STREAM_STOPPED)
		dnstap_add(&input->counters.cut, 1);
	say_gone(input, connection, error);
	dnstap_drop(input, connection);
}

/* False once the connection is gone, or held. */
static bool read_connection(
    struct dnstap_input *input, struct connection *connection, ssize_t *ret_bytes)
{
	const struct receiver before = {.frames = connection->receiver.frames,
	    .frames_bad = connection->receiver.frames_bad,
	    .bytes = connection->receiver.bytes};
	const bool was_new = connection_is_new(connection), had_begun = connection->stashed > 0;
	const int64_t now_ns = clock_wall_ns(&clock_system);
	const char *why = NULL;

	input->ops.now(input->context, now_ns);
	if (!connection->stashed) /* a frame that has begun may end */
		connection->receiver.stream.max_frame =
		    atomic_load_explicit(&input->max_frame, memory_order_relaxed);
	*ret_bytes =
	    connection_read(connection, &input->ops.receiver, input->context, input->buffer, &why);
	publish(input, &before, &connection->receiver, now_ns);
	if (*ret_bytes > 0 || *ret_bytes == -EAGAIN || *ret_bytes == -EINTR) {
		if (*ret_bytes > 0) {
			renew_deadline(input, connection, &before, was_new, had_begun);
			dnstap_rest_read(input, connection, (size_t)*ret_bytes);
		}
		if (connection->tls)
			turn(input, connection);
		return true;
	}
	if (*ret_bytes == -EPROTO)
		dnstap_hold(input, connection, why);
	else if (*ret_bytes == -ENOBUFS)
		dnstap_hold(input, connection, "no memory for its long frame within limits.memory");
	else
		gone(input, connection, *ret_bytes);
	return false;
}

/* Leaves what is old enough to the next process. One that cannot be left is not tried again before
 * the end. */
static void keep_old(struct dnstap_input *input, struct connection *connection)
{
	if (!connection->keep_ns || connection->held || input->now_ns < connection->keep_ns)
		return;
	connection->keep_ns = 0;
	(void)connection_keep(connection, input->key);
}

/* As long as there is something to say that nothing would wake us for. */
static void read_all(struct dnstap_input *input, struct connection *connection)
{
	ssize_t unused;

	while (read_connection(input, connection, &unused) && connection_has_more(connection))
		continue;
}

/* Its time is over. This thread may have been stopped meanwhile: what came is looked at first. */
static void expire(struct dnstap_input *input, struct connection *connection)
{
	const uint64_t deadline_ns = connection->deadline_ns;
	ssize_t unused;

	if (connection->held) {
		dnstap_drop(input, connection);
		return;
	}
	if (!read_connection(input, connection, &unused) || connection->deadline_ns != deadline_ns)
		return;
	dnstap_add(&input->counters.timed_out, 1);
	dnstap_hold(input, connection,
	    connection_is_new(connection)
		? "handshake not done within limits.handshake"
		: "it began a frame that did not end within limits.handshake");
}

/* Of two times, of which 0 is none. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static uint64_t next_look(const struct connection *connection)
{
	return connection->held ? connection->deadline_ns
				: earlier(connection->deadline_ns, connection->keep_ns);
}

/* Walks over the connections only when one of them may be over its time, or old enough to be left.
 */
static void check_connections(struct dnstap_input *input)
{
	struct connection *connection, *next;
	uint64_t earliest = 0;

	if (!input->earliest_ns || input->now_ns < input->earliest_ns)
		return;
	for (connection = input->connections; connection; connection = next) {
		next = connection->next;
		keep_old(input, connection);
		if (connection->deadline_ns && input->now_ns >= connection->deadline_ns)
			expire(input, connection);
	}
	for (connection = input->connections; connection; connection = connection->next)
		earliest = earlier(earliest, next_look(connection));
	input->earliest_ns = earliest;
}

int64_t dnstap_not_after(const struct dnstap_input *input)
{
	int64_t not_after_s = 0;

	pthread_mutex_lock((pthread_mutex_t *)&input->lock);
	if (input->door && door_tls(input->door))
		not_after_s = tls_identity_not_after(door_tls(input->door));
	pthread_mutex_unlock((pthread_mutex_t *)&input->lock);
	return not_after_s;
}

/* Once a day, and when there is another one. */
static void check_certificate(struct dnstap_input *input)
{
	int64_t left_s;
	const int64_t not_after_s = dnstap_not_after(input);

	input->expiry_ns = input->now_ns + NS_PER_DAY;
	left_s = not_after_s - clock_wall_ns(&clock_system) / NS_PER_S;
	if (!not_after_s || left_s > EXPIRY_WARNING_S)
		return;
	if (left_s < 0)
		log_warning(DNSTAP_MODULE,
		    "the certificate of tls.cert has expired: producers refuse it; renew the file, "
		    "then "
		    "systemctl reload crosstap input=%s",
		    input->address);
	else
		log_warning(DNSTAP_MODULE,
		    "the certificate of tls.cert ends in %lld days: renew the file, then systemctl "
		    "reload crosstap input=%s",
		    (long long)(left_s / 86400), input->address);
}

/* Closes what is over its time; the time of the next to be, or 0. */
static uint64_t check_deadlines(struct dnstap_input *input)
{
	input->now_ns = clock_monotonic_ns();
	if (input->listen_again_ns && input->now_ns >= input->listen_again_ns)
		dnstap_listen_on(input);
	if (atomic_exchange_explicit(&input->renewed, false, memory_order_relaxed) ||
	    input->now_ns >= input->expiry_ns)
		check_certificate(input);
	check_connections(input);
	return earlier(input->earliest_ns, input->listen_again_ns);
}

static int wait_ms(uint64_t deadline_ns)
{
	return deadline_ns ? clock_left_ms(deadline_ns) : -1;
}

static void handle(struct dnstap_input *input, void *tag)
{
	if (tag == &input->event_fd) {
		uint64_t count;

		input->rest_ns = 0;
		if (read(input->event_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
			input->ops.wake(input->context);
	} else if (tag >= (void *)input->listeners.fds &&
	    tag < (void *)(input->listeners.fds + LISTEN_MAX)) {
		input->rest_ns = 0;
		dnstap_accept(input, *(int *)tag);
	} else {
		read_all(input, tag);
	}
}

/* Reads what there is. False once the connection is gone, or held. */
static bool read_rest(struct dnstap_input *input, struct connection *connection, uint64_t until_ns)
{
	ssize_t n = 1;

	while (n > 0 && clock_monotonic_ns() < until_ns) {
		if (!read_connection(input, connection, &n))
			return false;
	}
	return true;
}

/*
 * From here on a write fails, so that no frame is written that nobody reads. Of a Unix socket at
 * once: what was written before can still be read. A TCP producer hears of it by our FIN; it may
 * have written until then.
 */
static void end_writing(
    struct dnstap_input *input, struct connection *connection, uint64_t until_ns)
{
	struct pollfd more = {.fd = connection->fd, .events = POLLIN};
	int domain = AF_UNSPEC;
	socklen_t length = sizeof(domain);

	getsockopt(connection->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
	if (domain == AF_UNIX) {
		shutdown(connection->fd, SHUT_RD);
		(void)read_rest(input, connection, until_ns);
		return;
	}
	connection_end(connection);
	while (clock_monotonic_ns() < until_ns && poll(&more, 1, QUIET_MS) > 0) {
		if (!read_rest(input, connection, until_ns))
			return;
	}
}

/* What producers have written before we stopped. Bounded: a busy one goes on writing. */
static void drain(struct dnstap_input *input)
{
	const uint64_t until = clock_monotonic_ns() + DRAIN_MAX_NS;
	const bool leave = input->leaving && store_works();
	struct connection *connection, *next;

	if (*input->stored ? !leave : !input->listeners.passed)
		dnstap_accept_waiting(input);
	for (connection = input->connections; connection; connection = next) {
		next = connection->next;
		if (connection->held || !read_rest(input, connection, until))
			continue;
		if (leave && connection_keep(connection, input->key) == 0)
			dnstap_let_go(input, connection);
		else
			end_writing(input, connection, until);
	}
	while (input->connections)
		dnstap_drop(input, input->connections);
}

static bool is_stopping(struct dnstap_input *input)
{
	return atomic_load_explicit(&input->stopping, memory_order_acquire);
}

/* Until it is to stop; -errno where it cannot wait any more. */
static int serve(struct dnstap_input *input)
{
	struct epoll_event events[EVENTS];

	while (!is_stopping(input)) {
		int n =
		    epoll_wait(input->epoll_fd, events, EVENTS, wait_ms(check_deadlines(input)));

		if (n < 0 && errno != EINTR)
			return -errno;
		input->now_ns = clock_monotonic_ns();
		input->held_ns =
		    n > 0 ? atomic_load_explicit(&input->most_rest_ns, memory_order_relaxed) : 0;
		input->rest_ns = input->held_ns;
		for (int i = 0; i < n; i++)
			handle(input, events[i].data.ptr);
		dnstap_rest_take(input);
	}
	return 0;
}

/* Nothing is read any more, but whoever sends commands waits for them to be done. */
static void serve_commands(struct dnstap_input *input)
{
	struct pollfd event = {.fd = input->event_fd, .events = POLLIN};
	uint64_t count;

	while (!is_stopping(input)) {
		/* Either way it waits, and never turns in a loop. */
		if (poll(&event, 1, BROKEN_WAKE_MS) < 0 || event.revents & ~POLLIN ||
		    (event.revents &&
			read(input->event_fd, &count, sizeof(count)) != (ssize_t)sizeof(count)))
			usleep(BROKEN_WAKE_MS * 1000);
		input->ops.wake(input->context);
	}
}

void *dnstap_serve(void *argument)
{
	struct dnstap_input *input = argument;
	int r = serve(input);

	dnstap_listen_off(input, 0);
	drain(input);
	if (r < 0) {
		log_error(DNSTAP_MODULE, "input has ended, start again: epoll_wait: %s input=%s",
		    strerror(-r), input->address);
		pthread_mutex_lock(&input->listeners_lock);
		listen_close(&input->listeners); /* producers see that nobody is there */
		pthread_mutex_unlock(&input->listeners_lock);
		serve_commands(input);
	}
	input->ops.wake(input->context);
	return NULL;
}
