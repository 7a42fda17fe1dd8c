/* SPDX-License-Identifier: BSD-2-Clause */
/* A window's view as points: the measurements that come from dnstap. */
#ifndef CROSSTAP_ENCODE_ENCODE_DNS_H
#define CROSSTAP_ENCODE_ENCODE_DNS_H

#include "privacy/privacy.h"
#include "measure/unassigned.h"
#include "stats/view.h"
#include "encode/points.h"

struct encode_context {
	struct privacy *privacy;
	struct unassigned *unassigned; /* NULL: every type keeps its number */
	enum top_key top_key;
	const uint16_t *always; /* zones that send `dns` for udp and tcp in every window */
	size_t n_always;
};

void encode_dns(
    struct points *points, const struct window_view *view, const struct encode_context *context);

#endif
