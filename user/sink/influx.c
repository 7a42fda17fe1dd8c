/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * InfluxDB's HTTP write APIs: v1 (POST /write?db=) and v2 (POST /api/v2/write?org=&bucket=), which
 * VictoriaMetrics, Telegraf and others take as well. Requests are gzip of whole lines over one
 * kept-alive connection. Redirects are not followed and the environment's proxies not used:
 * credentials go to the configured place only.
 */
#include "sink/backend.h"

#include "base/clock.h"
#include "sink/batch.h"
#include "sink/influx_reply.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define REQUEST_LINES     5000
#define REQUEST_BYTES     (1 << 20)
#define RESPONSE_BYTES    (64 << 10)
#define CONNECT_MS        5000L
#define RETRY_AFTER_MAX_S 900 /* a server must not silence us for a day */
#define GZIP_LEVEL        3   /* a third of the default's CPU for a tenth more bytes */

struct influx {
	CURL *easy;
	CURLM *multi; /* perform with a way to be woken */
	struct curl_slist *headers;
	z_stream gzip;
	bool gzip_ready;
	unsigned char *packed;
	size_t packed_size;
	size_t max_bytes, max_lines; /* of a request; less after a 413 */
	const struct sink_control *control;
	char *secret;
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
	struct influx *i = context;
	size_t length = size * n;

	if (length > RESPONSE_BYTES - i->body_length)
		return 0;
	memcpy(i->body + i->body_length, bytes, length);
	i->body_length += length;
	return length;
}

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

static int set_url(struct influx *i, const struct config_output *output)
{
	CURLU *url = curl_url();
	char *text = NULL;
	int r = -ENOMEM;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, output->url, 0)) {
		r = -EINVAL;
		goto out;
	}
	r = append_path(url, output->version == 1 ? "/write" : "/api/v2/write");
	if (r == 0)
		r = set_query(url, output);
	if (r == 0 &&
	    (curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) ||
		curl_url_get(url, CURLUPART_URL, &text, 0)))
		r = -ENOMEM;
	if (r == 0 && strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		r = -EINVAL;
	if (r == 0 && curl_easy_setopt(i->easy, CURLOPT_URL, text))
		r = -ENOMEM;
out:
	curl_free(text);
	curl_url_cleanup(url);
	return r;
}

static int add_header(struct influx *i, const char *header)
{
	struct curl_slist *headers = curl_slist_append(i->headers, header);

	if (!headers)
		return -ENOMEM;
	i->headers = headers;
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

static int set_credentials(struct influx *i, const struct config_output *output)
{
	char *header;
	int r;

	if (has_control(output->token) || has_control(output->username) ||
	    has_control(output->password))
		return -EINVAL;
	if (output->token[0]) {
		if (asprintf(&header, "Authorization: Token %s", output->token) < 0)
			return -ENOMEM;
		r = add_header(i, header);
		explicit_bzero(header, strlen(header));
		free(header);
		i->secret = strdup(output->token);
		return i->secret ? r : -ENOMEM;
	}
	if (!output->username[0])
		return 0;
	if (curl_easy_setopt(i->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) ||
	    curl_easy_setopt(i->easy, CURLOPT_USERNAME, output->username) ||
	    curl_easy_setopt(i->easy, CURLOPT_PASSWORD, output->password))
		return -ENOMEM;
	i->secret = strdup(output->password);
	return i->secret ? 0 : -ENOMEM;
}

static int set_headers(struct influx *i)
{
	static const char *const headers[] = {
	    "Content-Type: text/plain; charset=utf-8", "Content-Encoding: gzip",
	    "Accept: application/json", "Expect:", /* no round trip before the body */
	};
	int r = 0;

	for (size_t k = 0; k < sizeof(headers) / sizeof(headers[0]) && r == 0; k++)
		r = add_header(i, headers[k]);
	if (r == 0 && curl_easy_setopt(i->easy, CURLOPT_HTTPHEADER, i->headers))
		r = -ENOMEM;
	return r;
}

static int set_options(struct influx *i, const struct config_output *output)
{
	uint64_t limit_ms = output->timeout_ns / NS_PER_MS;
	long timeout_ms = limit_ms == 0 ? 10000L : limit_ms > 3600000 ? 3600000L : (long)limit_ms;
	CURLcode code = CURLE_OK;

#define SET(option, value) (code = code ? code : curl_easy_setopt(i->easy, option, value))
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* a hanging resolver must not hold the stop */
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_TIMEOUT_MS, timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_USERAGENT, "crosstap/" CROSSTAP_VERSION);
	SET(CURLOPT_ERRORBUFFER, i->error);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, i);
	SET(CURLOPT_POST, 1L);
	if (output->ca[0])
		SET(CURLOPT_CAINFO, output->ca);
#undef SET
	return code ? -ENOMEM : 0;
}

static void influx_close(void *backend)
{
	struct influx *i = backend;

	if (!i)
		return;
	if (i->easy)
		curl_easy_cleanup(i->easy);
	if (i->multi)
		curl_multi_cleanup(i->multi);
	curl_slist_free_all(i->headers);
	if (i->gzip_ready)
		deflateEnd(&i->gzip);
	if (i->secret)
		explicit_bzero(i->secret, strlen(i->secret));
	free(i->secret);
	free(i->packed);
	free(i->body);
	free(i);
}

static int influx_open(
    void **ret, const struct config_output *output, const struct sink_control *control)
{
	struct influx *i = calloc(1, sizeof(*i));
	int r = -ENOMEM;

	if (!i)
		return -ENOMEM;
	pthread_once(&curl_once, curl_start);
	i->control = control;
	i->max_bytes = REQUEST_BYTES;
	i->max_lines = REQUEST_LINES;
	i->easy = curl_easy_init();
	i->multi = curl_multi_init();
	i->body = malloc(RESPONSE_BYTES);
	if (!i->easy || !i->multi || !i->body)
		goto out;
	/* 15 bits of window, and 16 for a gzip header. */
	if (deflateInit2(&i->gzip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		goto out;
	i->gzip_ready = true;
	r = set_options(i, output);
	if (r == 0)
		r = set_url(i, output);
	if (r == 0)
		r = set_credentials(i, output);
	if (r == 0)
		r = set_headers(i);
out:
	if (r < 0)
		influx_close(i);
	else
		*ret = i;
	return r;
}

static int pack(struct influx *i, const char *text, size_t length)
{
	size_t bound;

	if (deflateReset(&i->gzip) != Z_OK)
		return -EIO;
	bound = deflateBound(&i->gzip, length);
	if (bound > i->packed_size) {
		unsigned char *packed = realloc(i->packed, bound);

		if (!packed)
			return -ENOMEM;
		i->packed = packed;
		i->packed_size = bound;
	}
	i->gzip.next_in = (Bytef *)(uintptr_t)text;
	i->gzip.avail_in = (uInt)length;
	i->gzip.next_out = i->packed;
	i->gzip.avail_out = (uInt)i->packed_size;
	return deflate(&i->gzip, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
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

/* Runs the transfer to its end or to the deadline. */
static CURLcode transfer(struct influx *i)
{
	int running = 1, queued;
	CURLcode code = CURLE_ABORTED_BY_CALLBACK;

	if (curl_multi_add_handle(i->multi, i->easy))
		return CURLE_OUT_OF_MEMORY;
	for (;;) {
		uint64_t deadline_ns, now_ns;
		CURLMsg *message;
		int wait_ms = 60000;

		if (curl_multi_perform(i->multi, &running))
			break;
		while ((message = curl_multi_info_read(i->multi, &queued))) {
			if (message->msg == CURLMSG_DONE)
				code = message->data.result;
		}
		deadline_ns = atomic_load(&i->control->deadline_ns);
		now_ns = clock_monotonic_ns();
		if (!running || now_ns >= deadline_ns)
			break;
		if (deadline_ns - now_ns < (uint64_t)wait_ms * NS_PER_MS)
			wait_ms = (int)((deadline_ns - now_ns) / NS_PER_MS) + 1;
		curl_multi_poll(i->multi, NULL, 0, wait_ms, NULL);
	}
	curl_multi_remove_handle(i->multi, i->easy);
	return code;
}

/* One request. Returns the status of the answer; 0: there was none, for the reason in i->error. */
static long request(struct influx *i, const char *text, size_t length)
{
	long status = 0;
	CURLcode code;
	int r = pack(i, text, length);

	i->body_length = 0;
	i->error[0] = '\0';
	if (r < 0) {
		snprintf(i->error, sizeof(i->error), "compression: %s", strerror(-r));
		return 0;
	}
	curl_easy_setopt(i->easy, CURLOPT_POSTFIELDS, (char *)i->packed);
	curl_easy_setopt(
	    i->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(i->packed_size - i->gzip.avail_out));
	code = transfer(i);
	/* The status line is the server's answer, even if its body was cut off. */
	if (code == CURLE_OK || code == CURLE_WRITE_ERROR || code == CURLE_PARTIAL_FILE ||
	    code == CURLE_OPERATION_TIMEDOUT || code == CURLE_RECV_ERROR ||
	    code == CURLE_HTTP2_STREAM)
		curl_easy_getinfo(i->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		status = 0;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		snprintf(i->error, sizeof(i->error), "stopped before the answer");
	else if (!status && !i->error[0])
		snprintf(i->error, sizeof(i->error), "%s", curl_easy_strerror(code));
	return status;
}

static bool may_pass(long status)
{
	return status == 0 || status == 408 || status == 429 || status >= 500;
}

static void read_error(struct influx *i, long status, size_t lines, struct send_result *ret)
{
	struct influx_reply reply;
	curl_off_t after_s = 0;

	ret->retry = may_pass(status);
	if (!status) {
		influx_reply_read(&reply, i->error, strlen(i->error), 0, i->secret);
		snprintf(ret->error, sizeof(ret->error), "%s", reply.words);
		return;
	}
	influx_reply_read(&reply, i->body, i->body_length, lines, i->secret);
	snprintf(ret->error, sizeof(ret->error), "HTTP %ld%s%s", status, reply.words[0] ? ": " : "",
	    reply.words);
	if (ret->retry) {
		/* Seconds or a date (RFC 9110, section 10.2.3): libcurl reads both. */
		if (curl_easy_getinfo(i->easy, CURLINFO_RETRY_AFTER, &after_s) == CURLE_OK &&
		    after_s > 0)
			ret->retry_after_ns =
			    (uint64_t)(after_s < RETRY_AFTER_MAX_S ? after_s : RETRY_AFTER_MAX_S) *
			    NS_PER_S;
		return;
	}
	ret->rejected = status == 400 || status == 422 ? reply.rejected : lines;
}

static void influx_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct influx *i = backend;
	size_t lines, bytes = cut(text, length, i->max_bytes, i->max_lines, &lines);
	long status = request(i, text, bytes);

	while (status == 413 && lines > 1) {
		/* The next requests begin at the size that passed and grow again. */
		bytes = cut(text, bytes, bytes / 2, lines / 2, &lines);
		i->max_bytes = bytes;
		status = request(i, text, bytes);
	}
	if (status >= 200 && status < 300) {
		i->max_bytes += i->max_bytes / 8 + 1;
		if (i->max_bytes > REQUEST_BYTES)
			i->max_bytes = REQUEST_BYTES;
	} else {
		read_error(i, status, lines, ret);
	}
	if (ret->retry)
		return;
	ret->taken = bytes;
	ret->accepted = lines - ret->rejected;
}

static void influx_wake(void *backend)
{
	struct influx *i = backend;

	curl_multi_wakeup(i->multi);
}

const struct sink_ops sink_influx_ops = {
    .thread_name = "sink-influx",
    .remote = true,
    .open = influx_open,
    .send = influx_send,
    .wake = influx_wake,
    .close = influx_close,
};
