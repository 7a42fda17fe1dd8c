/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/geo.h"

#include "geo/as_table.h"
#include "geo/mmdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What tells one file at a path from the next. ctime too: a copy can keep size and mtime. */
struct identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct database {
	char *path;
	enum mmdb_kind kind;
	struct mmdb *mmdb;
	struct identity tried; /* the file last opened, with or without success */
	bool has_tried;
	char reason[256];
	uint64_t loads;
};

struct geo {
	struct database databases[GEO_DATABASES];
	struct as_table *orgs; /* of the loaded AS database */
	uint8_t generation;    /* 1 to 255 */
};

static struct identity identity_of(const struct stat *st)
{
	return (struct identity){
	    .device = st->st_dev,
	    .inode = st->st_ino,
	    .size = st->st_size,
	    .modified = st->st_mtim,
	    .changed = st->st_ctim,
	};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	    same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static int database_init(struct database *database, enum mmdb_kind kind, const char *path)
{
	database->kind = kind;
	database->path = strdup(path ? path : "");
	return database->path ? 0 : -ENOMEM;
}

/* True if another database is in use now. */
static bool database_refresh(struct database *database)
{
	struct mmdb *mmdb = NULL;
	struct identity identity;
	struct stat st;
	int r;

	if (!*database->path)
		return false;
	if (stat(database->path, &st) < 0) {
		database->has_tried = false;
		snprintf(database->reason, sizeof(database->reason), "%s: %s", database->path,
		    strerrordesc_np(errno));
		return false;
	}
	identity = identity_of(&st);
	if (database->has_tried && same_file(&identity, &database->tried))
		return false;
	r = mmdb_new(
	    &mmdb, database->path, database->kind, &st, database->reason, sizeof(database->reason));
	/* These may pass although the file stays the same. */
	database->has_tried = r != -EAGAIN && r != -ENOMEM && r != -EMFILE && r != -ENFILE;
	/* Of the file that was read: another may have taken its place since stat(). */
	database->tried = identity_of(&st);
	if (r < 0)
		return false;
	mmdb_free(database->mmdb);
	database->mmdb = mmdb;
	database->reason[0] = '\0';
	database->loads++;
	return true;
}

int geo_new(struct geo **ret, const char *country_path, const char *asn_path)
{
	struct geo *geo = calloc(1, sizeof(*geo));
	int r;

	if (!geo)
		return -ENOMEM;
	r = database_init(&geo->databases[GEO_COUNTRY], MMDB_COUNTRY, country_path);
	if (r == 0)
		r = database_init(&geo->databases[GEO_ASN], MMDB_ASN, asn_path);
	if (r == 0)
		r = as_table_new(&geo->orgs);
	if (r < 0) {
		geo_free(geo);
		return r;
	}
	geo->generation = 1;
	geo_refresh(geo);
	*ret = geo;
	return 0;
}

void geo_free(struct geo *geo)
{
	if (!geo)
		return;
	for (int i = 0; i < GEO_DATABASES; i++) {
		mmdb_free(geo->databases[i].mmdb);
		free(geo->databases[i].path);
	}
	as_table_free(geo->orgs);
	free(geo);
}

unsigned geo_refresh(struct geo *geo)
{
	unsigned changed = 0;

	for (int i = 0; i < GEO_DATABASES; i++)
		if (database_refresh(&geo->databases[i]))
			changed |= 1u << i;
	if (!changed)
		return 0;
	if (changed & 1u << GEO_ASN)
		as_table_reset(geo->orgs);
	/* An answer that was kept over exactly 255 changes passes for a new one: no harm. */
	geo->generation = geo->generation == UINT8_MAX ? 1 : (uint8_t)(geo->generation + 1);
	return changed;
}

void geo_lookup(struct geo *geo, const uint8_t address[16], unsigned family, struct geo_answer *ret)
{
	const struct mmdb *countries = geo->databases[GEO_COUNTRY].mmdb;
	const struct mmdb *systems = geo->databases[GEO_ASN].mmdb;
	uint32_t record = 0;

	*ret = (struct geo_answer){.generation = geo->generation};
	if (countries)
		mmdb_country(countries, address, family, ret->country);
	if (systems)
		ret->asn = mmdb_asn(systems, address, family, &record);
	/* A full table costs the names of further ASes, nothing else. */
	if (ret->asn)
		(void)as_table_add(geo->orgs, ret->asn, record);
}

bool geo_is_current(const struct geo *geo, const struct geo_answer *answer)
{
	return answer->generation == geo->generation;
}

size_t geo_as_org(const struct geo *geo, uint32_t asn, char *text, size_t size)
{
	uint32_t record;

	if (size > 0)
		text[0] = '\0';
	if (!geo->databases[GEO_ASN].mmdb || !as_table_find(geo->orgs, asn, &record))
		return 0;
	return mmdb_as_org(geo->databases[GEO_ASN].mmdb, record, text, size);
}

void geo_get_status(const struct geo *geo, enum geo_database which, struct geo_status *ret)
{
	const struct database *database = &geo->databases[which];

	*ret = (struct geo_status){.path = database->path, .loads = database->loads};
	snprintf(ret->reason, sizeof(ret->reason), "%s", database->reason);
	if (!database->mmdb)
		return;
	ret->loaded = true;
	ret->built_s = mmdb_built_s(database->mmdb);
	ret->size_bytes = mmdb_size_bytes(database->mmdb);
	snprintf(ret->type, sizeof(ret->type), "%s", mmdb_type(database->mmdb));
}

int64_t geo_age_s(const struct geo *geo, int64_t now_s)
{
	int64_t age_s = -1;

	for (int i = 0; i < GEO_DATABASES; i++) {
		int64_t built_s;

		if (!geo->databases[i].mmdb)
			continue;
		/* Strangers' metadata: a time before 1970 or in the future has no age. */
		built_s = mmdb_built_s(geo->databases[i].mmdb);
		if (now_s - built_s > age_s)
			age_s = now_s - built_s;
		else if (age_s < 0)
			age_s = 0;
	}
	return age_s;
}
