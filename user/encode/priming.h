/* SPDX-License-Identifier: BSD-2-Clause */
/* Priming (RFC 9609) as rows (measure/rows.h): what points and documents have in common. */
#ifndef CROSSTAP_ENCODE_PRIMING_H
#define CROSSTAP_ENCODE_PRIMING_H

#include "measure/rows.h"
#include "stats/view.h"

/* Of one transport; false: there was none. */
bool priming_row(const struct zone_view *zone, unsigned transport, struct priming_row *ret);

#endif
