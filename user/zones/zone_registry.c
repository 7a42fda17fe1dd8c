/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/name_hash.h"
#include "zones/zones.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS ZONES_MAX
#define NONE    UINT16_MAX
#define LEAST   16

_Static_assert(ZONES_MAX < NONE, "a number that is none");

struct entry {
	char *label;      /* NULL: the number is free */
	uint32_t refs;    /* 0: retired */
	uint16_t next;    /* of its bucket, or of the free ones; NONE: the last */
	uint64_t retired; /* the generation that began with it */
};

struct zone_registry {
	struct hash_seed seed;
	struct entry *entries; /* by number */
	size_t n, size, n_retired;
	uint16_t free; /* the first number that nobody has */
	uint64_t generation;
	uint16_t buckets[BUCKETS];
};

int zone_registry_new(struct zone_registry **ret)
{
	struct zone_registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return -ENOMEM;
	hash_seed_random(&registry->seed);
	registry->generation = 1;
	registry->free = NONE;
	for (size_t i = 0; i < BUCKETS; i++)
		registry->buckets[i] = NONE;
	*ret = registry;
	return 0;
}

void zone_registry_free(struct zone_registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->n; i++)
		free(registry->entries[i].label);
	free(registry->entries);
	free(registry);
}

static uint16_t *bucket_of(struct zone_registry *registry, const char *label)
{
	const uint64_t hash = name_hash(&registry->seed, (const uint8_t *)label, strlen(label));

	return &registry->buckets[hash % BUCKETS];
}

static int grow(struct zone_registry *registry)
{
	const size_t size = registry->size ? registry->size * 2 : LEAST;
	struct entry *entries = reallocarray(registry->entries, size, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	registry->entries = entries;
	registry->size = size;
	return 0;
}

/* A free number, and what it will be the number of. */
static int add(struct zone_registry *registry, uint16_t *bucket, const char *label)
{
	uint16_t id = registry->free;
	char *copy;

	if (id == NONE && registry->n == ZONES_MAX)
		return -ENOSPC;
	if (id == NONE && registry->n == registry->size && grow(registry) < 0)
		return -ENOMEM;
	copy = strdup(label);
	if (!copy)
		return -ENOMEM;
	if (id == NONE)
		id = (uint16_t)registry->n++;
	else
		registry->free = registry->entries[id].next;
	registry->entries[id] = (struct entry){.label = copy, .refs = 1, .next = *bucket};
	*bucket = id;
	return id;
}

int zone_registry_ref(struct zone_registry *registry, const char *label)
{
	uint16_t *bucket = bucket_of(registry, label);

	for (uint16_t id = *bucket; id != NONE; id = registry->entries[id].next) {
		struct entry *entry = &registry->entries[id];

		if (strcmp(entry->label, label) != 0)
			continue;
		registry->n_retired -= entry->refs == 0;
		entry->refs++;
		return id;
	}
	return add(registry, bucket, label);
}

void zone_registry_unref(struct zone_registry *registry, uint16_t id)
{
	struct entry *entry = &registry->entries[id];

	if (--entry->refs)
		return;
	entry->retired = ++registry->generation;
	registry->n_retired++;
}

const char *zone_registry_label(const struct zone_registry *registry, uint16_t id)
{
	return id < registry->n && registry->entries[id].label ? registry->entries[id].label
							       : ZONE_OTHER_LABEL;
}

size_t zone_registry_bound(const struct zone_registry *registry)
{
	return registry->n;
}

uint64_t zone_registry_generation(const struct zone_registry *registry)
{
	return registry->generation;
}

size_t zone_registry_due(
    const struct zone_registry *registry, uint64_t oldest, struct zone_numbers *ret)
{
	size_t n = 0;

	*ret = (struct zone_numbers){0};
	for (size_t i = 0; i < registry->n && registry->n_retired; i++) {
		const struct entry *entry = &registry->entries[i];

		if (!entry->label || entry->refs || entry->retired > oldest)
			continue;
		zone_numbers_add(ret, (uint32_t)i);
		n++;
	}
	return n;
}

static void take_out(struct zone_registry *registry, uint16_t id)
{
	struct entry *entry = &registry->entries[id];
	uint16_t *link = bucket_of(registry, entry->label);

	while (*link != id)
		link = &registry->entries[*link].next;
	*link = entry->next;
	free(entry->label);
	*entry = (struct entry){.next = registry->free};
	registry->free = id;
	registry->n_retired--;
}

void zone_registry_forget(struct zone_registry *registry, const struct zone_numbers *numbers)
{
	for (size_t i = 0; i < registry->n; i++) {
		if (zone_numbers_has(numbers, (uint32_t)i))
			take_out(registry, (uint16_t)i);
	}
}
