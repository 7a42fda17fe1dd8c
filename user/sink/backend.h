/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kind of output: its options, and its back end, where points go. worker.c calls the back end
 * from the sink's own thread, so it may block, for as long as its configured timeout and never past
 * the deadline of a stop. It neither queues, waits between attempts nor logs. A new kind is one
 * file with one `const struct sink_ops`, and one line in kinds.h.
 */
#ifndef CROSSTAP_SINK_BACKEND_H
#define CROSSTAP_SINK_BACKEND_H

#include "config/output_kind.h"
#include "encode/points.h"
#include "sink/sink.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEND_ERROR_MAX 256

struct arena;

/* When to give up, CLOCK_MONOTONIC; UINT64_MAX until the sink is stopped. */
struct sink_control {
	_Atomic uint64_t deadline_ns;
	/* NULL, or to be told once of an attempt that waits for somebody: why, in words. */
	void (*stuck)(void *context, const char *why);
	/* NULL, or to be called in the sink's own thread, twice a second at least, while an attempt
	 * waits for a far end. */
	void (*waiting)(void *context);
	void *context;
	const char *server; /* whose points they are */
};

struct send_result {
	size_t taken;    /* bytes from the beginning, whole lines, that are settled one way or the
			    other */
	size_t accepted; /* points among them that the far end has */
	size_t rejected; /* that it will never take */
	size_t lost;     /* that could not be written and are not kept */
	bool retry;      /* the rest may be tried again */
	bool away; /* and what stands in its way is in the way of every batch: none overtakes it */
	uint64_t retry_after_ns;    /* not before; 0: the far end did not say */
	char error[SEND_ERROR_MAX]; /* one printable line without secrets; empty: none */
};

/* `settings` are those of the kind's option table. */
struct sink_ops {
	struct output_kind kind; /* the first member: a configuration's `kind` is this address */
	const char *thread_name; /* at most 15 bytes */
	bool remote;             /* spread over the interval, kept in the spool */
	/* Points of different times may come in any order: then the newest go before a backlog. */
	bool any_order;
	const char *content_type; /* of what is sent over HTTP; NULL: it is not */
	enum points_format (*format)(const void *settings);
	/* The place in strings of the arena's. -ENOMEM. */
	int (*describe)(struct arena *arena, const void *settings, struct sink_place *ret);
	/* Asks the far end whether it is there, within some seconds; no point is sent. NULL: there
	 * is nobody to ask. */
	void (*probe)(const void *settings, struct sink_finding *ret);
	/* The file of this host that it writes, NULL: none. The member may be NULL. */
	const char *(*local_file)(const void *settings);
	/* -EINVAL: the settings cannot work. `control` outlives the back end. Keeps no pointer to
	 * the settings. Touches nothing outside the process: that is for the first send(). */
	int (*open)(void **ret, const void *settings, const struct sink_control *control);
	/* One attempt with the first lines of `text`; as many as fit one request. `*ret` comes
	 * zeroed. */
	void (*send)(void *backend, const char *text, size_t length, struct send_result *ret);
	/* From another thread: look at the deadline again. */
	void (*wake)(void *backend);
	/* From any thread. NULL: there is nothing to be said. */
	void (*client)(void *backend, struct sink_client *ret);
	void (*close)(void *backend); /* takes NULL */
};

/* Of an output whose kind stands in kinds.h. */
const struct sink_ops *sink_ops_of(const struct config_output *output);

#endif
