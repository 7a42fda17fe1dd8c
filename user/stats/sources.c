/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/sources.h"

#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>

#define LEAST_SLOTS  1024
#define PLAIN_SHIFT  5
#define TRAITS_SHIFT 6
#define KEPT_BYTES   (8u << 20)
#define MOVED_BY_NEW 5 /* slots, for each client that was not in the table that grew */
#define LEAST_MOVED  16

_Static_assert(sizeof(struct source) == 1 << PLAIN_SHIFT &&
	sizeof(struct source) + sizeof(struct source_traits) == 1 << TRAITS_SHIFT,
    "entries by a shift");

size_t sources_next_size(size_t slots)
{
	return slots & (slots - 1) ? slots / 3 * 4 : slots / 2 * 3;
}

/* Eight of them can be read wherever one is. */
static size_t tags_bytes(size_t size)
{
	return size + SOURCES_TAGS - 1;
}

/* Zeroed by the kernel page by page, as entries are used: `open`, by a thread that must not wait
 * for as long as it takes to clear huge ones. */
static int init(struct sources *sources, size_t slots, bool traits, bool open)
{
	void *(*const alloc)(size_t) = open ? pages_reserve : pages_alloc;
	struct sources made = {.shift = traits ? TRAITS_SHIFT : PLAIN_SHIFT, .has_traits = traits};
	size_t size = LEAST_SLOTS;

	while (size < slots && size < 1u << 30)
		size = sources_next_size(size);
	made.size = (uint32_t)size;
	made.limit = (uint32_t)(size / 4 * 3);
	made.slots = alloc(size << made.shift);
	made.tags = alloc(tags_bytes(size));
	made.bytes = alloc(size * sizeof(uint64_t));
	if (!made.slots || !made.tags || !made.bytes) {
		sources_done(&made);
		return -ENOMEM;
	}
	*sources = made;
	return 0;
}

int sources_init(struct sources *sources, size_t slots)
{
	return init(sources, slots, false, false);
}

static void free_tables(struct sources *sources)
{
	const size_t size = sources->size;

	pages_free(sources->slots, size << sources->shift);
	pages_free(sources->tags, tags_bytes(size));
	pages_free(sources->bytes, size * sizeof(uint64_t));
	sources->slots = NULL;
	sources->tags = NULL;
	sources->bytes = NULL;
}

static void drop_old(struct sources *sources)
{
	if (!sources->old)
		return;
	free_tables(sources->old);
	free(sources->old);
	sources->old = NULL;
}

void sources_done(struct sources *sources)
{
	drop_old(sources);
	free_tables(sources);
}

/* Empty, of that size and with or without traits; -ENOMEM leaves it as it was. */
static int remake(struct sources *sources, size_t slots, bool traits)
{
	struct sources other;
	int r = init(&other, slots, traits, false);

	if (r < 0)
		return r;
	sources_done(sources);
	*sources = other;
	return 0;
}

int sources_want_traits(struct sources *sources, bool wanted)
{
	return wanted == sources->has_traits ? 0 : remake(sources, sources->size, wanted);
}

static void set_tag(struct sources *sources, uint32_t at, uint8_t tag)
{
	sources->tags[at] = tag;
	if (at < SOURCES_TAGS - 1)
		sources->tags[sources->size + at] = tag;
}

/* Where the client's entry is, or the free slot that ends the search for it. */
static uint32_t find(
    const struct sources *sources, uint64_t hash, const uint64_t address[2], uint16_t zone_family)
{
	uint32_t at = sources_guess(sources, hash);

	while (sources->tags[at] && !sources_is_of(sources_slot(sources, at), address, zone_family))
		at = sources_seek(sources, sources_after(sources, at), sources_tag(hash));
	return at;
}

/* In the free slot where the search for it ended. */
static struct source *make(struct sources *sources, uint32_t at, uint64_t hash,
    const uint64_t address[2], uint16_t zone_family)
{
	struct source *source = sources_slot(sources, at);

	sources->used++;
	set_tag(sources, at, sources_tag(hash));
	source->address[0] = address[0];
	source->address[1] = address[1];
	source->zone_family = zone_family;
	return source;
}

/* From the table that this one grew out of, to a free slot. What is left behind is in use no more,
 * but still in the way of searches that went past it. */
static struct source *move(struct sources *sources, uint32_t at, uint64_t hash, uint32_t old_at)
{
	struct sources *old = sources->old;
	struct source *from = sources_slot(old, old_at);
	struct source *to = make(sources, at, hash, from->address, from->zone_family);

	*to = *from;
	if (old->has_traits)
		*sources_traits(to) = *sources_traits(from);
	if (old->has_beside && old->bytes[old_at])
		sources_add_beside(sources, to, old->bytes[old_at]);
	from->transports = 0;
	old->used--;
	return to;
}

struct source *sources_at(
    struct sources *sources, uint64_t hash, const uint64_t address[2], uint16_t zone_family)
{
	const uint32_t at = find(sources, hash, address, zone_family);
	uint32_t left = 0;

	if (sources->tags[at])
		return sources_slot(sources, at);
	if (sources->old) {
		const uint32_t old_at = find(sources->old, hash, address, zone_family);

		if (sources->old->tags[old_at] && sources_slot(sources->old, old_at)->transports)
			return move(sources, at, hash, old_at);
		left = sources->old->used;
	}
	return sources->used + left < sources->limit ? make(sources, at, hash, address, zone_family)
						     : NULL;
}

bool sources_has(
    const struct sources *sources, uint64_t hash, const uint64_t address[2], uint16_t zone_family)
{
	return sources->tags[find(sources, hash, address, zone_family)] != 0;
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

/* The kernel needs a millisecond for each huge page, and the first clients of a window touch all of
 * them. A producer's socket does not wait for so long: a large table keeps its pages. */
static void clear_slots(struct sources *sources)
{
	const size_t bytes = (size_t)sources->size << sources->shift;

	if (bytes < KEPT_BYTES)
		pages_clear(sources->slots, bytes);
	else
		pages_renew(sources->slots, bytes);
}

int sources_clear(struct sources *sources, size_t max_slots)
{
	size_t size = sources->size, next = size;

	drop_old(sources);
	if (size > max_slots && max_slots >= LEAST_SLOTS)
		next = max_slots; /* merging made it larger */
	else if (is_tight(sources) && wider(sources) <= max_slots)
		next = wider(sources);
	else if (sources->used < sources->limit / 8 && size > LEAST_SLOTS)
		next = size / 2;
	if (next != size && remake(sources, next, sources->has_traits) == 0)
		size = next;
	clear_slots(sources);
	pages_clear(sources->tags, tags_bytes(size));
	if (sources->has_beside)
		pages_clear(sources->bytes, size * sizeof(uint64_t));
	sources->has_bytes = sources->has_beside = false;
	sources->used = 0;
	return 0;
}

/* To an entry of the same client, whatever of the two tables has traits. */
static void add_details(struct sources *into, struct source *to, const struct sources *from,
    const struct source *source)
{
	uint64_t beside = from->has_beside ? from->bytes[sources_index(from, source)] : 0;

	if (into->has_traits && from->has_traits) {
		const struct source_traits *more = sources_traits(source);
		struct source_traits *traits = sources_traits(to);
		const uint64_t sum = (uint64_t)traits->response_bytes + more->response_bytes;

		source_traits_merge(traits, more);
		beside += sum - traits->response_bytes;
	} else if (from->has_traits) {
		beside += sources_traits(source)->response_bytes;
	}
	if (beside && from->has_bytes)
		sources_add_beside(into, to, beside);
}

static void move_slots(struct sources *sources, size_t slots, const struct hash_seed *seed)
{
	struct sources *old = sources->old;
	const size_t left = old->size - sources->moved;
	const size_t end = sources->moved + (slots < left ? slots : left);

	for (; sources->moved < end; sources->moved++) {
		const struct source *from = sources_slot(old, sources->moved);
		uint64_t hash;

		if (!from->transports)
			continue;
		hash = source_hash(seed, from->address, from->zone_family);
		move(sources, find(sources, hash, from->address, from->zone_family), hash,
		    sources->moved);
	}
	if (end == old->size)
		drop_old(sources);
}

/* All has moved before new clients fill the room that was made for them: that is two or three for
 * each eight slots of before. */
void sources_go_on(struct sources *sources, const struct hash_seed *seed)
{
	const struct sources *old = sources->old;
	size_t n_new, due;

	if (!old)
		return;
	n_new = sources->used + old->used - sources->had;
	due = n_new * MOVED_BY_NEW;
	move_slots(
	    sources, due > sources->moved + LEAST_MOVED ? due - sources->moved : LEAST_MOVED, seed);
}

void sources_settle(struct sources *sources, const struct hash_seed *seed)
{
	if (sources->old)
		move_slots(sources, SIZE_MAX, seed);
}

static int grow(struct sources *sources, size_t slots, const struct hash_seed *seed, bool open)
{
	struct sources *old;
	struct sources wider;
	int r;

	sources_settle(sources, seed);
	old = malloc(sizeof(*old));
	if (!old)
		return -ENOMEM;
	r = init(&wider, slots, sources->has_traits, open);
	if (r == 0 && wider.limit < sources->used) {
		sources_done(&wider);
		r = -ENOSPC;
	}
	if (r < 0) {
		free(old);
		return r;
	}
	*old = *sources;
	wider.had = old->used;
	wider.old = old;
	wider.has_bytes = old->has_bytes;
	*sources = wider;
	return 0;
}

int sources_grow(struct sources *sources, size_t slots, const struct hash_seed *seed)
{
	return grow(sources, slots, seed, true);
}

int sources_resize(struct sources *sources, size_t slots, const struct hash_seed *seed)
{
	int r = grow(sources, slots, seed, false);

	if (r == 0)
		sources_settle(sources, seed);
	return r;
}

int sources_merge(struct sources *into, const struct sources *from, const struct hash_seed *seed)
{
	into->has_bytes |= from->has_bytes;
	/* In the order of their homes: a smaller table would be crowded at its beginning. */
	if (into->size < from->size) {
		int r = sources_resize(into, from->size, seed);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < from->size; i++) {
		const struct source *source = sources_slot(from, i);
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
		saturating_add(&to->queries, source->queries);
		saturating_add(&to->responses, source->responses);
		saturating_add(&to->nxdomain, source->nxdomain);
		add_details(into, to, from, source);
	}
	return 0;
}

bool sources_have_zones(const struct sources *sources)
{
	const struct source *first = NULL;

	for (size_t i = 0; i < sources->size; i++) {
		const struct source *source = sources_slot(sources, i);

		if (!source->transports)
			continue;
		if (first && source_zone(source) != source_zone(first))
			return true;
		first = source;
	}
	return false;
}
