/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request for a database over HTTPS. Certificates are always checked; redirects are followed to
 * https alone, and credentials go to the first host alone. No text names the URL, which may hold a
 * key.
 */
#ifndef CROSSTAP_DOWNLOAD_FETCH_H
#define CROSSTAP_DOWNLOAD_FETCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_DEFAULT_URL     "https://download.maxmind.com/geoip/databases"
#define FETCH_MAX_REDIRECTS   5
#define FETCH_CONNECT_TIMEOUT 30   /* seconds */
#define FETCH_TIMEOUT         900  /* seconds, for all of it */
#define FETCH_STALL_TIMEOUT   60   /* seconds with under FETCH_STALL_RATE */
#define FETCH_STALL_RATE      1000 /* bytes a second */

struct fetch_request {
	const char *url;             /* https://... */
	const char *user, *password; /* NULL: none */
	const char *ca;              /* PEM file instead of the system's; NULL: the system's */
	int64_t modified_since_s;    /* seconds since 1970; 0: unconditional */
	int fd;                      /* takes the database, unpacked */
	uint64_t max_bytes;          /* of the database */
	const atomic_bool *cancel;   /* looked at about once a second */
};

enum fetch_outcome {
	FETCH_NEW,     /* the database is in `fd`, whole as far as its wrapping tells */
	FETCH_FRESH,   /* there is none newer */
	FETCH_LIMIT,   /* the account's share of downloads is used up */
	FETCH_REFUSED, /* no such account, wrong key, no right to it */
	FETCH_SITE,    /* the site is down, out of order, or not who it should be */
	FETCH_CONTENT, /* no such edition, or what came is no database */
	FETCH_LOCAL,   /* no memory, no space, a file error here */
	FETCH_CANCELLED,
};

struct fetch_result {
	int64_t modified_s; /* what the site says of the file; 0: nothing */
	char text[256];     /* what happened, one line, for operators */
};

/*
 * `template` is a URL with {edition} in it, or one to which /EDITION/download?suffix=tar.gz is
 * added, as MaxMind has it. -EINVAL if the edition is not of letters, digits, - and _, or the URL
 * is not https; -ENAMETOOLONG.
 */
int fetch_build_url(const char *template, const char *edition, char *url, size_t size);
enum fetch_outcome fetch_database(const struct fetch_request *request, struct fetch_result *ret);

#endif
