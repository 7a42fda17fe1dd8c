/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zone labels. A registry gives each label a small number; a zone set finds the longest of its
 * zones that ends a query name, without case.
 *
 * Cells, sources and names carry the number, so that it must outlive them. Who labels messages
 * holds a reference: inputs, and the report for the zones that it always shows. After the last one
 * is gone, windows that are open may still hold the number: such labels are retired. Every shard
 * says which generation of the registry it was begun in (shard->labels_since); a label is due when
 * no shard is left that was begun before it retired. Then those who keep figures by number over
 * windows (totals, admission) let go of it, the label is forgotten, and its number is free for
 * another.
 */
#ifndef CROSSTAP_ZONES_ZONES_H
#define CROSSTAP_ZONES_ZONES_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONES_MAX 16384u /* labels that can be told apart at a time */

#define ZONE_OTHER_LABEL "other"

/* Labels by number. Used by one thread, that of the configuration and the report. */
struct zone_registry;

/* A set of numbers. */
struct zone_numbers {
	uint64_t bits[ZONES_MAX / 64];
};

static inline bool zone_numbers_has(const struct zone_numbers *numbers, uint32_t zone)
{
	return numbers->bits[zone / 64] >> zone % 64 & 1;
}

static inline void zone_numbers_add(struct zone_numbers *numbers, uint32_t zone)
{
	numbers->bits[zone / 64] |= 1ull << zone % 64;
}

int zone_registry_new(struct zone_registry **ret);
void zone_registry_free(struct zone_registry *registry);
/* The label's number, with a reference; -ENOSPC where ZONES_MAX are in use, -ENOMEM. */
int zone_registry_ref(struct zone_registry *registry, const char *label);
void zone_registry_unref(struct zone_registry *registry, uint16_t id);
/* Valid until the label is forgotten; ZONE_OTHER_LABEL for a number that nobody has. */
const char *zone_registry_label(const struct zone_registry *registry, uint16_t id);
/* All numbers are below it. */
size_t zone_registry_bound(const struct zone_registry *registry);

/* A shard that is begun from now on holds no label that has retired before. Never 0. */
uint64_t zone_registry_generation(const struct zone_registry *registry);
/* Retired labels that no shard begun in generation `oldest` or later can hold. Returns how many. */
size_t zone_registry_due(
    const struct zone_registry *registry, uint64_t oldest, struct zone_numbers *ret);
/* Of zone_registry_due(): nobody has figures under these numbers any more. */
void zone_registry_forget(struct zone_registry *registry, const struct zone_numbers *numbers);

/* Immutable once built; shared by threads. */
struct zone_set;

/* Holds a reference to each of its labels; the registry outlives it.
 * `names`: presentation form, lower case, no trailing dot, "." for the root. The label of a zone is
 * its name, that of everything else ZONE_OTHER_LABEL. -EINVAL for a name that is none. */
int zone_set_new(struct zone_set **ret, struct zone_registry *registry, const char *const *names,
    size_t n, const struct hash_seed *seed);
void zone_set_free(struct zone_set *set);
/* Where the search for a name begins: asks for the cache line that zone_set_find() reads first. */
struct zone_probe {
	uint64_t hash;
	uint8_t start; /* of the suffix in the name */
	bool any;      /* false: no zone has so few labels */
};
/* `name`: wire format, `length` with the root label, `labels` without, checked by dns_parse(). */
void zone_set_probe(const struct zone_set *set, const uint8_t *name, size_t length, unsigned labels,
    struct zone_probe *ret);
#define ZONE_OTHER_LABELS 1
/* Type DS at a zone's own name belongs to the parent (RFC 4035 section 3.1.4.1), where that is
 * listed. *ret_labels: how many the zone's name has, the root not counted; ZONE_OTHER_LABELS where
 * no zone is listed. */
uint16_t zone_set_find_from(const struct zone_set *set, const uint8_t *name, size_t length,
    const struct zone_probe *probe, bool ds, uint8_t *ret_labels);
/* Both in one. */
uint16_t zone_set_find(const struct zone_set *set, const uint8_t *name, size_t length, bool ds);
uint16_t zone_set_other(const struct zone_set *set);
/* The numbers of all its labels. */
void zone_set_numbers(const struct zone_set *set, struct zone_numbers *ret);

#define ZONE_WIRE_BYTES 255 /* RFC 1035 section 2.3.4 */
/* From presentation form (RFC 1035 section 5.1) to wire format, lower case. The length with the
 * root label, or -EINVAL. *ret_labels without the root. */
int zone_name_to_wire(const char *text, uint8_t wire[ZONE_WIRE_BYTES], unsigned *ret_labels);

#endif
