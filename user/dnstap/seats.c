/* SPDX-License-Identifier: BSD-2-Clause */
/* The connections of an input: seated or held, until they are dropped. */
#include "dnstap/input_internal.h"

#include <errno.h>
#include <sys/epoll.h>

#define HOLD_NS (1 * NS_PER_S) /* a peer that broke a rule waits so long for its close */

int dnstap_epoll_add(const struct dnstap_input *input, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(input->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void dnstap_listen_on(struct dnstap_input *input)
{
	for (size_t i = 0; i < input->listeners.n && !input->listening; i++)
		(void)dnstap_epoll_add(input, input->listeners.fds[i], &input->listeners.fds[i]);
	input->listening = true;
	input->listen_again_ns = 0;
}

/* New connections wait in the kernel's queue. */
void dnstap_listen_off(struct dnstap_input *input, uint64_t until_ns)
{
	for (size_t i = 0; i < input->listeners.n && input->listening; i++)
		epoll_ctl(input->epoll_fd, EPOLL_CTL_DEL, input->listeners.fds[i], NULL);
	input->listening = false;
	input->listen_again_ns = until_ns;
}

/* Something is to be done with a connection then. */
void dnstap_look_again(struct dnstap_input *input, uint64_t when_ns)
{
	if (when_ns && (!input->earliest_ns || when_ns < input->earliest_ns))
		input->earliest_ns = when_ns;
}

void dnstap_set_deadline(
    struct dnstap_input *input, struct connection *connection, uint64_t when_ns)
{
	connection->deadline_ns = when_ns;
	dnstap_look_again(input, when_ns);
}

void dnstap_insert(struct dnstap_input *input, struct connection *connection)
{
	connection->next = input->connections;
	connection->previous = &input->connections;
	if (connection->next)
		connection->next->previous = &connection->next;
	input->connections = connection;
}

/* It has a place from now on. */
void dnstap_seat(struct dnstap_input *input, struct connection *connection, enum budget_place place)
{
	connection->place = place;
	rest_init(&connection->rest, connection->fd);
	input->own += place == BUDGET_OWN;
	dnstap_insert(input, connection);
	atomic_fetch_add_explicit(&input->counters.connections, 1, memory_order_relaxed);
}

/* Of the process, or of the connection. */
void dnstap_let_go(struct dnstap_input *input, struct connection *connection)
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

void dnstap_drop(struct dnstap_input *input, struct connection *connection)
{
	connection_forget(connection);
	dnstap_let_go(input, connection);
}

/* One that broke a rule: a producer that reconnects at once must not be able to make a hot loop of
 * it. */
void dnstap_hold(struct dnstap_input *input, struct connection *connection, const char *why)
{
	uint64_t suppressed;

	dnstap_add(&input->counters.refused, 1);
	if (log_reason_pass(&input->reasons, why, DNSTAP_LOG_EVERY_NS, &suppressed))
		log_warning(DNSTAP_MODULE, "dropped a producer: %s input=%s %s suppressed=%llu",
		    why, input->address, connection->who, (unsigned long long)suppressed);
	epoll_ctl(input->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
	connection->held = true;
	connection_forget(connection);
	dnstap_set_deadline(input, connection, clock_monotonic_ns() + HOLD_NS);
}
