/* SPDX-License-Identifier: BSD-2-Clause */
/* Removes what agents that are gone left attached. */
#ifndef CROSSTAP_WIRE_BPF_DETACH_H
#define CROSSTAP_WIRE_BPF_DETACH_H

#include <stdbool.h>
#include <stddef.h>

struct wire_detach_options {
	int namespace; /* -1: the thread's */
	char *const *interfaces;
	size_t n_interfaces; /* 0: all */
	/* One line for each thing found; `failed`: it is still there. */
	void (*say)(void *context, bool failed, const char *text);
	void *context;
};

/*
 * XDP programs, tc filters, and clsact qdiscs that an agent made and nobody else uses. What a
 * running process holds is left alone, and said. 0, or the first error; *ret_n: removed.
 */
int wire_detach_all(const struct wire_detach_options *options, size_t *ret_n);

#endif
