/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One producer's connection: reads into a buffer that all connections of a thread share, and keeps
 * only the beginning of a frame that has not come whole.
 */
#ifndef CROSSTAP_DNSTAP_CONNECTION_H
#define CROSSTAP_DNSTAP_CONNECTION_H

#include "dnstap/handover.h"
#include "dnstap/peer.h"
#include "dnstap/receiver.h"

#include <sys/types.h>

#define CONNECTION_READ_BYTES (256 * 1024)

struct connection {
	struct connection *next, **previous; /* list of its input */
	int fd;
	char peer[PEER_BYTES]; /* for messages */
	struct receiver receiver;
	uint8_t
	    *stash; /* the beginning of a frame; in the memory of `handover`, where there is one */
	size_t stashed, stash_size;
	struct handover *handover; /* NULL: not left to the next process */
	uint64_t since_ns;         /* CLOCK_MONOTONIC; 0: not to be left in advance */
	uint64_t
	    deadline_ns; /* CLOCK_MONOTONIC: of the handshake, or of the held connection; 0: none */
	bool held;       /* broke a rule: not read any more, closed at the deadline */
};

struct connection *connection_new(int fd, uint32_t max_frame);
/* Goes on where the process before this one was: the next connection that it left to `input`. NULL:
 * there is no more, or no memory. */
struct connection *connection_adopt(
    const struct passed_sockets *passed, const char *input, uint32_t max_frame);
void connection_free(struct connection *connection);

/* From now on, the process after this one can go on with it. -errno: it cannot. */
int connection_keep(struct connection *connection, const char *input);
/* The end of the connection, not of the process alone. */
void connection_forget(struct connection *connection);

/*
 * Reads once and gives all whole frames to `ops`. `buffer` has CONNECTION_READ_BYTES. Returns the
 * bytes read; 0 at the end of the stream; -EAGAIN; -EPROTO with the broken rule in *ret_error; or
 * the error of the socket.
 */
ssize_t connection_read(struct connection *connection, const struct receiver_ops *ops,
    void *context, uint8_t *buffer, const char **ret_error);
/* Has not begun to send data: START is still to come. */
bool connection_is_new(const struct connection *connection);

#endif
