/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ClickHouse over its HTTP interface (clickhouse.com/docs/interfaces/http): one INSERT a
 * measurement, rows as JSONEachRow. A batch is settled as a whole: where one INSERT fails for now,
 * all of them are sent again, and the server drops the blocks that it has
 * (non_replicated_deduplication_window of the tables that `crosstap schema clickhouse` declares);
 * what slips through is one row after the next merge, since a table keeps one for a series and
 * time.
 */
#include "base/arena.h"
#include "base/unused.h"
#include "config/option_row.h"
#include "config/parse/texts.h"
#include "sink/batch.h"
#include "sink/clickhouse/inserts.h"
#include "sink/http/post.h"
#include "sink/http/probe.h"
#include "sink/http/url.h"
#include "sink/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (8 << 20) /* of lines, settled together */

struct settings {
	const char *url;
	const char *database, *username, *password;
	bool async_insert;
	const char *ca; /* PEM file, empty: the system's */
	uint64_t timeout_ns;
};

#define P struct settings

static const struct config_option options[] = {
    {"url", OPTION_TEXT, .fallback = "http://127.0.0.1:8123", RANGE(1, MAX_PATH), AT(P, url),
	.check = text_check_url, .is_url = true, .help = "The server's HTTP interface."},
    {"database", OPTION_TEXT, .fallback = "dns", RANGE(1, MAX_TEXT), AT(P, database),
	.help = "Database, with the tables of `crosstap schema clickhouse`."},
    {"username", OPTION_TEXT, .example = "crosstap", RANGE(0, MAX_TEXT), AT(P, username),
	.help = "User."},
    {"password", OPTION_TEXT, .example = "$CLICKHOUSE_PASSWORD", RANGE(0, MAX_SECRET),
	AT(P, password), .secret = true, .help = "Password."},
    {"async_insert", OPTION_BOOL, .fallback = "false", AT(P, async_insert),
	.help = "Let the server gather inserts of many agents (from 21.11 on)."},
    {"ca", OPTION_TEXT, .fallback = "\"\"", RANGE(0, MAX_PATH), AT(P, ca),
	.help = HTTP_POST_CA_HELP},
    {"timeout", OPTION_TIME, .fallback = "10s", RANGE(100 * MS, 600 * S), AT(P, timeout_ns),
	.help = HTTP_POST_TIMEOUT_HELP},
};

struct clickhouse {
	struct http_post *post;
	struct inserts inserts;
	struct buffer part; /* of an INSERT that is too large */
	char *database;
};

static enum points_format clickhouse_format(const void *settings UNUSED)
{
	return POINTS_JSON;
}

static int clickhouse_describe(struct arena *arena, const void *settings, struct sink_place *ret)
{
	const struct settings *s = settings;
	const char *url = http_url_public(arena, s->url), *query = http_url_query(arena, s->url);

	ret->name = url ? arena_printf(arena, "clickhouse %s database=%s", url, s->database) : NULL;
	ret->realm = query;
	return ret->name && ret->realm ? 0 : -ENOMEM;
}

/* /ping answers 200 without credentials. */
static void clickhouse_probe(const void *settings, struct sink_finding *ret)
{
	const struct settings *s = settings;
	const struct http_probe probe = {.url = s->url,
	    .path = "/ping",
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns,
	    .advice = "is it ClickHouse's HTTP interface (8123)? see outputs.clickhouse.url"};

	http_probe_ask(&probe, ret);
}

static const char *clickhouse_problem(const void *settings)
{
	return http_url_problem(((const struct settings *)settings)->url);
}

/* An agent that is newer than its tables still has its other columns stored. */
static int make_url(CURLU *url, const struct settings *s)
{
	int r;

	if (curl_url_set(url, CURLUPART_URL, s->url, 0))
		return -EINVAL;
	r = http_url_append(url, "/");
	if (r == 0)
		r = http_url_add_query(url, "database", s->database);
	if (r == 0)
		r = http_url_add_query(url, "input_format_skip_unknown_fields", "1");
	if (r == 0 && s->async_insert)
		r = http_url_add_query(url, "async_insert", "1");
	if (r == 0 && s->async_insert)
		r = http_url_add_query(url, "wait_for_async_insert", "1");
	return r;
}

static void clickhouse_close(void *backend)
{
	struct clickhouse *c = backend;

	if (!c)
		return;
	http_post_free(c->post);
	inserts_free(&c->inserts);
	buffer_free(&c->part);
	free(c->database);
	free(c);
}

static int fill(
    struct clickhouse *c, CURLU *url, const struct settings *s, const struct sink_control *control)
{
	const struct http_post_options post = {.url = url,
	    .content_type = sink_clickhouse_ops.content_type,
	    .username = s->username,
	    .password = s->password,
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns};
	int r = make_url(url, s);

	c->database = strdup(s->database);
	if (!c->database)
		return -ENOMEM;
	return r < 0 ? r : http_post_new(&c->post, &post, control);
}

static int clickhouse_open(void **ret, const void *settings, const struct sink_control *control)
{
	struct clickhouse *c = calloc(1, sizeof(*c));
	CURLU *url = curl_url();
	int r = c && url ? fill(c, url, settings, control) : -ENOMEM;

	curl_url_cleanup(url);
	if (r < 0)
		clickhouse_close(c);
	else
		*ret = c;
	return r;
}

/* The words of ClickHouse begin "Code: 60. DB::Exception: ..."; 60 and 81: no such table, no such
 * database. */
static void add_remedy(const struct clickhouse *c, struct send_result *ret)
{
	const size_t used = strlen(ret->error), left = sizeof(ret->error) - used;

	if (strstr(ret->error, "Code: 60.") || strstr(ret->error, "Code: 81."))
		snprintf(ret->error + used, left,
		    ": crosstap schema clickhouse | clickhouse-client --database %s --multiquery",
		    c->database);
}

static bool went_well(long status)
{
	return status >= 200 && status < 300;
}

/* The first half of the rows, and what is left; both have one row at least. */
static size_t middle(const char *rows, size_t length)
{
	const char *newline = memchr(rows + length / 2, '\n', length - length / 2);
	size_t first = (size_t)(newline - rows) + 1;

	if (first < length)
		return first;
	for (first = length / 2; first && rows[first - 1] != '\n'; first--)
		continue;
	return first;
}

/* One request with these rows; after a 413 in halves. False: all is to be sent again. */
static bool send_rows(struct clickhouse *c, const struct insert *insert, const char *rows,
    size_t length, struct send_result *ret)
{
	struct send_result said = {0};
	size_t n = 0, first;
	long status;

	buffer_reset(&c->part);
	buffer_put(&c->part, insert->body.at, insert->statement);
	buffer_put(&c->part, rows, length);
	if (buffer_failed(&c->part)) {
		http_post_fail(c->post, "no memory for a request");
		status = 0;
	} else {
		status = http_post_send(c->post, c->part.at, c->part.length);
	}
	for (size_t i = 0; i < length; i++)
		n += rows[i] == '\n';
	first = status == 413 && n > 1 ? middle(rows, length) : 0;
	if (first)
		return send_rows(c, insert, rows, first, ret) &&
		    send_rows(c, insert, rows + first, length - first, ret);
	if (!went_well(status)) {
		http_post_explain(c->post, status, n, &said);
		add_remedy(c, &said);
		memcpy(ret->error, said.error, sizeof(ret->error));
		ret->rejected += said.rejected;
		ret->retry = said.retry;
		ret->retry_after_ns = said.retry_after_ns;
	}
	ret->accepted += n - said.rejected;
	return !said.retry;
}

static void say_unreadable(size_t unreadable, struct send_result *ret)
{
	ret->rejected += unreadable;
	if (unreadable && !*ret->error)
		snprintf(
		    ret->error, sizeof(ret->error), "unreadable lines of a spool: %zu", unreadable);
}

static void clickhouse_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct clickhouse *c = backend;
	bool settled = inserts_make(&c->inserts, text, length, BATCH_BYTES) == 0;

	if (!settled) {
		http_post_fail(c->post, "no memory for a request");
		http_post_explain(c->post, 0, 0, ret);
	}
	for (size_t i = 0; i < MEASUREMENT_COUNT && settled; i++) {
		const struct insert *insert = &c->inserts.of[i];

		if (insert->rows)
			settled = send_rows(c, insert, insert->body.at + insert->statement,
			    insert->body.length - insert->statement, ret);
	}
	if (!settled) {
		ret->accepted = ret->rejected = 0;
		return;
	}
	say_unreadable(c->inserts.unreadable, ret);
	ret->taken = c->inserts.bytes;
}

static void clickhouse_wake(void *backend)
{
	struct clickhouse *c = backend;

	http_post_wake(c->post);
}

const struct sink_ops sink_clickhouse_ops = {
    .kind = {.name = "clickhouse",
	.table = TABLE(options, "ClickHouse over HTTP, a table for each measurement."),
	.size = sizeof(struct settings),
	.problem = clickhouse_problem},
    .thread_name = "sink-clickhouse",
    .remote = true,
    .any_order = true,
    .content_type = "text/plain; charset=utf-8",
    .format = clickhouse_format,
    .describe = clickhouse_describe,
    .probe = clickhouse_probe,
    .open = clickhouse_open,
    .send = clickhouse_send,
    .wake = clickhouse_wake,
    .close = clickhouse_close,
};
