/* SPDX-License-Identifier: BSD-2-Clause */
#include "confine/confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Leak detection attaches to its own process at the end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DUMPABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DUMPABLE 1
#endif
#endif
#ifndef DUMPABLE
#define DUMPABLE 0
#endif

int confine_memory(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
