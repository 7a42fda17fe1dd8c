/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/zones.h"

#include "base/prefetch.h"
#include "zones/name_hash.h"

#include "crosstap/dns.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABELS 128

#define INLINE_BYTES 20

struct zone_slot { /* half a cache line: what a lookup touches */
	uint64_t hash;
	uint16_t id;
	uint8_t length; /* 0: free (even the root has one byte) */
	uint8_t labels; /* the root not counted */
	union {
		uint8_t bytes[INLINE_BYTES]; /* names that fit */
		uint32_t offset;             /* of the others, in names[] */
	} name;
};
_Static_assert(sizeof(struct zone_slot) == 32, "two slots a cache line");

struct zone_set {
	struct zone_registry *registry;
	struct zone_slot *slots;
	uint32_t mask;
	uint8_t *names;
	size_t names_bytes;
	uint64_t depths[2]; /* bit n: there is a zone of n labels, the root not counted */
	struct hash_seed seed;
	uint16_t other;
};

/* Less than eight bytes, at least one: each in it, some of them twice. */
static uint64_t load_short(const uint8_t *p, size_t n)
{
	uint32_t first, last;

	if (n < sizeof(first))
		return (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
	memcpy(&first, p, sizeof(first));
	memcpy(&last, p + n - sizeof(last), sizeof(last));
	return (uint64_t)last << 32 | first;
}

static bool word_equal(const uint8_t *lower, const uint8_t *name)
{
	uint64_t a, b;

	memcpy(&a, lower, sizeof(a));
	memcpy(&b, name, sizeof(b));
	return a == dns_lower8(b);
}

static bool name_equal(const uint8_t *lower, const uint8_t *name, size_t length)
{
	if (length < 8)
		return load_short(lower, length) == dns_lower8(load_short(name, length));
	for (size_t at = 0; at < length - 8; at += 8) {
		if (!word_equal(lower + at, name + at))
			return false;
	}
	return word_equal(lower + length - 8, name + length - 8);
}

/* One label of presentation form, up to its dot; *at behind the dot. The length, or -EINVAL. */
static int read_label(const char **at, uint8_t *out)
{
	const char *p = *at;
	int n = 0;

	while (*p && *p != '.') {
		unsigned c = (unsigned char)*p++;

		if (c == '\\') {
			if (isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1]) &&
			    isdigit((unsigned char)p[2])) {
				c = (unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 +
				    (unsigned)(p[2] - '0');
				p += 3;
			} else if (*p) {
				c = (unsigned char)*p++;
			} else {
				return -EINVAL;
			}
		}
		if (c > 255 || n == 63)
			return -EINVAL;
		out[n++] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	*at = *p ? p + 1 : p;
	return n ? n : -EINVAL;
}

int zone_name_to_wire(const char *text, uint8_t wire[ZONE_WIRE_BYTES], unsigned *ret_labels)
{
	unsigned labels = 0;
	int used = 0;

	if (strcmp(text, ".") != 0) {
		while (*text) {
			uint8_t label[64];
			int n = read_label(&text, label);

			if (n < 0 || used + n + 2 > ZONE_WIRE_BYTES)
				return -EINVAL;
			wire[used] = (uint8_t)n;
			memcpy(wire + used + 1, label, (size_t)n);
			used += n + 1;
			labels++;
		}
		if (!labels)
			return -EINVAL;
	}
	wire[used++] = 0;
	*ret_labels = labels;
	return used;
}

static const uint8_t *slot_name(const struct zone_set *set, const struct zone_slot *slot)
{
	return slot->length <= INLINE_BYTES ? slot->name.bytes : set->names + slot->name.offset;
}

static const struct zone_slot *find_slot(
    const struct zone_set *set, uint64_t hash, const uint8_t *name, size_t length)
{
	const struct zone_slot *slot;

	for (uint32_t at = (uint32_t)hash & set->mask;; at = (at + 1) & set->mask) {
		slot = &set->slots[at];
		if (!slot->length)
			return NULL;
		if (slot->hash == hash && slot->length == length &&
		    name_equal(slot_name(set, slot), name, length))
			return slot;
	}
}

static int add_zone(struct zone_set *set, const char *text)
{
	uint8_t wire[ZONE_WIRE_BYTES];
	unsigned labels;
	int length = zone_name_to_wire(text, wire, &labels), id;
	uint64_t hash;
	uint32_t at;

	if (length < 0)
		return length;
	hash = name_hash(&set->seed, wire, (size_t)length);
	if (find_slot(set, hash, wire, (size_t)length))
		return 0;
	id = zone_registry_ref(set->registry, text);
	if (id < 0)
		return id;
	for (at = (uint32_t)hash & set->mask; set->slots[at].length; at = (at + 1) & set->mask)
		continue;
	set->slots[at] = (struct zone_slot){
	    .hash = hash, .id = (uint16_t)id, .length = (uint8_t)length, .labels = (uint8_t)labels};
	if (length <= INLINE_BYTES) {
		memcpy(set->slots[at].name.bytes, wire, (size_t)length);
	} else {
		set->slots[at].name.offset = (uint32_t)set->names_bytes;
		memcpy(set->names + set->names_bytes, wire, (size_t)length);
		set->names_bytes += (size_t)length;
	}
	set->depths[labels / 64] |= 1ull << labels % 64;
	return 0;
}

int zone_set_new(struct zone_set **ret, struct zone_registry *registry, const char *const *names,
    size_t n, const struct hash_seed *seed)
{
	struct zone_set *set = calloc(1, sizeof(*set));
	size_t slots = 16, bytes = 16;
	int r;

	if (!set)
		return -ENOMEM;
	set->seed = *seed;
	r = zone_registry_ref(registry, ZONE_OTHER_LABEL);
	if (r < 0)
		goto out;
	set->registry = registry;
	set->other = (uint16_t)r;
	while (slots < n * 2)
		slots *= 2;
	for (size_t i = 0; i < n; i++)
		bytes += strlen(names[i]) + 2; /* escapes only make it shorter */
	set->slots = calloc(slots, sizeof(*set->slots));
	set->names = malloc(bytes);
	r = -ENOMEM;
	if (!set->slots || !set->names)
		goto out;
	set->mask = (uint32_t)(slots - 1);
	r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_zone(set, names[i]);
out:
	if (r < 0) {
		zone_set_free(set);
		return r;
	}
	*ret = set;
	return 0;
}

void zone_set_free(struct zone_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; set->slots && i <= set->mask; i++) {
		if (set->slots[i].length)
			zone_registry_unref(set->registry, set->slots[i].id);
	}
	if (set->registry)
		zone_registry_unref(set->registry, set->other);
	free(set->slots);
	free(set->names);
	free(set);
}

uint16_t zone_set_other(const struct zone_set *set)
{
	return set->other;
}

void zone_set_numbers(const struct zone_set *set, struct zone_numbers *ret)
{
	*ret = (struct zone_numbers){0};
	zone_numbers_add(ret, set->other);
	for (size_t i = 0; i <= set->mask; i++) {
		if (set->slots[i].length)
			zone_numbers_add(ret, set->slots[i].id);
	}
}

/* Labels of a name, the root not counted. */
static unsigned count_labels(const uint8_t *name)
{
	unsigned labels = 0;

	for (; *name && labels < MAX_LABELS - 1; name += 1 + *name)
		labels++;
	return labels;
}

static bool has_depth(const struct zone_set *set, unsigned depth)
{
	return set->depths[depth / 64] >> depth % 64 & 1;
}

void zone_set_probe(const struct zone_set *set, const uint8_t *name, size_t length, unsigned labels,
    struct zone_probe *ret)
{
	unsigned depth = labels;
	size_t start = 0;

	for (; !has_depth(set, depth); depth--) {
		if (depth == 0) {
			ret->any = false;
			return;
		}
		start += 1u + name[start];
	}
	ret->any = true;
	ret->start = (uint8_t)start;
	ret->hash = name_hash(&set->seed, name + start, length - start);
	prefetch(&set->slots[ret->hash & set->mask]);
}

uint16_t zone_set_find_from(const struct zone_set *set, const uint8_t *name, size_t length,
    const struct zone_probe *probe, bool ds, uint8_t *ret_labels)
{
	const struct zone_slot *own = NULL;
	uint64_t hash;
	unsigned depth;
	size_t start;

	*ret_labels = ZONE_OTHER_LABELS;
	if (!probe->any)
		return set->other;
	start = probe->start;
	hash = probe->hash;
	/* From the longest suffix to the root, only at depths where there are zones. */
	for (depth = count_labels(name + start);; depth--) {
		if (has_depth(set, depth)) {
			const struct zone_slot *slot;

			if (start != probe->start)
				hash = name_hash(&set->seed, name + start, length - start);
			slot = find_slot(set, hash, name + start, length - start);
			if (slot && (!ds || start > 0)) {
				*ret_labels = slot->labels;
				return slot->id;
			}
			if (slot)
				own = slot; /* its parent, if that is listed too */
		}
		if (depth == 0)
			break;
		start += 1u + name[start];
	}
	if (!own)
		return set->other;
	*ret_labels = own->labels;
	return own->id;
}

uint16_t zone_set_find(const struct zone_set *set, const uint8_t *name, size_t length, bool ds)
{
	struct zone_probe probe;
	uint8_t labels;

	zone_set_probe(set, name, length, count_labels(name), &probe);
	return zone_set_find_from(set, name, length, &probe, ds, &labels);
}
