/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input: a listening socket, the producers connected to it, and the thread that reads them.
 * Producers are never blocked on purpose and never rejected in a loop: one that breaks a rule is
 * held for a second, unread, before its connection is closed; where no more connections are to be
 * had, new ones wait in the kernel's queue.
 */
#ifndef CROSSTAP_DNSTAP_DNSTAP_H
#define CROSSTAP_DNSTAP_DNSTAP_H

#include "config/config.h"
#include "dnstap/receiver.h"

#include <stdatomic.h>

struct dnstap_input;

/* Shared by all inputs of a process. */
struct dnstap_limits {
	uint32_t frame;
	uint64_t handshake_ns;
	int connections;
	_Atomic int *open; /* connections of all inputs */
};

/* All are called in the input's thread. */
struct dnstap_ops {
	struct receiver_ops receiver;
	/* Before each read: the wall clock of what follows. */
	void (*now)(void *context, int64_t wall_ns);
	/* After dnstap_input_wake(), and once when the thread has drained everything and ends. */
	void (*wake)(void *context);
};

struct dnstap_stats {
	uint64_t frames, frames_bad, bytes;
	uint64_t accepted; /* connections, since the start */
	uint64_t refused;  /* broke a rule of the framing, or were too slow in the handshake */
	int connections;
	int64_t last_frame_ns; /* wall clock; 0: none yet */
	char
	    version[64]; /* Dnstap.version of the producer that was read first, as far as it fits */
};

/*
 * Opens and listens. `fds`, `n_fds`: sockets that were passed for this input (kind
 * INPUT_LISTEN_FD); taken over on success. Errors, with the reason in `error` (`size` bytes):
 * -EADDRINUSE somebody lives at the socket's path, -EEXIST something else than a socket is there,
 * and those of socket(2), bind(2), chown(2).
 */
int dnstap_input_open(struct dnstap_input **ret, const struct config_input *config, const int *fds,
    size_t n_fds, char *error, size_t size);
int dnstap_input_start(struct dnstap_input *input, const struct dnstap_limits *limits,
    const struct dnstap_ops *ops, void *context);
void dnstap_input_wake(struct dnstap_input *input);
/* Takes effect at the next frame or connection. */
void dnstap_input_set_limits(struct dnstap_input *input, const struct dnstap_limits *limits);
/* Mode, owner and group of the configuration for the Unix socket that this input made; others have
 * none. Errors of chown(2) and chmod(2), with the reason in `error`. */
int dnstap_input_set_access(
    struct dnstap_input *input, const struct config_input *config, char *error, size_t size);
/* Stops listening, reads what is in flight, ends the thread. */
void dnstap_input_stop(struct dnstap_input *input);
void dnstap_input_free(struct dnstap_input *input);

const char *dnstap_input_address(const struct dnstap_input *input);
/* Any thread. */
void dnstap_input_stats(const struct dnstap_input *input, struct dnstap_stats *ret);

#endif
