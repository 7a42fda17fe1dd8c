/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kernel runs. */
#ifndef CROSSTAP_TESTS_KERNEL_H
#define CROSSTAP_TESTS_KERNEL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/utsname.h>

static inline bool kernel_at_least(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned here[2];

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &here[0], &here[1]) == 2 &&
	    (here[0] > major || (here[0] == major && here[1] >= minor));
}

#endif
