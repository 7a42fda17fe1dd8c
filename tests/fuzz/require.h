/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends a target where something that must hold does not, and says what. */
#ifndef CROSSTAP_FUZZ_REQUIRE_H
#define CROSSTAP_FUZZ_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/*
 * A target's own check: its comparisons say nothing about the input, so they need not lead the
 * fuzzer, which pays for each. It stays a function of its own, since what is put into another is
 * followed as that one is.
 */
#ifdef __clang__
#define UNGUIDED __attribute__((noinline, no_sanitize("coverage")))
#else
#define UNGUIDED
#endif

#endif
