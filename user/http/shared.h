/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While more connections come than there are places for, those who ask for the same within a moment
 * get one answer, which is made and held once: else hundreds that read slowly would each hold a
 * copy of the largest.
 */
#ifndef CROSSTAP_HTTP_SHARED_H
#define CROSSTAP_HTTP_SHARED_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SHARED_ANSWERS   40
#define SHARED_MOMENT_MS 100

struct shared_answers {
	pthread_mutex_t lock;
	struct {
		struct MHD_Response *response; /* counted; NULL: none yet */
		unsigned code;
		uint64_t made_ns; /* CLOCK_MONOTONIC */
	} all[SHARED_ANSWERS];
};

void shared_init(struct shared_answers *shared);
void shared_done(struct shared_answers *shared);
/* Queues the answer `i` if there is one of this moment; false: it has to be made. */
bool shared_queue(struct shared_answers *shared, size_t i, struct MHD_Connection *connection,
    uint64_t now_ns, enum MHD_Result *ret);
/* Drops those that are of this moment no more. */
void shared_forget(struct shared_answers *shared, uint64_t now_ns);
/* Keeps an answer, whose reference goes over, and drops the one before it. */
void shared_keep(struct shared_answers *shared, size_t i, struct MHD_Response *response,
    unsigned code, uint64_t now_ns);

#endif
