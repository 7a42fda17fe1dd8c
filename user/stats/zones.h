/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zone labels. A registry gives each label a small number for the life of the process; a zone set
 * finds the longest of its zones that ends a query name, without case.
 */
#ifndef CROSSTAP_STATS_ZONES_H
#define CROSSTAP_STATS_ZONES_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_OTHER_LABEL "other"

/* Labels by number. Written by one thread (configuration), read by report while that one holds
 * still. */
struct zone_registry;

int zone_registry_new(struct zone_registry **ret);
void zone_registry_free(struct zone_registry *registry);
/* The label's number; -ENOSPC past KEY_MAX_ZONES labels, -ENOMEM. Labels are never taken out. */
int zone_registry_id(struct zone_registry *registry, const char *label);
const char *zone_registry_label(struct zone_registry *registry, uint16_t id);
size_t zone_registry_count(struct zone_registry *registry);

/* Immutable once built; shared by threads. */
struct zone_set;

/* `names`: presentation form, lower case, no trailing dot, "." for the root. The label of a zone is
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
/* Type DS at a zone's own name belongs to the parent (RFC 4035 section 3.1.4.1), where that is
 * listed. */
uint16_t zone_set_find_from(const struct zone_set *set, const uint8_t *name, size_t length,
    const struct zone_probe *probe, bool ds);
/* Both in one. */
uint16_t zone_set_find(const struct zone_set *set, const uint8_t *name, size_t length, bool ds);
uint16_t zone_set_other(const struct zone_set *set);

/* Keyed hash of a name or a part of one, without case. */
uint64_t name_hash(const struct hash_seed *seed, const uint8_t *name, size_t length);

#endif
