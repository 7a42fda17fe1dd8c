/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes from a window's view what the cross-check compares: the dnstap side of it. */
#ifndef CROSSTAP_REPORT_WITNESS_H
#define CROSSTAP_REPORT_WITNESS_H

#include "crosscheck/crosscheck.h"
#include "stats/view.h"

/* Lists live in `arena` or in the view. -ENOMEM. */
int witness_of(struct crosscheck_dnstap *ret, const struct window_view *view, struct arena *arena);

#endif
