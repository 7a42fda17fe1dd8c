/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/gate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct gate {
	_Atomic unsigned references;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
};

int gate_new(struct gate **ret)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return -ENOMEM;
	atomic_init(&gate->references, 1);
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->opened, NULL);
	*ret = gate;
	return 0;
}

struct gate *gate_ref(struct gate *gate)
{
	atomic_fetch_add_explicit(&gate->references, 1, memory_order_relaxed);
	return gate;
}

void gate_unref(struct gate *gate)
{
	if (!gate || atomic_fetch_sub_explicit(&gate->references, 1, memory_order_acq_rel) != 1)
		return;
	pthread_cond_destroy(&gate->opened);
	pthread_mutex_destroy(&gate->lock);
	free(gate);
}

void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->open = true;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
}

void gate_wait(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (!gate->open)
		pthread_cond_wait(&gate->opened, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}
