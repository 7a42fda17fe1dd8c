/* SPDX-License-Identifier: BSD-2-Clause */
/* What rows of an option table are written with; for the files that hold one. */
#ifndef CROSSTAP_CONFIG_OPTION_ROW_H
#define CROSSTAP_CONFIG_OPTION_ROW_H

#include "base/clock.h"
#include "config/options.h"

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define MS  ((double)NS_PER_MS)
#define S   ((double)NS_PER_S)
#define H   (3600 * S)
#define D   (24 * H)

#define MAX_PATH   4095
#define MAX_TEXT   255
#define MAX_SECRET 4096

#define AT(type, member)           .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define ARRAY(type, member, count) .offset = offsetof(type, member), .other = offsetof(type, count)
#define RANGE(lo, hi)              .min = (lo), .max = (hi)
#define WORDS(...)                                                                                 \
	.words = (const char *const[])                                                             \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define WHEN(type, member, v, says)                                                                \
	.when = {true, offsetof(type, member), sizeof(((type *)0)->member), (v), (says)}
#define TABLE(array, says)                                                                         \
	{                                                                                          \
		array, sizeof(array) / sizeof((array)[0]), says                                    \
	}

#endif
