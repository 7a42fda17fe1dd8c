/* SPDX-License-Identifier: BSD-2-Clause */
/* A day as the parts of this room share it: rssac002.c counts it, rssac002_file.c writes its files,
 * rssac002_state.c keeps it over a restart. */
#ifndef CROSSTAP_RSSAC002_RSSAC002_INTERNAL_H
#define CROSSTAP_RSSAC002_RSSAC002_INTERNAL_H

#include "base/distinct.h"
#include "privacy/source_key.h"
#include "rssac002/rssac002.h"

#include <stdbool.h>

enum rssac002_set { RSSAC002_IPV4, RSSAC002_IPV6, RSSAC002_AGGREGATE, RSSAC002_SETS };

struct rssac002_day {
	int64_t day; /* since 1970 */
	struct rssac002_counts counts;
	struct rssac002_custom custom;
	struct distinct *sources[RSSAC002_SETS];
};

struct rssac002_key {
	uint8_t bytes[SOURCE_KEY_BYTES];
	struct source_key hash;
	bool is_site; /* made here, and kept in the state; else rssac002.key_file's */
};

int rssac002_day_init(struct rssac002_day *day, int64_t number);
void rssac002_day_done(struct rssac002_day *day);

/* The four YAML files and the registers. */
int rssac002_write_files(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service, const char *prefix);
int rssac002_write_state(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service);
/*
 * A file's bytes, aligned as a uint64_t, into an empty *ret (nothing to free on failure). A site's
 * key becomes that of the state. Sources under another key are not taken over, and *ret_other_key
 * is true. -EBADMSG: no sound state of this version.
 */
int rssac002_restore_state(struct rssac002_day *ret, struct rssac002_key *key, const void *bytes,
    size_t size, bool *ret_other_key);
/* The same of the file. -ENOENT; what is -EBADMSG is set aside. */
int rssac002_read_state(struct rssac002_day *ret, struct rssac002_key *key, const char *dir,
    const char *service, bool *ret_other_key);

#endif
