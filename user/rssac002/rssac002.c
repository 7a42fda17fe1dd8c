/* SPDX-License-Identifier: BSD-2-Clause */
#include "rssac002/rssac002.h"

#include "base/clock.h"
#include "base/file_name.h"
#include "base/hash.h"
#include "base/replace.h"
#include "rssac002/rssac002_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_EVERY   (3600ull * NS_PER_S)
#define SERVICE_BYTES 256
#define PREFIX_BYTES  32

struct rssac002 {
	char *dir;
	char service[SERVICE_BYTES]; /* fit for a file's name */
	char prefix[PREFIX_BYTES];   /* of custom metrics; empty: none */
	struct rssac002_key key;
	struct rssac002_day today;
	struct rssac002_day before; /* it is over, and not all of its files could be written */
	bool has_before;
	uint64_t files_due_ns;
	bool changed; /* since the state was written */
};

int rssac002_day_init(struct rssac002_day *day, int64_t number)
{
	struct rssac002_day new = {.day = number};

	for (int set = 0; set < RSSAC002_SETS; set++) {
		int r = distinct_new(&new.sources[set]);

		if (r < 0) {
			rssac002_day_done(&new);
			return r;
		}
	}
	*day = new;
	return 0;
}

void rssac002_day_done(struct rssac002_day *day)
{
	for (int set = 0; set < RSSAC002_SETS; set++) {
		distinct_free(day->sources[set]);
		day->sources[set] = NULL;
	}
}

static int write_files(const struct rssac002 *rssac, const struct rssac002_day *day)
{
	return rssac002_write_files(day, &rssac->key, rssac->dir, rssac->service, rssac->prefix);
}

static void forget_before(struct rssac002 *rssac)
{
	rssac002_day_done(&rssac->before);
	rssac->has_before = false;
}

static int write_before(struct rssac002 *rssac)
{
	const int r = rssac->has_before ? write_files(rssac, &rssac->before) : 0;

	if (r == 0)
		forget_before(rssac);
	return r;
}

/* Writes what is there of the day, and begins another. */
static int turn_over(struct rssac002 *rssac, int64_t day)
{
	struct rssac002_day next;
	int r = rssac002_day_init(&next, day), written;

	if (r < 0)
		return r;
	written = write_files(rssac, &rssac->today);
	forget_before(rssac);
	rssac->before = rssac->today;
	rssac->has_before = written < 0;
	if (written == 0)
		rssac002_day_done(&rssac->before);
	rssac->today = next;
	return written;
}

static int begin(struct rssac002 *rssac, int64_t today, const char **ret_fresh_reason)
{
	bool other_key = false;
	int r =
	    rssac002_read_state(&rssac->today, &rssac->key, rssac->dir, rssac->service, &other_key);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		if (r != -ENOENT)
			*ret_fresh_reason = r == -EBADMSG
			    ? "its state is not a sound one of this version, and set aside "
			      "(*" REPLACE_ASIDE ")"
			    : strerrordesc_np(-r);
		return rssac002_day_init(&rssac->today, today);
	}
	if (other_key)
		*ret_fresh_reason = "its sources are under another key";
	if (clock_day_goes_on(rssac->today.day, today))
		return 0;
	/* A state of a later day: the clock was wrong. Its files are written, too; those that fail
	 * as at any other midnight. */
	r = turn_over(rssac, today);
	return r == -ENOMEM ? r : 0;
}

static void set_key(struct rssac002_key *key, const uint8_t *bytes)
{
	key->is_site = !bytes;
	if (bytes)
		memcpy(key->bytes, bytes, sizeof(key->bytes));
	else
		hash_random(key->bytes, sizeof(key->bytes));
	source_key_init(&key->hash, key->bytes);
}

int rssac002_new(struct rssac002 **ret, const char *dir, const char *service, const char *prefix,
    const uint8_t key[RSSAC002_KEY_BYTES], int64_t now_ns, const char **ret_fresh_reason)
{
	struct rssac002 *rssac = calloc(1, sizeof(*rssac));
	const char *reason = NULL;
	int r = -ENOMEM;

	if (!rssac)
		return r;
	file_name(rssac->service, sizeof(rssac->service), service);
	snprintf(rssac->prefix, sizeof(rssac->prefix), "%s", prefix ? prefix : "");
	set_key(&rssac->key, key);
	rssac->dir = strdup(dir);
	if (rssac->dir)
		r = mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
	if (r == 0)
		r = begin(rssac, clock_day(now_ns), &reason);
	if (r < 0) {
		rssac002_free(rssac);
		return r;
	}
	*ret_fresh_reason = reason;
	*ret = rssac;
	return 0;
}

void rssac002_free(struct rssac002 *rssac)
{
	if (!rssac)
		return;
	rssac002_day_done(&rssac->today);
	forget_before(rssac);
	free(rssac->dir);
	explicit_bzero(rssac->key.bytes, sizeof(rssac->key.bytes));
	explicit_bzero(&rssac->key.hash, sizeof(rssac->key.hash));
	free(rssac);
}

static void add_counts(struct rssac002_counts *into, const struct rssac002_counts *counts)
{
	for (int d = 0; d < 2; d++) {
		for (int t = 0; t < 2; t++) {
			for (int f = 0; f < 2; f++)
				into->volume[d][t][f] += counts->volume[d][t][f];
			for (int bin = 0; bin < RSSAC002_BINS; bin++)
				into->sizes[d][t][bin] += counts->sizes[d][t][bin];
		}
	}
	for (int rcode = 0; rcode < RSSAC002_RCODES; rcode++)
		into->rcodes[rcode] += counts->rcodes[rcode];
}

/* A clock that was set back over midnight goes on with the day that has begun. */
static int reach(struct rssac002 *rssac, int64_t start_ns)
{
	const int64_t day = clock_day(start_ns);

	return day > rssac->today.day ? turn_over(rssac, day) : 0;
}

int rssac002_add_custom(
    struct rssac002 *rssac, int64_t start_ns, const struct rssac002_custom *custom)
{
	int r = reach(rssac, start_ns);

	for (int d = 0; d < 2; d++) {
		for (int t = 0; t < RSSAC002_CUSTOM; t++) {
			for (int f = 0; f < 2; f++)
				rssac->today.custom.volume[d][t][f] += custom->volume[d][t][f];
		}
	}
	rssac->changed = true;
	return r;
}

int rssac002_add(struct rssac002 *rssac, int64_t start_ns, const struct rssac002_counts *counts)
{
	int r = reach(rssac, start_ns);

	add_counts(&rssac->today.counts, counts);
	rssac->changed = true;
	return r;
}

int rssac002_add_source(struct rssac002 *rssac, const uint8_t address[16], unsigned family)
{
	struct distinct **sources = rssac->today.sources;
	const struct source_key *hash = &rssac->key.hash;
	int r;

	if (family == 4)
		return distinct_add(sources[RSSAC002_IPV4], source_key_hash(hash, address, 4));
	r = distinct_add(sources[RSSAC002_IPV6], source_key_hash(hash, address, 16));
	return r < 0 ? r
		     : distinct_add(sources[RSSAC002_AGGREGATE], source_key_hash(hash, address, 8));
}

int rssac002_flush(struct rssac002 *rssac)
{
	const int state =
	    rssac002_write_state(&rssac->today, &rssac->key, rssac->dir, rssac->service);
	const int before = write_before(rssac), written = write_files(rssac, &rssac->today);

	return state < 0 ? state : before < 0 ? before : written;
}

int rssac002_flush_when_due(struct rssac002 *rssac, uint64_t now_ns)
{
	int r = write_before(rssac);

	if (!rssac->files_due_ns)
		rssac->files_due_ns = now_ns + FILES_EVERY;
	if (now_ns >= rssac->files_due_ns) {
		const int written = write_files(rssac, &rssac->today);

		if (written == 0)
			rssac->files_due_ns = now_ns + FILES_EVERY;
		r = r < 0 ? r : written;
	}
	if (rssac->changed) {
		int state =
		    rssac002_write_state(&rssac->today, &rssac->key, rssac->dir, rssac->service);

		rssac->changed = state < 0;
		r = r < 0 ? r : state;
	}
	return r;
}
