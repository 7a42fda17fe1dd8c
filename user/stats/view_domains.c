/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/view_domains.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static uint64_t rank_value(const struct view_domain *domain, enum domains_by by)
{
	switch (by) {
	case DOMAINS_QUERIES:
		return domain->queries;
	case DOMAINS_NXDOMAIN:
		return domain->nxdomain;
	default:
		return domain->sources;
	}
}

/* Of equal ones the lesser name comes first, so that one input has one order. */
static bool is_before(const struct view_domain *a, const struct view_domain *b, enum domains_by by)
{
	const uint64_t x = rank_value(a, by), y = rank_value(b, by);
	const size_t least = a->length < b->length ? a->length : b->length;
	int order;

	if (x != y)
		return x > y;
	order = memcmp(a->name, b->name, least);
	return order ? order < 0 : a->length < b->length;
}

/* Insertion into a short sorted list: `limit` is some dozens. */
static int offer(struct zone_view *zone, const struct view_domain *domain, enum domains_by by,
    size_t limit, struct arena *arena)
{
	struct view_domain **list = &zone->domains[by];
	size_t *n = &zone->n_domains[by], at;

	if (!limit || !rank_value(domain, by))
		return 0;
	if (!*list)
		*list = arena_alloc(arena, limit * sizeof(**list));
	if (!*list)
		return -ENOMEM;
	if (*n == limit && !is_before(domain, &(*list)[limit - 1], by))
		return 0;
	for (at = *n < limit ? (*n)++ : limit - 1;
	     at > 0 && is_before(domain, &(*list)[at - 1], by); at--)
		(*list)[at] = (*list)[at - 1];
	(*list)[at] = *domain;
	return 0;
}

/* ICANN's DNS Magnitude, 10 ln(clients of the domain) / ln(clients of all): Maigron and Mayrhofer,
 * "DNS Magnitude", 2020. */
static double magnitude(uint64_t sources, uint64_t all)
{
	if (all < 2)
		return NAN;
	return sources < 2 ? 0 : fmin(10, 10 * log((double)sources) / log((double)all));
}

int view_domains(struct zone_view *const *by_zone, size_t n_zones, const struct domains *domains,
    const struct view_limits *limits, struct arena *arena)
{
	for (size_t i = 0; i < domains->used; i++) {
		const struct domain *entry = &domains->entries[i];
		struct zone_view *zone = entry->zone < n_zones ? by_zone[entry->zone] : NULL;
		struct view_domain domain = {.name = domains->keys[i].bytes,
		    .length = entry->length,
		    .queries = entry->queries,
		    .nxdomain = entry->nxdomain};

		if (!zone)
			continue;
		domain.sources = sketch_count(&entry->sources);
		domain.names = sketch_count(&entry->names);
		domain.magnitude =
		    magnitude(domain.sources, zone->sources_all[0] + zone->sources_all[1]);
		for (int by = 0; by < DOMAINS_BYS; by++) {
			int r =
			    offer(zone, &domain, (enum domains_by)by, limits->domains[by], arena);

			if (r < 0)
				return r;
		}
	}
	return 0;
}
