/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/http/post.h"

#include "base/clock.h"
#include "config/parse/texts.h"
#include "network/http_client.h"
#include "sink/influx_reply.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define RESPONSE_BYTES    (64 << 10)
#define CONNECT_MS        5000L
#define WAITING_MS        500 /* between two calls of the control's waiting() */
#define RETRY_AFTER_MAX_S 900 /* a server must not silence us for a day */
#define GZIP_LEVEL        3   /* a third of the default's CPU for a tenth more bytes */

struct http_post {
	CURL *easy;
	CURLM *multi; /* perform with a way to be woken */
	struct curl_slist *headers;
	z_stream gzip;
	bool gzip_ready;
	unsigned char *packed;
	size_t packed_size;
	const struct sink_control *control;
	char *secrets[HTTP_POST_SECRETS + 1]; /* ended by NULL */
	size_t n_secrets;
	char *body;
	size_t body_length;
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Keeps the beginning; a body that never ends is cut off. */
static size_t take_body(char *bytes, size_t size, size_t n, void *context)
{
	struct http_post *p = context;
	size_t length = size * n;

	if (length > RESPONSE_BYTES - p->body_length)
		return 0;
	memcpy(p->body + p->body_length, bytes, length);
	p->body_length += length;
	return length;
}

static int add_header(struct http_post *p, const char *header)
{
	struct curl_slist *headers = curl_slist_append(p->headers, header);

	if (!headers)
		return -ENOMEM;
	p->headers = headers;
	return 0;
}

/* A header value, not a place to smuggle headers in. */
static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* The value may be a secret: no copy of it stays but libcurl's. */
static int add_named_header(struct http_post *p, const char *name, const char *value)
{
	char *header;
	int r;

	if (has_control(value))
		return -EINVAL;
	if (asprintf(&header, "%s: %s", name, value) < 0)
		return -ENOMEM;
	r = add_header(p, header);
	explicit_bzero(header, strlen(header));
	free(header);
	return r;
}

static int hide_in_errors(struct http_post *p, const char *secret)
{
	if (!*secret)
		return 0;
	if (p->n_secrets == HTTP_POST_SECRETS)
		return -EINVAL;
	p->secrets[p->n_secrets] = strdup(secret);
	return p->secrets[p->n_secrets++] ? 0 : -ENOMEM;
}

/* libcurl sends a user and password of the URL by itself; a server could say them again. */
static int hide_password_of(struct http_post *p, CURLU *url)
{
	char *password = NULL;
	int r = 0;

	if (curl_url_get(url, CURLUPART_PASSWORD, &password, CURLU_URLDECODE) == CURLUE_OK)
		r = hide_in_errors(p, password);
	curl_free(password);
	return r;
}

static int set_credentials(struct http_post *p, const struct http_post_options *options)
{
	const char *username = or_empty(options->username), *password = or_empty(options->password);

	if (has_control(username) || has_control(password))
		return -EINVAL;
	if (*or_empty(options->authorization)) {
		int r = add_named_header(p, "Authorization", options->authorization);

		return r < 0 ? r : hide_in_errors(p, or_empty(options->secret));
	}
	if (!*username)
		return hide_password_of(p, options->url);
	if (curl_easy_setopt(p->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) ||
	    curl_easy_setopt(p->easy, CURLOPT_USERNAME, username) ||
	    curl_easy_setopt(p->easy, CURLOPT_PASSWORD, password))
		return -ENOMEM;
	return hide_in_errors(p, password);
}

static int set_url(struct http_post *p, CURLU *url)
{
	char *text;
	int r = 0;

	if (curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) ||
	    curl_url_get(url, CURLUPART_URL, &text, 0))
		return -ENOMEM;
	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		r = -EINVAL;
	else if (curl_easy_setopt(p->easy, CURLOPT_URL, text))
		r = -ENOMEM;
	curl_free(text);
	return r;
}

/* Those of the configuration: what they say may be a key. */
static int set_extra(struct http_post *p, const struct http_post_options *options)
{
	int r = 0;

	for (size_t i = 0; i < options->n_headers && r == 0; i++) {
		r = add_named_header(p, options->headers[i].key, options->headers[i].value);
		if (r == 0 && strlen(options->headers[i].value) >= SECRET_LEAST_BYTES)
			r = hide_in_errors(p, options->headers[i].value);
	}
	return r;
}

static int set_headers(struct http_post *p, const struct http_post_options *options)
{
	static const char *const headers[] = {
	    "Content-Encoding: gzip", "Expect:", /* no round trip before the body */
	};
	int r = add_named_header(p, "Content-Type", options->content_type);

	if (r == 0)
		r = add_named_header(
		    p, "Accept", options->accept ? options->accept : "application/json");
	if (r == 0)
		r = set_extra(p, options);
	for (size_t k = 0; k < sizeof(headers) / sizeof(headers[0]) && r == 0; k++)
		r = add_header(p, headers[k]);
	if (r == 0 && curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers))
		r = -ENOMEM;
	return r;
}

static int set_options(struct http_post *p, const struct http_post_options *options)
{
	uint64_t limit_ms = options->timeout_ns / NS_PER_MS;
	long timeout_ms = limit_ms == 0 ? 10000L : limit_ms > 3600000 ? 3600000L : (long)limit_ms;
	CURLcode code = http_client_init(p->easy, options->ca, p->error);

#define SET(option, value) (code = code ? code : curl_easy_setopt(p->easy, option, value))
	code = code ? code : http_client_direct(p->easy);
	SET(CURLOPT_TIMEOUT_MS, timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, p);
	SET(CURLOPT_POST, 1L);
#undef SET
	return code ? -ENOMEM : 0;
}

void http_post_free(struct http_post *p)
{
	if (!p)
		return;
	if (p->easy)
		curl_easy_cleanup(p->easy);
	if (p->multi)
		curl_multi_cleanup(p->multi);
	curl_slist_free_all(p->headers);
	if (p->gzip_ready)
		deflateEnd(&p->gzip);
	for (size_t i = 0; i < p->n_secrets; i++) {
		if (p->secrets[i])
			explicit_bzero(p->secrets[i], strlen(p->secrets[i]));
		free(p->secrets[i]);
	}
	free(p->packed);
	free(p->body);
	free(p);
}

int http_post_new(struct http_post **ret, const struct http_post_options *options,
    const struct sink_control *control)
{
	struct http_post *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (!p)
		return -ENOMEM;
	pthread_once(&curl_once, curl_start);
	p->control = control;
	p->easy = curl_easy_init();
	p->multi = curl_multi_init();
	p->body = malloc(RESPONSE_BYTES);
	if (!p->easy || !p->multi || !p->body)
		goto out;
	/* 15 bits of window, and 16 for a gzip header. */
	if (deflateInit2(&p->gzip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		goto out;
	p->gzip_ready = true;
	r = set_options(p, options);
	if (r == 0)
		r = set_url(p, options->url);
	if (r == 0)
		r = set_credentials(p, options);
	if (r == 0)
		r = set_headers(p, options);
out:
	if (r < 0)
		http_post_free(p);
	else
		*ret = p;
	return r;
}

static int pack(struct http_post *p, const char *text, size_t length)
{
	size_t bound;

	if (deflateReset(&p->gzip) != Z_OK)
		return -EIO;
	bound = deflateBound(&p->gzip, length);
	if (bound > p->packed_size) {
		unsigned char *packed = realloc(p->packed, bound);

		if (!packed)
			return -ENOMEM;
		p->packed = packed;
		p->packed_size = bound;
	}
	p->gzip.next_in = (Bytef *)(uintptr_t)text;
	p->gzip.avail_in = (uInt)length;
	p->gzip.next_out = p->packed;
	p->gzip.avail_out = (uInt)p->packed_size;
	return deflate(&p->gzip, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
}

/* Runs the transfer to its end or to the deadline. */
static CURLcode transfer(struct http_post *p)
{
	int running = 1, queued;
	CURLcode code = CURLE_ABORTED_BY_CALLBACK;

	if (curl_multi_add_handle(p->multi, p->easy))
		return CURLE_OUT_OF_MEMORY;
	for (;;) {
		uint64_t deadline_ns, now_ns;
		CURLMsg *message;
		int wait_ms;

		if (curl_multi_perform(p->multi, &running))
			break;
		while ((message = curl_multi_info_read(p->multi, &queued))) {
			if (message->msg == CURLMSG_DONE)
				code = message->data.result;
		}
		deadline_ns = atomic_load(&p->control->deadline_ns);
		now_ns = clock_monotonic_ns();
		if (!running || now_ns >= deadline_ns)
			break;
		if (p->control->waiting)
			p->control->waiting(p->control->context);
		wait_ms = http_client_wait_ms(p->easy);
		if (wait_ms > WAITING_MS)
			wait_ms = WAITING_MS;
		if (deadline_ns - now_ns < (uint64_t)wait_ms * NS_PER_MS)
			wait_ms = (int)((deadline_ns - now_ns) / NS_PER_MS) + 1;
		curl_multi_poll(p->multi, NULL, 0, wait_ms, NULL);
	}
	curl_multi_remove_handle(p->multi, p->easy);
	return code;
}

long http_post_send(struct http_post *p, const char *text, size_t length)
{
	long status = 0;
	CURLcode code;
	int r = pack(p, text, length);

	p->body_length = 0;
	p->error[0] = '\0';
	if (r < 0) {
		snprintf(p->error, sizeof(p->error), "compression: %s", strerror(-r));
		return 0;
	}
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, (char *)p->packed);
	curl_easy_setopt(
	    p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(p->packed_size - p->gzip.avail_out));
	code = transfer(p);
	/* The status line is the server's answer, even if its body was cut off. */
	if (code == CURLE_OK || code == CURLE_WRITE_ERROR || code == CURLE_PARTIAL_FILE ||
	    code == CURLE_OPERATION_TIMEDOUT || code == CURLE_RECV_ERROR ||
	    code == CURLE_HTTP2_STREAM)
		curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		status = 0;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		snprintf(p->error, sizeof(p->error), "stopped before the answer");
	else if (!status && !p->error[0])
		snprintf(p->error, sizeof(p->error), "%s", curl_easy_strerror(code));
	return status;
}

void http_post_fail(struct http_post *p, const char *reason)
{
	p->body_length = 0;
	snprintf(p->error, sizeof(p->error), "%s", reason);
}

bool http_post_judges(long status)
{
	return status == 400 || status == 413 || status == 422;
}

/* Somebody may mend it: a token that is valid again, a proxy that is done, a database that is made.
 */
static const char *meaning(long status)
{
	if (status >= 300 && status < 400)
		return " (a redirect, which is not followed)";
	switch (status) {
	case 401:
	case 403:
		return " (the credentials are not accepted)";
	case 404:
		return " (nothing is there)";
	case 407:
		return " (a proxy stands in between)";
	default:
		return "";
	}
}

static const char *const *secrets_of(const struct http_post *p)
{
	return (const char *const *)p->secrets;
}

void http_post_explain(struct http_post *p, long status, size_t points, struct send_result *ret)
{
	http_post_explain_words(p, status, p->body, p->body_length, points, ret);
}

void http_post_explain_words(struct http_post *p, long status, const char *words, size_t length,
    size_t points, struct send_result *ret)
{
	struct influx_reply reply;
	curl_off_t after_s = 0;

	ret->retry = !http_post_judges(status);
	if (!status) {
		influx_reply_read(&reply, p->error, strlen(p->error), 0, secrets_of(p));
		snprintf(ret->error, sizeof(ret->error), "%s", reply.words);
		return;
	}
	influx_reply_read(&reply, words, length, points, secrets_of(p));
	snprintf(ret->error, sizeof(ret->error), "HTTP %hu%s%s%s", (unsigned short)status,
	    meaning(status), reply.words[0] ? ": " : "", reply.words);
	if (ret->retry) {
		/* Seconds or a date (RFC 9110, section 10.2.3): libcurl reads both. */
		if (curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &after_s) == CURLE_OK &&
		    after_s > 0)
			ret->retry_after_ns =
			    (uint64_t)(after_s < RETRY_AFTER_MAX_S ? after_s : RETRY_AFTER_MAX_S) *
			    NS_PER_S;
		return;
	}
	ret->rejected = status == 413 ? points : reply.rejected;
}

void http_post_quote(const struct http_post *p, const char *text, char ret[HTTP_POST_WORDS_SIZE])
{
	struct influx_reply reply;

	_Static_assert(sizeof(reply.words) == HTTP_POST_WORDS_SIZE, "one bound for words");
	influx_reply_read(&reply, text, strlen(text), 0, secrets_of(p));
	memcpy(ret, reply.words, sizeof(reply.words));
}

const char *http_post_media(const struct http_post *p)
{
	char *media = NULL;

	return curl_easy_getinfo(p->easy, CURLINFO_CONTENT_TYPE, &media) == CURLE_OK ? media : NULL;
}

const char *http_post_body(const struct http_post *p, size_t *ret_length)
{
	*ret_length = p->body_length;
	return p->body;
}

void http_post_wake(struct http_post *p)
{
	curl_multi_wakeup(p->multi);
}
