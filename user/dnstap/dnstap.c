/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/dnstap.h"

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "base/store.h"
#include "dnstap/connection.h"
#include "dnstap/listen.h"
#include "dnstap/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODULE       "dnstap"
#define EVENTS       64
#define HOLD_NS      (1 * NS_PER_S) /* a peer that broke a rule waits so long for its close */
#define RETRY_NS     (1 * NS_PER_S) /* accepting again after there was no room */
#define LOG_EVERY_NS (10 * NS_PER_S)
#define NEWS_MAX     32 /* lines of producers that come and go, within that */
#define DRAIN_MAX_NS (1 * NS_PER_S)
#define BACKLOG_MAX  4096 /* net.core.somaxconn */
#define QUIET_MS     50 /* of a TCP producer that was told of the end: so much later it has heard */
/* A connection is left in the store for the next process when it is so old: those that come and go
 * all the time are no load on the service manager. */
#define KEEP_AFTER_NS (1 * NS_PER_S)
/* A producer whose host died says nothing more: its connection ends 60 + 4 * 15 seconds later. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_PROBES     4
#define BROKEN_WAKE_MS       1000 /* commands to an input that has ended are looked for */
#define MAX_DENIED           64   /* held open a while; more are closed at once */
#define DAY_NS               (86400 * NS_PER_S)
#define EXPIRY_WARNING_S     (14 * 86400LL)
#define NOT_ALLOWED          "its address is not in the input's `allow`"

/* Written by the input's thread alone, read by any. */
struct counters {
	_Atomic uint64_t frames, frames_bad, bytes, accepted, refused, timed_out, denied, cut;
	_Atomic int connections;
	_Atomic int64_t last_frame_ns;
};

struct dnstap_input {
	char *address;
	char *key; /* what makes it the same input for the next process */
	char
	    stored[LISTEN_NAME_BYTES]; /* the name of its own sockets in the store; "": not there */
	bool ran, leaving;             /* leaving: to the next process */
	struct listen_sockets listeners;
	pthread_mutex_t listeners_lock; /* closing them, and their file's access */
	bool listening;                 /* the listeners are in the epoll set */
	uint64_t listen_again_ns;
	int epoll_fd, event_fd;
	_Atomic bool stopping;
	_Atomic uint32_t max_frame;
	_Atomic uint64_t handshake_ns;
	_Atomic int max_connections, sharing_inputs;
	_Atomic size_t max_bytes;
	struct budget *budget;
	int own, waiting_to_go; /* connections with a place of the input's share, with none */
	uint64_t now_ns;        /* CLOCK_MONOTONIC at the last waking */
	uint64_t earliest_ns;   /* no connection is to be looked at earlier; 0: none is */
	uint64_t expiry_ns;     /* when the certificate is looked at again */
	_Atomic bool renewed;   /* the certificate may be another one */
	struct dnstap_ops ops;
	void *context;
	struct connection *connections;
	struct log_reasons reasons;
	struct log_burst news; /* of who comes and goes */
	struct counters counters;
	pthread_mutex_t lock; /* of version and door */
	char version[64];
	struct door *door;
	uint8_t *buffer;
	pthread_t thread;
	bool started;
};

static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no locked instruction. */
	atomic_store_explicit(
	    counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static int epoll_add(const struct dnstap_input *input, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(input->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void listen_on(struct dnstap_input *input)
{
	for (size_t i = 0; i < input->listeners.n && !input->listening; i++)
		(void)epoll_add(input, input->listeners.fds[i], &input->listeners.fds[i]);
	input->listening = true;
	input->listen_again_ns = 0;
}

/* New connections wait in the kernel's queue. */
static void listen_off(struct dnstap_input *input, uint64_t until_ns)
{
	for (size_t i = 0; i < input->listeners.n && input->listening; i++)
		epoll_ctl(input->epoll_fd, EPOLL_CTL_DEL, input->listeners.fds[i], NULL);
	input->listening = false;
	input->listen_again_ns = until_ns;
}

/* Something is to be done with a connection then. */
static void look_again(struct dnstap_input *input, uint64_t when_ns)
{
	if (when_ns && (!input->earliest_ns || when_ns < input->earliest_ns))
		input->earliest_ns = when_ns;
}

static void set_deadline(
    struct dnstap_input *input, struct connection *connection, uint64_t when_ns)
{
	connection->deadline_ns = when_ns;
	look_again(input, when_ns);
}

/* Of the process, or of the connection. */
static void let_go(struct dnstap_input *input, struct connection *connection)
{
	if (connection->place == BUDGET_NONE) {
		input->waiting_to_go--;
	} else {
		input->own -= connection->place == BUDGET_OWN;
		budget_leave(input->budget, connection->place);
		atomic_fetch_sub_explicit(&input->counters.connections, 1, memory_order_relaxed);
	}
	*connection->previous = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	/* It would leave the epoll set with its last descriptor: the store may have one more. */
	epoll_ctl(input->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
	connection_free(connection);
}

static void drop(struct dnstap_input *input, struct connection *connection)
{
	connection_forget(connection);
	let_go(input, connection);
}

/* One that broke a rule: a producer that reconnects at once must not be able to make a hot loop of
 * it. */
static void hold(struct dnstap_input *input, struct connection *connection, const char *why)
{
	uint64_t suppressed;

	add_relaxed(&input->counters.refused, 1);
	if (log_reason_pass(&input->reasons, why, LOG_EVERY_NS, &suppressed))
		log_warning(MODULE, "dropped a producer: %s input=%s %s suppressed=%llu", why,
		    input->address, connection->who, (unsigned long long)suppressed);
	epoll_ctl(input->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
	connection->held = true;
	connection_forget(connection);
	set_deadline(input, connection, clock_monotonic_ns() + HOLD_NS);
}

/* A kernel that does not take it serves the connection without. */
static void keep_alive(int fd)
{
	const int on = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S,
		  probes = KEEPALIVE_PROBES;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Who connects first after all others have gone may be another nameserver. */
static void forget_version(struct dnstap_input *input)
{
	if (input->connections)
		return;
	pthread_mutex_lock(&input->lock);
	memset(input->version, 0, sizeof(input->version));
	pthread_mutex_unlock(&input->lock);
}

static int max_connections(const struct dnstap_input *input)
{
	return atomic_load_explicit(&input->max_connections, memory_order_relaxed);
}

static int sharing_inputs(const struct dnstap_input *input)
{
	return atomic_load_explicit(&input->sharing_inputs, memory_order_relaxed);
}

/* Many of an address only where there are many. */
static bool has_its_share(const struct dnstap_input *input, const struct peer *peer)
{
	const int most = budget_of_address(max_connections(input), sharing_inputs(input));
	int n = 0;

	if (!peer->family ||
	    atomic_load_explicit(&input->counters.connections, memory_order_relaxed) <= most)
		return false;
	for (const struct connection *other = input->connections; other; other = other->next)
		n += other->place != BUDGET_NONE && peer_shares(&other->peer, peer);
	return n >= most;
}

/* NULL: it may stay. */
static const char *why_denied(const struct dnstap_input *input, const struct connection *connection)
{
	if (!door_allows(connection->door, &connection->peer))
		return NOT_ALLOWED;
	if (has_its_share(input, &connection->peer))
		return "its address has half of the input's places (limits.connections)";
	return NULL;
}

static struct door *current_door(struct dnstap_input *input)
{
	struct door *door;

	pthread_mutex_lock(&input->lock);
	door = door_ref(input->door);
	pthread_mutex_unlock(&input->lock);
	return door;
}

static void insert(struct dnstap_input *input, struct connection *connection)
{
	connection->next = input->connections;
	connection->previous = &input->connections;
	if (connection->next)
		connection->next->previous = &connection->next;
	input->connections = connection;
}

/* Held for a while without a place, and closed at once where too many are. */
static void turn_away(struct dnstap_input *input, struct connection *connection, const char *why)
{
	input->waiting_to_go++;
	insert(input, connection);
	hold(input, connection, why);
	if (input->waiting_to_go > MAX_DENIED)
		drop(input, connection);
}

static void deny(struct dnstap_input *input, struct connection *connection, const char *why)
{
	add_relaxed(&input->counters.denied, 1);
	turn_away(input, connection, why);
}

/* It has a place from now on. */
static void seat(struct dnstap_input *input, struct connection *connection, enum budget_place place)
{
	connection->place = place;
	input->own += place == BUDGET_OWN;
	insert(input, connection);
	atomic_fetch_add_explicit(&input->counters.connections, 1, memory_order_relaxed);
}

static void say_waiting(struct dnstap_input *input, const char *why)
{
	uint64_t suppressed;

	if (log_reason_pass(&input->reasons, why, LOG_EVERY_NS, &suppressed))
		log_warning(MODULE, "producers wait for a connection: %s input=%s suppressed=%llu",
		    why, input->address, (unsigned long long)suppressed);
}

static void say_gone(struct dnstap_input *input, const struct connection *connection, ssize_t error)
{
	uint64_t suppressed;

	if (log_burst_pass(&input->news, LOG_EVERY_NS, NEWS_MAX, &suppressed))
		log_info(MODULE,
		    "producer left%s%s input=%s %s frames=%llu bad=%llu suppressed=%llu",
		    error < 0 ? ": " : "", error < 0 ? strerror((int)-error) : "", input->address,
		    connection->who, (unsigned long long)connection->receiver.frames,
		    (unsigned long long)connection->receiver.frames_bad,
		    (unsigned long long)suppressed);
}

static uint64_t handshake_ns(const struct dnstap_input *input)
{
	return atomic_load_explicit(&input->handshake_ns, memory_order_relaxed);
}

static void admit(
    struct dnstap_input *input, struct connection *connection, enum budget_place place)
{
	const struct tls_identity *tls = door_tls(connection->door);
	const uint64_t now_ns = clock_monotonic_ns();
	uint64_t suppressed;

	forget_version(input);
	seat(input, connection, place);
	add_relaxed(&input->counters.accepted, 1);
	set_deadline(input, connection, now_ns + handshake_ns(input));
	if (log_burst_pass(&input->news, LOG_EVERY_NS, NEWS_MAX, &suppressed))
		log_info(MODULE, "producer connected input=%s %s suppressed=%llu", input->address,
		    connection->who, (unsigned long long)suppressed);
	if (tls && connection_start_tls(connection, tls) < 0) {
		hold(input, connection, "no memory for TLS within limits.memory");
	} else if (!tls && store_works()) {
		connection->keep_ns = now_ns + KEEP_AFTER_NS;
		look_again(input, connection->keep_ns);
	}
}

/* A connection with what it needs of the input, in the epoll set; NULL: -errno in *ret_error. */
static struct connection *make_connection(
    struct dnstap_input *input, int fd, const struct sockaddr_storage *peer, socklen_t length)
{
	struct connection *connection =
	    connection_new(fd, atomic_load_explicit(&input->max_frame, memory_order_relaxed));

	if (!connection) {
		close(fd);
		return NULL;
	}
	connection->budget = input->budget;
	connection->most_bytes = atomic_load_explicit(&input->max_bytes, memory_order_relaxed);
	connection->door = current_door(input);
	peer_of(&connection->peer, (const struct sockaddr *)peer);
	peer_describe(connection->who, fd, peer, length);
	if (epoll_add(input, fd, connection) == 0)
		return connection;
	connection_free(connection);
	return NULL;
}

/* False where there is none, or no room for it. */
static bool accept_one(struct dnstap_input *input, int listener)
{
	const enum budget_place place =
	    budget_take(input->budget, max_connections(input), sharing_inputs(input), input->own);
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof(peer);
	struct connection *connection;
	const char *why;
	int fd;

	if (place == BUDGET_NONE) {
		say_waiting(input, "limits.connections reached: raise it in the configuration");
		listen_off(input, clock_monotonic_ns() + RETRY_NS);
		return false;
	}
	fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		budget_leave(input->budget, place);
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			char text[ERROR_TEXT_BYTES];

			say_waiting(input, error_text(text, errno)); /* EMFILE, ENOMEM, ... */
			listen_off(input, clock_monotonic_ns() + RETRY_NS);
		}
		return false;
	}
	connection = make_connection(input, fd, &peer, length);
	if (!connection) {
		budget_leave(input->budget, place);
		say_waiting(input, strerror(ENOMEM));
		listen_off(input, clock_monotonic_ns() + RETRY_NS);
		return false;
	}
	if (connection->peer.family)
		keep_alive(fd);
	why = why_denied(input, connection);
	if (why) {
		budget_leave(input->budget, place);
		deny(input, connection, why);
	} else {
		admit(input, connection, place);
	}
	return true;
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
	add_relaxed(&input->counters.frames, after->frames - before->frames);
	add_relaxed(&input->counters.frames_bad, after->frames_bad - before->frames_bad);
	add_relaxed(&input->counters.bytes, after->bytes - before->bytes);
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
		set_deadline(input, connection, input->now_ns + handshake_ns(input));
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
		add_relaxed(&input->counters.cut, 1);
	say_gone(input, connection, error);
	drop(input, connection);
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
		if (*ret_bytes > 0)
			renew_deadline(input, connection, &before, was_new, had_begun);
		if (connection->tls)
			turn(input, connection);
		return true;
	}
	if (*ret_bytes == -EPROTO)
		hold(input, connection, why);
	else if (*ret_bytes == -ENOBUFS)
		hold(input, connection, "no memory for its long frame within limits.memory");
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
		drop(input, connection);
		return;
	}
	if (!read_connection(input, connection, &unused) || connection->deadline_ns != deadline_ns)
		return;
	add_relaxed(&input->counters.timed_out, 1);
	hold(input, connection,
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

static int64_t not_after_of(const struct dnstap_input *input)
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
	const int64_t not_after_s = not_after_of(input);

	input->expiry_ns = input->now_ns + DAY_NS;
	left_s = not_after_s - clock_wall_ns(&clock_system) / NS_PER_S;
	if (!not_after_s || left_s > EXPIRY_WARNING_S)
		return;
	if (left_s < 0)
		log_warning(MODULE,
		    "the certificate of tls.cert has expired: producers refuse it; renew the file, "
		    "then "
		    "systemctl reload crosstap input=%s",
		    input->address);
	else
		log_warning(MODULE,
		    "the certificate of tls.cert ends in %lld days: renew the file, then systemctl "
		    "reload crosstap input=%s",
		    (long long)(left_s / 86400), input->address);
}

/* Closes what is over its time; the time of the next to be, or 0. */
static uint64_t check_deadlines(struct dnstap_input *input)
{
	input->now_ns = clock_monotonic_ns();
	if (input->listen_again_ns && input->now_ns >= input->listen_again_ns)
		listen_on(input);
	if (atomic_exchange_explicit(&input->renewed, false, memory_order_relaxed) ||
	    input->now_ns >= input->expiry_ns)
		check_certificate(input);
	check_connections(input);
	return earlier(input->earliest_ns, input->listen_again_ns);
}

static int wait_ms(uint64_t deadline_ns)
{
	uint64_t now;

	if (!deadline_ns)
		return -1;
	now = clock_monotonic_ns();
	return deadline_ns <= now ? 0 : (int)((deadline_ns - now) / NS_PER_MS + 1);
}

static void handle(struct dnstap_input *input, void *tag)
{
	if (tag == &input->event_fd) {
		uint64_t count;

		if (read(input->event_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
			input->ops.wake(input->context);
	} else if (tag >= (void *)input->listeners.fds &&
	    tag < (void *)(input->listeners.fds + LISTEN_MAX)) {
		accept_one(input, *(int *)tag);
	} else {
		read_all(input, tag);
	}
}

/* Producers in the queue of a socket that goes away with us may have written, too. */
static void accept_waiting(struct dnstap_input *input)
{
	for (size_t i = 0; i < input->listeners.n; i++) {
		for (int n = 0; n < BACKLOG_MAX && accept_one(input, input->listeners.fds[i]); n++)
			continue;
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
		accept_waiting(input);
	for (connection = input->connections; connection; connection = next) {
		next = connection->next;
		if (connection->held || !read_rest(input, connection, until))
			continue;
		if (leave && connection_keep(connection, input->key) == 0)
			let_go(input, connection);
		else
			end_writing(input, connection, until);
	}
	while (input->connections)
		drop(input, input->connections);
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
		for (int i = 0; i < n; i++)
			handle(input, events[i].data.ptr);
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

static void *input_thread(void *argument)
{
	struct dnstap_input *input = argument;
	int r = serve(input);

	listen_off(input, 0);
	drain(input);
	if (r < 0) {
		log_error(MODULE, "input has ended, start again: epoll_wait: %s input=%s",
		    strerror(-r), input->address);
		pthread_mutex_lock(&input->listeners_lock);
		listen_close(&input->listeners); /* producers see that nobody is there */
		pthread_mutex_unlock(&input->listeners_lock);
		serve_commands(input);
	}
	input->ops.wake(input->context);
	return NULL;
}

static char *make_key(const struct config_input *config)
{
	char *key;

	return asprintf(&key, "%d %s", (int)config->kind, config->address) < 0 ? NULL : key;
}

size_t dnstap_input_passed(
    const struct config_input *config, const struct passed_sockets *passed, int *ret, size_t max)
{
	char name[LISTEN_NAME_BYTES];
	size_t n;

	if (config->kind == INPUT_LISTEN_FD)
		return passed_sockets_find(passed, config->address, ret, max);
	listen_name(name, config);
	n = passed_sockets_find(passed, name, ret, max);
	if (n == 0 && config->kind == INPUT_UNIX)
		n = passed_sockets_at(passed, config->address, ret, max);
	return n;
}

void dnstap_input_adopt(struct dnstap_input *input, const struct config_input *config,
    const struct passed_sockets *passed, uint32_t max_frame)
{
	struct connection *connection;
	char error[256];
	int own;

	if (config->kind != INPUT_LISTEN_FD && store_works())
		listen_name(input->stored, config);
	if (*input->stored && input->listeners.passed) {
		if (passed_sockets_find(passed, input->stored, &own, 1) == 0)
			*input->stored = 0; /* a socket unit's */
		else if (config->kind == INPUT_UNIX &&
		    listen_take_file(&input->listeners, config, error, sizeof(error)) < 0)
			log_warning(MODULE, "who may use a socket is as before: %s", error);
	}
	while ((connection = connection_adopt(passed, input->key, max_frame))) {
		if (epoll_add(input, connection->fd, connection) < 0) {
			connection_free(connection);
			continue;
		}
		insert(input, connection);
	}
}

/* It is where it was before, as far as the configuration still has a place for it. An address that
 * has many of them keeps them. */
static void admit_adopted(struct dnstap_input *input, struct connection *connection)
{
	const enum budget_place place =
	    budget_take(input->budget, max_connections(input), sharing_inputs(input), input->own);
	const char *why = NULL;

	if (place == BUDGET_NONE)
		why = "limits.connections has no place for it any more";
	else if (connection_count(connection, input->budget,
		     atomic_load_explicit(&input->max_bytes, memory_order_relaxed)) < 0)
		why = "no memory for its long frame within limits.memory";
	if (why) {
		budget_leave(input->budget, place);
		turn_away(input, connection, why);
		return;
	}
	seat(input, connection, place);
	if (connection_is_new(connection) || connection->stashed)
		set_deadline(input, connection, clock_monotonic_ns() + handshake_ns(input));
}

/* Before the thread runs: what was taken over comes by the door that the input has now. */
static void admit_all_adopted(struct dnstap_input *input)
{
	struct connection *list = input->connections, *connection;
	int n;

	input->connections = NULL;
	while ((connection = list)) {
		struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
		socklen_t length = sizeof(peer);

		list = connection->next;
		connection->door = current_door(input);
		(void)getpeername(connection->fd, (struct sockaddr *)&peer, &length);
		peer_of(&connection->peer, (const struct sockaddr *)&peer);
		peer_describe(connection->who, connection->fd, &peer, length);
		if (!door_allows(connection->door, &connection->peer))
			deny(input, connection, NOT_ALLOWED);
		else if (door_tls(connection->door))
			turn_away(input, connection,
			    "it connected without TLS, before the input had `tls`");
		else
			admit_adopted(input, connection);
	}
	n = atomic_load_explicit(&input->counters.connections, memory_order_relaxed);
	if (n)
		log_info(
		    MODULE, "producers go on after the restart n=%d input=%s", n, input->address);
}

int dnstap_input_open(struct dnstap_input **ret, const struct config_input *config, const int *fds,
    size_t n_fds, char *error, size_t size)
{
	struct dnstap_input *input = calloc(1, sizeof(*input));
	char text[ERROR_TEXT_BYTES];
	int r = -ENOMEM;

	if (!input) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return r;
	}
	pthread_mutex_init(&input->lock, NULL);
	pthread_mutex_init(&input->listeners_lock, NULL);
	input->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	input->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (input->epoll_fd >= 0 && input->event_fd >= 0) {
		input->address = strdup(config->address);
		input->key = make_key(config);
		input->buffer = malloc(CONNECTION_READ_BYTES);
	}
	if (!input->address || !input->key || !input->buffer) {
		r = -errno; /* EMFILE, ENFILE, ENOMEM */
		error_text(text, -r);
		snprintf(error, size, "%s", text);
		goto out;
	}
	r = door_new(&input->door, config, error, size);
	if (r == 0) {
		r = epoll_add(input, input->event_fd, &input->event_fd);
		if (r < 0)
			snprintf(error, size, "%s", strerror(-r));
	}
	if (r == 0)
		r = listen_open(&input->listeners, config, fds, n_fds, error, size);
out:
	if (r < 0) {
		dnstap_input_free(input);
		return r;
	}
	*ret = input;
	return 0;
}

void dnstap_input_set_limits(struct dnstap_input *input, const struct dnstap_limits *limits)
{
	atomic_store_explicit(&input->max_frame, limits->frame, memory_order_relaxed);
	atomic_store_explicit(&input->handshake_ns, limits->handshake_ns, memory_order_relaxed);
	atomic_store_explicit(&input->max_connections, limits->connections, memory_order_relaxed);
	atomic_store_explicit(&input->sharing_inputs, limits->inputs, memory_order_relaxed);
	atomic_store_explicit(&input->max_bytes, limits->bytes, memory_order_relaxed);
}

int dnstap_input_set_access(
    struct dnstap_input *input, const struct config_input *config, char *error, size_t size)
{
	int r = 0;

	pthread_mutex_lock(&input->listeners_lock);
	if (input->listeners.file.path)
		r = listen_set_access(
		    input->listeners.fds[0], &input->listeners.file, config, error, size);
	pthread_mutex_unlock(&input->listeners_lock);
	return r;
}

int dnstap_input_start(struct dnstap_input *input, const struct dnstap_limits *limits,
    const struct dnstap_ops *ops, void *context)
{
	sigset_t all, before;
	int r;

	if (*input->listeners.skipped)
		log_warning(MODULE, "%s input=%s", input->listeners.skipped, input->address);
	dnstap_input_set_limits(input, limits);
	input->budget = limits->budget;
	admit_all_adopted(input);
	input->ops = *ops;
	input->context = context;
	listen_on(input);
	if (*input->stored && !input->listeners.passed)
		(void)store_add(input->stored, input->listeners.fds, (unsigned)input->listeners.n);
	input->ran = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&input->thread, NULL, input_thread, input);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return -r;
	pthread_setname_np(input->thread, "dnstap");
	input->started = true;
	return 0;
}

void dnstap_input_set_door(struct dnstap_input *input, struct door *door)
{
	struct door *before;

	pthread_mutex_lock(&input->lock);
	before = input->door;
	input->door = door;
	pthread_mutex_unlock(&input->lock);
	door_unref(before);
	atomic_store_explicit(&input->renewed, true, memory_order_relaxed);
}

void dnstap_input_wake(struct dnstap_input *input)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full: then it is awake already. */
	if (write(input->event_fd, &one, sizeof(one)) < 0)
		return;
}

void dnstap_input_stop(struct dnstap_input *input)
{
	if (!input->started)
		return;
	atomic_store_explicit(&input->stopping, true, memory_order_release);
	dnstap_input_wake(input);
	pthread_join(input->thread, NULL);
	input->started = false;
}

void dnstap_input_leave(struct dnstap_input *input)
{
	input->leaving = true;
	dnstap_input_stop(input);
	if (*input->stored && store_works())
		listen_leave(&input->listeners);
}

/* It never ran: what it took over is still in the store. */
static void free_adopted(struct dnstap_input *input)
{
	while (input->connections)
		let_go(input, input->connections);
}

void dnstap_input_free(struct dnstap_input *input)
{
	if (!input)
		return;
	dnstap_input_stop(input);
	free_adopted(input);
	if (*input->stored && input->ran && !input->leaving)
		store_remove(input->stored);
	else if (*input->stored && input->listeners.passed)
		listen_leave(
		    &input->listeners); /* it never ran: what it took over is left as it was */
	listen_close(&input->listeners);
	if (input->epoll_fd >= 0)
		close(input->epoll_fd);
	if (input->event_fd >= 0)
		close(input->event_fd);
	pthread_mutex_destroy(&input->lock);
	pthread_mutex_destroy(&input->listeners_lock);
	door_unref(input->door);
	free(input->address);
	free(input->key);
	free(input->buffer);
	free(input);
}

const char *dnstap_input_address(const struct dnstap_input *input)
{
	return input->address;
}

void dnstap_input_stats(const struct dnstap_input *input, struct dnstap_stats *ret)
{
	const struct counters *counters = &input->counters;

	*ret = (struct dnstap_stats){
	    .frames = atomic_load_explicit(&counters->frames, memory_order_relaxed),
	    .frames_bad = atomic_load_explicit(&counters->frames_bad, memory_order_relaxed),
	    .bytes = atomic_load_explicit(&counters->bytes, memory_order_relaxed),
	    .accepted = atomic_load_explicit(&counters->accepted, memory_order_relaxed),
	    .refused = atomic_load_explicit(&counters->refused, memory_order_relaxed),
	    .timed_out = atomic_load_explicit(&counters->timed_out, memory_order_relaxed),
	    .denied = atomic_load_explicit(&counters->denied, memory_order_relaxed),
	    .cut = atomic_load_explicit(&counters->cut, memory_order_relaxed),
	    .not_after_s = not_after_of(input),
	    .connections = atomic_load_explicit(&counters->connections, memory_order_relaxed),
	    .last_frame_ns = atomic_load_explicit(&counters->last_frame_ns, memory_order_relaxed),
	};
	pthread_mutex_lock((pthread_mutex_t *)&input->lock);
	memcpy(ret->version, input->version, sizeof(ret->version));
	pthread_mutex_unlock((pthread_mutex_t *)&input->lock);
}
