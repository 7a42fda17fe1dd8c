/* SPDX-License-Identifier: BSD-2-Clause */
/* A window's view as the cross-check's dnstap side. */
#ifndef CROSSTAP_REPORT_WITNESS_H
#define CROSSTAP_REPORT_WITNESS_H

#include "crosscheck/crosscheck.h"
#include "stats/view.h"

/* Lists live in `arena` or in the view. -ENOMEM. */
int witness_of(struct crosscheck_dnstap *ret, const struct window_view *view, struct arena *arena);

#endif
