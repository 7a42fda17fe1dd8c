/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An idempotent producer of librdkafka that outlives its attempts. A message that an attempt could
 * not wait for stays with librdkafka, and is known by its id when it is sent again: it is handed
 * over once, so that a broker has it once. Only with another producer (a new process, a fatal error
 * of this one) a message whose fate nobody knows is sent anew, with the id that it had.
 *
 * librdkafka has a thread for itself, one for what it tells us, and one for each broker. All but
 * producer_wake() and producer_client() is the sink's own thread's.
 */
#ifndef CROSSTAP_SINK_KAFKA_PRODUCER_H
#define CROSSTAP_SINK_KAFKA_PRODUCER_H

#include "sink/backend.h"
#include "sink/kafka/judgement.h"
#include "sink/kafka/message.h"
#include "sink/kafka/settings.h"

#define PRODUCER_MESSAGES 1000 /* of an attempt */
#define PRODUCER_WORDS    201  /* of a reason, NUL included */

struct producer;

/* Connects to nobody before the first producer_begin(). Copies all of the settings; the key of each
 * message is the control's server. -EINVAL: settings that cannot work. */
int producer_new(struct producer **ret, const struct kafka_settings *settings,
    const struct sink_control *control);
/* Returns within a second, whatever the brokers do. */
void producer_free(struct producer *producer);

/* An attempt: begin, add each of its messages in order, wait, look at their fates, end. -errno:
 * none can be made, producer_why() says why. */
int producer_begin(struct producer *producer);
/* `message` is read until producer_wait() has returned. -ENOMEM. -ENOBUFS: no more than
 * PRODUCER_MESSAGES. */
int producer_add(struct producer *producer, const struct message *message);
/* Until all fates are known, the time is up, the deadline of a stop has come, or no broker can be
 * reached. What an earlier attempt had added and this one has not is given up. */
void producer_wait(struct producer *producer);
enum fate producer_fate(const struct producer *producer, size_t index);
/* Its error, of FATE_FAILED and FATE_REFUSED. */
rd_kafka_resp_err_t producer_error(const struct producer *producer, size_t index);
/* Forgets the first `settled` messages, and those that failed. */
void producer_end(struct producer *producer, size_t settled);
/* Why nothing is known of a message: what librdkafka last complained about. Empty: nothing. */
void producer_why(struct producer *producer, char ret[PRODUCER_WORDS]);

/* From another thread: look at the deadline again. */
void producer_wake(struct producer *producer);
/* Any thread. */
void producer_client(struct producer *producer, struct sink_client *ret);

#endif
