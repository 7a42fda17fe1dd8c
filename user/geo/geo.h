/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Country and AS of resolvers, from two MMDB files that may be missing, late, damaged or replaced
 * at any time: this room uses what is there, and reports what is not with the reason. The report's
 * thread owns a struct geo and calls everything here, through enrich/enrich.c.
 *
 * The caller keeps an answer with the resolver: eight bytes, current as long as the databases are
 * the same.
 */
#ifndef CROSSTAP_GEO_GEO_H
#define CROSSTAP_GEO_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEO_ORG_SIZE 128 /* enough for a holder's name and a NUL; longer ones are cut */

enum geo_database { GEO_COUNTRY, GEO_ASN, GEO_DATABASES };

struct geo_answer {
	uint32_t asn;       /* 0: unknown */
	char country[3];    /* ISO 3166 alpha-2 and a NUL; "": unknown */
	uint8_t generation; /* of the databases; 0: never looked up */
};
_Static_assert(sizeof(struct geo_answer) == 8, "an answer is kept with each resolver");

struct geo_status {
	const char *path;    /* "": not configured */
	bool loaded;         /* answers come from a database, perhaps not from the newest file */
	char reason[256];    /* why the file on disk is not in use; "": it is */
	int64_t built_s;     /* build time of the loaded one, seconds since 1970 */
	uint64_t size_bytes; /* memory that it takes */
	char type[64];       /* its own name of itself, e.g. GeoLite2-ASN */
	uint64_t loads;      /* databases opened so far */
};

struct geo;

/* Opens what is there; "" or NULL: no such database. Only -ENOMEM is an error. */
int geo_new(struct geo **ret, const char *country_path, const char *asn_path);
void geo_free(struct geo *geo);

/*
 * Looks whether the files were replaced (device, inode, size, times) and loads those that were;
 * cheap if not, else about 1 ms a MB. The old database serves until the new one has been opened and
 * tried out, and goes on serving if that fails. Returns a bit 1 << enum geo_database for each that
 * changed.
 */
unsigned geo_refresh(struct geo *geo);

/* `family` is 4 (first four bytes) or 6. About 1 us. */
void geo_lookup(
    struct geo *geo, const uint8_t address[16], unsigned family, struct geo_answer *ret);
/* False: look it up (again). */
bool geo_is_current(const struct geo *geo, const struct geo_answer *answer);
/* Name of the holder of an AS that a current answer named; returns its length, 0 (and "") if
 * unknown. */
size_t geo_as_org(const struct geo *geo, uint32_t asn, char *text, size_t size);

/* Pointers in *ret stay valid as long as `geo`. */
void geo_get_status(const struct geo *geo, enum geo_database database, struct geo_status *ret);
/* Seconds since the older of the loaded databases was built; -1 if none is loaded. */
int64_t geo_age_s(const struct geo *geo, int64_t now_s);

#endif
