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

#endif
