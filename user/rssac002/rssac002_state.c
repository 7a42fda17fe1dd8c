/* SPDX-License-Identifier: BSD-2-Clause */
#include "rssac002/rssac002_internal.h"

#include "base/io.h"
#include "base/replace.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define MAGIC   0x32763230306373ull /* "sc002v2"; another byte order does not read it */
#define LARGEST 8640000             /* days: year 25625, and as much before 1970 */

struct stored_set {
	uint32_t exact, n; /* exact: n hashes; else the registers */
	union {
		uint64_t hashes[DISTINCT_EXACT];
		uint8_t registers[DISTINCT_REGISTERS];
	};
};

/* Behind the state since there are custom metrics; one without it is read, too. */
struct stored_more {
	struct rssac002_custom custom;
	uint64_t hash; /* XXH3 of all before it, the state included */
};

/* Of one size, whatever is in it: 140 KB. */
struct stored {
	uint64_t magic, bytes;
	int64_t day;
	uint64_t is_site; /* 1: `key` is the site's; 0: there is none here */
	uint8_t key[SOURCE_KEY_BYTES], key_id[SOURCE_KEY_ID_BYTES];
	struct rssac002_counts counts;
	struct stored_set sets[RSSAC002_SETS];
	uint64_t hash; /* XXH3 of all before it */
};

struct file {
	struct stored stored;
	struct stored_more more;
};

/* It holds a key. */
static void forget(struct file *file)
{
	if (file)
		explicit_bzero(file->stored.key, sizeof(file->stored.key));
	free(file);
}

static int make_path(char path[PATH_MAX], const char *dir, const char *service)
{
	int n = snprintf(path, PATH_MAX, "%s/%s.state", dir, service);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static uint64_t hash_of(const struct stored *stored)
{
	return XXH3_64bits(stored, offsetof(struct stored, hash));
}

static uint64_t hash_of_all(const struct file *file)
{
	return XXH3_64bits(file, offsetof(struct file, more) + offsetof(struct stored_more, hash));
}

static void store(
    struct stored *stored, const struct rssac002_day *day, const struct rssac002_key *key)
{
	stored->magic = MAGIC;
	stored->bytes = sizeof(*stored);
	stored->day = day->day;
	stored->is_site = key->is_site;
	if (key->is_site)
		memcpy(stored->key, key->bytes, sizeof(stored->key));
	memcpy(stored->key_id, key->hash.id, sizeof(stored->key_id));
	stored->counts = day->counts;
	for (int set = 0; set < RSSAC002_SETS; set++) {
		struct stored_set *to = &stored->sets[set];

		to->exact = distinct_get_hashes(day->sources[set], to->hashes, &to->n);
		if (!to->exact)
			distinct_get_registers(day->sources[set], to->registers);
	}
	stored->hash = hash_of(stored);
}

int rssac002_write_state(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service)
{
	struct file *file = calloc(1, sizeof(*file));
	char path[PATH_MAX];
	int r = file ? make_path(path, dir, service) : -ENOMEM;

	if (r == 0) {
		store(&file->stored, day, key);
		file->more.custom = day->custom;
		file->more.hash = hash_of_all(file);
		/* Windows wait for this thread, and a torn file is found by its hash. */
		r = replace_file(path, file, sizeof(*file), 0600, REPLACE_FAST);
	}
	forget(file);
	return r;
}

static int read_file(const char *path, struct file *ret, size_t *ret_size)
{
	size_t size = 0;
	const int fd = io_open_regular(path, &size);
	int r = 0;

	if (fd < 0)
		return fd;
	if (size != sizeof(*ret) && size != sizeof(ret->stored)) {
		r = -EBADMSG;
	} else {
		const ssize_t n = io_read(fd, ret, size);

		*ret_size = size;
		if (n != (ssize_t)size)
			r = n < 0 ? (int)n : -EBADMSG;
	}
	close(fd);
	return r;
}

static int restore_set(struct distinct *set, const struct stored_set *from)
{
	int r = 0;

	if (!from->exact) {
		r = distinct_add_registers(set, from->registers);
		return r == -EINVAL ? -EBADMSG : r;
	}
	if (from->n > DISTINCT_EXACT)
		return -EBADMSG;
	for (uint32_t i = 0; i < from->n && r == 0; i++)
		r = distinct_add(set, from->hashes[i]);
	return r;
}

/* The site's key of the state, if a site's is wanted. True if the state's sources are under the
 * key. */
static bool take_key(struct rssac002_key *key, const struct stored *stored)
{
	if (key->is_site && stored->is_site) {
		memcpy(key->bytes, stored->key, sizeof(key->bytes));
		source_key_init(&key->hash, key->bytes);
	}
	return memcmp(key->hash.id, stored->key_id, sizeof(stored->key_id)) == 0;
}

static int restore(struct rssac002_day *ret, struct rssac002_key *key, const struct stored *stored,
    bool *ret_other_key)
{
	struct rssac002_day day;
	bool same_key;
	int r;

	if (stored->magic != MAGIC || stored->bytes != sizeof(*stored) ||
	    stored->hash != hash_of(stored) || stored->day < -LARGEST || stored->day > LARGEST)
		return -EBADMSG;
	r = rssac002_day_init(&day, stored->day);
	if (r < 0)
		return r;
	day.counts = stored->counts;
	same_key = take_key(key, stored);
	for (int set = 0; set < RSSAC002_SETS && r == 0 && same_key; set++)
		r = restore_set(day.sources[set], &stored->sets[set]);
	if (r < 0) {
		rssac002_day_done(&day);
		return r;
	}
	*ret = day;
	*ret_other_key = !same_key;
	return 0;
}

int rssac002_restore_state(struct rssac002_day *ret, struct rssac002_key *key, const void *bytes,
    size_t size, bool *ret_other_key)
{
	const struct file *file = bytes;
	const bool whole = size == sizeof(*file);
	int r;

	if (!whole && size != sizeof(file->stored))
		return -EBADMSG;
	if (whole && file->more.hash != hash_of_all(file))
		return -EBADMSG;
	r = restore(ret, key, &file->stored, ret_other_key);
	if (r == 0 && whole)
		ret->custom = file->more.custom;
	return r;
}

int rssac002_read_state(struct rssac002_day *ret, struct rssac002_key *key, const char *dir,
    const char *service, bool *ret_other_key)
{
	struct file *file = calloc(1, sizeof(*file));
	size_t bytes = 0;
	char path[PATH_MAX];
	int r = file ? make_path(path, dir, service) : -ENOMEM;

	if (r == 0)
		r = read_file(path, file, &bytes);
	if (r == 0)
		r = rssac002_restore_state(ret, key, file, bytes, ret_other_key);
	if (r == -EBADMSG) {
		const int aside = replace_set_aside(path);

		r = aside < 0 ? aside : r;
	}
	forget(file);
	return r;
}
