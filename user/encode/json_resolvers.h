/* SPDX-License-Identifier: BSD-2-Clause */
/* The document of /api/v1/resolvers: who asked in the last window, from where, how far away. */
#ifndef CROSSTAP_ENCODE_JSON_RESOLVERS_H
#define CROSSTAP_ENCODE_JSON_RESOLVERS_H

#include "enrich/enrich.h"
#include "privacy/privacy.h"
#include "stats/view.h"

/* To free(); NULL: no memory. Addresses leave as `privacy` says. */
char *json_resolvers(const struct window_view *view, struct enrich *enrich,
    const struct enrich_view *enriched, struct privacy *privacy, int64_t now_s);

#endif
