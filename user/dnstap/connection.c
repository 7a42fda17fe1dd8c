/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define KEEP_STASH_BYTES (16 * 1024)

struct connection *connection_new(int fd, uint32_t max_frame)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->fd = fd;
	receiver_init(&connection->receiver, max_frame);
	return connection;
}

static bool charge(const struct connection *connection, size_t bytes)
{
	return !bytes || !connection->budget ||
	    budget_charge(connection->budget, bytes, connection->most_bytes);
}

static void uncharge(const struct connection *connection, size_t bytes)
{
	if (bytes && connection->budget)
		budget_uncharge(connection->budget, bytes);
}

/* Every connection may have a short beginning of a frame. */
static size_t charge_of(size_t stash_size)
{
	return stash_size > KEEP_STASH_BYTES ? stash_size : 0;
}

struct connection *connection_adopt(
    const struct passed_sockets *passed, const char *input, uint32_t max_frame)
{
	struct connection *connection = connection_new(-1, max_frame);

	if (!connection)
		return NULL;
	connection->fd = handover_take(&connection->handover, passed, input, max_frame,
	    &connection->receiver.stream, &connection->stashed);
	if (connection->fd < 0) {
		free(connection);
		return NULL;
	}
	connection->stash = handover_stash(connection->handover, connection->stashed);
	connection->stash_size = connection->stashed;
	return connection;
}

void connection_free(struct connection *connection)
{
	if (!connection)
		return;
	if (connection->tls) {
		tls_session_free(connection->tls);
		uncharge(connection, TLS_SESSION_BYTES);
	}
	door_unref(connection->door);
	close(connection->fd);
	uncharge(connection, charge_of(connection->stash_size));
	if (!connection->handover)
		free(connection->stash);
	handover_free(connection->handover);
	free(connection);
}

int connection_count(struct connection *connection, struct budget *budget, size_t most)
{
	const size_t bytes = charge_of(connection->stash_size);

	if (bytes && !budget_charge(budget, bytes, most))
		return -ENOBUFS;
	connection->budget = budget;
	connection->most_bytes = most;
	return 0;
}

int connection_keep(struct connection *connection, const char *input)
{
	struct handover *handover;
	uint8_t *stash;
	int r;

	if (connection->handover)
		return 0;
	if (connection->tls)
		return -EOPNOTSUPP;
	/* Room for as much as before, which is counted already. */
	r = handover_new(&handover, input, connection->stash_size);
	if (r < 0)
		return r;
	stash = handover_stash(handover, connection->stash_size);
	if (connection->stashed)
		memcpy(stash, connection->stash, connection->stashed);
	handover_end(handover, &connection->receiver.stream, connection->stashed);
	r = handover_keep(handover, connection->fd);
	if (r < 0) {
		handover_free(handover);
		return r;
	}
	free(connection->stash);
	connection->stash = stash;
	connection->handover = handover;
	return 0;
}

void connection_forget(struct connection *connection)
{
	if (connection->handover)
		handover_forget(connection->handover);
}

int connection_start_tls(struct connection *connection, const struct tls_identity *identity)
{
	int r;

	if (!charge(connection, TLS_SESSION_BYTES))
		return -ENOBUFS;
	r = tls_session_new(&connection->tls, identity, connection->fd);
	if (r < 0)
		uncharge(connection, TLS_SESSION_BYTES);
	return r;
}

void connection_end(struct connection *connection)
{
	if (connection->tls)
		tls_session_end(connection->tls);
	shutdown(connection->fd, SHUT_WR);
}

bool connection_has_more(const struct connection *connection)
{
	return connection->tls && tls_session_has_more(connection->tls);
}

bool connection_is_new(const struct connection *connection)
{
	return connection->receiver.stream.state < FRAME_STREAM_STARTED;
}

static int stash_reserve(struct connection *connection, size_t size)
{
	uint8_t *stash;

	if (size <= connection->stash_size)
		return 0;
	if (!charge(connection, charge_of(size) - charge_of(connection->stash_size)))
		return -ENOBUFS;
	stash = connection->handover ? handover_stash(connection->handover, size)
				     : realloc(connection->stash, size);
	if (!stash) {
		uncharge(connection, charge_of(size) - charge_of(connection->stash_size));
		return -ENOMEM;
	}
	connection->stash = stash;
	connection->stash_size = size;
	return 0;
}

static void stash_clear(struct connection *connection)
{
	connection->stashed = 0;
	uncharge(connection, charge_of(connection->stash_size));
	if (connection->stash_size > KEEP_STASH_BYTES && connection->handover) {
		handover_trim(connection->handover, KEEP_STASH_BYTES);
		connection->stash_size = KEEP_STASH_BYTES;
	} else if (connection->stash_size > KEEP_STASH_BYTES) {
		free(connection->stash);
		connection->stash = NULL;
		connection->stash_size = 0;
	}
}

static size_t stash_want(const struct connection *connection)
{
	return frame_stream_want(&connection->receiver.stream, connection->stash,
	    connection->stash + connection->stashed);
}

/* All replies are shorter than what an empty socket buffer holds. */
static int send_reply(const struct connection *connection, const struct receiver_step *step)
{
	ssize_t n;

	if (connection->tls)
		return tls_session_write(connection->tls, step->reply, step->reply_length);
	n = send(connection->fd, step->reply, step->reply_length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n == (ssize_t)step->reply_length)
		return 0;
	return n < 0 ? -errno : -EIO;
}

/* Feeds all of [data, data + length); *ret_rest bytes at its end are no whole frame yet. */
static int feed(struct connection *connection, const struct receiver_ops *ops, void *context,
    const uint8_t *data, size_t length, size_t *ret_rest, const char **ret_error)
{
	struct receiver_step step;

	do {
		receiver_feed(&connection->receiver, ops, context, data, length, &step);
		if (ops->passed)
			ops->passed(context, data, step.used);
		data += step.used;
		length -= step.used;
		if (step.error) {
			*ret_error = step.error;
			return -EPROTO;
		}
		if (step.reply_length) {
			int r = send_reply(connection, &step);

			/* A producer that closes without waiting for FINISH has done nothing wrong.
			 */
			if (r < 0 && connection->receiver.stream.state != FRAME_STREAM_STOPPED)
				return r;
		}
	} while (step.reply_length);
	*ret_rest = length;
	return 0;
}

/* Completes the stashed frame from new data; *used bytes of it went there. */
static int finish_stash(struct connection *connection, const struct receiver_ops *ops,
    void *context, const uint8_t *data, size_t length, size_t *used, const char **ret_error)
{
	size_t rest;
	int r;

	*used = 0;
	for (;;) {
		size_t want = stash_want(connection), take;

		if (connection->stashed >= want)
			break;
		take = want - connection->stashed;
		if (take > length - *used)
			take = length - *used;
		r = stash_reserve(connection, want);
		if (r < 0)
			return r;
		memcpy(connection->stash + connection->stashed, data + *used, take);
		connection->stashed += take;
		*used += take;
		if (connection->stashed < want)
			return 0;
		/* The length has come: now it is known how much to want. */
		if (stash_want(connection) == want)
			break;
	}
	r = feed(
	    connection, ops, context, connection->stash, connection->stashed, &rest, ret_error);
	if (r == 0)
		stash_clear(connection);
	return r;
}

static ssize_t read_parts(const struct connection *connection, const struct iovec parts[2])
{
	ssize_t n;

	if (connection->tls)
		return tls_session_read(connection->tls, parts, 2);
	n = readv(connection->fd, parts, 2);
	return n < 0 ? -errno : n;
}

/* The rest of a large frame is read to where it belongs, what follows it, *ret_length bytes, into
 * the buffer. */
static ssize_t read_some(struct connection *connection, uint8_t *buffer, size_t *ret_length)
{
	size_t want = connection->stashed ? stash_want(connection) : 0;
	struct iovec parts[2] = {{NULL, 0}, {buffer, CONNECTION_READ_BYTES}};
	size_t stashed;
	ssize_t n;

	if (want > connection->stashed) {
		int r = stash_reserve(connection, want);

		if (r < 0)
			return r;
		parts[0] = (struct iovec){
		    connection->stash + connection->stashed, want - connection->stashed};
	}
	n = read_parts(connection, parts);
	if (n <= 0)
		return n;
	stashed = (size_t)n < parts[0].iov_len ? (size_t)n : parts[0].iov_len;
	connection->stashed += stashed;
	*ret_length = (size_t)n - stashed;
	return n;
}

static ssize_t read_once(struct connection *connection, const struct receiver_ops *ops,
    void *context, uint8_t *buffer, const char **ret_error)
{
	size_t length = 0, used = 0, rest;
	ssize_t n = read_some(connection, buffer, &length);
	int r;

	if (n <= 0) {
		if (n == -EPROTO)
			*ret_error = tls_session_reason(connection->tls);
		return n;
	}
	if (connection->stashed) {
		r = finish_stash(connection, ops, context, buffer, length, &used, ret_error);
		if (r < 0)
			return r;
	}
	if (used == length)
		return n;
	r = feed(connection, ops, context, buffer + used, length - used, &rest, ret_error);
	if (r == 0 && rest) {
		r = stash_reserve(connection, rest);
		if (r == 0) {
			memcpy(connection->stash, buffer + length - rest, rest);
			connection->stashed = rest;
		}
	}
	return r < 0 ? r : n;
}

ssize_t connection_read(struct connection *connection, const struct receiver_ops *ops,
    void *context, uint8_t *buffer, const char **ret_error)
{
	ssize_t n;

	if (!connection->handover)
		return read_once(connection, ops, context, buffer, ret_error);
	handover_begin(connection->handover);
	n = read_once(connection, ops, context, buffer, ret_error);
	if (n >= 0 || n == -EAGAIN || n == -EINTR)
		handover_end(
		    connection->handover, &connection->receiver.stream, connection->stashed);
	return n;
}
