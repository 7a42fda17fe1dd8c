/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client takes, from its header fields Accept and Accept-Encoding (RFC 9110 sections 12.5.1
 * and 12.5.3). A member of the list that breaks the grammar, or whose weight does, says nothing; a
 * field that is NULL is not there.
 */
#ifndef CROSSTAP_HTTP_NEGOTIATE_H
#define CROSSTAP_HTTP_NEGOTIATE_H

#include <stdbool.h>

/* OpenMetrics 1.0.0 is named, and preferred to or as welcome as text/plain; wildcards do not name
 * it, so that people see text. */
bool negotiate_open_metrics(const char *accept);
/* gzip is named, or meant by `*`, with a weight above 0. */
bool negotiate_gzip(const char *accept_encoding);

#endif
