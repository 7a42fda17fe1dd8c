/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room sends points to where the configuration's outputs say. report/outputs.c makes, keeps
 * and stops sinks in the thread that closes windows; nothing that it calls there waits for a far
 * end. Each sink has a thread of its own (worker.c) behind a bounded queue (queue.c), from which
 * the oldest batch is dropped and counted when it is full, and, where points go to another host, a
 * spool on disk (spool.c). Each kind of output is one file with its options and its back end, and a
 * line in kinds.h; http/ is what those over HTTP share.
 */
#ifndef CROSSTAP_SINK_SINK_H
#define CROSSTAP_SINK_SINK_H

#include "config/config.h"
#include "encode/points.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Immutable and shared by all sinks of one format; the last one frees it. */
struct batch;
/* Takes a copy of `text`. */
int batch_new(struct batch **ret, const char *text, size_t length, size_t points, int64_t time_ms);
/* The same without a copy: `text` is malloc'd, and taken also where it fails. */
int batch_take(struct batch **ret, char *text, size_t length, size_t points, int64_t time_ms);
struct batch *batch_ref(struct batch *batch);
void batch_unref(struct batch *batch);

struct sink;

/* What the library of an output says of itself; of the few that have one that does. */
struct sink_client {
	bool known;
	uint64_t messages;   /* that it holds */
	uint64_t brokers;    /* that are connected */
	uint64_t retries;    /* of requests, since it began */
	double round_trip_s; /* the 99th percentile of a request; 0: not measured */
};

struct sink_stats {
	uint64_t points, bytes;   /* accepted by the far end */
	uint64_t points_dropped;  /* queue full, or given up at stop */
	uint64_t points_rejected; /* the far end said no for good (400, 413, 422) */
	uint64_t errors;          /* failed attempts */
	uint64_t queued;          /* batches waiting now, without the one being sent */
	uint64_t points_found;    /* on disk at the start, not delivered before */
	uint64_t spool_bytes, spool_points, spool_batches; /* on disk now */
	uint64_t spool_limit_bytes;
	int64_t spool_oldest_ns; /* when the oldest of them came there, since 1970; 0: none */
	int64_t last_push_ns;    /* when the far end last took points, since 1970; 0: not yet */
	bool failing;            /* the last attempt failed */
	bool refused;            /* it did because the far end will take none of its points */
	struct sink_client client;
	char last_error[256];
};

/* Times and bounds of the machinery, which only tests set. */
struct sink_tuning {
	/* A wait is random, up to the base doubled per failure, and to the limit. */
	uint64_t backoff_base_ns, backoff_limit_ns;
	uint64_t spread_ns; /* each batch is sent this long after its push */
	size_t queue_batches, queue_bytes;
};

/* Where an output's points go, without secrets. */
struct sink_place {
	const char *name;  /* "influxdb http://127.0.0.1:8086 bucket=dns" */
	const char *realm; /* what else tells it from other places; may be empty */
};

struct sink_finding {
	bool good;
	bool unreachable; /* it did not answer at all */
	char text[600];
	const char *advice; /* NULL: none */
};

/* Asks the far end whether it is there: one request of at most five seconds, without points. False:
 * it is an output of this host, and there is nothing to ask. */
bool sink_probe(const struct config_output *output, struct sink_finding *ret);
/* The file of this host that the output writes; NULL: none. */
const char *sink_local_file(const struct config_output *output);

/*
 * A sink for `output`, which is part of `config`; what it needs to know of the whole: server
 * (spreads pushes of many agents over the interval), interval, spool, limits. It holds a reference
 * of the configuration. It does nothing before sink_start(), and can be freed instead. -EINVAL: a
 * URL, path or credential that cannot work. A far end or spool that cannot be reached is no error.
 */
int sink_new(struct sink **ret, const struct config_output *output, const struct config *config);
void sink_tuning_default(
    struct sink_tuning *ret, const struct config_output *output, const struct config *config);
int sink_new_tuned(struct sink **ret, const struct config_output *output,
    const struct config *config, const struct sink_tuning *tuning);
/* Begins to deliver; only then points may be pushed. `after` (or NULL) is a sink that is being
 * stopped and has the same place: until its thread has ended, its file and spool are left to it,
 * and what is pushed waits in the queue. It may be freed meanwhile. */
void sink_start(struct sink *sink, const struct sink *after);
/* Whether the sink does what `output` asks for: then it can stay, with its queue and spool. */
bool sink_stays(
    const struct sink *sink, const struct config_output *output, const struct config *config);
/* For one that stays: what follows from other parts of the new configuration (how pushes are
 * spread, bounds of queue and spool), and the reference. */
void sink_keep(struct sink *sink, const struct config_output *output, const struct config *config);
/* Equal for sinks that share a spool or a file. */
uint64_t sink_place_id(const struct sink *sink);
/* Queues the batch (takes a reference of its own). Any thread. Never blocks. */
void sink_push(struct sink *sink, struct batch *batch);
/* For who can wait (backfill): true once the queue is less than half full, false after the timeout.
 */
bool sink_wait_room(struct sink *sink, uint64_t timeout_ns);
enum points_format sink_format(const struct sink *sink);
/* The place, without secrets: "influxdb http://127.0.0.1:8086 bucket=dns", "file /var/log/...". */
const char *sink_name(const struct sink *sink);
void sink_stats(const struct sink *sink, struct sink_stats *ret);
/* Delivers what is queued until `timeout_ns` have passed, then puts the rest into the spool, or
 * drops (and counts) it. A far end that is down gets one more attempt if there is a spool, else
 * attempts until the timeout. */
void sink_stop(struct sink *sink, uint64_t timeout_ns);
/* What ends with the sink. */
enum sink_end {
	SINK_END_OUTPUT,  /* a reload takes it away: what it puts into the spool is synced */
	SINK_END_PROCESS, /* waits for no disk */
};
/* The same in two: the first returns at once; said again, it can only shorten the time, and the
 * process's end is the end of all. The second waits for the end. */
void sink_stop_begin(struct sink *sink, enum sink_end end, uint64_t timeout_ns);
void sink_stop_wait(struct sink *sink);
void sink_free(struct sink *sink);

#endif
