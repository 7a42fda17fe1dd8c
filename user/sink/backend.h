/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A back end: where points go. worker.c calls it from the sink's own thread, so it may block, for
 * as long as its configured timeout and never past the deadline of a stop. It neither queues, waits
 * between attempts nor logs.
 */
#ifndef CROSSTAP_SINK_BACKEND_H
#define CROSSTAP_SINK_BACKEND_H

#include "config/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEND_ERROR_MAX 256

/* When to give up, CLOCK_MONOTONIC; UINT64_MAX until the sink is stopped. */
struct sink_control {
	_Atomic uint64_t deadline_ns;
};

struct send_result {
	size_t taken;    /* bytes from the beginning, whole lines, that are settled one way or the
			    other */
	size_t accepted; /* points among them that the far end has */
	size_t rejected; /* that it will never take */
	size_t lost;     /* that could not be written and are not kept */
	bool retry;      /* the rest may be tried again */
	uint64_t retry_after_ns;    /* not before; 0: the far end did not say */
	char error[SEND_ERROR_MAX]; /* one printable line without secrets; empty: none */
};

struct sink_ops {
	const char *thread_name; /* at most 15 bytes */
	bool remote;             /* spread over the interval, kept in the spool */
	/* -EINVAL: the configuration cannot work. `control` outlives the back end. */
	int (*open)(
	    void **ret, const struct config_output *output, const struct sink_control *control);
	/* One attempt with the first lines of `text`; as many as fit one request. `*ret` comes
	 * zeroed. */
	void (*send)(void *backend, const char *text, size_t length, struct send_result *ret);
	/* From another thread: look at the deadline again. */
	void (*wake)(void *backend);
	void (*close)(void *backend); /* takes NULL */
};

extern const struct sink_ops sink_file_ops;
extern const struct sink_ops sink_influx_ops;
extern const struct sink_ops sink_otlp_ops;

#endif
