/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/influx_remedy.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* --- a text with names as a shell takes them --- */

struct text {
	char *at;
	size_t size, used;
	bool full;
};

static void put(struct text *text, const char *what)
{
	const size_t length = strlen(what);

	if (text->full || length >= text->size - text->used) {
		text->full = true;
		return;
	}
	memcpy(text->at + text->used, what, length + 1);
	text->used += length;
}

/* Within single quotes of a shell; in InfluxQL's double quotes, " and \ have a \ before them. */
static void put_name(struct text *text, const char *name, bool is_influxql)
{
	for (; *name; name++) {
		const char one[] = {*name, '\0'};

		if (is_influxql && strchr("\"\\", *name))
			put(text, "\\");
		put(text, *name == '\'' ? "'\\''" : one);
	}
}

static void put_option(struct text *text, const char *option, const char *name)
{
	if (!*name)
		return;
	put(text, option);
	put(text, " '");
	put_name(text, name, false);
	put(text, "'");
}

/* --- remedies --- */

static void say_create_database(struct text *text, const struct influx_place *place)
{
	put(text, "influx -execute 'CREATE DATABASE \"");
	put_name(text, place->name, true);
	put(text, "\"'");
}

static void say_create_bucket(struct text *text, const struct influx_place *place)
{
	put(text, "influx bucket create");
	put_option(text, " --name", place->name);
	put_option(text, " --org", place->org);
}

static void say_create_org(struct text *text, const struct influx_place *place)
{
	put(text, "influx org create");
	put_option(text, " --name", place->org);
}

static void say_create_token(struct text *text, const struct influx_place *place)
{
	put(text, "influx auth create --write-buckets");
	put_option(text, " --org", place->org);
}

static void say_version(struct text *text, const struct influx_place *place)
{
	put(text, place->version == 1 ? "version: 2?" : "version: 1?");
}

/* The first that holds. What only the other version says comes before what may be either's. */
static const struct {
	unsigned version; /* that we speak */
	long status;
	const char *words; /* in the answer, without case */
	void (*say)(struct text *text, const struct influx_place *place);
} remedies[] = {
    {1, 404, "database not found", say_create_database},
    {1, 404, "dbrp", say_version},               /* "unable to find DBRP" */
    {1, 401, "unauthorized", say_version},       /* 1.x: "authorization failed" */
    {2, 404, "database not found", say_version}, /* 1.8 and later take a bucket for one */
    {2, 404, "page not found", say_version},     /* before 1.8 */
    {2, 401, "unable to parse authentication", say_version},
    {2, 401, "authorization failed", say_version},
    {2, 404, "bucket ", say_create_bucket},    /* "bucket \"dns\" not found" */
    {2, 404, "organization ", say_create_org}, /* "organization name \"dns\" not found" */
    {2, 401, "unauthorized access", say_create_token},
};

size_t influx_remedy(
    char *ret, size_t size, const struct influx_place *place, long status, const char *words)
{
	struct text text = {.at = ret, .size = size};

	ret[0] = '\0';
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		if (remedies[i].version != place->version || remedies[i].status != status ||
		    !strcasestr(words, remedies[i].words))
			continue;
		remedies[i].say(&text, place);
		break;
	}
	if (text.full)
		ret[0] = '\0';
	return text.full ? 0 : text.used;
}
