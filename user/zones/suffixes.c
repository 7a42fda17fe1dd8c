/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/suffixes.h"

#include "zones/name_hash.h"
#include "zones/zones.h"

#include <errno.h>
#include <stdlib.h>

/* Of a name; the lowest bits of its slot, whose upper ones are the name's hash. */
enum rule { RULE_NAME = 1, RULE_BELOW = 2, RULE_EXCEPTION = 4, RULE_BITS = 7 };

struct suffixes {
	uint64_t *slots; /* 0: free */
	uint64_t mask;
	struct hash_seed seed;
	unsigned most; /* labels of the longest name that has a rule */
};

static uint64_t *slot_of(const struct suffixes *suffixes, uint64_t hash)
{
	uint64_t at = hash >> 3 & suffixes->mask;

	while (suffixes->slots[at] && (suffixes->slots[at] ^ hash) & ~(uint64_t)RULE_BITS)
		at = (at + 1) & suffixes->mask;
	return &suffixes->slots[at];
}

static int add_rule(struct suffixes *suffixes, const char *text)
{
	uint8_t wire[ZONE_WIRE_BYTES];
	enum rule rule = RULE_NAME;
	unsigned labels;
	uint64_t hash, *slot;
	int length;

	if (*text == '!') {
		rule = RULE_EXCEPTION;
		text++;
	} else if (text[0] == '*' && text[1] == '.') {
		rule = RULE_BELOW;
		text += 2;
	} else if (text[0] == '*' && !text[1]) {
		return 0; /* holds for every name that has no other rule */
	}
	length = zone_name_to_wire(text, wire, &labels);
	if (length < 0)
		return length;
	hash = name_hash(&suffixes->seed, wire, (size_t)length);
	slot = slot_of(suffixes, hash);
	*slot = (hash & ~(uint64_t)RULE_BITS) | (*slot & RULE_BITS) | rule;
	if (suffixes->most < labels)
		suffixes->most = labels;
	return 0;
}

int suffixes_new(
    struct suffixes **ret, const char *const *rules, size_t n, const struct hash_seed *seed)
{
	struct suffixes *suffixes = calloc(1, sizeof(*suffixes));
	size_t slots = 16;
	int r = 0;

	if (!suffixes)
		return -ENOMEM;
	while (slots < n * 2)
		slots *= 2;
	suffixes->seed = *seed;
	suffixes->mask = slots - 1;
	suffixes->slots = calloc(slots, sizeof(*suffixes->slots));
	if (!suffixes->slots)
		r = -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_rule(suffixes, rules[i]);
	if (r < 0) {
		suffixes_free(suffixes);
		return r;
	}
	*ret = suffixes;
	return 0;
}

void suffixes_free(struct suffixes *suffixes)
{
	if (!suffixes)
		return;
	free(suffixes->slots);
	free(suffixes);
}

unsigned suffixes_labels(
    const struct suffixes *suffixes, const uint8_t *name, size_t length, unsigned labels)
{
	unsigned left = labels, best = labels ? 1 : 0;
	size_t start = 0;

	for (; left > suffixes->most; left--)
		start += 1u + name[start];
	for (; left > 0; left--) {
		const uint64_t rules =
		    *slot_of(suffixes, name_hash(&suffixes->seed, name + start, length - start)) &
		    RULE_BITS;

		if (rules & RULE_EXCEPTION)
			return left - 1;
		if (rules & RULE_BELOW && left < labels && best < left + 1)
			best = left + 1;
		if (rules & RULE_NAME && best < left)
			best = left;
		start += 1u + name[start];
	}
	return best;
}
