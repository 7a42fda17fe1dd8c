/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each point that was handed to a sink, by its series and time, and what became of it. No two
 * points of one database have the same series and time: that holds when they are made. A database
 * may get one point twice, since it then holds it once, but only where nobody can know that it has
 * it: its answer was lost, or the process that heard it was killed, or a disk did not let go of a
 * file.
 */
#include "simulation.h"

#include "sink/batch.h"
#include "sink/sink.h"
#include "sink/spool.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SLOTS      (1u << 14) /* where to look for a point */
#define MAX_POINTS (SLOTS / 2)
/* A point that was pushed has so long to come to the disk where the far end does not take it: how
 * pushes are spread (an interval), two seconds, a thread that is late. */
#define PROMISE_NS(spread_ns) ((spread_ns) + 6 * (uint64_t)NS_PER_S)
#define SPOOL_HEADER          48

enum state {
	MADE = 1,
	THERE = 2,   /* the database has it */
	REFUSED = 4, /* it said that it never will */
	LOST = 8,    /* and known to be */
	ON_DISK = 16,
	UNSURE = 32, /* it came twice, or without an answer: it may be counted as dropped, too */
};

struct entry {
	uint64_t key, value;
	uint64_t pushed_ns;
	unsigned said_life; /* in which the agent heard what the database says to it; 0: never */
	unsigned state;
};

static struct entry *entries[SIM_DATABASES];
static size_t used[SIM_DATABASES];
static uint16_t *slots[SIM_DATABASES]; /* 1 + the entry's place; 0: free */
static unsigned life;
static bool excused; /* in this life: a file may be delivered again */
static uint64_t taken, refused, longest_stop_ns;
/* The folders of spools are named by numbers. */
static struct {
	uint64_t number;
	const struct spool *spool;
	unsigned database;
} folders[64];
static size_t n_folders;

struct sim_made sim_made;

void *__real_calloc(size_t n, size_t size);
void __real_sink_push(struct sink *sink, struct batch *batch);
void __wrap_sink_push(struct sink *sink, struct batch *batch);

void sim_ledger_init(void)
{
	for (int i = 0; i < SIM_DATABASES; i++) {
		if (!slots[i]) {
			entries[i] = __real_calloc(MAX_POINTS, sizeof(struct entry));
			slots[i] = __real_calloc(SLOTS, sizeof(uint16_t));
		}
		memset(slots[i], 0, SLOTS * sizeof(uint16_t));
		used[i] = 0;
	}
	life = 0;
	excused = false;
	taken = refused = longest_stop_ns = 0;
	n_folders = 0;
	sim_made = (struct sim_made){0};
}

void sim_ledger_new_life(void)
{
	life++;
	taken = refused = 0;
	excused = false;
}

void sim_ledger_excuse(void)
{
	excused = true;
}

void sim_ledger_stalled(uint64_t ns)
{
	longest_stop_ns = ns > longest_stop_ns ? ns : longest_stop_ns;
}

/* -- a line: MEASUREMENT,TAGS FIELDS TIME */

struct line {
	const char *text, *fields, *time;
	size_t length;
	uint64_t key, value;
};

static const char *next_line(const char *at, const char *end, struct line *ret)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at)), *space = at;

	if (!newline)
		sim_fail("a line without an end: %.*s", (int)(end - at), at);
	*ret = (struct line){.text = at, .length = (size_t)(newline - at)};
	while (space < newline && (*space != ' ' || space[-1] == '\\'))
		space++;
	ret->time = memrchr(at, ' ', ret->length);
	if (space >= newline || !ret->time || ret->time <= space)
		sim_fail("no point: %.*s", (int)ret->length, at);
	ret->fields = space + 1;
	ret->key = XXH3_64bits_withSeed(at, (size_t)(space - at),
		       XXH3_64bits(ret->time, (size_t)(newline - ret->time))) |
	    1;
	ret->value = XXH3_64bits(ret->fields, (size_t)(ret->time - ret->fields));
	return newline + 1;
}

static bool begins(const struct line *line, const char *with)
{
	return strncmp(line->text, with, strlen(with)) == 0;
}

static uint64_t field(const struct line *line, const char *name)
{
	const size_t length = strlen(name);
	const char *at = line->fields;

	while (at && at < line->time) {
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return strtoull(at + length + 1, NULL, 10);
		at = memchr(at, ',', (size_t)(line->time - at));
		at = at ? at + 1 : NULL;
	}
	return 0;
}

static uint16_t *slot_of(unsigned database, uint64_t key)
{
	size_t at = key >> 1 & (SLOTS - 1);

	while (slots[database][at] && entries[database][slots[database][at] - 1].key != key)
		at = (at + 1) & (SLOTS - 1);
	return &slots[database][at];
}

/* NULL: nobody made it. */
static struct entry *find(unsigned database, uint64_t key)
{
	const uint16_t slot = *slot_of(database, key);

	return slot ? &entries[database][slot - 1] : NULL;
}

/* -- made */

static void make(unsigned database, const struct line *line)
{
	uint16_t *slot = slot_of(database, line->key);
	struct entry *entry = *slot ? &entries[database][*slot - 1] : NULL;

	/* An event of a process before, whose clock was set back: it knows of no others' times. */
	if (entry && begins(line, "crosstap_event,"))
		entry->value = line->value;
	else if (entry)
		sim_fail("a series and time twice%s: %.*s",
		    entry->value == line->value ? "" : ", with other values", (int)line->length,
		    line->text);
	if (entry)
		return;
	if (used[database] == MAX_POINTS)
		sim_fail("too many points for the ledger");
	*slot = (uint16_t)(used[database] + 1);
	entries[database][used[database]++] = (struct entry){
	    .key = line->key, .value = line->value, .pushed_ns = sim_now_ns(), .state = MADE};
	if (database)
		return;
	if (begins(line, "dns,")) {
		sim_kept_point(strtoll(line->time, NULL, 10) / NS_PER_MS, field(line, "queries"),
		    field(line, "responses"));
		sim_made.queries += field(line, "queries");
		sim_made.responses += field(line, "responses");
	} else if (begins(line, "crosstap,")) {
		sim_made.lost += field(line, "lost");
	} else if (begins(line, "wire,direction=query,")) {
		sim_made.wire_in += field(line, "messages");
	}
}

void __wrap_sink_push(struct sink *sink, struct batch *batch)
{
	const char *at = batch->text, *end = at + batch->length;
	const unsigned database = strstr(sink_name(sink), "db1") != NULL;
	struct line line;
	size_t n = 0;

	while (at < end) {
		at = next_line(at, end, &line);
		make(database, &line);
		n++;
	}
	if (n != batch->points)
		sim_fail("a batch of %zu points says that it has %zu", n, batch->points);
	sim_trace(
	    "window of %zu points to db%u at %.3f", n, database, (double)batch->time_ms / 1000);
	__real_sink_push(sink, batch);
}

/* -- delivered */

static void arrive(unsigned database, const struct line *line, bool refuse, bool said)
{
	struct entry *entry = find(database, line->key);

	if (!entry || (entry->value != line->value && !begins(line, "crosstap_event,")))
		sim_fail("db%u got a point that nobody made: %.*s", database, (int)line->length,
		    line->text);
	if (entry->said_life == life && !excused)
		sim_fail("db%u got a point again that it %s: %.*s", database,
		    entry->state & REFUSED ? "refused" : "said it has", (int)line->length,
		    line->text);
	if (entry->state & LOST)
		entry->state |= UNSURE;
	if (said)
		entry->said_life = life;
	if (refuse) {
		entry->state |= REFUSED;
		return;
	}
	if (!said || entry->state & THERE)
		entry->state |= UNSURE;
	entry->state |= THERE;
}

void sim_ledger_arrive(unsigned database, const char *text, size_t length, size_t refuse, bool said)
{
	const char *at = text, *end = text + length;
	const size_t n = batch_count_lines(text, length);
	struct line line;

	for (size_t i = 0; at < end; i++) {
		at = next_line(at, end, &line);
		arrive(database, &line, i >= n - refuse, said);
	}
	if (said) {
		taken += n - refuse;
		refused += refuse;
	}
}

/* -- lost */

int __real_spool_new(struct spool **ret, const char *path, uint64_t identity, uint64_t limit_bytes);
int __wrap_spool_new(struct spool **ret, const char *path, uint64_t identity, uint64_t limit_bytes);
int __wrap_spool_new(struct spool **ret, const char *path, uint64_t identity, uint64_t limit_bytes)
{
	int r = __real_spool_new(ret, path, identity, limit_bytes);

	for (size_t i = 0; i < n_folders && r == 0; i++) {
		if (folders[i].number == identity)
			return r;
	}
	if (r == 0 && n_folders < sizeof(folders) / sizeof(folders[0])) {
		folders[n_folders].number = identity;
		folders[n_folders++].spool = *ret;
	}
	return r;
}

void __real_spool_set_place(struct spool *spool, const char *name);
void __wrap_spool_set_place(struct spool *spool, const char *name);
void __wrap_spool_set_place(struct spool *spool, const char *name)
{
	for (size_t i = 0; i < n_folders; i++) {
		if (folders[i].spool == spool) {
			folders[i].database = strstr(name, "db1") != NULL;
			folders[i].spool = NULL;
		}
	}
	__real_spool_set_place(spool, name);
}

static bool is_of(const char *path, unsigned database)
{
	const uint64_t number = strtoull(path + strlen(SIM_ROOT "/spool/"), NULL, 16);

	for (size_t i = 0; i < n_folders; i++) {
		if (folders[i].number == number)
			return folders[i].database == database;
	}
	return false;
}

static void see_file(void *context, const char *path, const char *data, size_t size)
{
	const char *at = data + SPOOL_HEADER, *end = data + size;
	const unsigned *database = context;
	struct line line;

	/* Only what the agent will take for whole. */
	if (!is_of(path, *database) || !strstr(path, ".batch") || strstr(path, ".bad") ||
	    size <= SPOOL_HEADER ||
	    ((const uint64_t *)(const void *)data)[5] !=
		XXH64(data + SPOOL_HEADER, size - SPOOL_HEADER, 0))
		return;
	while (at < end) {
		struct entry *entry;

		at = next_line(at, end, &line);
		entry = find(*database, line.key);
		if (entry && (entry->value == line.value || begins(&line, "crosstap_event,"))) {
			entry->state |= ON_DISK;
			if (entry->state & (THERE | REFUSED))
				entry->state |= UNSURE;
		}
	}
}

static void see_disk(void)
{
	for (unsigned i = 0; i < SIM_DATABASES; i++) {
		for (size_t at = 0; at < used[i]; at++)
			entries[i][at].state &= ~(unsigned)ON_DISK;
		sim_disk_each(SIM_ROOT "/spool/", see_file, &i);
	}
}

struct sums {
	uint64_t young, old, unsure;
};

static void sum_lost(const struct sim_end *end, struct sums *ret)
{
	const uint64_t promise_ns = PROMISE_NS(10 * (uint64_t)NS_PER_S) + longest_stop_ns;

	*ret = (struct sums){0};
	for (unsigned i = 0; i < SIM_DATABASES; i++) {
		for (size_t at = 0; at < used[i]; at++) {
			struct entry *entry = &entries[i][at];

			ret->unsure += (entry->state & UNSURE) != 0;
			if (entry->state & (THERE | REFUSED | LOST | ON_DISK))
				continue;
			entry->state |= LOST;
			if (end->killed && entry->pushed_ns + promise_ns >= sim_now_ns())
				ret->young++;
			else if (ret->old++ == 0)
				sim_trace("db%u: lost, made at %.3f", i,
				    (double)entry->pushed_ns / NS_PER_S);
		}
	}
}

void sim_ledger_end(const struct sim_end *end)
{
	struct sums sums;

	see_disk();
	sum_lost(end, &sums);
	sim_trace(
	    "life %u ends%s: lost %llu and %llu just made; counted dropped %llu rejected %llu "
	    "accepted %llu",
	    life, end->killed ? " by a kill" : "", (unsigned long long)sums.old,
	    (unsigned long long)sums.young, (unsigned long long)end->dropped,
	    (unsigned long long)end->rejected, (unsigned long long)end->accepted);
	if (sums.old > end->dropped && !(end->killed && end->disturbed))
		sim_fail("%llu points are lost, %llu of them counted", (unsigned long long)sums.old,
		    (unsigned long long)end->dropped);
	if (end->dropped > sums.old + sums.young + sums.unsure && !end->disturbed)
		sim_fail("%llu points are counted as dropped, %llu are lost",
		    (unsigned long long)end->dropped, (unsigned long long)sums.old + sums.young);
	if (!end->killed && (end->rejected != refused || end->accepted != taken))
		sim_fail("counted accepted %llu rejected %llu, but it was %llu and %llu",
		    (unsigned long long)end->accepted, (unsigned long long)end->rejected,
		    (unsigned long long)taken, (unsigned long long)refused);
}

uint64_t sim_ledger_undelivered(uint64_t age_ns)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SIM_DATABASES; i++) {
		for (size_t at = 0; at < used[i]; at++) {
			const struct entry *entry = &entries[i][at];

			n += !(entry->state & (THERE | REFUSED | LOST)) &&
			    entry->pushed_ns + age_ns <= sim_now_ns();
		}
	}
	return n;
}
