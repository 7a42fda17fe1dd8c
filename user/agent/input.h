/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input as the agent sees it: the source's thread, the collector in it, and the two ways
 * across: commands go in through a mailbox, shards travel through rings.
 */
#ifndef CROSSTAP_AGENT_INPUT_H
#define CROSSTAP_AGENT_INPUT_H

#include "agent/setup.h"
#include "base/passed.h"
#include "base/ring.h"
#include "crosscheck/crosscheck.h"
#include "dnstap/dnstap.h"
#include "measure/rows.h"
#include "relay/tee.h"

#include <pthread.h>

struct input_command {
	int64_t oldest;      /* collector_close() up to here; INT64_MAX: all; INT64_MIN: none */
	int64_t reopen;      /* then the oldest open window is this one; INT64_MIN: as closed */
	int64_t interval_ns; /* then windows are so long, none being open; 0: as they are */
	bool set_limits;
	struct shard_limits limits;
	size_t max_shards;
	uint64_t generation; /* collector_renew_labels(); 0: as it was */
	bool set_traits;
	struct collector_traits traits;
	bool set_tee;
	struct tee *tee; /* NULL: none */
};

struct input {
	struct dnstap_input *source;
	struct collector *collector;
	struct input_setup setup;
	char *key;                /* kind and address: what makes it the same input over a reload */
	bool gone;                /* its socket's file, at the last look: nobody can connect */
	bool renewable;           /* and the next reload makes it again */
	struct ring closed;       /* shards to the report */
	struct ring returned;     /* and back */
	uint64_t number;          /* of the agent's inputs; that of the one that it follows */
	struct dnstap_stats past; /* of those that it follows */
	struct dnstap_stats before; /* at the last window */
	struct tee *tee;            /* NULL: none */
	struct tee_stats teed;      /* by those before it */
	enum producer producer;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t done;
	struct input_command command;
	bool pending;
	uint64_t labels_since; /* collector_labels_since(), when the last command was executed */
};

/* Opens the socket, or takes it from what was passed, with the producers of the process before this
 * one. Errors as dnstap_input_open(). */
int input_open(struct input **ret, const struct config_input *config,
    const struct passed_sockets *passed, uint32_t max_frame, char *error, size_t size);
/* `setup` becomes the input's. */
int input_start(struct input *input, const struct input_setup *setup,
    const struct collector_config *config, int64_t oldest, const struct dnstap_limits *limits);
/* Executed in the input's thread, or here if that has ended. input_wait() returns when it is done.
 */
void input_send(struct input *input, const struct input_command *command);
void input_wait(struct input *input);
/* Takes `tee` over, or NULL: the one before it sends what it has queued, and is freed. */
void input_set_tee(struct input *input, struct tee *tee);
/* At the address of one that has left: counts go on from what it had. */
void input_follow(struct input *input, const struct report_input *left);
/* Since the start of the first one of its number. */
void input_stats(const struct input *input, struct dnstap_stats *ret);
/* Over all that there were since the start. */
void input_tee_stats(const struct input *input, struct tee_stats *ret);
/* Ends the thread; what it counted is closed. `leave`: the next process goes on with its producers.
 */
void input_stop(struct input *input, bool leave);
void input_free(struct input *input);

/* What the cross-check must know of this input since the last window: adds to *ret. `now`: its
 * counters now. */
void input_witness(struct input *input, const struct config_input *config,
    const struct dnstap_stats *now, struct crosscheck_inputs *ret);
/* What makes two inputs the same; free() it. */
char *input_key(const struct config_input *config);

#endif
