/* SPDX-License-Identifier: BSD-2-Clause */
/* Two InfluxDBs, db0 and db1. Requests are made and answers explained by what is shipped
 * (sink/http/post.c); only the way there and back is the world's. */
#include "simulation.h"

#include "sink/batch.h"
#include "sink/http/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POSTS  64
#define TIMEOUT_NS (10 * (uint64_t)NS_PER_S)
#define TURN_NS    (500 * (uint64_t)NS_PER_MS) /* as post.c waits */
#define SMALL      4096

struct way {
	struct http_post *post; /* NULL: free */
	const struct sink_control *control;
	unsigned database;
	char body[160];
	uint64_t retry_after_ns;
};

static struct way ways[MAX_POSTS];
static enum sim_answer answers[SIM_DATABASES];

int __real_http_post_new(struct http_post **ret, const struct http_post_options *options,
    const struct sink_control *control);
int __wrap_http_post_new(struct http_post **ret, const struct http_post_options *options,
    const struct sink_control *control);
void __real_http_post_free(struct http_post *post);
void __wrap_http_post_free(struct http_post *post);
long __wrap_http_post_send(struct http_post *post, const char *text, size_t length);
void __real_http_post_explain(
    struct http_post *post, long status, size_t points, struct send_result *ret);
void __wrap_http_post_explain(
    struct http_post *post, long status, size_t points, struct send_result *ret);
void __wrap_http_post_wake(struct http_post *post);

void sim_far_end_init(void)
{
	memset(ways, 0, sizeof(ways));
	memset(answers, 0, sizeof(answers));
}

void sim_far_end_set(unsigned database, enum sim_answer answer)
{
	answers[database] = answer;
}

static struct way *way_of(const struct http_post *post)
{
	for (int i = 0; i < MAX_POSTS; i++) {
		if (ways[i].post == post)
			return &ways[i];
	}
	sim_fail("a request of nobody");
}

int __wrap_http_post_new(struct http_post **ret, const struct http_post_options *options,
    const struct sink_control *control)
{
	int r = __real_http_post_new(ret, options, control);
	char *host = NULL;
	struct way *way;

	if (r < 0)
		return r;
	way = way_of(NULL);
	*way = (struct way){.post = *ret, .control = control};
	if (curl_url_get(options->url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		way->database = host[2] == '1';
	curl_free(host);
	return 0;
}

void __wrap_http_post_free(struct http_post *post)
{
	if (post)
		way_of(post)->post = NULL;
	__real_http_post_free(post);
}

void __wrap_http_post_wake(struct http_post *post)
{
	sim_wake(way_of(post));
}

/* False: the sink is to stop first. */
static bool pass_time(struct way *way, uint64_t ns)
{
	const uint64_t until_ns = sim_now_ns() + ns;

	for (;;) {
		const uint64_t deadline_ns = atomic_load(&way->control->deadline_ns);
		uint64_t turn_ns = sim_now_ns() + TURN_NS;

		if (sim_now_ns() >= deadline_ns)
			return false;
		if (sim_now_ns() >= until_ns)
			return true;
		if (way->control->waiting)
			way->control->waiting(way->control->context);
		if (turn_ns > until_ns)
			turn_ns = until_ns;
		if (turn_ns > deadline_ns)
			turn_ns = deadline_ns;
		sim_wait(way, turn_ns);
	}
}

static long say(struct way *way, long status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static long say(struct way *way, long status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(way->body, sizeof(way->body), format, args);
	va_end(args);
	return status;
}

static long take(struct way *way, const char *text, size_t length)
{
	sim_ledger_arrive(way->database, text, length, 0, true);
	return say(way, 204, "%s", "");
}

static long refuse(struct way *way, const char *text, size_t length, size_t points)
{
	size_t some = points;

	if (answers[way->database] == SIM_ANSWER_PARTIAL)
		some = 1 + sim_random(points);
	sim_ledger_arrive(way->database, text, length, some, true);
	if (some < points)
		return say(way, 400,
		    "{\"error\":\"partial write: field type conflict: input field is a string "
		    "dropped=%zu\"}",
		    some);
	return say(way, sim_once_in(2) ? 400 : 422, "{\"message\":\"unable to parse points\"}");
}

static long outage(struct way *way)
{
	static const long statuses[] = {401, 403, 404, 407, 429, 500, 502, 503, 302};
	const long status = statuses[sim_random(sizeof(statuses) / sizeof(statuses[0]))];

	way->retry_after_ns = sim_once_in(4) ? sim_random((uint64_t)(3 * NS_PER_S)) : 0;
	return say(way, status, "{\"message\":\"not now\"}");
}

static long answer(struct way *way, const char *text, size_t length)
{
	const size_t points = batch_count_lines(text, length);
	uint64_t late_ns = sim_random((uint64_t)(20 * NS_PER_MS));

	if (answers[way->database] == SIM_ANSWER_LATE)
		late_ns = sim_random(TIMEOUT_NS);
	if (answers[way->database] == SIM_ANSWER_SILENT)
		late_ns = TIMEOUT_NS;
	if (answers[way->database] == SIM_ANSWER_CLOSED)
		return say(way, 0, "connection refused");
	if (!pass_time(way, late_ns)) {
		/* It may have come to it. */
		if (sim_once_in(2))
			sim_ledger_arrive(way->database, text, length, 0, false);
		return say(way, 0, "stopped before the answer");
	}
	switch (answers[way->database]) {
	case SIM_ANSWER_STATUS:
		return outage(way);
	case SIM_ANSWER_PARTIAL:
	case SIM_ANSWER_REFUSED:
		return refuse(way, text, length, points);
	case SIM_ANSWER_SMALL:
		if (length > SMALL && points > 1)
			return say(way, 413, "too large");
		return take(way, text, length);
	case SIM_ANSWER_SILENT:
		if (sim_once_in(2))
			sim_ledger_arrive(way->database, text, length, 0, false);
		return say(way, 0, "timed out");
	case SIM_ANSWER_DIES:
		sim_ledger_arrive(way->database, text, length, 0, false);
		return say(way, 0, "connection reset");
	default:
		return take(way, text, length);
	}
}

long __wrap_http_post_send(struct http_post *post, const char *text, size_t length)
{
	struct way *way = way_of(post);
	long status;

	way->retry_after_ns = 0;
	status = answer(way, text, length);
	sim_trace("db%u: %zu bytes, status %ld %s", way->database, length, status, way->body);
	if (sim_planted(SIM_FAULT_RETRY) && status == 204 && sim_once_in(4))
		status = say(way, 503, "a good answer that is not heard");
	return status;
}

void __wrap_http_post_explain(
    struct http_post *post, long status, size_t points, struct send_result *ret)
{
	const struct way *way = way_of(post);

	if (status) {
		http_post_explain_words(post, status, way->body, strlen(way->body), points, ret);
		if (ret->retry)
			ret->retry_after_ns = way->retry_after_ns;
		return;
	}
	http_post_fail(post, way->body);
	__real_http_post_explain(post, status, points, ret);
}
