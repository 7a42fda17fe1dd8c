/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may connect to an input, and has a place there. */
#include "dnstap/input_internal.h"

#include "base/error_text.h"
#include "base/store.h"
#include "dnstap/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_NS    (1 * NS_PER_S) /* accepting again after there was no room */
#define BACKLOG_MAX 4096           /* net.core.somaxconn */
#define MAX_DENIED  64             /* held open a while; more are closed at once */
/* A connection is left in the store for the next process when it is so old: those that come and go
 * all the time are no load on the service manager. */
#define KEEP_AFTER_NS (1 * NS_PER_S)
/* A producer whose host died says nothing more: its connection ends 60 + 4 * 15 seconds later. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_PROBES     4
#define NOT_ALLOWED          "its address is not in the input's `allow`"

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

/* Held for a while without a place, and closed at once where too many are. */
static void turn_away(struct dnstap_input *input, struct connection *connection, const char *why)
{
	input->waiting_to_go++;
	dnstap_insert(input, connection);
	dnstap_hold(input, connection, why);
	if (input->waiting_to_go > MAX_DENIED)
		dnstap_drop(input, connection);
}

static void deny(struct dnstap_input *input, struct connection *connection, const char *why)
{
	dnstap_add(&input->counters.denied, 1);
	turn_away(input, connection, why);
}

static void say_waiting(struct dnstap_input *input, const char *why)
{
	uint64_t suppressed;

	if (log_reason_pass(&input->reasons, why, DNSTAP_LOG_EVERY_NS, &suppressed))
		log_warning(DNSTAP_MODULE,
		    "producers wait for a connection: %s input=%s suppressed=%llu", why,
		    input->address, (unsigned long long)suppressed);
}

static void admit(
    struct dnstap_input *input, struct connection *connection, enum budget_place place)
{
	const struct tls_identity *tls = door_tls(connection->door);
	const uint64_t now_ns = clock_monotonic_ns();
	uint64_t suppressed;

	forget_version(input);
	dnstap_seat(input, connection, place);
	dnstap_add(&input->counters.accepted, 1);
	dnstap_set_deadline(input, connection, now_ns + dnstap_handshake_ns(input));
	if (log_burst_pass(&input->news, DNSTAP_LOG_EVERY_NS, DNSTAP_NEWS_MAX, &suppressed))
		log_info(DNSTAP_MODULE, "producer connected input=%s %s suppressed=%llu",
		    input->address, connection->who, (unsigned long long)suppressed);
	if (tls && connection_start_tls(connection, tls) < 0) {
		dnstap_hold(input, connection, "no memory for TLS within limits.memory");
	} else if (!tls && store_works()) {
		connection->keep_ns = now_ns + KEEP_AFTER_NS;
		dnstap_look_again(input, connection->keep_ns);
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
	if (dnstap_epoll_add(input, fd, connection) == 0)
		return connection;
	connection_free(connection);
	return NULL;
}

/* False where there is none, or no room for it. */
bool dnstap_accept(struct dnstap_input *input, int listener)
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
		dnstap_listen_off(input, clock_monotonic_ns() + RETRY_NS);
		return false;
	}
	fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		budget_leave(input->budget, place);
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			char text[ERROR_TEXT_BYTES];

			say_waiting(input, error_text(text, errno)); /* EMFILE, ENOMEM, ... */
			dnstap_listen_off(input, clock_monotonic_ns() + RETRY_NS);
		}
		return false;
	}
	connection = make_connection(input, fd, &peer, length);
	if (!connection) {
		budget_leave(input->budget, place);
		say_waiting(input, strerror(ENOMEM));
		dnstap_listen_off(input, clock_monotonic_ns() + RETRY_NS);
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

/* Producers in the queue of a socket that goes away with us may have written, too. */
void dnstap_accept_waiting(struct dnstap_input *input)
{
	for (size_t i = 0; i < input->listeners.n; i++) {
		for (int n = 0; n < BACKLOG_MAX && dnstap_accept(input, input->listeners.fds[i]);
		     n++)
			continue;
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
	dnstap_seat(input, connection, place);
	if (connection_is_new(connection) || connection->stashed)
		dnstap_set_deadline(
		    input, connection, clock_monotonic_ns() + dnstap_handshake_ns(input));
}

/* Before the thread runs: what was taken over comes by the door that the input has now. */
void dnstap_admit_adopted(struct dnstap_input *input)
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
		log_info(DNSTAP_MODULE, "producers go on after the restart n=%d input=%s", n,
		    input->address);
}
