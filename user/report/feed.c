/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)RSSAC002_BINS == KEY_SIZE_BINS, "the same bins");
_Static_assert((int)RSSAC002_BINS == WIRE_SIZE_BINS, "everywhere");
_Static_assert(
    (int)TRANSPORT_UDP == RSSAC002_UDP && (int)TRANSPORT_TCP == RSSAC002_TCP, "and order");
_Static_assert((int)WIRE_UDP == RSSAC002_UDP && (int)WIRE_TCP == RSSAC002_TCP, "everywhere");

/* -- dnstap */

static void add_zone(struct rssac002_counts *counts, const struct zone_view *zone)
{
	const struct margin_slice *messages = &zone->margins[MARGIN_MESSAGES];
	const struct margin_slice *sizes = &zone->margins[MARGIN_SIZE];
	const struct margin_slice *rcodes = &zone->margins[MARGIN_RCODE];

	for (size_t i = 0; i < messages->n; i++) {
		const uint64_t key = messages->cells[i].key;

		if (margin_transport(key) <= TRANSPORT_TCP)
			counts->volume[margin_direction(key)][margin_transport(key)]
				      [margin_family(key)] += messages->cells[i].count;
	}
	for (size_t i = 0; i < sizes->n; i++) {
		const uint64_t key = sizes->cells[i].key;

		if (margin_transport(key) <= TRANSPORT_TCP && margin_value(key) < RSSAC002_BINS)
			counts->sizes[margin_direction(key)][margin_transport(key)]
				     [margin_value(key)] += sizes->cells[i].count;
	}
	for (size_t i = 0; i < rcodes->n; i++)
		counts->rcodes[margin_value(rcodes->cells[i].key) % RSSAC002_RCODES] +=
		    rcodes->cells[i].count;
}

static int add_sources(struct rssac002 *rssac, const struct sources *sources)
{
	int r = 0;

	for (uint64_t i = 0; i < sources->size && r == 0; i++) {
		const struct source *source = sources_slot(sources, i);

		if (source->transports && source->queries)
			r = rssac002_add_source(rssac, (const uint8_t *)source->address,
			    source->zone_family & SOURCE_IPV4 ? 4 : 6);
	}
	return r;
}

int feed_rssac002_dnstap(struct rssac002 *rssac, const struct window_view *view)
{
	struct rssac002_counts *counts = calloc(1, sizeof(*counts));
	int r, added;

	if (!counts)
		return -ENOMEM;
	for (size_t i = 0; i < view->n_zones; i++)
		add_zone(counts, &view->zones[i]);
	r = rssac002_add(rssac, view->span.start_ns, counts);
	free(counts);
	added = add_sources(rssac, &view->total->sources);
	return r < 0 ? r : added;
}

static int custom_transport(unsigned transport)
{
	switch (transport) {
	case TRANSPORT_DOT:
		return RSSAC002_TLS;
	case TRANSPORT_DOH:
		return RSSAC002_HTTPS;
	case TRANSPORT_DOQ:
		return RSSAC002_QUIC;
	default:
		return -1;
	}
}

int feed_rssac002_custom(struct rssac002 *rssac, const struct window_view *view)
{
	struct rssac002_custom custom = {0};

	for (size_t i = 0; i < view->n_zones; i++) {
		const struct margin_slice *messages = &view->zones[i].margins[MARGIN_MESSAGES];

		for (size_t k = 0; k < messages->n; k++) {
			const uint64_t key = messages->cells[k].key;
			const int transport = custom_transport(margin_transport(key));

			if (transport >= 0)
				custom
				    .volume[margin_direction(key)][transport][margin_family(key)] +=
				    messages->cells[k].count;
		}
	}
	return rssac002_add_custom(rssac, view->span.start_ns, &custom);
}

/* -- wire */

static void add_direction(
    struct rssac002_counts *counts, const struct wire_counters *from, int direction)
{
	for (int t = 0; t < WIRE_SIZE_TRANSPORTS; t++) {
		for (int f = 0; f < 2; f++)
			counts->volume[direction][t][f] +=
			    from->cells[t][f].messages - from->cells[t][f].not_query;
		for (int bin = 0; bin < RSSAC002_BINS; bin++)
			counts->sizes[direction][t][bin] += from->sizes[t][bin];
	}
}

static void add_interface(struct rssac002_counts *counts, const struct wire_interface *interface)
{
	const struct wire_counters *out = &interface->counters[WIRE_OUT];

	add_direction(counts, &interface->counters[WIRE_IN], 0);
	add_direction(counts, out, 1);
	for (int rcode = 0; rcode < WIRE_RCODES; rcode++)
		counts->rcodes[rcode] += out->rcodes[rcode];
	for (size_t i = 0; i < interface->rcodes.n; i++)
		counts->rcodes[interface->rcodes.items[i].code % RSSAC002_RCODES] +=
		    interface->rcodes.items[i].messages;
}

/* IPv4 is mapped there (RFC 4291 section 2.5.5.2), and comes first here. */
static unsigned unmap(const struct packet_address *from, uint64_t ret[2])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *bytes = (const uint8_t *)from->words;

	ret[0] = ret[1] = 0;
	if (memcmp(bytes, prefix, sizeof(prefix)) == 0) {
		memcpy(ret, bytes + sizeof(prefix), 4);
		return 4;
	}
	memcpy(ret, bytes, 16);
	return 6;
}

int feed_rssac002_wire(struct rssac002 *rssac, const struct wire_window *wire, int64_t start_ns)
{
	struct rssac002_counts *counts;
	int r;

	if (!wire->watched)
		return 0;
	counts = calloc(1, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	for (size_t i = 0; i < wire->n_interfaces; i++)
		add_interface(counts, &wire->interfaces[i]);
	r = rssac002_add(rssac, start_ns, counts);
	free(counts);
	/* Also those without a message: who was in the table that a killed agent left behind. */
	for (size_t i = 0; i < wire->n_clients; i++) {
		uint64_t address[2];
		const unsigned family = unmap(&wire->clients[i].address, address);
		int added = rssac002_add_source(rssac, (const uint8_t *)address, family);

		r = r < 0 ? r : added;
	}
	return r;
}

void feed_tcp_rtt(struct enrich *enrich, const struct wire_window *wire, int64_t now_ns)
{
	for (size_t i = 0; wire->watched && i < wire->n_client_rtts; i++) {
		const struct wire_client_rtt *rtt = &wire->client_rtts[i];
		uint64_t address[2], mean_us;
		unsigned family;

		if (!rtt->count)
			continue;
		family = unmap(&rtt->address, address);
		mean_us = (rtt->sum_us + rtt->count / 2) / rtt->count;
		if (mean_us <= RESOLVER_MAX_RTT_US)
			enrich_set_tcp_rtt(
			    enrich, address, family, mean_us ? (uint32_t)mean_us : 1, now_ns);
	}
}
