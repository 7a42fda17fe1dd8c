/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * InfluxDB's HTTP write APIs: v1 (POST /write?db=) and v2 (POST /api/v2/write?org=&bucket=), which
 * VictoriaMetrics, Telegraf and others take as well. Requests hold whole lines.
 */
#include "sink/batch.h"
#include "sink/http_post.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_LINES 5000
#define REQUEST_BYTES (1 << 20)

struct influx {
	struct http_post *post;
	size_t max_bytes; /* of a request; less after a 413 */
};

static int append_query(CURLU *url, const char *key, const char *value)
{
	char *part;
	CURLUcode code;

	if (!value[0])
		return 0;
	if (asprintf(&part, "%s=%s", key, value) < 0)
		return -ENOMEM;
	code = curl_url_set(url, CURLUPART_QUERY, part, CURLU_APPENDQUERY | CURLU_URLENCODE);
	free(part);
	return code ? -ENOMEM : 0;
}

/* The API's path below the one that the URL has (a reverse proxy's prefix). */
static int append_path(CURLU *url, const char *path)
{
	char *prefix, *whole;
	size_t length;
	CURLUcode code;

	if (curl_url_get(url, CURLUPART_PATH, &prefix, 0))
		return -EINVAL;
	length = strlen(prefix);
	while (length && prefix[length - 1] == '/')
		length--;
	if (asprintf(&whole, "%.*s%s", (int)length, prefix, path) < 0)
		whole = NULL;
	curl_free(prefix);
	if (!whole)
		return -ENOMEM;
	code = curl_url_set(url, CURLUPART_PATH, whole, 0);
	free(whole);
	return code ? -ENOMEM : 0;
}

static int set_query(CURLU *url, const struct config_output *output)
{
	int r;

	if (output->version == 1) {
		r = append_query(url, "db", output->database);
	} else {
		r = append_query(url, "org", output->org);
		if (r == 0)
			r = append_query(url, "bucket", output->bucket);
	}
	return r < 0 ? r : append_query(url, "precision", "ns");
}

static int make_url(CURLU *url, const struct config_output *output)
{
	int r;

	if (curl_url_set(url, CURLUPART_URL, output->url, 0))
		return -EINVAL;
	r = append_path(url, output->version == 1 ? "/write" : "/api/v2/write");
	return r < 0 ? r : set_query(url, output);
}

static void influx_close(void *backend)
{
	struct influx *i = backend;

	if (!i)
		return;
	http_post_free(i->post);
	free(i);
}

static int influx_open(
    void **ret, const struct config_output *output, const struct sink_control *control)
{
	struct influx *i = calloc(1, sizeof(*i));
	CURLU *url = curl_url();
	int r = i && url ? 0 : -ENOMEM;

	if (r == 0)
		r = make_url(url, output);
	if (r == 0)
		r = http_post_new(
		    &i->post, url, "Content-Type: text/plain; charset=utf-8", output, control);
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

const struct sink_ops sink_influx_ops = {
    .thread_name = "sink-influx",
    .remote = true,
    .open = influx_open,
    .send = influx_send,
    .wake = influx_wake,
    .close = influx_close,
};
