/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Top lists whose tag holds the value (`top.key: value`). Where privacy leaves several rows the
 * same text (the prefix of an address, the suffix of a name), these are one series: as points of
 * one time each would overwrite the one before, so they become one row. Inside encode/ only.
 */
#ifndef CROSSTAP_ENCODE_UNITE_H
#define CROSSTAP_ENCODE_UNITE_H

#include "encode/encode.h"

struct unite_rows {
	size_t size; /* of a row */
	/* "" where nothing of it may be told. */
	void (*text)(struct privacy *privacy, const void *row, char text[PRIVACY_NAME_SIZE]);
	void (*add)(void *to, const void *row);
};

/* A copy of the rows, from malloc, in their order: the first of each text has what the others have.
 * With `top.key: rank` it is all of them. *ret_n: how many there are. NULL: no memory, which the
 * points have met then. */
void *encode_unite(struct points *points, const struct encode_context *context,
    const struct unite_rows *kind, const void *rows, size_t n, size_t *ret_n);

#endif
