/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OTLP/HTTP (opentelemetry.io/docs/specs/otlp): metrics as Protocol Buffers, or as JSON by the same
 * structs. Lines come from encode/running.h with their sums: whatever is sent again, later or in
 * another order says the same.
 */
#include "base/unused.h"
#include "config/option_row.h"
#include "config/parse/texts.h"
#include "sink/batch.h"
#include "sink/http/post.h"
#include "sink/http/probe.h"
#include "sink/http/url.h"
#include "sink/kinds.h"
#include "sink/otlp/answer.h"
#include "sink/otlp/proto_json.h"
#include "sink/otlp/request.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REQUEST_LINES 1000 /* some ten thousand data points */
#define REQUEST_BYTES (1 << 20)

enum encoding { ENCODING_PROTOBUF, ENCODING_JSON };
enum temporality { TEMPORALITY_CUMULATIVE, TEMPORALITY_DELTA };

struct settings {
	const char *url;
	enum encoding encoding;
	enum temporality temporality;
	const char *token;
	struct config_tag *headers;
	size_t n_headers;
	const char *ca; /* PEM file, empty: the system's */
	uint64_t timeout_ns;
};

#define P struct settings

static const struct config_option options[] = {
    {"url", OPTION_TEXT, .fallback = "http://127.0.0.1:4318/v1/metrics", RANGE(1, MAX_PATH),
	AT(P, url), .check = text_check_url, .is_url = true,
	.help = "The collector's OTLP/HTTP endpoint for metrics."},
    {"encoding", OPTION_WORD, .fallback = "protobuf", WORDS("protobuf", "json"), AT(P, encoding),
	.help = "How a request is written."},
    {"temporality", OPTION_WORD, .fallback = "cumulative", WORDS("cumulative", "delta"),
	AT(P, temporality),
	.help = "What counts are: sums since the agent's start, or of each window."},
    {"token", OPTION_TEXT, .environment = "OTLP_TOKEN", .example = "$OTLP_TOKEN",
	RANGE(0, MAX_SECRET), AT(P, token), .secret = true,
	.help = "Bearer token. Default: $OTLP_TOKEN where that is set."},
    {"headers", OPTION_TAGS, .example = "{X-Scope-OrgID: dns}", RANGE(0, HTTP_POST_HEADERS),
	ARRAY(P, headers, n_headers), .check = text_check_header, .secret = true,
	.help = "More headers of each request, as a tenant or a key. Values are never printed."},
    {"ca", OPTION_TEXT, .fallback = "\"\"", RANGE(0, MAX_PATH), AT(P, ca),
	.help = HTTP_POST_CA_HELP},
    {"timeout", OPTION_TIME, .fallback = "10s", RANGE(100 * MS, 600 * S), AT(P, timeout_ns),
	.help = HTTP_POST_TIMEOUT_HELP},
};

struct otlp {
	struct http_post *post;
	struct arena *arena;   /* of a request */
	struct buffer body;    /* in JSON */
	unsigned char *packed; /* in Protocol Buffers */
	size_t packed_size;
	enum encoding encoding;
	struct otlp_request_options request;
	char host[HOST_NAME_MAX + 1];
};

static enum points_format otlp_format(const void *settings)
{
	const struct settings *s = settings;

	return s->temporality == TEMPORALITY_DELTA ? POINTS_DELTA : POINTS_CUMULATIVE;
}

/* A header that is no key may name a tenant. */
static bool is_key(const char *header)
{
	return strcasestr(header, "auth") || strcasestr(header, "key") ||
	    strcasestr(header, "token") || strcasestr(header, "secret");
}

/* What else tells places apart: lines of one temporality are none of the other; a query; tenants.
 */
static char *realm(struct arena *arena, const struct settings *s)
{
	const char *query = http_url_query(arena, s->url);
	char *text = query
	    ? arena_printf(arena, "%s?%s",
		  s->temporality == TEMPORALITY_DELTA ? "delta" : "cumulative", query)
	    : NULL;

	for (size_t i = 0; i < s->n_headers && text; i++) {
		if (!is_key(s->headers[i].key))
			text = arena_printf(
			    arena, "%s\n%s: %s", text, s->headers[i].key, s->headers[i].value);
	}
	return text;
}

static int otlp_describe(struct arena *arena, const void *settings, struct sink_place *ret)
{
	const struct settings *s = settings;
	const char *url = http_url_public(arena, s->url);

	ret->name = url ? arena_printf(arena, "otlp %s", url) : NULL;
	ret->realm = realm(arena, s);
	return ret->name && ret->realm ? 0 : -ENOMEM;
}

/* OTLP answers POST alone; that it answers is all there is to see. */
static void otlp_probe(const void *settings, struct sink_finding *ret)
{
	const struct settings *s = settings;
	const struct http_probe probe = {.url = s->url,
	    .path = "",
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns,
	    .any_answer = true,
	    .advice = "see outputs.otlp.url"};

	http_probe_ask(&probe, ret);
}

static void otlp_close(void *backend)
{
	struct otlp *o = backend;

	if (!o)
		return;
	http_post_free(o->post);
	arena_free(o->arena);
	buffer_free(&o->body);
	free(o->packed);
	free(o);
}

static bool has_header(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n_headers; i++) {
		if (strcasecmp(s->headers[i].key, name) == 0)
			return true;
	}
	return false;
}

static const char *otlp_problem(const void *settings)
{
	const struct settings *s = settings;

	return s->token[0] && has_header(s, "Authorization")
	    ? "`token` is the header Authorization, which is in `headers` as well"
	    : http_url_problem(s->url);
}

static int make_post(
    struct otlp *o, CURLU *url, const struct settings *s, const struct sink_control *control)
{
	const char *media = s->encoding == ENCODING_JSON ? OTLP_JSON : OTLP_PROTOBUF;
	struct http_post_options post = {.url = url,
	    .content_type = media,
	    .accept = media,
	    .headers = s->headers,
	    .n_headers = s->n_headers,
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns};
	char *authorization = NULL;
	int r;

	if (s->token[0]) {
		if (has_header(s, "Authorization"))
			return -EINVAL;
		if (asprintf(&authorization, "Bearer %s", s->token) < 0)
			return -ENOMEM;
		post.authorization = authorization;
		post.secret = s->token;
	}
	r = http_post_new(&o->post, &post, control);
	if (authorization)
		explicit_bzero(authorization, strlen(authorization));
	free(authorization);
	return r;
}

static int fill(
    struct otlp *o, CURLU *url, const struct settings *s, const struct sink_control *control)
{
	int r = arena_new(&o->arena);

	if (r == 0 && curl_url_set(url, CURLUPART_URL, s->url, 0))
		r = -EINVAL;
	if (gethostname(o->host, sizeof(o->host)) < 0)
		o->host[0] = '\0';
	o->host[sizeof(o->host) - 1] = '\0';
	o->encoding = s->encoding;
	o->request = (struct otlp_request_options){.host = o->host,
	    .cumulative = s->temporality == TEMPORALITY_CUMULATIVE,
	    .lines = REQUEST_LINES,
	    .bytes = REQUEST_BYTES};
	return r < 0 ? r : make_post(o, url, s, control);
}

static int otlp_open(void **ret, const void *settings, const struct sink_control *control)
{
	struct otlp *o = calloc(1, sizeof(*o));
	CURLU *url = curl_url();
	int r = o && url ? fill(o, url, settings, control) : -ENOMEM;

	curl_url_cleanup(url);
	if (r < 0)
		otlp_close(o);
	else
		*ret = o;
	return r;
}

static int pack(struct otlp *o, const OtlpRequest *request, size_t *ret_length)
{
	const size_t length = protobuf_c_message_get_packed_size(&request->base);

	if (length > o->packed_size) {
		unsigned char *packed = realloc(o->packed, length);

		if (!packed)
			return -ENOMEM;
		o->packed = packed;
		o->packed_size = length;
	}
	*ret_length = protobuf_c_message_pack(&request->base, o->packed);
	return 0;
}

/* The request as it is sent; NULL: no memory. */
static const char *encode(struct otlp *o, const OtlpRequest *request, size_t *ret_length)
{
	if (o->encoding == ENCODING_PROTOBUF)
		return pack(o, request, ret_length) < 0 ? NULL : (const char *)o->packed;
	buffer_reset(&o->body);
	proto_json_write(&o->body, &request->base);
	*ret_length = o->body.length;
	return buffer_failed(&o->body) ? NULL : o->body.at;
}

/* A 200 may still say that some were refused; they are data points, of which a line has several. */
static size_t partially_rejected(
    const struct http_post *post, const struct otlp_piece *piece, struct send_result *ret)
{
	struct otlp_answer answer;
	char words[HTTP_POST_WORDS_SIZE] = "";
	size_t length;
	const char *body = http_post_body(post, &length);

	otlp_answer_read(&answer, http_post_media(post), body, length);
	if (*answer.words)
		http_post_quote(post, answer.words, words);
	if (answer.rejected)
		snprintf(ret->error, sizeof(ret->error), "data points refused: %llu%s%s",
		    answer.rejected, *words ? ": " : "", words);
	else if (*words)
		/* Without a number it is a warning. */
		snprintf(ret->error, sizeof(ret->error), "all taken, with a warning: %s", words);
	return answer.rejected < piece->lines ? (size_t)answer.rejected : piece->lines;
}

/* One request; its status, or 0 without memory. */
static long post_lines(
    struct otlp *o, const char *text, size_t length, size_t max_lines, struct otlp_piece *ret)
{
	const struct otlp_request_options request = {.host = o->request.host,
	    .cumulative = o->request.cumulative,
	    .bytes = o->request.bytes,
	    .lines = max_lines};
	OtlpRequest *message;
	const char *body = NULL;
	size_t body_length;
	long status = 0;

	if (otlp_request_make(o->arena, &request, text, length, ret, &message) == 0)
		body = encode(o, message, &body_length);
	if (!body)
		http_post_fail(o->post, "no memory for a request");
	else if (ret->points == 0)
		status = 200; /* unreadable lines alone: there is nothing to send */
	else
		status = http_post_send(o->post, body, body_length);
	arena_reset(o->arena);
	return status;
}

static void explain(
    struct otlp *o, long status, const struct otlp_piece *piece, struct send_result *ret)
{
	struct otlp_answer answer;
	size_t length;
	const char *body = http_post_body(o->post, &length);

	if (status && otlp_answer_status(&answer, http_post_media(o->post), body, length))
		http_post_explain_words(
		    o->post, status, answer.words, strlen(answer.words), piece->lines, ret);
	else
		http_post_explain(o->post, status, piece->lines, ret);
}

static void otlp_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct otlp *o = backend;
	struct otlp_piece piece = {0};
	long status = post_lines(o, text, length, REQUEST_LINES, &piece);

	while (status == 413 && piece.lines > 1)
		status = post_lines(o, text, length, piece.lines / 2, &piece);
	if (status < 200 || status >= 300)
		explain(o, status, &piece, ret);
	else if (piece.points)
		ret->rejected = partially_rejected(o->post, &piece, ret);
	if (ret->retry)
		return;
	if (piece.unreadable && ret->rejected < piece.unreadable) {
		ret->rejected = piece.unreadable;
		snprintf(ret->error, sizeof(ret->error), "unreadable lines of a spool: %zu",
		    piece.unreadable);
	}
	ret->taken = piece.bytes;
	ret->accepted = piece.lines - ret->rejected;
}

static void otlp_wake(void *backend)
{
	struct otlp *o = backend;

	http_post_wake(o->post);
}

const struct sink_ops sink_otlp_ops = {
    .kind = {.name = "otlp",
	.table = TABLE(options, "OpenTelemetry metrics over HTTP."),
	.size = sizeof(struct settings),
	.problem = otlp_problem},
    .thread_name = "sink-otlp",
    .remote = true,
    .content_type = OTLP_PROTOBUF,
    .format = otlp_format,
    .describe = otlp_describe,
    .probe = otlp_probe,
    .open = otlp_open,
    .send = otlp_send,
    .wake = otlp_wake,
    .close = otlp_close,
};
