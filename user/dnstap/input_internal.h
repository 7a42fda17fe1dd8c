/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input as the parts of this room share it: dnstap.c makes, starts and stops it; serve.c is its
 * thread; resting.c says when it reads; admission.c who may connect; seats.c keeps what is
 * connected. All but dnstap.c runs in the input's thread, or before there is one.
 */
#ifndef CROSSTAP_DNSTAP_INPUT_INTERNAL_H
#define CROSSTAP_DNSTAP_INPUT_INTERNAL_H

#include "base/clock.h"
#include "base/log.h"
#include "dnstap/connection.h"
#include "dnstap/dnstap.h"
#include "dnstap/listen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNSTAP_MODULE       "dnstap"
#define DNSTAP_LOG_EVERY_NS (10 * NS_PER_S)
#define DNSTAP_NEWS_MAX     32 /* lines of producers that come and go, within that */

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
	_Atomic uint64_t most_rest_ns;
	_Atomic int max_connections, sharing_inputs;
	_Atomic size_t max_bytes;
	struct budget *budget;
	int own, waiting_to_go; /* connections with a place of the input's share, with none */
	uint64_t now_ns;        /* CLOCK_MONOTONIC at the last waking */
	uint64_t earliest_ns;   /* no connection is to be looked at earlier; 0: none is */
	uint64_t held_ns;       /* the next read may come so much later */
	uint64_t rest_ns;       /* the next look */
	uint64_t room_ns,
	    room_before_ns;     /* rest_room_ns() of the fastest, in this term, the last */
	uint64_t room_since_ns; /* when this term began */
	bool rested;            /* before what is read now */
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

static inline void dnstap_add(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no locked instruction. */
	atomic_store_explicit(
	    counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t dnstap_handshake_ns(const struct dnstap_input *input)
{
	return atomic_load_explicit(&input->handshake_ns, memory_order_relaxed);
}

/* -- seats.c: the input's connections, and its epoll set */

/* -errno of epoll_ctl(). */
int dnstap_epoll_add(const struct dnstap_input *input, int fd, void *tag);
void dnstap_listen_on(struct dnstap_input *input);
/* New connections wait in the kernel's queue, until that time (CLOCK_MONOTONIC). */
void dnstap_listen_off(struct dnstap_input *input, uint64_t until_ns);
/* Something is to be done with a connection then; 0: nothing is. */
void dnstap_look_again(struct dnstap_input *input, uint64_t when_ns);
void dnstap_set_deadline(
    struct dnstap_input *input, struct connection *connection, uint64_t when_ns);
/* Into the list, without a place. */
void dnstap_insert(struct dnstap_input *input, struct connection *connection);
/* Into the list; it has a place from now on. */
void dnstap_seat(
    struct dnstap_input *input, struct connection *connection, enum budget_place place);
/* Frees what this process has of it; the store may have it for the next one. */
void dnstap_let_go(struct dnstap_input *input, struct connection *connection);
/* The end of the connection. */
void dnstap_drop(struct dnstap_input *input, struct connection *connection);
/* It is not read any more, and dropped after a while. */
void dnstap_hold(struct dnstap_input *input, struct connection *connection, const char *why);

/* -- admission.c */

/* One that waits at the listener; false where there is none, or no room for it. */
bool dnstap_accept(struct dnstap_input *input, int listener);
/* All that wait. */
void dnstap_accept_waiting(struct dnstap_input *input);
/* What the process before this one left: before the thread begins. */
void dnstap_admit_adopted(struct dnstap_input *input);

/* -- resting.c */

/* So many bytes of it were read, at `now_ns`. */
void dnstap_rest_read(struct dnstap_input *input, struct connection *connection, size_t bytes);
/* How long it may rest now, and after a rest of which so much more may follow; 0: reads. */
uint64_t dnstap_rest_first_ns(const struct dnstap_input *input);
uint64_t dnstap_rest_again_ns(const struct dnstap_input *input, uint64_t left_ns);
/* Lets frames gather; a command ends it. */
void dnstap_rest_take(struct dnstap_input *input);

/* -- serve.c */

/* The thread of an input. */
void *dnstap_serve(void *argument);
/* Seconds since 1970 when its certificate ends; 0: it has none. */
int64_t dnstap_not_after(const struct dnstap_input *input);

#endif
