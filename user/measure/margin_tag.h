/* SPDX-License-Identifier: BSD-2-Clause */
/* What the key of a margin's cell says of a tag: for points and /metrics alike. */
#ifndef CROSSTAP_MEASURE_MARGIN_TAG_H
#define CROSSTAP_MEASURE_MARGIN_TAG_H

#include "measure/measurement.h"
#include "measure/mnemonic.h"
#include "stats/place_names.h"

/* Whether the tag is the margin's value, or a part of it. */
bool margin_tag_is_value(enum measure_tag tag);
/* The tag's value, in `buffer` or constant; NULL: a key does not say it. */
const char *margin_tag_text(enum measure_tag tag, uint64_t key, const struct place_names *places,
    char buffer[MNEMONIC_BYTES]);

#endif
