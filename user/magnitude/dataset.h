/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A day of DNS Magnitude: a sketch of clients for all of it and for each domain, and the counts of
 * queries. As a file it is the CBOR of ICANN's toolkit (dns-magnitude-hll, schema/dataset.cddl);
 * with all domains that are known it also is the state that outlives a restart.
 *
 * Of the domains that clients think of DATASET_ROOM times as many as are wanted are kept in mind;
 * when there are more, or when they take over DATASET_MEMORY, those with the most clients stay.
 */
#ifndef CROSSTAP_MAGNITUDE_DATASET_H
#define CROSSTAP_MAGNITUDE_DATASET_H

#include "magnitude/public_sketch.h"
#include "magnitude/tally.h"
#include "text/buffer.h"

#include <jansson.h>

#define DATASET_ROOM       4
#define DATASET_MEMORY     (64u << 20)
#define DATASET_FILE_BYTES (256u << 20) /* the longest that is read */
#define DATASET_MOST       (1u << 20)   /* domains that are read */

struct dataset_domain {
	char *name;
	struct public_sketch clients;
	uint64_t queries;
};

struct magnitude_day {
	int64_t day; /* since 1970, UTC */
	struct public_sketch clients;
	uint64_t queries;
	struct dataset_domain *domains; /* in no order */
	size_t n, room;
	uint32_t *index; /* number + 1; 0: free */
	uint32_t mask;
	size_t wanted; /* domains in the file */
	uint64_t seed; /* of the index: clients choose names */
};

int dataset_init(struct magnitude_day *ret, int64_t day, size_t wanted);
void dataset_done(struct magnitude_day *dataset);
/* A window's. -ENOMEM: a part of it is missing. */
int dataset_add(struct magnitude_day *dataset, const struct tally *tally);

/* The date as text, YYYY-MM-DD. */
#define DATASET_DATE_BYTES 24
void dataset_date(const struct magnitude_day *dataset, char ret[DATASET_DATE_BYTES]);
/* CBOR; `all`: with every domain that is known, else the wanted ones. buffer_failed(): no memory.
 */
void dataset_write(struct magnitude_day *dataset, bool all, struct buffer *buffer);
/* Into an empty *ret. -EBADMSG: it is none; -ENOMEM. */
int dataset_read(struct magnitude_day *ret, size_t wanted, const uint8_t *data, size_t length);
/* The report of the toolkit's schema/report-schema.yaml, the least magnitude first; NULL: no
 * memory. magnitude = 10 ln(clients of the domain) / ln(all clients). */
json_t *dataset_report(struct magnitude_day *dataset, const char *source);

#endif
