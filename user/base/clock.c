/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

static int64_t system_wall_ns(void *context)
{
	struct timespec ts;

	(void)context;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

const struct clock clock_system = {.wall_ns = system_wall_ns};
