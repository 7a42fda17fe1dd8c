/* SPDX-License-Identifier: BSD-2-Clause */
#include "magnitude/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define DOMAIN_SLOTS 16384 /* at most half of them are used */
#define FIRST_SLOTS  1024
#define ENTRY_BITS   19 /* of public_sketch_entry(); the domain's number is above */
#define ENTRY_MASK   ((1u << ENTRY_BITS) - 1)

struct domain {
	uint64_t hash;
	uint64_t queries;
	char name[TALLY_NAME_BYTES];
};

struct tally {
	uint64_t seed;
	uint64_t queries, lost;
	uint8_t all[PUBLIC_SKETCH_REGISTERS];
	uint16_t index[DOMAIN_SLOTS]; /* number + 1; 0: free */
	struct domain *domains;
	uint32_t n_domains, domains_room;
	uint32_t *entries; /* number << ENTRY_BITS | entry; 0: free */
	uint32_t mask, used;
};

int tally_new(struct tally **ret, uint64_t seed)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return -ENOMEM;
	tally->seed = seed;
	tally->mask = FIRST_SLOTS - 1;
	tally->entries = calloc(FIRST_SLOTS, sizeof(*tally->entries));
	if (!tally->entries) {
		tally_free(tally);
		return -ENOMEM;
	}
	*ret = tally;
	return 0;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	free(tally->domains);
	free(tally->entries);
	free(tally);
}

void tally_clear(struct tally *tally)
{
	tally->queries = tally->lost = 0;
	tally->n_domains = tally->used = 0;
	memset(tally->all, 0, sizeof(tally->all));
	memset(tally->index, 0, sizeof(tally->index));
	memset(tally->entries, 0, ((size_t)tally->mask + 1) * sizeof(*tally->entries));
}

/* -- domains */

static char fold(uint8_t byte)
{
	return (char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_letter_or_digit(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

static bool is_tld(const char *label, size_t length)
{
	if (length < 2 || !is_letter(label[0]) || !is_letter_or_digit(label[length - 1]))
		return false;
	for (size_t i = 1; i + 1 < length; i++) {
		if (!is_letter_or_digit(label[i]) && label[i] != '-')
			return false;
	}
	return true;
}

/* Of labels before the TLD: what host names are made of, and underscores. */
static bool is_label(const char *label, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_letter_or_digit(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	}
	return true;
}

/* The last labels as text; 0: no domain. */
static size_t domain_of(const uint8_t *name, size_t length, unsigned name_labels, unsigned labels,
    char ret[TALLY_NAME_BYTES])
{
	size_t at = 0, n = 0, start = 0;

	if (name_labels < labels || labels > TALLY_MAX_LABELS)
		return 0;
	for (unsigned i = name_labels; i > labels && at < length; i--)
		at += name[at] + 1u;
	while (at < length && name[at] && name[at] <= 63 && at + name[at] < length) {
		if (n + name[at] + 1 >= TALLY_NAME_BYTES)
			return 0;
		if (n)
			ret[n++] = '.';
		start = n;
		for (size_t i = 1; i <= name[at]; i++)
			ret[n++] = fold(name[at + i]);
		if (!is_label(ret + start, n - start))
			return 0;
		at += name[at] + 1u;
	}
	ret[n] = '\0';
	return is_tld(ret + start, n - start) ? n : 0;
}

static bool make_room(struct tally *tally)
{
	const uint32_t room = tally->domains_room ? tally->domains_room * 2 : 64;
	struct domain *domains;

	if (tally->n_domains < tally->domains_room)
		return true;
	domains = reallocarray(tally->domains, room, sizeof(*domains));
	if (!domains)
		return false;
	tally->domains = domains;
	tally->domains_room = room;
	return true;
}

/* Its number, given if need be; TALLY_DOMAINS: there is no room. */
static uint32_t number_of(struct tally *tally, const char *name, size_t length)
{
	const uint64_t hash = XXH3_64bits_withSeed(name, length, tally->seed);
	uint32_t at = (uint32_t)hash % DOMAIN_SLOTS;
	struct domain *domain;

	for (; tally->index[at]; at = (at + 1) % DOMAIN_SLOTS) {
		domain = &tally->domains[tally->index[at] - 1];
		if (domain->hash == hash && strcmp(domain->name, name) == 0)
			return tally->index[at] - 1u;
	}
	if (tally->n_domains == TALLY_DOMAINS || !make_room(tally))
		return TALLY_DOMAINS;
	domain = &tally->domains[tally->n_domains];
	domain->hash = hash;
	domain->queries = 0;
	memcpy(domain->name, name, length + 1);
	tally->index[at] = (uint16_t)++tally->n_domains;
	return tally->n_domains - 1;
}

/* -- registers */

static uint32_t *slot_of(
    const struct tally *tally, uint32_t *entries, uint32_t mask, uint32_t entry)
{
	const uint64_t place = (uint64_t)(entry >> 5) ^ tally->seed;
	uint32_t at = (uint32_t)(place * 0x9e3779b97f4a7c15 >> 32) & mask;

	while (entries[at] && entries[at] >> 5 != entry >> 5)
		at = (at + 1) & mask;
	return &entries[at];
}

static bool grow(struct tally *tally)
{
	const uint32_t mask = tally->mask * 2 + 1;
	uint32_t *entries;

	if (mask >= TALLY_MAX_SLOTS)
		return false;
	entries = calloc((size_t)mask + 1, sizeof(*entries));
	if (!entries)
		return false;
	for (uint32_t i = 0; i <= tally->mask; i++) {
		if (tally->entries[i])
			*slot_of(tally, entries, mask, tally->entries[i]) = tally->entries[i];
	}
	free(tally->entries);
	tally->entries = entries;
	tally->mask = mask;
	return true;
}

static void add_entry(struct tally *tally, uint32_t number, uint32_t entry)
{
	const uint32_t key = number << ENTRY_BITS | entry;
	uint32_t *slot = slot_of(tally, tally->entries, tally->mask, key);

	if (!*slot) {
		if (tally->used >= tally->mask / 4 * 3) {
			if (!grow(tally)) {
				tally->lost++;
				return;
			}
			slot = slot_of(tally, tally->entries, tally->mask, key);
		}
		tally->used++;
	}
	if (*slot < key)
		*slot = key;
}

static void add_all(struct tally *tally, uint32_t entry)
{
	if (tally->all[entry >> 5] < (entry & 31))
		tally->all[entry >> 5] = entry & 31;
}

void tally_add(struct tally *tally, const uint8_t *name, size_t length, unsigned name_labels,
    unsigned labels, uint64_t hash)
{
	const uint32_t entry = public_sketch_entry(hash);
	char domain[TALLY_NAME_BYTES];
	const size_t n = domain_of(name, length, name_labels, labels, domain);
	uint32_t number;

	if (!n)
		return;
	tally->queries++;
	if (entry)
		add_all(tally, entry);
	number = number_of(tally, domain, n);
	if (number == TALLY_DOMAINS) {
		tally->lost++;
		return;
	}
	tally->domains[number].queries++;
	if (entry)
		add_entry(tally, number, entry);
}

void tally_merge(struct tally *into, const struct tally *from)
{
	uint32_t *numbers = calloc(from->n_domains + 1, sizeof(*numbers));

	into->queries += from->queries;
	into->lost += from->lost;
	for (uint32_t i = 0; i < PUBLIC_SKETCH_REGISTERS; i++)
		add_all(into, i << 5 | from->all[i]);
	for (uint32_t i = 0; numbers && i < from->n_domains; i++) {
		const struct domain *domain = &from->domains[i];

		numbers[i] = number_of(into, domain->name, strlen(domain->name));
		if (numbers[i] < TALLY_DOMAINS)
			into->domains[numbers[i]].queries += domain->queries;
		else
			into->lost += domain->queries;
	}
	for (uint32_t i = 0; numbers && i <= from->mask; i++) {
		const uint32_t entry = from->entries[i];

		if (entry && numbers[entry >> ENTRY_BITS] < TALLY_DOMAINS)
			add_entry(into, numbers[entry >> ENTRY_BITS], entry & ENTRY_MASK);
	}
	into->lost += numbers ? 0 : from->queries;
	free(numbers);
}

/* -- reading */

uint64_t tally_queries(const struct tally *tally)
{
	return tally->queries;
}

uint64_t tally_lost(const struct tally *tally)
{
	return tally->lost;
}

uint32_t tally_all(const struct tally *tally, uint32_t at)
{
	return tally->all[at] ? at << 5 | tally->all[at] : 0;
}

const char *tally_domain(const struct tally *tally, uint32_t number, uint64_t *ret_queries)
{
	if (number >= tally->n_domains)
		return NULL;
	*ret_queries = tally->domains[number].queries;
	return tally->domains[number].name;
}

void tally_each(const struct tally *tally,
    void (*take)(void *context, uint32_t number, uint32_t entry), void *context)
{
	for (uint32_t i = 0; i <= tally->mask; i++) {
		if (tally->entries[i])
			take(context, tally->entries[i] >> ENTRY_BITS,
			    tally->entries[i] & ENTRY_MASK);
	}
}
