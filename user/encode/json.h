/* SPDX-License-Identifier: BSD-2-Clause */
/* Views as JSON documents: `replay --json`, and the windows under /api/v1/. */
#ifndef CROSSTAP_ENCODE_JSON_H
#define CROSSTAP_ENCODE_JSON_H

#include "stats/view.h"

#include <jansson.h>

/* {"ZONE": {"queries": ..., ...}, ...}; NULL without memory. The caller owns the reference. Query
 * types that IANA has not assigned keep their numbers: this is no series. */
json_t *json_zones(const struct window_view *view);

#endif
