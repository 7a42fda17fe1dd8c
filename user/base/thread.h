/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that no signal interrupts: signals are the main thread's, and SIGPIPE of a lost
 * connection is nobody's. */
#ifndef CROSSTAP_BASE_THREAD_H
#define CROSSTAP_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* Blocks all signals of the calling thread, for a library that is about to make threads, which
 * inherit that. */
void thread_signals_block(sigset_t *ret_before);
void thread_signals_restore(const sigset_t *before);

/* -EAGAIN: the kernel or a limit allows no more threads. To be joined. */
int thread_start(pthread_t *ret, void *(*run)(void *context), void *context);

/* Nobody joins it. */
int thread_start_detached(void *(*run)(void *context), void *context);

/* Timed waits end by CLOCK_MONOTONIC, which nobody sets. */
int thread_condition_init(pthread_cond_t *condition);

#endif
