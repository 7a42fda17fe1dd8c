/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * InfluxDB's HTTP write APIs: v1 (POST /write?db=) and v2 (POST /api/v2/write?org=&bucket=), which
 * VictoriaMetrics, Telegraf and others take as well. Requests hold whole lines.
 */
#include "sink/batch.h"
#include "sink/http/post.h"
#include "sink/http/probe.h"
#include "sink/http/url.h"
#include "sink/influx_remedy.h"
#include "sink/kinds.h"

#include "base/arena.h"
#include "base/unused.h"
#include "config/option_row.h"
#include "config/parse/texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_LINES 5000
#define REQUEST_BYTES (1 << 20)

struct settings {
	const char *url;
	unsigned version; /* 1 or 2 */
	const char *org, *bucket, *token;
	const char *database, *username, *password;
	const char *ca; /* PEM file, empty: the system's */
	uint64_t timeout_ns;
};

#define P  struct settings
#define V1 WHEN(P, version, 1, "with `version: 1`")
#define V2 WHEN(P, version, 2, "with `version: 2`")

static const struct config_option options[] = {
    {"url", OPTION_TEXT, .fallback = "http://127.0.0.1:8086", RANGE(1, MAX_PATH), AT(P, url),
	.check = text_check_url, .is_url = true, .help = "The server."},
    {"version", OPTION_UINT, .fallback = "2", RANGE(1, 2), AT(P, version),
	.help = "Which API to speak: 2, or 1 for InfluxDB 1.x."},
    {"org", OPTION_TEXT, .fallback = "dns", RANGE(0, MAX_TEXT), AT(P, org), V2,
	.help = "Organization."},
    {"bucket", OPTION_TEXT, .fallback = "dns", RANGE(1, MAX_TEXT), AT(P, bucket), V2,
	.help = "Bucket."},
    {"token", OPTION_TEXT, .environment = "INFLUX_TOKEN", .example = "$INFLUX_TOKEN",
	RANGE(0, MAX_SECRET), AT(P, token), V2, .secret = true,
	.help = "Token. Default: $INFLUX_TOKEN where that is set."},
    {"database", OPTION_TEXT, .fallback = "dns", RANGE(1, MAX_TEXT), AT(P, database), V1,
	.help = "Database."},
    {"username", OPTION_TEXT, .example = "crosstap", RANGE(0, MAX_TEXT), AT(P, username), V1,
	.help = "User."},
    {"password", OPTION_TEXT, .example = "$INFLUX_PASSWORD", RANGE(0, MAX_SECRET), AT(P, password),
	V1, .secret = true, .help = "Password."},
    {"ca", OPTION_TEXT, .fallback = "\"\"", RANGE(0, MAX_PATH), AT(P, ca),
	.help = HTTP_POST_CA_HELP},
    {"timeout", OPTION_TIME, .fallback = "10s", RANGE(100 * MS, 600 * S), AT(P, timeout_ns),
	.help = HTTP_POST_TIMEOUT_HELP},
};

struct influx {
	struct http_post *post;
	size_t max_bytes; /* of a request; less after a 413 */
	unsigned version;
	char *name, *org; /* database or bucket; organization */
};

static enum points_format influx_format(const void *settings UNUSED)
{
	return POINTS_LINE;
}

static int influx_describe(struct arena *arena, const void *settings, struct sink_place *ret)
{
	const struct settings *s = settings;
	const char *url = http_url_public(arena, s->url), *name = NULL, *query;

	if (url && s->version == 1)
		name = arena_printf(arena, "influxdb %s database=%s", url, s->database);
	else if (url)
		name = arena_printf(arena, "influxdb %s bucket=%s", url, s->bucket);
	ret->name = name;
	/* Two retention policies of one database are two places. */
	query = http_url_query(arena, s->url);
	if (query)
		ret->realm = arena_printf(
		    arena, "%s%s%s", s->version == 1 ? "" : s->org, *query ? "?" : "", query);
	else
		ret->realm = NULL;
	return ret->name && ret->realm ? 0 : -ENOMEM;
}

/* /ping answers 204 without credentials, in InfluxDB 1 and 2. */
static void influx_probe(const void *settings, struct sink_finding *ret)
{
	const struct settings *s = settings;
	const struct http_probe probe = {.url = s->url,
	    .path = "/ping",
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns,
	    .advice = "is it an InfluxDB? see outputs.influxdb.url"};

	http_probe_ask(&probe, ret);
}

static int set_query(CURLU *url, const struct settings *s)
{
	int r;

	if (s->version == 1) {
		r = http_url_add_query(url, "db", s->database);
	} else {
		r = http_url_add_query(url, "org", s->org);
		if (r == 0)
			r = http_url_add_query(url, "bucket", s->bucket);
	}
	return r < 0 ? r : http_url_add_query(url, "precision", "ns");
}

static const char *influx_problem(const void *settings)
{
	return http_url_problem(((const struct settings *)settings)->url);
}

static int make_url(CURLU *url, const struct settings *s)
{
	int r;

	if (curl_url_set(url, CURLUPART_URL, s->url, 0))
		return -EINVAL;
	r = http_url_append(url, s->version == 1 ? "/write" : "/api/v2/write");
	return r < 0 ? r : set_query(url, s);
}

static void influx_close(void *backend)
{
	struct influx *i = backend;

	if (!i)
		return;
	http_post_free(i->post);
	free(i->name);
	free(i->org);
	free(i);
}

/* The token, or user and password by HTTP's basic authentication. */
static int make_post(
    struct influx *i, CURLU *url, const struct settings *s, const struct sink_control *control)
{
	struct http_post_options post = {.url = url,
	    .content_type = sink_influxdb_ops.content_type,
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns};
	char *authorization = NULL;
	int r;

	if (s->version == 1) {
		post.username = s->username;
		post.password = s->password;
	} else if (s->token[0]) {
		if (asprintf(&authorization, "Token %s", s->token) < 0)
			return -ENOMEM;
		post.authorization = authorization;
		post.secret = s->token;
	}
	r = http_post_new(&i->post, &post, control);
	if (authorization)
		explicit_bzero(authorization, strlen(authorization));
	free(authorization);
	return r;
}

static int keep_names(struct influx *i, const struct settings *s)
{
	i->version = s->version;
	i->name = strdup(s->version == 1 ? s->database : s->bucket);
	i->org = strdup(s->version == 1 ? "" : s->org);
	return i->name && i->org ? 0 : -ENOMEM;
}

static int influx_open(void **ret, const void *settings, const struct sink_control *control)
{
	struct influx *i = calloc(1, sizeof(*i));
	CURLU *url = curl_url();
	int r = i && url ? 0 : -ENOMEM;

	if (r == 0)
		r = keep_names(i, settings);
	if (r == 0)
		r = make_url(url, settings);
	if (r == 0)
		r = make_post(i, url, settings, control);
	curl_url_cleanup(url);
	if (r < 0) {
		influx_close(i);
		return r;
	}
	i->max_bytes = REQUEST_BYTES;
	*ret = i;
	return 0;
}

/* Whole lines within both limits, at least one; *ret_lines how many. */
static size_t cut(
    const char *text, size_t length, size_t max_bytes, size_t max_lines, size_t *ret_lines)
{
	size_t used = 0, lines = 0;

	while (used < length && lines < max_lines) {
		const char *newline = memchr(text + used, '\n', length - used);
		size_t next = newline ? (size_t)(newline - text) + 1 : length;

		if (lines && next > max_bytes)
			break;
		used = next;
		lines++;
	}
	*ret_lines = lines;
	return used;
}

/* The server's words are part of the error, and end before what is written here. */
static void add_remedy(const struct influx *i, long status, struct send_result *ret)
{
	const struct influx_place place = {i->version, i->name, i->org};
	const size_t used = strlen(ret->error), left = sizeof(ret->error) - used;
	char *end = ret->error + used;

	if (left > 3 && influx_remedy(end + 2, left - 2, &place, status, ret->error)) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): the remedy follows */
		memcpy(end, ": ", 2);
	}
}

static void influx_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct influx *i = backend;
	size_t lines, bytes = cut(text, length, i->max_bytes, REQUEST_LINES, &lines);
	long status = http_post_send(i->post, text, bytes);

	while (status == 413 && lines > 1) {
		/* The next requests begin at the size that passed and grow again. */
		bytes = cut(text, bytes, bytes / 2, lines / 2, &lines);
		i->max_bytes = bytes;
		status = http_post_send(i->post, text, bytes);
	}
	if (status >= 200 && status < 300) {
		i->max_bytes += i->max_bytes / 8 + 1;
		if (i->max_bytes > REQUEST_BYTES)
			i->max_bytes = REQUEST_BYTES;
	} else {
		http_post_explain(i->post, status, lines, ret);
		add_remedy(i, status, ret);
	}
	if (ret->retry)
		return;
	ret->taken = bytes;
	ret->accepted = lines - ret->rejected;
}

static void influx_wake(void *backend)
{
	struct influx *i = backend;

	http_post_wake(i->post);
}

const struct sink_ops sink_influxdb_ops = {
    .kind = {.name = "influxdb",
	.table = TABLE(options, "InfluxDB, or what takes its line protocol over HTTP."),
	.size = sizeof(struct settings),
	.problem = influx_problem},
    .thread_name = "sink-influx",
    .remote = true,
    .any_order = true,
    .content_type = "text/plain; charset=utf-8",
    .format = influx_format,
    .describe = influx_describe,
    .probe = influx_probe,
    .open = influx_open,
    .send = influx_send,
    .wake = influx_wake,
    .close = influx_close,
};
