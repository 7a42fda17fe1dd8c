/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One producer's connection: reads into a buffer that all connections of a thread share, and keeps
 * only the beginning of a frame that has not come whole.
 */
#ifndef CROSSTAP_DNSTAP_CONNECTION_H
#define CROSSTAP_DNSTAP_CONNECTION_H

#include "dnstap/budget.h"
#include "dnstap/door.h"
#include "dnstap/handover.h"
#include "dnstap/peer.h"
#include "dnstap/receiver.h"
#include "dnstap/rest.h"
#include "network/peer.h"

#include <sys/types.h>

#define CONNECTION_READ_BYTES (256 * 1024)

struct connection {
	struct connection *next, **previous; /* list of its input */
	int fd;
	struct peer peer;
	char who[PEER_BYTES];    /* for messages */
	struct door *door;       /* that it came by; its reference; NULL: none */
	struct tls_session *tls; /* NULL: plain */
	bool wants_write;        /* what the epoll set waits for: the TLS handshake's turn */
	struct budget *budget;   /* of stash and session; NULL: not counted */
	size_t most_bytes;       /* that `budget` may come to */
	enum budget_place place;
	struct receiver receiver;
	struct rest rest; /* from its seat on */
	uint8_t
	    *stash; /* the beginning of a frame; in the memory of `handover`, where there is one */
	size_t stashed, stash_size;
	struct handover *handover; /* NULL: not left to the next process */
	uint64_t keep_ns;          /* CLOCK_MONOTONIC: when to leave it in advance; 0: not */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC: of the handshake, of a frame that has begun, or
				 of the held connection; 0: none */
	bool held;            /* broke a rule: not read any more, closed at the deadline */
};

struct connection *connection_new(int fd, uint32_t max_frame);
/* Goes on where the process before this one was: the next connection that it left to `input`. NULL:
 * there is no more, or no memory. */
struct connection *connection_adopt(
    const struct passed_sockets *passed, const char *input, uint32_t max_frame);
/* Counts what it holds, and will hold, within `most` bytes of `budget`. -ENOBUFS: that is too much,
 * and nothing is counted. */
int connection_count(struct connection *connection, struct budget *budget, size_t most);
/* Before the first read: what comes and goes is TLS from now on. -ENOMEM; -ENOBUFS beyond the
 * budget. */
int connection_start_tls(struct connection *connection, const struct tls_identity *identity);
void connection_free(struct connection *connection);

/* From now on, the process after this one can go on with it. -errno: it cannot; -EOPNOTSUPP: a
 * session of TLS is in this process alone. */
int connection_keep(struct connection *connection, const char *input);
/* The end of the connection, not of the process alone. */
void connection_forget(struct connection *connection);

/*
 * Reads once and gives all whole frames to `ops`. `buffer` has CONNECTION_READ_BYTES. Returns the
 * bytes read; 0 at the end of the stream; -EAGAIN; -EPROTO with the broken rule in *ret_error;
 * -ENOBUFS where a long frame is beyond the budget; or the error of the socket.
 */
ssize_t connection_read(struct connection *connection, const struct receiver_ops *ops,
    void *context, uint8_t *buffer, const char **ret_error);
/* Tells the producer that nothing more is sent: by close_notify, where it is TLS, and FIN. What it
 * sends can still be read. */
void connection_end(struct connection *connection);
/* Another read has something to say, although nothing may wake for it. */
bool connection_has_more(const struct connection *connection);
/* Has not begun to send data: START is still to come. */
bool connection_is_new(const struct connection *connection);

#endif
