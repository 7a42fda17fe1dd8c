/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs of sinks over HTTP. */
#ifndef CROSSTAP_SINK_HTTP_URL_H
#define CROSSTAP_SINK_HTTP_URL_H

#include <curl/curl.h>

struct arena;

/* Why no request can be sent to `url`; NULL: one can. */
const char *http_url_problem(const char *text);
/* Without user, password, query, fragment and slashes at its end; "?" if it is no URL. NULL: no
 * memory. */
char *http_url_public(struct arena *arena, const char *text);
/* The query, without what is a password or a token by its name; empty: there is none. NULL: no
 * memory. */
char *http_url_query(struct arena *arena, const char *text);
/* Scheme, host and port, for messages about a connection; "an output" if it is no URL. */
void http_url_origin(const char *text, char *ret, size_t size);
/* A path below the one that the URL has (a reverse proxy's prefix). -EINVAL, -ENOMEM. */
int http_url_append(CURLU *url, const char *path);
/* One more parameter, written as a URL wants it; none where the value is empty. -ENOMEM. */
int http_url_add_query(CURLU *url, const char *key, const char *value);

#endif
