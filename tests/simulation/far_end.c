/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two InfluxDBs, db0 and db1, and the way to them: in the place of libcurl's transfers and of
 * zlib, which gets a request there as it is. Requests are made and answers read by what is shipped
 * (sink/http/post.c).
 */
#include "simulation.h"

#include "base/unused.h"
#include "sink/batch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_HANDLES 64
#define TIMEOUT_NS  (10 * (uint64_t)NS_PER_S)
#define SMALL       4096
#define BODY_BYTES  (128 << 10)

struct multi;

/* A handle, with the request that is under way. */
struct easy {
	bool used;
	unsigned database;
	size_t (*write)(char *bytes, size_t size, size_t n, void *context);
	void *context;
	char *error;
	const char *text;
	size_t length;
	struct multi *multi; /* NULL: nothing is under way */
	uint64_t due_ns;     /* when it ends */
	long status;
	curl_off_t retry_after_s;
	size_t body_length;
};

struct multi {
	bool used;
	struct easy *easy; /* NULL: none */
	bool ended, told;
	CURLMsg message;
};

static struct easy easies[MAX_HANDLES];
static struct multi multis[MAX_HANDLES];
static enum sim_answer answers[SIM_DATABASES];
static char body[BODY_BYTES]; /* of one answer at a time */

void sim_far_end_init(void)
{
	memset(easies, 0, sizeof(easies));
	memset(multis, 0, sizeof(multis));
	memset(answers, 0, sizeof(answers));
}

void sim_far_end_set(unsigned database, enum sim_answer answer)
{
	answers[database] = answer;
}

void sim_far_end_killed(void)
{
	memset(easies, 0, sizeof(easies));
	memset(multis, 0, sizeof(multis));
}

/* -- what a database says */

static CURLcode say(struct easy *easy, long status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static CURLcode say(struct easy *easy, long status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	easy->body_length = (size_t)vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	easy->status = status;
	return CURLE_OK;
}

static CURLcode fail(struct easy *easy, CURLcode code, const char *words)
{
	easy->status = 0;
	easy->body_length = 0;
	snprintf(easy->error, CURL_ERROR_SIZE, "%s", words);
	return code;
}

static CURLcode take(struct easy *easy)
{
	sim_ledger_arrive(easy->database, easy->text, easy->length, 0, true);
	return say(easy, 204, "%s", "");
}

static size_t points_of(const struct easy *easy)
{
	return batch_count_lines(easy->text, easy->length);
}

/* Some of the points, or all. */
static CURLcode refuse(struct easy *easy, size_t some)
{
	const size_t points = points_of(easy);

	sim_ledger_arrive(easy->database, easy->text, easy->length, some, true);
	if (some < points)
		return say(easy, 400,
		    "{\"error\":\"partial write: field type conflict: input field is a string "
		    "dropped=%zu\"}",
		    some);
	return say(easy, sim_once_in(2) ? 400 : 422, "{\"message\":\"unable to parse points\"}");
}

static CURLcode outage(struct easy *easy)
{
	static const long statuses[] = {401, 403, 404, 407, 408, 429, 500, 502, 503, 504, 302};
	const long status = statuses[sim_random(sizeof(statuses) / sizeof(statuses[0]))];

	easy->retry_after_s = sim_once_in(4) ? (curl_off_t)sim_random(4) : 0;
	return say(easy, status, "{\"message\":\"not now\"}");
}

/* What nobody can make sense of: the status line alone says what to do. */
static size_t scribble(void)
{
	const size_t length = sim_once_in(4) ? BODY_BYTES : sim_random(600);

	for (size_t i = 0; i < length; i++)
		body[i] = (char)sim_random(256);
	return length;
}

static CURLcode garble(struct easy *easy)
{
	CURLcode code = CURLE_OK;

	switch (sim_random(4)) {
	case 0:
		code = take(easy);
		easy->status = 200;
		break;
	case 1:
		code = refuse(easy, points_of(easy));
		break;
	case 2:
		code = outage(easy);
		break;
	default: /* no HTTP at all */
		return fail(easy, CURLE_UNSUPPORTED_PROTOCOL, "Received HTTP/0.9");
	}
	easy->body_length = scribble();
	return code;
}

/* The connection ends in the middle of an answer: before its status line, or in its body. */
static CURLcode cut_off(struct easy *easy)
{
	const size_t points = points_of(easy);
	const char *key;

	switch (sim_random(3)) {
	case 0:
		sim_ledger_arrive(easy->database, easy->text, easy->length, 0, false);
		return fail(easy, CURLE_GOT_NOTHING, "Empty reply from server");
	case 1:
		outage(easy);
		break;
	default:
		/* How many it refused is lost with the rest: all of them are taken for that. */
		refuse(easy, points);
		if (sim_once_in(2) && points > 1)
			say(easy, 400,
			    "{\"error\":\"partial write: field type conflict: dropped=%zu", points);
		key = strstr(body, "dropped=");
		if (key && sim_once_in(2)) {
			easy->body_length = (size_t)(key - body) + 9; /* with a digit */
			return CURLE_PARTIAL_FILE;
		}
	}
	easy->body_length = sim_random(easy->body_length);
	return CURLE_PARTIAL_FILE;
}

static CURLcode answer(struct easy *easy)
{
	switch (answers[easy->database]) {
	case SIM_ANSWER_STATUS:
		return outage(easy);
	case SIM_ANSWER_PARTIAL:
		return refuse(easy, 1 + sim_random(points_of(easy)));
	case SIM_ANSWER_REFUSED:
		return refuse(easy, points_of(easy));
	case SIM_ANSWER_SMALL:
		if (easy->length > SMALL && points_of(easy) > 1)
			return say(easy, 413, "too large");
		return take(easy);
	case SIM_ANSWER_SILENT:
		if (sim_once_in(2))
			sim_ledger_arrive(easy->database, easy->text, easy->length, 0, false);
		return fail(easy, CURLE_OPERATION_TIMEDOUT, "timed out");
	case SIM_ANSWER_CLOSED:
		return fail(easy, CURLE_COULDNT_CONNECT, "connection refused");
	case SIM_ANSWER_DIES:
		sim_ledger_arrive(easy->database, easy->text, easy->length, 0, false);
		return fail(easy, CURLE_RECV_ERROR, "connection reset");
	case SIM_ANSWER_GARBAGE:
		return garble(easy);
	case SIM_ANSWER_CUT:
		return cut_off(easy);
	default:
		return take(easy);
	}
}

/* -- the handles */

CURL *__wrap_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void)
{
	for (int i = 0; i < MAX_HANDLES; i++) {
		if (easies[i].used)
			continue;
		easies[i] = (struct easy){.used = true};
		return (CURL *)&easies[i];
	}
	sim_fail("more than %d requests", MAX_HANDLES);
}

void __wrap_curl_easy_cleanup(CURL *handle);
void __wrap_curl_easy_cleanup(CURL *handle)
{
	((struct easy *)handle)->used = false;
}

static void set_pointer(struct easy *easy, CURLoption option, void *value)
{
	const char *host;

	switch ((int)option) {
	case CURLOPT_URL:
		host = strstr(value, "://db");
		easy->database = host && host[5] == '1';
		break;
	case CURLOPT_WRITEDATA:
		easy->context = value;
		break;
	case CURLOPT_ERRORBUFFER:
		easy->error = value;
		break;
	case CURLOPT_POSTFIELDS:
		easy->text = value;
		break;
	default:
		break; /* how, not what */
	}
}

CURLcode __wrap_curl_easy_setopt(CURL *handle, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
	struct easy *easy = (struct easy *)handle;
	va_list args;

	va_start(args, option);
	if (option == CURLOPT_WRITEFUNCTION)
		easy->write = va_arg(args, size_t(*)(char *, size_t, size_t, void *));
	else if (option == CURLOPT_POSTFIELDSIZE_LARGE)
		easy->length = (size_t)va_arg(args, curl_off_t);
	else if (option >= CURLOPTTYPE_OBJECTPOINT && option < CURLOPTTYPE_FUNCTIONPOINT)
		set_pointer(easy, option, va_arg(args, void *));
	va_end(args);
	return CURLE_OK;
}

CURLcode __wrap_curl_easy_getinfo(CURL *handle, CURLINFO info, ...);
CURLcode __wrap_curl_easy_getinfo(CURL *handle, CURLINFO info, ...)
{
	const struct easy *easy = (const struct easy *)handle;
	va_list args;
	void *ret;

	va_start(args, info);
	ret = va_arg(args, void *);
	va_end(args);
	if (info == CURLINFO_RESPONSE_CODE)
		*(long *)ret = easy->status;
	else if (info == CURLINFO_RETRY_AFTER)
		*(curl_off_t *)ret = easy->retry_after_s;
	else if (info == CURLINFO_PRETRANSFER_TIME_T)
		*(curl_off_t *)ret = 1; /* the connection stands */
	else
		return CURLE_UNKNOWN_OPTION;
	return CURLE_OK;
}

CURLM *__wrap_curl_multi_init(void);
CURLM *__wrap_curl_multi_init(void)
{
	for (int i = 0; i < MAX_HANDLES; i++) {
		if (multis[i].used)
			continue;
		multis[i] = (struct multi){.used = true};
		return (CURLM *)&multis[i];
	}
	sim_fail("more than %d connections", MAX_HANDLES);
}

CURLMcode __wrap_curl_multi_cleanup(CURLM *handle);
CURLMcode __wrap_curl_multi_cleanup(CURLM *handle)
{
	((struct multi *)handle)->used = false;
	return CURLM_OK;
}

/* -- a transfer */

CURLMcode __wrap_curl_multi_add_handle(CURLM *handle, CURL *request);
CURLMcode __wrap_curl_multi_add_handle(CURLM *handle, CURL *request)
{
	struct multi *multi = (struct multi *)handle;
	struct easy *easy = (struct easy *)request;
	uint64_t late_ns = sim_random((uint64_t)(20 * NS_PER_MS));

	if (answers[easy->database] == SIM_ANSWER_LATE)
		late_ns = sim_random(TIMEOUT_NS);
	if (answers[easy->database] == SIM_ANSWER_SILENT)
		late_ns = TIMEOUT_NS;
	if (answers[easy->database] == SIM_ANSWER_CLOSED)
		late_ns = 0;
	*multi = (struct multi){.used = true, .easy = easy};
	easy->multi = multi;
	easy->due_ns = sim_now_ns() + late_ns;
	easy->status = 0;
	easy->retry_after_s = 0;
	easy->body_length = 0;
	return CURLM_OK;
}

/* In two pieces, as it may come; whoever has enough of it ends the transfer. */
static bool hand_over(struct easy *easy)
{
	const size_t first = easy->body_length / 2, rest = easy->body_length - first;

	return (!first || easy->write(body, 1, first, easy->context) == first) &&
	    (!rest || easy->write(body + first, 1, rest, easy->context) == rest);
}

CURLMcode __wrap_curl_multi_perform(CURLM *handle, int *running);
CURLMcode __wrap_curl_multi_perform(CURLM *handle, int *running)
{
	struct multi *multi = (struct multi *)handle;
	struct easy *easy = multi->easy;
	CURLcode code;

	*running = easy && !multi->ended;
	if (!*running || sim_now_ns() < easy->due_ns)
		return CURLM_OK;
	code = answer(easy);
	if (!hand_over(easy))
		code = CURLE_WRITE_ERROR;
	sim_trace("db%u: %zu bytes, status %ld %.*s", easy->database, easy->length, easy->status,
	    easy->body_length < 100 ? (int)easy->body_length : 0, body);
	if (sim_planted(SIM_FAULT_RETRY) && easy->status == 204 && sim_once_in(4))
		easy->status = 503; /* a good answer that is not heard */
	multi->message =
	    (CURLMsg){.msg = CURLMSG_DONE, .easy_handle = (CURL *)easy, .data = {.result = code}};
	multi->ended = true;
	*running = 0;
	return CURLM_OK;
}

CURLMsg *__wrap_curl_multi_info_read(CURLM *handle, int *queued);
CURLMsg *__wrap_curl_multi_info_read(CURLM *handle, int *queued)
{
	struct multi *multi = (struct multi *)handle;
	const bool tell = multi->ended && !multi->told;

	*queued = 0;
	multi->told = multi->ended;
	return tell ? &multi->message : NULL;
}

CURLMcode __wrap_curl_multi_poll(
    CURLM *handle, struct curl_waitfd *fds, unsigned n, int ms, int *ready);
CURLMcode __wrap_curl_multi_poll(
    CURLM *handle, struct curl_waitfd *fds UNUSED, unsigned n UNUSED, int ms, int *ready UNUSED)
{
	const struct multi *multi = (const struct multi *)handle;
	const uint64_t until_ns = sim_now_ns() + (uint64_t)ms * (uint64_t)NS_PER_MS;

	sim_wait(multi, until_ns < multi->easy->due_ns ? until_ns : multi->easy->due_ns);
	return CURLM_OK;
}

CURLMcode __wrap_curl_multi_wakeup(CURLM *handle);
CURLMcode __wrap_curl_multi_wakeup(CURLM *handle)
{
	sim_wake(handle);
	return CURLM_OK;
}

CURLMcode __wrap_curl_multi_remove_handle(CURLM *handle, CURL *request);
CURLMcode __wrap_curl_multi_remove_handle(CURLM *handle, CURL *request)
{
	struct multi *multi = (struct multi *)handle;
	struct easy *easy = (struct easy *)request;

	/* Given up: it may have come to the database. */
	if (!multi->ended && answers[easy->database] != SIM_ANSWER_CLOSED && sim_once_in(2))
		sim_ledger_arrive(easy->database, easy->text, easy->length, 0, false);
	multi->easy = NULL;
	easy->multi = NULL;
	return CURLM_OK;
}

/* -- a request's text stays as it is */

int __wrap_deflateInit2_(z_streamp stream, int level, int method, int bits, int memory,
    int strategy, const char *version, int size);
int __wrap_deflateInit2_(z_streamp stream UNUSED, int level UNUSED, int method UNUSED,
    int bits UNUSED, int memory UNUSED, int strategy UNUSED, const char *version UNUSED,
    int size UNUSED)
{
	return Z_OK;
}

int __wrap_deflateReset(z_streamp stream);
int __wrap_deflateReset(z_streamp stream UNUSED)
{
	return Z_OK;
}

uLong __wrap_deflateBound(z_streamp stream, uLong length);
uLong __wrap_deflateBound(z_streamp stream UNUSED, uLong length)
{
	return length;
}

int __wrap_deflate(z_streamp stream, int flush);
int __wrap_deflate(z_streamp stream, int flush UNUSED)
{
	memcpy(stream->next_out, stream->next_in, stream->avail_in);
	stream->next_out += stream->avail_in;
	stream->avail_out -= stream->avail_in;
	stream->avail_in = 0;
	return Z_STREAM_END;
}

int __wrap_deflateEnd(z_streamp stream);
int __wrap_deflateEnd(z_streamp stream UNUSED)
{
	return Z_OK;
}
