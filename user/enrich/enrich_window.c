/* SPDX-License-Identifier: BSD-2-Clause */
/* A window's sources become resolvers: known or new, looked up, judged, and summed by where they
 * are. */
#include "enrich/enrich_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH 16 /* look-ups that wait for memory together */

static void keep_waiting(struct enrich *enrich, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, uint32_t now_s)
{
	const uint64_t hash = resolvers_hash(enrich->waiting, address, family);
	struct resolver *client = resolvers_find(enrich->waiting, hash, address, family);

	if (client)
		resolvers_touch(enrich->waiting, client, 0);
	else if (!resolvers_add(enrich->waiting, hash, address, family))
		return;
	(void)resolvers_set_tcp_rtt(enrich->waiting, address, family, rtt_us, now_s);
}

void enrich_set_tcp_rtt(struct enrich *enrich, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, int64_t now_ns)
{
	const uint32_t now_s = (uint32_t)(now_ns / NS_PER_S);

	if (resolvers_set_tcp_rtt(enrich->resolvers, address, family, rtt_us, now_s) == -ENOENT)
		keep_waiting(enrich, address, family, rtt_us, now_s);
}

static void take_waiting(struct enrich *enrich, struct resolver *newcomer)
{
	const struct resolver *waiting;

	if (!resolvers_count(enrich->waiting))
		return;
	waiting = resolvers_find(enrich->waiting,
	    resolvers_hash(enrich->waiting, newcomer->address, newcomer->family), newcomer->address,
	    newcomer->family);
	if (!waiting)
		return;
	newcomer->tcp_rtt_us = waiting->tcp_rtt_us;
	newcomer->tcp_s = waiting->tcp_s;
}

static bool is_loaded(const struct geo *geo, enum geo_database database)
{
	struct geo_status status;

	geo_get_status(geo, database, &status);
	return status.loaded;
}

static unsigned source_ip_version(const struct source *source)
{
	return source->zone_family & SOURCE_IPV4 ? 4 : 6;
}

static bool has_traits(const struct enrich *enrich, const struct sources *sources)
{
	return sources->has_traits && enrich->window->traits;
}

static void learn(struct enrich *enrich, const struct source *source, struct resolver *resolver)
{
	client_day_add(
	    &resolver->day, source, sources_traits(source), enrich->day, &enrich->traits);
}

/* `learned`: what it did in this window, in whatever zone, is in its day. */
static int add_item(struct enrich *enrich, const struct sources *sources,
    const struct source *source, struct resolver *resolver, bool learned)
{
	struct breakdown_item item = {
	    .zone = source_zone(source),
	    .values = {breakdown_country(resolver->geo.country),
		resolver->geo.asn ? resolver->geo.asn : BREAKDOWN_UNKNOWN},
	    .queries = source->queries,
	    .responses = source->responses,
	    .rtt_us = {enrich_recent(enrich, resolver->icmp_rtt_us, resolver->icmp_s),
		enrich_recent(enrich, resolver->tcp_rtt_us, resolver->tcp_s)},
	};
	int r;

	if (has_traits(enrich, sources)) {
		if (!learned)
			learn(enrich, source, resolver);
		client_day_end_window(&resolver->day);
		item.traits = client_day_judge(
		    &resolver->day, source_ip_version(source) == 6, &enrich->traits);
	}
	r = breakdown_add(enrich->breakdown, &item);

	if (enrich->window->tell)
		enrich->window->tell(enrich->window->context, source,
		    sources->has_traits ? sources_traits(source) : NULL, resolver->geo.asn);
	if (r == 0 && item.traits)
		r = zone_clients_add(&enrich->clients, item.zone, item.traits, source->queries);
	return r;
}

static int count_source(struct enrich *enrich, const struct sources *sources,
    const struct source *source, struct resolver *resolver, bool learned)
{
	resolvers_touch(enrich->resolvers, resolver,
	    source->queries < source->responses ? source->queries : source->responses);
	enrich_look_up(enrich, resolver);
	return add_item(enrich, sources, source, resolver, learned);
}

static int note_missing(struct enrich *enrich, uint32_t slot)
{
	if (enrich->n_missing == enrich->missing_room) {
		const size_t room = enrich->missing_room ? enrich->missing_room * 2 : 4096;
		uint32_t *missing = reallocarray(enrich->missing, room, sizeof(*missing));

		if (!missing)
			return -ENOMEM;
		enrich->missing = missing;
		enrich->missing_room = room;
	}
	enrich->missing[enrich->n_missing++] = slot;
	return 0;
}

static void find_batch(struct enrich *enrich, const struct sources *sources, const uint32_t *slots,
    size_t n, struct resolver *ret[BATCH])
{
	uint64_t hashes[BATCH];

	for (size_t i = 0; i < n; i++) {
		const struct source *source = sources_slot(sources, slots[i]);

		hashes[i] =
		    resolvers_hash(enrich->resolvers, source->address, source_ip_version(source));
		resolvers_prefetch(enrich->resolvers, hashes[i]);
	}
	for (size_t i = 0; i < n; i++)
		resolvers_prefetch_entry(enrich->resolvers, hashes[i]);
	for (size_t i = 0; i < n; i++) {
		const struct source *source = sources_slot(sources, slots[i]);

		ret[i] = resolvers_find(
		    enrich->resolvers, hashes[i], source->address, source_ip_version(source));
	}
}

/* The first pass: who is known is marked as present, so that newcomers take nobody's place who is
 * there. */
static int count_batch(
    struct enrich *enrich, const struct sources *sources, const uint32_t *slots, size_t n)
{
	struct resolver *resolvers[BATCH];
	int r = 0;

	find_batch(enrich, sources, slots, n, resolvers);
	for (size_t i = 0; i < n && r == 0; i++)
		r = resolvers[i] ? count_source(enrich, sources, sources_slot(sources, slots[i]),
				       resolvers[i], enrich->many_zones)
				 : note_missing(enrich, slots[i]);
	return r;
}

/* Before any of it is judged: a client is the same in each zone. */
static int learn_batch(
    struct enrich *enrich, const struct sources *sources, const uint32_t *slots, size_t n)
{
	struct resolver *resolvers[BATCH];

	find_batch(enrich, sources, slots, n, resolvers);
	for (size_t i = 0; i < n; i++) {
		if (resolvers[i])
			learn(enrich, sources_slot(sources, slots[i]), resolvers[i]);
	}
	return 0;
}

typedef int batch_step(
    struct enrich *enrich, const struct sources *sources, const uint32_t *slots, size_t n);

static int each_batch(struct enrich *enrich, const struct sources *sources, batch_step *step)
{
	uint32_t slots[BATCH];
	size_t n = 0;
	int r = 0;

	for (uint64_t i = 0; i < sources->size && r == 0; i++) {
		if (!sources_slot(sources, i)->transports)
			continue;
		slots[n++] = (uint32_t)i;
		if (n == BATCH) {
			r = step(enrich, sources, slots, n);
			n = 0;
		}
	}
	return r < 0 || !n ? r : step(enrich, sources, slots, n);
}

/* NULL: there is no place for it. */
static struct resolver *find_or_add(
    struct enrich *enrich, const struct source *source, bool *ret_added)
{
	const unsigned family = source_ip_version(source);
	const uint64_t hash = resolvers_hash(enrich->resolvers, source->address, family);
	struct resolver *resolver =
	    resolvers_find(enrich->resolvers, hash, source->address, family);

	*ret_added = !resolver;
	if (!resolver) {
		resolver = resolvers_add(enrich->resolvers, hash, source->address, family);
		if (resolver)
			take_waiting(enrich, resolver);
	}
	return resolver;
}

static void learn_missing(struct enrich *enrich, const struct sources *sources)
{
	bool added;

	for (size_t i = 0; i < enrich->n_missing; i++) {
		const struct source *source = sources_slot(sources, enrich->missing[i]);
		struct resolver *resolver = find_or_add(enrich, source, &added);

		if (!resolver)
			continue;
		resolvers_touch(enrich->resolvers, resolver, 0);
		learn(enrich, source, resolver);
	}
}

/* The second pass. Who finds no place is looked up all the same. */
static int count_missing(struct enrich *enrich, const struct sources *sources)
{
	int r = 0;

	if (enrich->many_zones)
		learn_missing(enrich, sources);
	for (size_t i = 0; i < enrich->n_missing && r == 0; i++) {
		const struct source *source = sources_slot(sources, enrich->missing[i]);
		struct resolver stranger = {
		    .address = {source->address[0], source->address[1]},
		    .family = (uint8_t)source_ip_version(source),
		};
		bool added;
		struct resolver *resolver = find_or_add(enrich, source, &added);

		if (resolver) {
			r = count_source(
			    enrich, sources, source, resolver, enrich->many_zones && !added);
		} else {
			take_waiting(enrich, &stranger);
			enrich_look_up(enrich, &stranger);
			r = add_item(enrich, sources, source, &stranger, false);
		}
	}
	return r;
}

/* Slots of this window's table, whatever came of it: in the next one they are other sources', or
 * none. */
static void forget_missing(struct enrich *enrich)
{
	free(enrich->missing);
	enrich->missing = NULL;
	enrich->n_missing = enrich->missing_room = 0;
}

static unsigned wanted_kinds(const struct enrich *enrich)
{
	return (is_loaded(enrich->geo, GEO_COUNTRY) ? 1u << BREAKDOWN_COUNTRY : 0) |
	    (is_loaded(enrich->geo, GEO_ASN) ? 1u << BREAKDOWN_ASN : 0);
}

int enrich_window(struct enrich *enrich, const struct sources *sources,
    const struct enrich_window *window, struct enrich_view *ret)
{
	const struct breakdown_limits limits = {
	    .top_asns = enrich->config->top.asns, .asns_a_day = enrich->config->limits.asns};
	const unsigned kinds = wanted_kinds(enrich);
	struct enrich_view view = {
	    .has = {kinds & 1u << BREAKDOWN_COUNTRY, kinds & 1u << BREAKDOWN_ASN}};
	int r;

	enrich->now_s = (uint32_t)(window->now_ns / NS_PER_S);
	enrich->window = window;
	enrich->day = clock_day(window->start_ns);
	enrich->traits = client_limits(enrich->config);
	zone_clients_clear(&enrich->clients);
	if (enrich->live)
		live_collect(enrich->live, enrich->resolvers, enrich->now_s);
	resolvers_begin_window(enrich->resolvers);
	resolvers_begin_window(enrich->waiting);
	breakdown_begin(enrich->breakdown, kinds);
	admission_begin(
	    enrich->admission, clock_day(window->start_ns), enrich->live ? ADMISSION_WINDOWS : 1);
	enrich->many_zones = has_traits(enrich, sources) && sources_have_zones(sources);
	r = enrich->many_zones ? each_batch(enrich, sources, learn_batch) : 0;
	if (r == 0)
		r = each_batch(enrich, sources, count_batch);
	if (r == 0)
		r = count_missing(enrich, sources);
	forget_missing(enrich);
	if (r == 0)
		r = breakdown_finish(
		    enrich->breakdown, enrich->admission, &limits, &view.rows, &view.n_rows);
	if (r == 0)
		r = breakdown_get_agreement(enrich->breakdown, &view.agreement);
	if (enrich->live)
		live_offer(enrich->live, enrich->resolvers);
	enrich_save_when_due(enrich);
	if (r < 0)
		return r;
	*ret = view;
	return 0;
}
