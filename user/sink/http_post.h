/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gzipped POST requests to one URL over one kept-alive connection, with libcurl. Redirects are not
 * followed and the environment's proxies not used: credentials go to the configured place only.
 */
#ifndef CROSSTAP_SINK_HTTP_POST_H
#define CROSSTAP_SINK_HTTP_POST_H

#include "sink/backend.h"

#include <curl/curl.h>

struct http_post;

/* `url` stays the caller's; `content_type` is a whole header. Credentials, CA and timeout come from
 * `output`. -EINVAL: no http or https URL, or credentials that cannot stand in a header. */
int http_post_new(struct http_post **ret, CURLU *url, const char *content_type,
    const struct config_output *output, const struct sink_control *control);
void http_post_free(struct http_post *post);
/* One request, at most until the timeout or the deadline. Returns the status of the answer; 0:
 * none. */
long http_post_send(struct http_post *post, const char *text, size_t length);
/* No answer, 408, 429 and 5xx may pass. */
bool http_post_may_pass(long status);
/* After a status that is not 2xx: fills retry or rejected, and the error with the server's words.
 */
void http_post_explain(struct http_post *post, long status, size_t points, struct send_result *ret);
/* Of the last answer, at most 64 KiB; valid until the next request. No NUL. */
const char *http_post_body(const struct http_post *post, size_t *ret_length);
/* From another thread: look at the deadline again. */
void http_post_wake(struct http_post *post);

#endif
