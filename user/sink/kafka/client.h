/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instance of librdkafka, and what it told us: fates of messages, errors, its statistics. Its
 * own thread calls us with them; all members but those it was made with are under the lock.
 */
#ifndef CROSSTAP_SINK_KAFKA_CLIENT_H
#define CROSSTAP_SINK_KAFKA_CLIENT_H

#include "sink/kafka/judgement.h"
#include "sink/kafka/message.h"
#include "sink/sink.h"

#include <pthread.h>
#include <stdatomic.h>

/* A message that librdkafka has, or had. */
struct flight {
	struct flight *next;
	uint8_t id[MESSAGE_ID_BYTES];
	enum fate fate;
	rd_kafka_resp_err_t error;
	bool launched; /* librdkafka has it */
	bool wanted;   /* by the attempt that is under way */
	bool settled;  /* the attempt is done with it */
	bool given_up; /* nobody asks for it any more: it is freed when its fate is known */
	const struct message *message; /* of the attempt, until it is launched */
};

struct client {
	_Atomic unsigned references;
	rd_kafka_t *rk;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct flight *first, **last; /* in the order in which they were handed over */
	char words[512];              /* what it last complained about; empty: nothing */
	bool down;                    /* no broker is connected, as far as we were told */
	bool fatal;                   /* it will send nothing any more */
	bool gone;
	struct sink_client figures;
};

/* `conf` stays the caller's. -errno, with the reason in `words`. */
int client_new(struct client **ret, const rd_kafka_conf_t *conf, char *words, size_t size);
/* Ends the instance; waits for that for a second at most, and leaves it to a thread of its own
 * then: a name server that does not answer holds a thread of librdkafka. Takes NULL. */
void client_dispose(struct client *client);

/* Under the lock: */
void client_append(struct client *client, struct flight *flight);
void client_remove(struct client *client, struct flight *flight);
/* Until something changes or the time has come, CLOCK_MONOTONIC. */
void client_wait(struct client *client, uint64_t until_ns);

#endif
