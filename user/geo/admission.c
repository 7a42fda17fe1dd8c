/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/admission.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 1024
#define MAX_SLOTS   (256u << 10)
#define KINDS       4
#define KIND_SHIFT  48
#define MAX_ZONES   ZONES_MAX

struct entry {
	uint64_t key;     /* 0: free */
	int32_t day;      /* in which it was seen last */
	uint16_t windows; /* seen in, saturating */
	bool admitted;    /* on that day */
};

struct admission {
	struct entry *slots;
	uint32_t mask, used;
	struct hash_seed seed;
	int32_t day;
	unsigned windows;
	uint32_t *admitted;     /* today, by zone and kind */
	uint64_t limits[KINDS]; /* that were asked with last */
};

int admission_new(struct admission **ret, const struct hash_seed *seed)
{
	struct admission *admission = calloc(1, sizeof(*admission));

	if (!admission)
		return -ENOMEM;
	admission->seed = *seed;
	admission->windows = ADMISSION_WINDOWS;
	admission->mask = FIRST_SLOTS - 1;
	admission->slots = calloc(FIRST_SLOTS, sizeof(struct entry));
	admission->admitted = calloc((size_t)MAX_ZONES * KINDS, sizeof(uint32_t));
	if (!admission->slots || !admission->admitted) {
		admission_free(admission);
		return -ENOMEM;
	}
	*ret = admission;
	return 0;
}

void admission_free(struct admission *admission)
{
	if (!admission)
		return;
	free(admission->slots);
	free(admission->admitted);
	free(admission);
}

static struct entry *find(const struct admission *admission, uint64_t key)
{
	uint64_t at = hash_u64(&admission->seed, key) & admission->mask;

	while (admission->slots[at].key && admission->slots[at].key != key)
		at = (at + 1) & admission->mask;
	return &admission->slots[at];
}

static uint64_t key_of(uint16_t zone, unsigned kind, uint32_t value)
{
	return 1ull << 63 | (uint64_t)kind << KIND_SHIFT | (uint64_t)zone << 32 | value;
}

static bool is_of(const struct entry *entry, const struct zone_numbers *zones)
{
	return zones && zone_numbers_has(zones, (uint16_t)(entry->key >> 32));
}

/* Into a table of that size; what nobody needs any more stays behind, as does what is of `but`. */
static int rebuild(
    struct admission *admission, uint32_t size, int32_t since_day, const struct zone_numbers *but)
{
	struct entry *old = admission->slots, *slots = calloc(size, sizeof(*slots));
	const uint32_t old_mask = admission->mask;

	if (!slots)
		return -ENOMEM;
	admission->slots = slots;
	admission->mask = size - 1;
	admission->used = 0;
	for (uint32_t i = 0; i <= old_mask; i++) {
		if (!old[i].key || (old[i].day < since_day && !old[i].admitted))
			continue;
		if (old[i].day < since_day - 1 || is_of(&old[i], but))
			continue;
		*find(admission, old[i].key) = old[i];
		admission->used++;
	}
	free(old);
	return 0;
}

void admission_begin(struct admission *admission, int64_t day, unsigned windows)
{
	admission->windows = windows;
	if (day == admission->day)
		return;
	admission->day = (int32_t)day;
	for (size_t i = 0; i < (size_t)MAX_ZONES * KINDS; i++)
		admission->admitted[i] = 0;
	/* Yesterday's admitted ones may come back. */
	(void)rebuild(admission, admission->mask + 1, admission->day, NULL);
}

int admission_forget(struct admission *admission, const struct zone_numbers *zones)
{
	int r = rebuild(admission, admission->mask + 1, INT32_MIN + 1, zones);

	for (uint32_t zone = 0; r == 0 && zone < MAX_ZONES; zone++) {
		for (unsigned kind = 0; kind < KINDS && zone_numbers_has(zones, zone); kind++)
			admission->admitted[(size_t)zone * KINDS + kind] = 0;
	}
	return r;
}

static struct entry *get(struct admission *admission, uint64_t key)
{
	struct entry *entry = find(admission, key);
	const uint32_t size = admission->mask + 1;

	if (entry->key)
		return entry;
	if (admission->used >= size / 2) {
		if (size == MAX_SLOTS || rebuild(admission, size * 2, INT32_MIN + 1, NULL) < 0)
			return NULL;
		entry = find(admission, key);
	}
	*entry = (struct entry){.key = key, .day = admission->day};
	admission->used++;
	return entry;
}

/* A lower limit holds for today as well: the busiest are admitted anew, at once. */
static void set_limit(struct admission *admission, unsigned kind, uint64_t limit)
{
	const bool lower = limit < admission->limits[kind];

	admission->limits[kind] = limit;
	for (uint32_t i = 0; lower && i <= admission->mask; i++) {
		struct entry *entry = &admission->slots[i];

		if ((entry->key >> KIND_SHIFT) % KINDS == kind)
			entry->admitted = false;
	}
	for (size_t zone = 0; lower && zone < MAX_ZONES; zone++)
		admission->admitted[zone * KINDS + kind] = 0;
}

bool admission_ask(
    struct admission *admission, uint16_t zone, unsigned kind, uint32_t value, uint64_t limit)
{
	const uint64_t key = key_of(zone, kind, value);
	uint32_t *admitted = &admission->admitted[(size_t)(zone % MAX_ZONES) * KINDS + kind];
	struct entry *entry = get(admission, key);

	if (limit != admission->limits[kind])
		set_limit(admission, kind, limit);
	if (!entry)
		return false;
	if (entry->day != admission->day) {
		if (!entry->admitted)
			entry->windows = 0;
		entry->admitted = false;
		entry->day = admission->day;
	}
	if (entry->windows < UINT16_MAX)
		entry->windows++;
	if (entry->admitted)
		return true;
	if (entry->windows < admission->windows || *admitted >= limit)
		return false;
	(*admitted)++;
	return entry->admitted = true;
}
