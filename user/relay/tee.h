/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passes an input's frames on to a second reader (inputs[].tee), as the writer of a frame stream:
 * READY -> ACCEPT, START, data, STOP -> FINISH. The input's thread puts them into a queue and never
 * waits; a thread of the tee connects, sends, and connects again, later each time it fails. What
 * the queue cannot hold is left out by whole frames and counted. A reader that is killed has not
 * read what its socket held.
 */
#ifndef CROSSTAP_RELAY_TEE_H
#define CROSSTAP_RELAY_TEE_H

#include <stddef.h>
#include <stdint.h>

#define TEE_CONNECT_MS 5000  /* for a connection and its handshake */
#define TEE_END_MS     1000  /* for what is queued, and FINISH, at the end */
#define TEE_RETRY_MS   100   /* after the first failure; doubled with each */
#define TEE_REST_MS    10000 /* at most between two */

struct tee;

struct tee_stats {
	uint64_t frames;  /* sent */
	uint64_t dropped; /* left out */
};

/* `target`: unix:PATH or tcp:HOST:PORT; `input`: whose it is, for messages. Nothing is connected
 * before tee_begin(). -ENOMEM, -EAGAIN (no thread), -EMFILE. */
int tee_new(struct tee **ret, const char *target, const char *input);
void tee_begin(struct tee *tee);
/* Data and control frames, as one connection had them: whole ones. Of one thread. */
void tee_take(struct tee *tee, const uint8_t *data, size_t length);
/* Any thread. */
void tee_stats(const struct tee *tee, struct tee_stats *ret);
const char *tee_target(const struct tee *tee);
/* Sends what is queued, for at most TEE_END_MS; `ret` (may be NULL) has what it came to. Takes
 * NULL. */
void tee_free(struct tee *tee, struct tee_stats *ret);

#endif
