/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives a window's figures to those who keep them for longer: the day of RSSAC002, and the
 * round-trip times of resolvers. */
#ifndef CROSSTAP_REPORT_FEED_H
#define CROSSTAP_REPORT_FEED_H

#include "enrich/enrich.h"
#include "rssac002/rssac002.h"
#include "stats/view.h"
#include "wire/window/window.h"

/* What the nameservers say, over all zones. The error of rssac002_add(). */
int feed_rssac002_dnstap(struct rssac002 *rssac, const struct window_view *view);
/* What the wire saw; responses are those with QR=1. Sources are the cross-check's clients, so
 * without those that send transfers, other opcodes or from this host alone. Nothing if it was not
 * watched. */
/* DoT, DoH and DoQ, whatever the source of the other figures. */
int feed_rssac002_custom(struct rssac002 *rssac, const struct window_view *view);
int feed_rssac002_wire(struct rssac002 *rssac, const struct wire_window *wire, int64_t start_ns);

/* TCP handshake times, the mean of each client's: before enrich_window(). */
void feed_tcp_rtt(struct enrich *enrich, const struct wire_window *wire, int64_t now_ns);

#endif
