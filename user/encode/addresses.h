/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks and clients that a window ranks, as rows (measure/rows.h): what points, JSON and
 * /metrics have in common. */
#ifndef CROSSTAP_ENCODE_ADDRESSES_H
#define CROSSTAP_ENCODE_ADDRESSES_H

#include "encode/encode.h"
#include "measure/rows.h"

#define SUBNET_TEXT_BYTES (INET6_ADDRSTRLEN + 4)

/* As it may leave: 192.0.2.0/24, 2001:db8::/48, or a network's pseudonym; "": not at all. */
void subnet_text(
    struct privacy *privacy, const struct view_subnet *subnet, char text[SUBNET_TEXT_BYTES]);
/* `text` as above. */
void subnet_row(const struct view_subnet *subnet, const char *text, struct subnet_row *ret);
/* What no listed network of the zone has. */
void subnet_rest(const struct zone_view *zone, struct subnet_row *ret);

const char *talker_name(enum talker by);

/* The points dns_subnet and dns_talker of a zone. */
void encode_addresses(struct points *points, const struct window_view *view,
    const struct zone_view *zone, const struct encode_context *context);

#endif
