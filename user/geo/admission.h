/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which countries and ASes get a series of their own. A database keeps every series for as long as
 * it keeps data, so not only a window's points must be bounded but also a day's: who is not
 * admitted is counted under `other`.
 *
 * A value is admitted once it was among the top in `windows` windows of a day, if its zone has not
 * yet admitted as many as it may in this UTC day. The next day it is admitted as soon as it appears
 * again. Memory is bounded; values that find no room wait.
 */
#ifndef CROSSTAP_GEO_ADMISSION_H
#define CROSSTAP_GEO_ADMISSION_H

#include "base/hash.h"
#include "zones/zones.h"

#include <stdbool.h>
#include <stdint.h>

#define ADMISSION_WINDOWS 3

struct admission;

int admission_new(struct admission **ret, const struct hash_seed *seed);
void admission_free(struct admission *admission);
/* A window of this day (since 1970, UTC) begins. `windows`: 1 admits at once. */
void admission_begin(struct admission *admission, int64_t day, unsigned windows);
/* The value is in the top of its zone: to be asked once a window, the busiest first. `kind` (below
 * 4) keeps values of different meaning apart, each kind up to `limit`; a lower one than before
 * holds for today as well. */
bool admission_ask(
    struct admission *admission, uint16_t zone, unsigned kind, uint32_t value, uint64_t limit);
/* These numbers will be other zones': nothing is admitted to them. -ENOMEM: nothing has changed. */
int admission_forget(struct admission *admission, const struct zone_numbers *zones);

#endif
