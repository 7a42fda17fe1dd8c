/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room keeps MaxMind's databases up to date at geo.country and geo.asn, in a thread of its own
 * (`maxmind`), which enrich/live.c starts and stops in the main thread. MaxMind allows an account
 * 30 downloads a day, so the thread asks a site rarely and politely:
 *
 * - not before the file on disk, or the site's last word that it is the newest, is `every` old;
 * - then up to a quarter of `every` later, a delay that each server name fixes, so nodes spread
 * out;
 * - with If-Modified-Since, unless the file is missing, damaged or of another edition;
 * - one hour after an error at the earliest, a day after the answer that the limit is reached.
 *   An answer about the account or the site holds for all editions.
 *
 * A restart finds all of this in the file's own time and in PATH.download beside it. A new database
 * is unpacked into PATH.part, opened, tried out and moved into place; the old one is used until
 * then.
 *
 * $MAXMIND_ACCOUNT_ID and $MAXMIND_LICENSE_KEY go to the host of geo.maxmind.url by HTTP basic
 * authentication; a mirror of one's own works without them. They are never logged.
 */
#ifndef CROSSTAP_DOWNLOAD_MAXMIND_H
#define CROSSTAP_DOWNLOAD_MAXMIND_H

#include "base/clock.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAXMIND_AFTER_ERROR_S 3600
#define MAXMIND_AFTER_LIMIT_S 86400

struct maxmind;

struct maxmind_options {
	const struct clock *clock; /* NULL: the system's */
	const char *ca; /* PEM file to trust instead of the system's; NULL: the system's */
};

struct maxmind_status {
	const char *edition, *path;
	uint64_t requests, downloads;
	int64_t checked_s; /* seconds since 1970 of the last good answer; 0: none known */
	int64_t next_s;    /* when the next request is due */
	bool failed;       /* the last request did, or none is possible */
	char text[320];    /* what came of it, one line; "" before the first */
};

/*
 * Holds a reference to `config`; `options` may be NULL. Reads the environment. To be called
 * before other threads start (it sets up libcurl). -ENOMEM is the only error: whatever else is
 * wrong is told by maxmind_get_status().
 */
int maxmind_new(
    struct maxmind **ret, const struct config *config, const struct maxmind_options *options);
/* Stops the thread first. */
void maxmind_free(struct maxmind *maxmind);

/* A thread that does what is due and logs it. Nothing is started without editions. 0 or -errno. */
int maxmind_start(struct maxmind *maxmind);
/* Ends the thread, within about a second also out of a download. */
void maxmind_stop(struct maxmind *maxmind);

/* Does what is due now, in the calling thread (instead of maxmind_start). Returns seconds until the
 * next request is due, at most a day. */
int64_t maxmind_run_once(struct maxmind *maxmind);

/* Editions of the configuration. */
size_t maxmind_count(const struct maxmind *maxmind);
/* From any thread; `i` is below maxmind_count(). */
void maxmind_get_status(struct maxmind *maxmind, size_t i, struct maxmind_status *ret);

#endif
