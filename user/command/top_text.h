/* SPDX-License-Identifier: BSD-2-Clause */
/* The view of `crosstap top` as lines of text. */
#ifndef CROSSTAP_COMMAND_TOP_TEXT_H
#define CROSSTAP_COMMAND_TOP_TEXT_H

#include "command/top_client.h"

#include <stdio.h>

/* Writes printable ASCII and newlines, whatever the agent says: its names, addresses and messages
 * come from strangers. Everything else in them becomes \xNN. */
void top_text(FILE *out, const struct top_answer *answer);
/* The same for one text of a stranger; cut to what fits. Returns `out`. */
char *top_clean(char *out, size_t size, const char *text, size_t length);

#endif
