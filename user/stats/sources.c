/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/sources.h"

#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>

#define LEAST_SLOTS 1024

size_t sources_next_size(size_t slots)
{
	return slots & (slots - 1) ? slots / 3 * 4 : slots / 2 * 3;
}

int sources_init(struct sources *sources, size_t slots)
{
	size_t size = LEAST_SLOTS;

	while (size < slots && size < 1u << 30)
		size = sources_next_size(size);
	/* Zeroed by the kernel page by page, as entries are used. */
	sources->slots = pages_alloc(size * sizeof(struct source));
	sources->bytes = pages_alloc(size * sizeof(uint64_t));
	sources->has_bytes = false;
	if (!sources->slots || !sources->bytes) {
		if (sources->slots)
			pages_free(sources->slots, size * sizeof(struct source));
		if (sources->bytes)
			pages_free(sources->bytes, size * sizeof(uint64_t));
		sources->slots = NULL;
		sources->bytes = NULL;
		return -ENOMEM;
	}
	sources->traits = NULL;
	sources->size = (uint32_t)size;
	sources->used = 0;
	sources->limit = (uint32_t)(size / 4 * 3);
	return 0;
}

void sources_done(struct sources *sources)
{
	const size_t size = sources->size;

	pages_free(sources->slots, size * sizeof(struct source));
	pages_free(sources->bytes, size * sizeof(uint64_t));
	if (sources->traits)
		pages_free(sources->traits, size * sizeof(struct source_traits));
	sources->slots = NULL;
	sources->bytes = NULL;
	sources->traits = NULL;
}

int sources_want_traits(struct sources *sources, bool wanted)
{
	const size_t bytes = sources->size * sizeof(struct source_traits);

	if (wanted == (sources->traits != NULL))
		return 0;
	if (wanted) {
		sources->traits = pages_alloc(bytes);
		return sources->traits ? 0 : -ENOMEM;
	}
	pages_free(sources->traits, bytes);
	sources->traits = NULL;
	return 0;
}

/* Of that size, with what the other one has. */
static int init_like(struct sources *sources, size_t slots, const struct sources *like)
{
	int r = sources_init(sources, slots);

	if (r == 0 && like->traits) {
		r = sources_want_traits(sources, true);
		if (r < 0)
			sources_done(sources);
	}
	return r;
}

static bool is_large(const struct sources *sources)
{
	return sources->size >= SOURCES_GROW_SLOTS;
}

/* A small table grows when it is full; a larger one has to have the room before. */
static bool is_tight(const struct sources *sources)
{
	return sources->used >= (is_large(sources) ? sources->limit / 2 : sources->limit);
}

static size_t wider(const struct sources *sources)
{
	return is_large(sources) ? (size_t)sources->size * 2 : sources_next_size(sources->size);
}

int sources_clear(struct sources *sources, size_t max_slots)
{
	size_t size = sources->size, next = size;
	struct sources other;

	if (size > max_slots && max_slots >= LEAST_SLOTS)
		next = max_slots; /* merging made it larger */
	else if (is_tight(sources) && wider(sources) <= max_slots)
		next = wider(sources);
	else if (sources->used < sources->limit / 8 && size > LEAST_SLOTS)
		next = size / 2;
	if (next != size && init_like(&other, next, sources) == 0) {
		sources_done(sources);
		*sources = other;
		return 0;
	}
	pages_clear(sources->slots, size * sizeof(struct source));
	if (sources->has_bytes)
		pages_clear(sources->bytes, size * sizeof(uint64_t));
	sources->has_bytes = false;
	if (sources->traits)
		pages_clear(sources->traits, size * sizeof(struct source_traits));
	sources->used = 0;
	return 0;
}

int sources_resize(struct sources *sources, size_t slots, const struct hash_seed *seed)
{
	struct sources other;
	int r = init_like(&other, slots, sources);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sources->size; i++) {
		const struct source *from = &sources->slots[i];
		struct source *to;

		if (!from->transports)
			continue;
		to = sources_at(&other, source_hash(seed, from->address, from->zone_family),
		    from->address, from->zone_family);
		if (!to) {
			sources_done(&other);
			return -ENOSPC;
		}
		*to = *from;
		if (sources->has_bytes)
			source_add_bytes(&other, to, sources->bytes[i]);
		if (other.traits)
			*sources_traits(&other, to) = *sources_traits(sources, from);
	}
	sources_done(sources);
	*sources = other;
	return 0;
}

int sources_merge(struct sources *into, const struct sources *from, const struct hash_seed *seed)
{
	/* In the order of their homes: a smaller table would be crowded at its beginning. */
	if (into->size < from->size) {
		int r = sources_resize(into, from->size, seed);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < from->size; i++) {
		const struct source *source = &from->slots[i];
		struct source *to;
		uint64_t hash;

		if (!source->transports)
			continue;
		if (into->used >= into->limit) {
			int r = sources_resize(into, (size_t)into->size * 2, seed);

			if (r < 0)
				return r;
		}
		hash = source_hash(seed, source->address, source->zone_family);
		to = sources_at(into, hash, source->address, source->zone_family);
		to->transports |= source->transports;
		source_add_u32(&to->queries, source->queries);
		source_add_u32(&to->responses, source->responses);
		source_add_u32(&to->nxdomain, source->nxdomain);
		if (from->has_bytes)
			source_add_bytes(into, to, from->bytes[i]);
		if (into->traits && from->traits)
			source_traits_merge(sources_traits(into, to), sources_traits(from, source));
	}
	return 0;
}
