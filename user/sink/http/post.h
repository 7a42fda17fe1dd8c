/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gzipped POST requests to one URL over one kept-alive connection, with libcurl. Redirects are not
 * followed and the environment's proxies not used: credentials go to the configured place only.
 */
#ifndef CROSSTAP_SINK_HTTP_POST_H
#define CROSSTAP_SINK_HTTP_POST_H

#include "sink/backend.h"

#include <curl/curl.h>

/* What the options of every sink over HTTP say. */
#define HTTP_POST_CA_HELP      "PEM file of the authorities to trust; empty: the system's."
#define HTTP_POST_TIMEOUT_HELP "How long one request may take."

/* NULL and empty mean "none"; all of it stays the caller's, and is copied. */
struct http_post_options {
	CURLU *url;
	const char *content_type;        /* a media type */
	const char *authorization;       /* the value of that header */
	const char *username, *password; /* for HTTP's basic authentication, instead */
	const char *secret;              /* beside passwords: hidden in errors */
	const char *accept;              /* media type of answers; NULL: JSON */
	const struct config_tag
	    *headers; /* more of them; values of 4 bytes and more are hidden in errors */
	size_t n_headers;
	const char *ca;
	uint64_t timeout_ns;
};

#define HTTP_POST_WORDS_SIZE 201
#define HTTP_POST_HEADERS    16
#define HTTP_POST_SECRETS    (HTTP_POST_HEADERS + 1)

struct http_post;

/* -EINVAL: no http or https URL, or credentials that cannot stand in a header. `control` outlives
 * it. */
int http_post_new(struct http_post **ret, const struct http_post_options *options,
    const struct sink_control *control);
void http_post_free(struct http_post *post);
/* One request, at most until the timeout or the deadline. Returns the status of the answer; 0:
 * none. */
long http_post_send(struct http_post *post, const char *text, size_t length);
/* For a request that could not be made: http_post_explain() says so, with status 0. */
void http_post_fail(struct http_post *post, const char *reason);
/* Whether the status is a judgement of what was sent: 400, 413 and 422. All others that are not
 * 2xx, and no answer, are an outage, be it of the server, of credentials or of a proxy: the points
 * wait until somebody has mended it. */
bool http_post_judges(long status);
/* After a status that is not 2xx: fills retry or rejected, and the error with the server's words.
 */
void http_post_explain(struct http_post *post, long status, size_t points, struct send_result *ret);
/* The same with the words of an answer whose body is no text. */
void http_post_explain_words(struct http_post *post, long status, const char *words, size_t length,
    size_t points, struct send_result *ret);
/* Somebody else's words as they may stand in an error: one printable line, cut, without secrets. */
void http_post_quote(
    const struct http_post *post, const char *text, char ret[HTTP_POST_WORDS_SIZE]);
/* Of the last answer, at most 64 KiB; valid until the next request. No NUL. */
const char *http_post_body(const struct http_post *post, size_t *ret_length);
/* Its media type, with parameters; NULL: it said none. Valid until the next request. */
const char *http_post_media(const struct http_post *post);
/* From another thread: look at the deadline again. */
void http_post_wake(struct http_post *post);

#endif
