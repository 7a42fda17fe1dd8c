/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel refuses this process from now on, and its children, for good: for a child of a
 * test's. */
#ifndef CROSSTAP_TESTS_REFUSE_H
#define CROSSTAP_TESTS_REFUSE_H

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal {
	int call; /* SCMP_SYS(bpf) */
	int error;
	unsigned argument; /* of the call, from 0 on; the others are free */
	uint64_t value;
	bool any; /* whatever that argument is */
};

static inline int refuse(const struct refusal *what)
{
	const struct scmp_arg_cmp is = {
	    .arg = what->argument, .op = SCMP_CMP_EQ, .datum_a = what->value};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint16_t)what->error),
			     what->call, what->any ? 0 : 1, what->any ? NULL : &is)
		       : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}

#endif
