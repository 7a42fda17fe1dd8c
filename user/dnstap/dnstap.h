/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input: a listening socket, the producers connected to it, and the thread that reads them.
 * Producers are never blocked on purpose and never rejected in a loop: one that breaks a rule is
 * held for a second, unread, before its connection is closed; where no more connections are to be
 * had, new ones wait in the kernel's queue. With `tls` connections speak it; one of them cannot be
 * handed to another process: at the end it is closed with close_notify, and its producer connects
 * again.
 */
#ifndef CROSSTAP_DNSTAP_DNSTAP_H
#define CROSSTAP_DNSTAP_DNSTAP_H

#include "base/passed.h"
#include "config/config.h"
#include "dnstap/budget.h"
#include "dnstap/door.h"
#include "dnstap/receiver.h"
#include "dnstap/rest.h"

#include <stdatomic.h>

struct dnstap_input;

/* Shared by all inputs of a process. */
struct dnstap_limits {
	uint32_t frame;
	uint64_t handshake_ns; /* and of a frame, from its beginning to its end */
	uint64_t rest_ns;      /* a busy producer's frames may wait so long, REST_HELD_NS at most */
	int connections;       /* of all inputs */
	int inputs;            /* that share them */
	size_t bytes;          /* of `budget` */
	struct budget *budget;
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
	uint64_t accepted;  /* connections, since the start */
	uint64_t refused;   /* were closed for breaking a rule, those that follow included */
	uint64_t timed_out; /* too slow in the handshake or a frame */
	uint64_t denied; /* from an address that `allow` does not have, or that has enough places */
	uint64_t cut;    /* TLS that ended without close_notify, before STOP */
	int64_t not_after_s; /* the end of the certificate, seconds since 1970; 0: there is none */
	int connections;
	int64_t last_frame_ns; /* wall clock; 0: none yet */
	char version[64]; /* Dnstap.version of the last producer that began to send, as far as it
			     fits; "" while one that came alone has not yet */
};

/*
 * Opens and listens. `fds`, `n_fds`: sockets that were passed for this input (kind
 * INPUT_LISTEN_FD); they stay the process's own and open, the input uses duplicates. Errors, with
 * the reason in `error` (`size` bytes): -EADDRINUSE somebody lives at the socket's path or address,
 * -EEXIST something else than a socket is at the path, -ESTALE somebody replaced it while it was
 * made; of passed sockets -ENOENT there is none, -E2BIG too many, -ENOTSOCK, -EAFNOSUPPORT,
 * -EPROTOTYPE, -EOPNOTSUPP not one that listens for streams; those of socket(2), bind(2),
 * chown(2); and of door_new().
 */
int dnstap_input_open(struct dnstap_input **ret, const struct config_input *config, const int *fds,
    size_t n_fds, char *error, size_t size);
int dnstap_input_start(struct dnstap_input *input, const struct dnstap_limits *limits,
    const struct dnstap_ops *ops, void *context);
/*
 * Gives a Unix socket's file the mode, owner and group of `config`; without an owner or group those
 * that it was made with. Connections stay. Nothing to do for other kinds. Errors, with the reason
 * in `error`: -ENOENT no such user or group, -ESTALE the file is not known to be ours any more,
 * those of chown(2) and chmod(2); the file then has what it had, or less. While the input runs: of
 * the thread that starts and reloads the agent.
 */
int dnstap_input_set_access(
    struct dnstap_input *input, const struct config_input *config, char *error, size_t size);
/* Nobody can connect any more: the file of the Unix socket was removed. *ret_passed: a unit made
 * it, and has to make it again. The thread is that of dnstap_input_set_access(). */
bool dnstap_input_is_gone(struct dnstap_input *input, bool *ret_passed);
/* It is about to go: until that is taken back, another one may be opened at its TCP address, if no
 * unit made that. The thread is that of dnstap_input_open(). */
void dnstap_input_yield(struct dnstap_input *input, bool yield);
/* Who may connect from now on, whose reference goes over. Connections that are there stay as they
 * are. Any thread. */
void dnstap_input_set_door(struct dnstap_input *input, struct door *door);
void dnstap_input_wake(struct dnstap_input *input);
/* Takes effect at the next frame or connection. */
void dnstap_input_set_limits(struct dnstap_input *input, const struct dnstap_limits *limits);
/*
 * Between opening and starting: goes on with what the process before this one left in the service
 * manager's store: producers, and the file of a socket that an input of this configuration made.
 * The input's own socket is among `fds` then, by dnstap_input_passed(). `max_frame`: limits.frame.
 */
void dnstap_input_adopt(struct dnstap_input *input, const struct config_input *config,
    const struct passed_sockets *passed, uint32_t max_frame);
/* Passed sockets for this input: `max` at most, as passed_sockets_find(). */
size_t dnstap_input_passed(
    const struct config_input *config, const struct passed_sockets *passed, int *ret, size_t max);
/* Stops listening, reads what is in flight, ends the thread. What a producer could write was read:
 * a Unix socket takes nothing more from the moment that reading ends, a TCP one is told that it
 * ends. */
void dnstap_input_stop(struct dnstap_input *input);
/* Likewise, but the next process goes on with the sockets and the producers, which notice nothing.
 * Without anybody who keeps them, as dnstap_input_stop(). */
void dnstap_input_leave(struct dnstap_input *input);
void dnstap_input_free(struct dnstap_input *input);

const char *dnstap_input_address(const struct dnstap_input *input);
/* Any thread. */
void dnstap_input_stats(const struct dnstap_input *input, struct dnstap_stats *ret);

#endif
