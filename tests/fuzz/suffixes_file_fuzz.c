/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of public suffixes and a name that is looked up in it, which follows the first zero byte
 * in wire format. What is read are rules, sorted, each once; of the name it says as many labels as
 * the list's algorithm does, which is done here without a table.
 */
#include "base/arena.h"
#include "config/parse/reader.h"
#include "config/suffix_rule.h"
#include "zones/suffixes.h"
#include "zones/zones.h"

#include "folder.h"
#include "require.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST      512
#define MAX_RULES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct name {
	uint8_t wire[ZONE_WIRE_BYTES];
	size_t length; /* with the root label */
	unsigned labels;
};

static UNGUIDED void check_rules(const struct config_strings *rules)
{
	char again[SUFFIX_RULE_SIZE];
	const char *problem;

	for (size_t i = 0; i < rules->n; i++) {
		require(suffix_rule_normalize(rules->items[i], again, &problem) == 0);
		require(strcmp(again, rules->items[i]) == 0);
		require(!i || strcmp(rules->items[i - 1], rules->items[i]) < 0);
	}
}

/* As much of the bytes as is a name. */
static UNGUIDED void take_name(struct name *ret, const uint8_t *data, size_t size)
{
	ret->length = ret->labels = 0;
	while (size && *data && *data < 64 && *data < size &&
	    ret->length + *data + 2 <= ZONE_WIRE_BYTES) {
		memcpy(ret->wire + ret->length, data, *data + 1u);
		ret->length += *data + 1u;
		ret->labels++;
		size -= *data + 1u;
		data += *data + 1u;
	}
	ret->wire[ret->length++] = 0;
}

static UNGUIDED bool ends_with(
    const struct name *name, const uint8_t *wire, size_t length, unsigned labels)
{
	size_t start = 0;

	if (!labels || labels > name->labels)
		return false;
	for (unsigned left = name->labels; left > labels; left--)
		start += 1u + name->wire[start];
	if (name->length - start != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (tolower(name->wire[start + i]) != tolower(wire[i]))
			return false;
	}
	return true;
}

/* publicsuffix.org/list, "Algorithm": of the rules that match an exception prevails, else the one
 * with the most labels, else the name's last label. */
static UNGUIDED unsigned suffix_of(const struct name *name, const struct config_strings *rules)
{
	unsigned best = name->labels ? 1 : 0, exception = 0;
	uint8_t wire[ZONE_WIRE_BYTES];

	for (size_t i = 0; i < rules->n; i++) {
		const char *rule = rules->items[i];
		const bool except = *rule == '!', below = strncmp(rule, "*.", 2) == 0;
		unsigned labels;
		int length;

		if (strcmp(rule, "*") == 0)
			continue;
		length = zone_name_to_wire(rule + (except ? 1 : below ? 2 : 0), wire, &labels);
		require(length > 0);
		if (!ends_with(name, wire, (size_t)length, labels) ||
		    (below && labels == name->labels))
			continue;
		if (except && exception < labels)
			exception = labels;
		else if (!except && best < labels + below)
			best = labels + below;
	}
	return exception ? exception - 1 : best;
}

static void look_up(const struct config_strings *rules, const uint8_t *data, size_t size)
{
	static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};
	struct suffixes *suffixes;
	struct name name;

	require(suffixes_new(&suffixes, rules->items, rules->n, &seed) == 0);
	take_name(&name, data, size);
	require(suffixes_labels(suffixes, name.wire, name.length, name.labels) ==
	    suffix_of(&name, rules));
	suffixes_free(suffixes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	static FILE *errors;
	static char path[256];
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	const size_t length = zero ? (size_t)(zero - data) : size;
	struct config_strings rules = {0};
	struct reader reader = {.name = "fuzz"};

	if (size > MOST)
		return 0;
	if (!arena) {
		snprintf(path, sizeof(path), "%s/suffixes.txt", folder_path());
		errors = fopen("/dev/null", "w");
		require(errors && arena_new(&arena) == 0);
	}
	/* Messages, which are another target's, take longer than all that they are about. */
	reader.errors = size % 8 ? NULL : errors;
	reader.arena = arena;
	folder_write("suffixes.txt", data, length);
	suffixes_file_read(&reader, NULL, "domains.suffixes", path, MAX_RULES, &rules);
	require(!reader.no_memory && rules.n <= MAX_RULES + 1);
	check_rules(&rules);
	look_up(&rules, zero ? zero + 1 : data, zero ? size - length - 1 : 0);
	arena_reset(arena);
	return 0;
}
