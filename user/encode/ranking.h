/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a top list under the texts that they have in points. What leaves the process may be
 * less than what was counted by (`privacy`): several clients have one prefix, several names one
 * suffix. Where the text is the tag (`top.key: value`) they are one row, or one would overwrite
 * the other in a database.
 */
#ifndef CROSSTAP_ENCODE_RANKING_H
#define CROSSTAP_ENCODE_RANKING_H

#include "encode/encode.h"

struct ranking;

/* For at most so many rows of so many bytes. */
int ranking_new(
    struct ranking **ret, const struct encode_context *context, size_t rows, size_t row_bytes);
void ranking_free(struct ranking *ranking);
/* The row of a text, into which its counts are added; *ret_is_new: it is all zeros. NULL: no memory
 * for it. */
void *ranking_take(struct ranking *ranking, const char *text, bool *ret_is_new);

/* In the order in which they were new. */
size_t ranking_rows(const struct ranking *ranking);
void *ranking_row(const struct ranking *ranking, size_t i);
const char *ranking_text(const struct ranking *ranking, size_t i);

#endif
