/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "http_server.h"
#include "sink_fixture.h"

#include "base/log.h"

#include <errno.h>
#include <time.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct run {
	struct server *server;
	struct sink *sink;
};

static struct config *config_of(const struct run *run, unsigned version, uint64_t timeout_ns)
{
	const unsigned timeout_ms = (unsigned)(timeout_ns / NS_PER_MS);
	struct config *config;

	if (version == 1)
		config = config_with("  - influxdb: {url: \"http://127.0.0.1:%u/pre-fix/\", "
				     "version: 1, database: db 1, username: user, "
				     "password: \"pass:word\", timeout: %ums}\n",
		    run->server->port, timeout_ms);
	else
		config = config_with("  - influxdb: {url: \"http://127.0.0.1:%u/pre-fix/\", "
				     "org: my org&co, bucket: b/1, token: s3cr3t-token, "
				     "timeout: %ums}\n",
		    run->server->port, timeout_ms);
	return config;
}

static void open_sink(
    struct run *run, unsigned version, const struct sink_tuning *tuning, uint64_t timeout_ns)
{
	run->sink = start_sink(config_of(run, version, timeout_ns), tuning);
}

static struct run start(const struct answer *script, size_t n, unsigned version)
{
	struct run run = {.server = server_new(script, n)};

	run.server->takes = "text/plain";
	server_start(run.server);
	open_sink(&run, version, &quick, 5 * (uint64_t)NS_PER_S);
	return run;
}

static void end(struct run *run)
{
	sink_free(run->sink);
	server_free(run->server);
}

static void test_v2_request(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = start(script, N_OF(script), 2);
	struct sink_stats stats;

	for (size_t i = 0; i < 5; i++)
		push_numbered(run.sink, i * 10, 10);
	stats = wait_settled(run.sink, 50);
	assert_int_equal(stats.points, 50);
	assert_false(stats.failing);
	/* Releases of libcurl differ in the case of %2F. */
	assert_int_equal(strcasecmp(run.server->path,
			     "/pre-fix/api/v2/write?org=my+org%26co&bucket=b%2f1&precision=ns"),
	    0);
	assert_int_equal(strncmp(run.server->request_line, "POST /pre-fix/api/v2/write?", 27), 0);
	assert_string_equal(run.server->authorization, "Token s3cr3t-token");
	assert_string_equal(run.server->content_type, "text/plain; charset=utf-8");
	assert_string_equal(run.server->content_encoding, "gzip");
	assert_string_equal(run.server->accept, "application/json");
	assert_int_equal(run.server->requests, 5);
	assert_int_equal(run.server->connections, 1);
	assert_int_equal(server_once(run.server, 0, 50), 50);
	assert_null(strstr(sink_name(run.sink), "s3cr3t"));
	assert_non_null(strstr(sink_name(run.sink), "influxdb http://127.0.0.1:"));
	end(&run);
}

static void test_v1_request(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = start(script, N_OF(script), 1);

	push_numbered(run.sink, 0, 1);
	wait_settled(run.sink, 1);
	assert_string_equal(
	    run.server->request_line, "POST /pre-fix/write?db=db+1&precision=ns HTTP/1.1");
	assert_string_equal(run.server->authorization, "Basic dXNlcjpwYXNzOndvcmQ=");
	assert_string_equal(run.server->content_type, "text/plain; charset=utf-8");
	assert_string_equal(run.server->content_encoding, "gzip");
	assert_string_equal(run.server->text, "m,t=x id=0i 0000000\n");
	end(&run);
}

static void test_large_batch_is_split(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = start(script, N_OF(script), 2);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 20001);
	stats = wait_settled(run.sink, 20001);
	assert_int_equal(stats.points, 20001);
	assert_int_equal(server_once(run.server, 0, 20001), 20001);
	assert_int_equal(run.server->requests, 5);
	assert_int_equal(run.server->largest_lines, 5000);
	assert_true(run.server->largest_bytes <= 1 << 20);
	end(&run);
}

/* In the middle of a batch: what was acknowledged is not sent again. */
static void test_server_errors_then_good(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204},
	    {.status = 500, .body = "{\"error\":\"timeout\"}"}, {.status = 503}, {.status = 408},
	    {.status = 429}, {.status = 0}, {.status = 204}};
	struct run run = start(script, N_OF(script), 2);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 9000);
	stats = wait_settled(run.sink, 9000);
	assert_int_equal(stats.points, 9000);
	assert_int_equal(stats.points_dropped + stats.points_rejected, 0);
	assert_true(stats.errors >= 4);
	assert_false(stats.failing);
	assert_int_equal(server_once(run.server, 0, 9000), 9000);
	end(&run);
}

static void test_retry_after(void **state UNUSED)
{
	static char date_header[64];
	static const struct answer script[] = {{.status = 429, .headers = "Retry-After: 1\r\n"},
	    {.status = 503, .headers = date_header}, {.status = 204}};
	struct run run;
	time_t then = time(NULL) +
	    2; /* rounds down: one to two seconds from the second answer's point of view */
	struct tm tm;
	uint64_t start_ns = clock_monotonic_ns();

	gmtime_r(&then, &tm);
	strftime(
	    date_header, sizeof(date_header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	run = start(script, N_OF(script), 2);
	push_numbered(run.sink, 0, 3);
	wait_settled(run.sink, 3);
	/* Without the header the waits would be at most 2 and 4 ms. */
	assert_true(clock_monotonic_ns() - start_ns >= 1000 * (uint64_t)NS_PER_MS);
	assert_int_equal(server_once(run.server, 0, 3), 3);
	assert_int_equal(run.server->requests, 3);
	end(&run);
}

static void test_rejection(void **state UNUSED)
{
	static const struct answer script[] = {
	    {.status = 400,
		.body = "{\"code\":\"invalid\",\"message\":\"no s3cr3t-token \\n bucket\"}"},
	    {.status = 422}, {.status = 413}, {.status = 204}};
	struct run run = start(script, N_OF(script), 2);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 10);
	stats = wait_settled(run.sink, 10);
	assert_int_equal(stats.points_rejected, 10);
	assert_true(stats.failing);
	assert_string_equal(stats.last_error, "HTTP 400: no *** \\x0a bucket");
	push_numbered(run.sink, 10, 10);
	push_numbered(run.sink, 20, 1);
	push_numbered(run.sink, 30, 10);
	stats = wait_settled(run.sink, 31);
	assert_int_equal(stats.points_rejected, 21);
	assert_int_equal(stats.points, 10);
	assert_int_equal(stats.errors, 3);
	assert_false(stats.failing);
	assert_int_equal(run.server->requests, 4);
	assert_int_equal(server_once(run.server, 30, 40), 10);
	end(&run);
}

/* Whatever is no judgement of the points is an outage: none is lost by it. */
static void test_other_answers(void **state UNUSED)
{
	static const int statuses[] = {
	    301, 302, 307, 401, 402, 403, 404, 405, 407, 409, 410, 415, 426, 428, 431, 451, 499};
	static const struct {
		int status;
		const char *error;
	} words[] = {
	    {401, "HTTP 401 (the credentials are not accepted): who?"},
	    {404, "HTTP 404 (nothing is there): who?"},
	    {308, "HTTP 308 (a redirect, which is not followed): who?"},
	    {426, "HTTP 426: who?"},
	};

	for (size_t i = 0; i < N_OF(statuses); i++) {
		const struct answer script[] = {
		    {.status = statuses[i], .headers = "Location: http://127.0.0.1:1/\r\n"},
		    {.status = 204}};
		struct run run = start(script, N_OF(script), 2);
		struct sink_stats stats;

		push_numbered(run.sink, 0, 10);
		stats = wait_settled(run.sink, 10);
		assert_int_equal(stats.points, 10);
		assert_int_equal(stats.points_rejected + stats.points_dropped, 0);
		assert_int_equal(stats.errors, 1);
		assert_int_equal(server_once(run.server, 0, 10), 10);
		end(&run);
	}
	for (size_t i = 0; i < N_OF(words); i++) {
		const struct answer script[] = {
		    {.status = words[i].status, .body = "{\"error\":\"who?\"}"}};
		struct run run = start(script, N_OF(script), 2);

		push_numbered(run.sink, 0, 1);
		assert_string_equal(wait_errors(run.sink, 1).last_error, words[i].error);
		end(&run);
	}
}

/* The error of an output ends with what mends it. */
static void test_remedy(void **state UNUSED)
{
	static const struct answer missing[] = {{.status = 404,
	    .body = "{\"error\":\"database not found: \\\"db 1\\\"\"}"}},
				   other[] = {{.status = 404, .body = "404 page not found\n"}};
	struct run run = start(missing, N_OF(missing), 1);

	push_numbered(run.sink, 0, 1);
	assert_string_equal(wait_errors(run.sink, 1).last_error,
	    "HTTP 404 (nothing is there): database not found: \"db 1\": "
	    "influx -execute 'CREATE DATABASE \"db 1\"'");
	end(&run);
	run = start(other, N_OF(other), 2);
	push_numbered(run.sink, 0, 1);
	assert_string_equal(wait_errors(run.sink, 1).last_error,
	    "HTTP 404 (nothing is there): 404 page not found: version: 1?");
	end(&run);
}

static void test_partial_write(void **state UNUSED)
{
	static const struct answer script[] = {
	    {.status = 400,
		.body = "{\"error\":\"partial write: field type conflict: input field \\\"f\\\" "
			"dropped=3\"}"},
	    {.status = 422,
		.body = "{\"message\":\"failure: partial write: points beyond dropped=2\"}"}};
	struct run run = start(script, N_OF(script), 1);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 10);
	stats = wait_settled(run.sink, 10);
	assert_int_equal(stats.points, 7);
	assert_int_equal(stats.points_rejected, 3);
	assert_false(stats.failing);
	push_numbered(run.sink, 10, 10);
	stats = wait_settled(run.sink, 20);
	assert_int_equal(stats.points, 15);
	assert_int_equal(stats.points_rejected, 5);
	end(&run);
}

/* The connection breaks within the number: nobody knows how many are missing. */
static void test_partial_write_cut_off(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 400,
	    .body = "{\"error\":\"partial write: field type conflict: dropped=1",
	    .cut_body = true}};
	struct run run = start(script, N_OF(script), 1);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 10);
	stats = wait_settled(run.sink, 10);
	assert_int_equal(stats.points, 0);
	assert_int_equal(stats.points_rejected, 10);
	end(&run);
}

static void test_too_large_is_halved(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204, .max_lines = 300}};
	struct run run = start(script, N_OF(script), 2);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 4000);
	stats = wait_settled(run.sink, 4000);
	assert_int_equal(stats.points, 4000);
	assert_int_equal(stats.points_rejected, 0);
	assert_int_equal(server_once(run.server, 0, 4000), 4000);
	end(&run);
}

static void test_one_line_too_large(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 413}};
	struct run run = start(script, N_OF(script), 2);
	struct sink_stats stats;

	push_numbered(run.sink, 0, 4);
	stats = wait_settled(run.sink, 4);
	assert_int_equal(stats.points_rejected, 4);
	assert_true(run.server->requests <= 9);
	end(&run);
}

static void test_refused_then_up(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = {.server = server_new(script, N_OF(script))};
	struct sink_stats stats;

	open_sink(&run, 2, &quick, 5 * (uint64_t)NS_PER_S);
	push_numbered(run.sink, 0, 5);
	stats = wait_errors(run.sink, 3);
	assert_true(stats.failing);
	assert_true(stats.last_error[0] != '\0');
	server_start(run.server);
	stats = wait_settled(run.sink, 5);
	assert_int_equal(stats.points, 5);
	assert_int_equal(server_once(run.server, 0, 5), 5);
	end(&run);
}

/* The status line counts; neither an endless nor a cut body holds the sink up or sends the points
 * again. */
static void test_bad_bodies(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .endless = 1 << 20},
	    {.status = 200, .body = "half", .cut_body = true}, {.status = 400, .endless = 1 << 20},
	    {.status = 204}};
	struct run run = {.server = server_new(script, N_OF(script))};
	struct sink_stats stats;

	server_start(run.server);
	open_sink(&run, 2, &quick, 500 * (uint64_t)NS_PER_MS);
	for (size_t i = 0; i < 4; i++)
		push_numbered(run.sink, i * 10, 10);
	stats = wait_settled(run.sink, 40);
	assert_int_equal(stats.points, 30);
	assert_int_equal(stats.points_rejected, 10);
	assert_int_equal(server_once(run.server, 0, 40), 30);
	end(&run);
}

/* A server that never answers: the caller never waits, the oldest batches go, and a stop is at
 * once. */
static void test_dead_server(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = {.server = server_new(script, N_OF(script))};
	struct sink_tuning tuning = quick;
	struct sink_stats stats;
	uint64_t start_ns;

	/* Listens, and nobody accepts. */
	assert_int_equal(listen(run.server->listen_fd, 16), 0);
	tuning.queue_batches = 8;
	open_sink(&run, 2, &tuning, 60 * (uint64_t)NS_PER_S);
	push_numbered(run.sink, 0, 1);
	while (stats_of(run.sink).queued)
		usleep(1000);
	for (size_t i = 1; i <= 20; i++)
		push_numbered(run.sink, i, 1);
	stats = stats_of(run.sink);
	assert_int_equal(stats.queued, 8);
	assert_int_equal(stats.points_dropped, 12);
	start_ns = clock_monotonic_ns();
	sink_stop(run.sink, 50 * (uint64_t)NS_PER_MS);
	assert_true(clock_monotonic_ns() - start_ns < WAIT_NS);
	stats = stats_of(run.sink);
	assert_int_equal(stats.points, 0);
	assert_int_equal(stats.points_dropped, 21);
	push_numbered(run.sink, 30, 1); /* after the stop */
	assert_int_equal(stats_of(run.sink).points_dropped, 22);
	server_start(run.server);
	end(&run);
}

/* Pushes of a fleet are spread, but a stop sends at once. */
static void test_spread(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = {.server = server_new(script, N_OF(script))};
	struct sink_tuning tuning = quick, other;
	struct config *config =
	    config_with("  - influxdb: {url: \"http://127.0.0.1:9\"}\n  - file: {path: /x}\n");

	sink_tuning_default(&tuning, &config->outputs[0], config);
	assert_true(tuning.spread_ns < 10 * (uint64_t)NS_PER_S);
	config->server = "ns2";
	sink_tuning_default(&other, &config->outputs[0], config);
	assert_true(other.spread_ns != tuning.spread_ns);
	config->interval_ns = NS_PER_S;
	sink_tuning_default(&other, &config->outputs[0], config);
	assert_true(other.spread_ns < (uint64_t)NS_PER_S);
	config->interval_ns = 3600 * (uint64_t)NS_PER_S;
	sink_tuning_default(&other, &config->outputs[0], config);
	assert_true(other.spread_ns < 60 * (uint64_t)NS_PER_S);
	sink_tuning_default(&other, &config->outputs[1], config);
	assert_int_equal(other.spread_ns, 0);
	config_unref(config);

	server_start(run.server);
	tuning = quick;
	tuning.spread_ns = 3600 * (uint64_t)NS_PER_S;
	open_sink(&run, 2, &tuning, 5 * (uint64_t)NS_PER_S);
	push_numbered(run.sink, 0, 7);
	usleep(100000);
	assert_int_equal(run.server->requests, 0);
	assert_int_equal(stats_of(run.sink).points, 0);
	sink_stop(run.sink, 5 * (uint64_t)NS_PER_S);
	assert_int_equal(server_once(run.server, 0, 7), 7);
	assert_int_equal(stats_of(run.sink).points, 7);
	end(&run);
}

/* 500 agents, in tenths of an interval: no tenth has half as many again as the mean. */
static void test_spread_is_even(void **state UNUSED)
{
	struct config *config = config_with("  - influxdb: {url: \"http://127.0.0.1:9\"}\n");
	size_t tenths[10] = {0};

	for (int i = 0; i < 500; i++) {
		struct sink_tuning tuning;
		char server[32];

		snprintf(server, sizeof(server), "ns%d.site%d.example", i % 4, i / 4);
		config->server = server;
		sink_tuning_default(&tuning, &config->outputs[0], config);
		tenths[tuning.spread_ns / NS_PER_S]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(tenths[i], 25, 75);
	config_unref(config);
}

/* While the server is down the oldest go, the one that is being tried included; the newest arrive.
 */
static void test_oldest_go(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct run run = {.server = server_new(script, N_OF(script))};
	struct sink_tuning tuning = quick;
	struct sink_stats stats;

	tuning.queue_batches = 4;
	open_sink(&run, 2, &tuning, 5 * (uint64_t)NS_PER_S);
	for (size_t i = 0; i < 10; i++)
		push_numbered(run.sink, i, 1);
	while (stats_of(run.sink).queued == 4) /* until the head has made room */
		usleep(1000);
	server_start(run.server);
	stats = wait_settled(run.sink, 10);
	assert_int_equal(stats.points + stats.points_dropped, 10);
	assert_in_range(stats.points, 3, 5);
	assert_int_equal(
	    server_once(run.server, 0, 5), stats.points - server_once(run.server, 5, 10));
	assert_int_equal(server_once(run.server, 7, 10), 3);
	end(&run);
}

struct pusher {
	struct sink *sink;
	size_t from;
};

static void *push_some(void *context)
{
	struct pusher *pusher = context;

	for (size_t i = 0; i < 50; i++) {
		while (!sink_wait_room(pusher->sink, NS_PER_S))
			;
		push_numbered(pusher->sink, pusher->from + i * 10, 10);
		(void)stats_of(pusher->sink);
	}
	return NULL;
}

static void test_many_pushers(void **state UNUSED)
{
	static const struct answer script[] = {
	    {.status = 204}, {.status = 500}, {.status = 204}, {.status = 0}, {.status = 204}};
	struct run run = start(script, N_OF(script), 2);
	struct pusher pushers[4];
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++) {
		pushers[i] = (struct pusher){run.sink, i * 500};
		assert_int_equal(pthread_create(&threads[i], NULL, push_some, &pushers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	sink_stop(run.sink, WAIT_NS);
	assert_int_equal(stats_of(run.sink).points, 2000);
	assert_int_equal(server_once(run.server, 0, 2000), 2000);
	end(&run);
}

static void assert_refused(const char *output, const char *key, const char *value)
{
	struct config *config = config_with("%s", output);
	struct sink *sink;

	set_text(config, key, value);
	assert_int_equal(sink_new(&sink, &config->outputs[0], config), -EINVAL);
	config_unref(config);
}

static void test_bad_configurations(void **state UNUSED)
{
	assert_refused("  - influxdb:\n", "url", "ftp://127.0.0.1/");
	assert_refused("  - influxdb:\n", "url", "");
	assert_refused("  - influxdb:\n", "token", "a\r\nX-Evil: 1");
	assert_refused("  - influxdb: {version: 1, username: u}\n", "password", "a\nb");
	assert_refused("  - otlp:\n", "url", "ftp://127.0.0.1/");
	assert_refused("  - file:\n", "path", "");
}

static void test_name(void **state UNUSED)
{
	struct config *config = config_with(
	    "  - influxdb: {url: \"http://me:hidden@127.0.0.1:9/x?u=hidden\", bucket: b}\n");
	struct sink *sink = start_sink(config, &quick);

	assert_string_equal(sink_name(sink), "influxdb http://127.0.0.1:9/x bucket=b");
	assert_int_equal(sink_format(sink), POINTS_LINE);
	sink_free(sink);
	config = config_with("  - influxdb: {url: \"http://127.0.0.1:9/\", version: 1}\n");
	sink = start_sink(config, &quick);
	assert_string_equal(sink_name(sink), "influxdb http://127.0.0.1:9 database=dns");
	sink_free(sink);
	sink_free(NULL);
}

/* What a sink took decides whether it stays, secrets by value included; what it did not take does
 * not. */
static void test_stays(void **state UNUSED)
{
	static const struct {
		const char *output;
		bool stays;
	} cases[] = {
	    {"  - influxdb: {bucket: b, token: other}\n", false},
	    {"  - influxdb: {bucket: b, token: secret, timeout: 11s}\n", false},
	    {"  - influxdb: {bucket: c, token: secret}\n", false},
	    {"  - influxdb: {version: 1}\n", false},
	    {"  - otlp: {url: \"http://127.0.0.1:8086\"}\n", false},
	    {"  - influxdb: {token: secret, bucket: b, version: 2}\n", true},
	    {"  - influxdb: {bucket: b, token: secret}\n  - file: {path: /x}\n", true},
	};
	struct sink *sink =
	    start_sink(config_with("  - influxdb: {bucket: b, token: secret}\n"), &quick);
	struct config *config;

	for (size_t i = 0; i < N_OF(cases); i++) {
		config = config_with("%s", cases[i].output);
		assert_int_equal(sink_stays(sink, &config->outputs[0], config), cases[i].stays);
		config_unref(config);
	}
	config = config_with("  - influxdb: {bucket: b, token: secret}\n");
	config->interval_ns *= 2;
	config->limits.memory *= 2;
	config->limits.spool *= 2;
	assert_true(sink_stays(sink, &config->outputs[0], config));
	config->spool_path = "/x";
	assert_false(sink_stays(sink, &config->outputs[0], config));
	config->spool_path = "";
	config->server = "ns2";
	assert_false(sink_stays(sink, &config->outputs[0], config));
	config_unref(config);
	sink_free(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_v2_request),
	    cmocka_unit_test(test_v1_request),
	    cmocka_unit_test(test_large_batch_is_split),
	    cmocka_unit_test(test_server_errors_then_good),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_rejection),
	    cmocka_unit_test(test_other_answers),
	    cmocka_unit_test(test_remedy),
	    cmocka_unit_test(test_partial_write),
	    cmocka_unit_test(test_partial_write_cut_off),
	    cmocka_unit_test(test_too_large_is_halved),
	    cmocka_unit_test(test_one_line_too_large),
	    cmocka_unit_test(test_refused_then_up),
	    cmocka_unit_test(test_bad_bodies),
	    cmocka_unit_test(test_dead_server),
	    cmocka_unit_test(test_spread),
	    cmocka_unit_test(test_spread_is_even),
	    cmocka_unit_test(test_oldest_go),
	    cmocka_unit_test(test_many_pushers),
	    cmocka_unit_test(test_bad_configurations),
	    cmocka_unit_test(test_name),
	    cmocka_unit_test(test_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
