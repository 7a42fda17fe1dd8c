/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked for, as rows (measure/rows.h): what points, documents and /metrics have in common.
 */
#ifndef CROSSTAP_ENCODE_DOMAINS_H
#define CROSSTAP_ENCODE_DOMAINS_H

#include "measure/rows.h"
#include "privacy/privacy.h"
#include "stats/view.h"

/* queries, nxdomain, sources. */
const char *domains_by_name(enum domains_by by);
/* The domain's name as it may leave is kept in `text`; false: it may not. */
bool domain_row(const struct view_domain *domain, const struct privacy *privacy,
    char text[PRIVACY_NAME_SIZE], struct domain_row *ret);
/* Of `other`: what in the zone none of those has that are ranked by this. */
void domains_rest(const struct zone_view *zone, enum domains_by by, struct domain_row *ret);

#endif
