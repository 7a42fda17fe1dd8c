/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/view.h"

#include "stats/view_addresses.h"
#include "stats/view_domains.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where each zone's part of the view is being made, by zone number. */
struct builder {
	struct window_view *view;
	struct zone_view **by_zone;
	size_t n_zones;
	const struct view_limits *limits;
	const struct hash_seed *seed;
	struct arena *arena;
	int error;
};

static struct zone_view *zone_of(const struct builder *builder, uint32_t zone)
{
	return zone < builder->n_zones ? builder->by_zone[zone] : NULL;
}

/* Marks which zones there are, then makes their views in order of their numbers. */
static int make_zones(struct builder *builder, const struct cell *cells, size_t n,
    struct zone_registry *registry, const uint16_t *always, size_t n_always)
{
	bool *present = arena_alloc(builder->arena, builder->n_zones + 1);
	size_t count = 0;

	if (!present)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (margin_kind(cells[i].key) < MARGIN_COMPARED)
			present[margin_zone(cells[i].key)] = true;
	}
	for (size_t i = 0; i < n_always; i++)
		present[always[i]] = true;
	for (size_t i = 0; i < builder->n_zones; i++)
		count += present[i];
	builder->view->zones = arena_alloc(builder->arena, count * sizeof(struct zone_view));
	if (!builder->view->zones)
		return -ENOMEM;
	for (size_t i = 0; i < builder->n_zones; i++) {
		struct zone_view *zone;

		if (!present[i])
			continue;
		zone = &builder->view->zones[builder->view->n_zones++];
		zone->zone = (uint16_t)i;
		zone->label = zone_registry_label(registry, (uint16_t)i);
		builder->by_zone[i] = zone;
	}
	return 0;
}

static void cut_margins(struct builder *builder, const struct cell *cells, size_t n)
{
	for (size_t i = 0, end; i < n; i = end) {
		const enum margin margin = margin_kind(cells[i].key);
		const uint64_t group = cells[i].key >> MARGIN_KIND_SHIFT;
		struct zone_view *zone = zone_of(builder, margin_zone(cells[i].key));
		struct margin_slice *slices;

		for (end = i + 1; end < n && cells[end].key >> MARGIN_KIND_SHIFT == group; end++)
			continue;
		slices = margin >= MARGIN_COMPARED ? builder->view->compared
		    : zone                         ? zone->margins
						   : NULL;
		if (slices)
			slices[margin] = (struct margin_slice){&cells[i], end - i};
	}
}

/* The most queries first; of equals the lower address, so that the order is the same every time. */
static int compare_sources(const void *a, const void *b)
{
	const struct view_source *x = a, *y = b;

	if (x->queries != y->queries)
		return x->queries < y->queries ? 1 : -1;
	return memcmp(x->address, y->address, sizeof(x->address));
}

/* Keeps the `limit` largest in a heap with the least on top. */
static void heap_offer(
    struct view_source *heap, size_t *n, size_t limit, const struct view_source *item)
{
	size_t at;

	if (*n < limit) {
		for (at = (*n)++; at > 0 && compare_sources(&heap[(at - 1) / 2], item) < 0;
		     at = (at - 1) / 2)
			heap[at] = heap[(at - 1) / 2];
		heap[at] = *item;
		return;
	}
	if (compare_sources(item, &heap[0]) >= 0)
		return;
	for (at = 0;;) {
		size_t child = at * 2 + 1;

		if (child + 1 < *n && compare_sources(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (child >= *n || compare_sources(&heap[child], item) <= 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = *item;
}

static void offer_source(
    struct builder *builder, struct zone_view *zone, const struct view_source *item)
{
	const size_t limit = builder->limits->resolvers;

	if (!limit || builder->error)
		return;
	if (!zone->resolvers)
		zone->resolvers = arena_alloc(builder->arena, limit * sizeof(*item));
	if (!zone->resolvers) {
		builder->error = -ENOMEM;
		return;
	}
	heap_offer(zone->resolvers, &zone->n_resolvers, limit, item);
}

/* One that found one thread's table full, but not another's, is listed once, with both counts. */
static uint32_t overflow_messages(const struct builder *builder, const struct source *source)
{
	const struct shard_overflow *overflow = builder->view->total->overflow;

	return overflow ? topk_count(overflow->addresses,
			      source_hash(builder->seed, source->address, source->zone_family))
			: 0;
}

/* Messages are a query and its response. */
static uint64_t queries_of(uint32_t messages)
{
	return ((uint64_t)messages + 1) / 2;
}

static void count_sources(struct builder *builder, const struct sources *sources)
{
	for (size_t i = 0; i < sources->size; i++) {
		const struct source *source = sources_slot(sources, i);
		struct zone_view *zone =
		    source->transports ? zone_of(builder, source_zone(source)) : NULL;
		unsigned family;
		uint32_t more;

		if (!zone)
			continue;
		family = source_family(source);
		more = overflow_messages(builder, source);
		zone->sources_all[family]++;
		for (uint32_t left = source->transports; left; left &= left - 1)
			zone->sources[family][__builtin_ctz(left)]++;
		offer_source(builder, zone,
		    &(struct view_source){.address = {source->address[0], source->address[1]},
			.queries = source->queries + queries_of(more),
			.responses = source->responses,
			.nxdomain = source->nxdomain,
			.family = (uint8_t)family,
			.estimated = more > 0});
	}
}

static void offer_overflow(void *context, const struct topk_entry *entry)
{
	struct builder *builder = context;
	struct zone_view *zone = zone_of(builder, entry->group & ~SOURCE_IPV4);
	struct view_source item = {
	    .queries = queries_of(entry->count),
	    .estimated = true,
	    .family = entry->group & SOURCE_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6,
	};

	if (!zone || entry->length != sizeof(item.address))
		return;
	memcpy(item.address, entry->key, sizeof(item.address));
	if (!sources_has(&builder->view->total->sources,
		source_hash(builder->seed, item.address, entry->group), item.address, entry->group))
		offer_source(builder, zone, &item);
}

static void count_overflow(struct builder *builder, const struct shard *total)
{
	if (!total->overflow)
		return;
	for (size_t i = 0; i < builder->view->n_zones; i++) {
		struct zone_view *zone = &builder->view->zones[i];

		for (unsigned family = 0; family < 2; family++) {
			zone->sources_all[family] = shard_distinct(
			    total, zone->zone, family, OVERFLOW_ANY, zone->sources_all[family]);
			for (unsigned t = 0; t < TRANSPORT_COUNT; t++)
				zone->sources[family][t] = shard_distinct(
				    total, zone->zone, family, t, zone->sources[family][t]);
		}
	}
	topk_each(total->overflow->addresses, offer_overflow, builder);
}

struct name_collector {
	struct builder *builder;
	enum shard_names kind;
};

static bool name_is_before(const struct view_name *a, const struct view_name *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	if (a->length != b->length)
		return a->length < b->length;
	return memcmp(a->name, b->name, a->length) < 0;
}

/* Insertion into a short sorted list: `limit` is some dozens. */
static void offer_name(void *context, const struct topk_entry *entry)
{
	const struct view_name name = {
	    .name = entry->key, .length = entry->length, .count = entry->count};
	struct name_collector *collector = context;
	const size_t limit = collector->builder->limits->names[collector->kind];
	struct zone_view *zone = zone_of(collector->builder, entry->group);
	struct view_name **list;
	size_t at, *n;

	if (!zone || !limit || collector->builder->error)
		return;
	list = &zone->names[collector->kind];
	n = &zone->n_names[collector->kind];
	if (!*list)
		*list = arena_alloc(collector->builder->arena, limit * sizeof(**list));
	if (!*list) {
		collector->builder->error = -ENOMEM;
		return;
	}
	if (*n == limit && !name_is_before(&name, &(*list)[limit - 1]))
		return;
	for (at = *n < limit ? (*n)++ : limit - 1;
	     at > 0 && name_is_before(&name, &(*list)[at - 1]); at--)
		(*list)[at] = (*list)[at - 1];
	(*list)[at] = name;
}

int view_make(struct window_view *ret, struct shard *total, const struct window_span *span,
    struct zone_registry *registry, const struct hash_seed *seed, const uint16_t *always,
    size_t n_always, const struct view_limits *limits, struct arena *arena)
{
	struct builder builder = {.view = ret,
	    .n_zones = zone_registry_bound(registry),
	    .limits = limits,
	    .seed = seed,
	    .arena = arena};
	const struct cell *cells;
	size_t n;
	int r;

	*ret = (struct window_view){
	    .span = *span, .total = total, .facts = limits->facts, .places = limits->places};
	ret->lists_resolvers = limits->resolvers != 0;
	for (int by = 0; by < DOMAINS_BYS; by++)
		ret->lists_domains[by] = total->domains && limits->domains[by];
	shard_fold(total);
	if (!total->margins.slots)
		return -ENOMEM;
	if (limits->places && limits->facts & FACTS_ADDRESSES) {
		r = place_names_fold(limits->places, &total->places, &total->margins);
		if (r < 0)
			return r;
	}
	n = cells_sort(&total->margins, &cells);
	builder.by_zone = arena_alloc(arena, (builder.n_zones + 1) * sizeof(struct zone_view *));
	if (!builder.by_zone)
		return -ENOMEM;
	r = make_zones(&builder, cells, n, registry, always, n_always);
	if (r < 0)
		return r;
	cut_margins(&builder, cells, n);
	count_sources(&builder, &total->sources);
	shard_close_overflow(total, seed);
	count_overflow(&builder, total);
	for (int kind = 0; kind < NAMES_KINDS; kind++) {
		struct name_collector collector = {&builder, kind};

		if (total->names[kind])
			topk_each(total->names[kind], offer_name, &collector);
	}
	if (total->domains && builder.error == 0)
		builder.error =
		    view_domains(builder.by_zone, builder.n_zones, total->domains, limits, arena);
	if (limits->facts & FACTS_ADDRESSES && !builder.error)
		builder.error =
		    view_addresses(builder.by_zone, builder.n_zones, total, limits, seed, arena);
	for (size_t i = 0; i < ret->n_zones; i++)
		if (ret->zones[i].n_resolvers)
			qsort(ret->zones[i].resolvers, ret->zones[i].n_resolvers,
			    sizeof(struct view_source), compare_sources);
	return builder.error;
}

static struct margin_slice narrow(const struct margin_slice *slice, unsigned shift, uint64_t prefix)
{
	struct margin_slice part = {NULL, 0};

	for (size_t i = 0; i < slice->n; i++) {
		if ((slice->cells[i].key >> shift & ((1u << (MARGIN_KIND_SHIFT - shift)) - 1)) !=
		    prefix)
			continue;
		if (!part.n)
			part.cells = &slice->cells[i];
		part.n++;
	}
	return part;
}

struct margin_slice margin_of(const struct margin_slice *slice, unsigned direction)
{
	return narrow(slice, MARGIN_DIRECTION_SHIFT, direction);
}

struct margin_slice margin_of_transport(
    const struct margin_slice *slice, unsigned direction, unsigned transport)
{
	return narrow(slice, MARGIN_TRANSPORT_SHIFT, direction << 3 | transport);
}

const struct cell *margin_at(const struct margin_slice *slice, uint16_t zone, enum margin margin,
    unsigned direction, unsigned transport, unsigned family, unsigned value)
{
	static const struct cell none;
	const uint64_t key = margin_key(zone, margin, direction, transport, family, value);

	for (size_t i = 0; i < slice->n; i++) {
		if (slice->cells[i].key == key)
			return &slice->cells[i];
	}
	return &none;
}

static int compare_buckets(const void *a, const void *b)
{
	const struct hist_count *x = a, *y = b;

	return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

int view_latency(const struct margin_slice *slice, struct view_latency *ret)
{
	struct hist_count *counts = malloc((slice->n + 1) * sizeof(*counts));
	uint64_t max = 0;

	if (!counts)
		return -ENOMEM;
	*ret = (struct view_latency){0};
	for (size_t i = 0; i < slice->n; i++) {
		counts[i].bucket = margin_value(slice->cells[i].key);
		counts[i].count = slice->cells[i].count;
		ret->count += counts[i].count;
		if (max < slice->cells[i].amount)
			max = slice->cells[i].amount;
	}
	qsort(counts, slice->n, sizeof(*counts), compare_buckets);
	ret->max_ns = (double)max;
	/* A bucket's middle may lie above the largest time in it. */
	ret->p50_ns = fmin(hist_quantile(counts, slice->n, 0.50), ret->max_ns);
	ret->p90_ns = fmin(hist_quantile(counts, slice->n, 0.90), ret->max_ns);
	ret->p99_ns = fmin(hist_quantile(counts, slice->n, 0.99), ret->max_ns);
	free(counts);
	return 0;
}
