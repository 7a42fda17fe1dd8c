/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/shared.h"

#include "base/clock.h"

#include <string.h>

void shared_init(struct shared_answers *shared)
{
	memset(shared, 0, sizeof(*shared));
	pthread_mutex_init(&shared->lock, NULL);
}

void shared_done(struct shared_answers *shared)
{
	for (size_t i = 0; i < SHARED_ANSWERS; i++) {
		if (shared->all[i].response)
			MHD_destroy_response(shared->all[i].response);
	}
	pthread_mutex_destroy(&shared->lock);
}

static bool is_old(const struct shared_answers *shared, size_t i, uint64_t now_ns)
{
	return now_ns >= shared->all[i].made_ns + SHARED_MOMENT_MS * NS_PER_MS;
}

bool shared_queue(struct shared_answers *shared, size_t i, struct MHD_Connection *connection,
    uint64_t now_ns, enum MHD_Result *ret)
{
	bool found;

	pthread_mutex_lock(&shared->lock);
	found = shared->all[i].response && !is_old(shared, i, now_ns);
	if (found)
		*ret = MHD_queue_response(connection, shared->all[i].code, shared->all[i].response);
	pthread_mutex_unlock(&shared->lock);
	return found;
}

void shared_forget(struct shared_answers *shared, uint64_t now_ns)
{
	pthread_mutex_lock(&shared->lock);
	for (size_t i = 0; i < SHARED_ANSWERS; i++) {
		if (!shared->all[i].response || !is_old(shared, i, now_ns))
			continue;
		MHD_destroy_response(shared->all[i].response);
		shared->all[i].response = NULL;
	}
	pthread_mutex_unlock(&shared->lock);
}

void shared_keep(struct shared_answers *shared, size_t i, struct MHD_Response *response,
    unsigned code, uint64_t now_ns)
{
	struct MHD_Response *before;

	pthread_mutex_lock(&shared->lock);
	before = shared->all[i].response;
	shared->all[i].response = response;
	shared->all[i].code = code;
	shared->all[i].made_ns = now_ns;
	pthread_mutex_unlock(&shared->lock);
	if (before)
		MHD_destroy_response(before);
}
