/* SPDX-License-Identifier: BSD-2-Clause */
/* /api/v1/events of an agent in this process. */
#include "fake_report.h"

#include "client.h"

#include "http/event_streams.h"
#include "http/http.h"

#include <poll.h>
#include <stdatomic.h>

#define STREAM "GET /api/v1/events HTTP/1.0\r\nHost: 127.0.0.1\r\n%s\r\n"
#define FIRST  "retry: 2000\n\n"

struct fixture {
	struct report *report;
	struct http *http;
	struct config config;
	struct reply reply;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char error[256] = "";

	f->report = fake_report();
	f->config.http.listen = "127.0.0.1:0";
	f->config.http.token_file = f->config.http.tls_cert = f->config.http.tls_key = "";
	if (http_new(&f->http, &f->config, f->report, NULL, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_free(f->http);
	fake_report_free(f->report);
	free(f);
	return 0;
}

struct watcher {
	int fd;
	size_t n;
	char text[256 * 1024];
};

static void watch(struct fixture *f, struct watcher *watcher, const char *headers)
{
	char request[512];
	const int n = snprintf(request, sizeof(request), STREAM, headers);

	*watcher = (struct watcher){.fd = client_connect(http_port(f->http))};
	assert_int_equal(send(watcher->fd, request, (size_t)n, MSG_NOSIGNAL), n);
}

/* Reads until that text has come; false: it was closed, or a while passed. */
static bool until(struct watcher *watcher, const char *text)
{
	ssize_t r;

	while (!text || !strstr(watcher->text, text)) {
		r = recv(watcher->fd, watcher->text + watcher->n,
		    sizeof(watcher->text) - 1 - watcher->n, 0);
		if (r <= 0)
			return false;
		watcher->n += (size_t)r;
		watcher->text[watcher->n] = '\0';
	}
	return true;
}

/* The end of the stream, and not of our patience. */
static bool ends(struct watcher *watcher)
{
	char byte;

	while (until(watcher, NULL))
		;
	return recv(watcher->fd, &byte, 1, 0) == 0;
}

static void window(struct fixture *f, int64_t second)
{
	ticker_window(f->report->ticker, second * NS_PER_S, (second + 1) * NS_PER_S);
}

static void test_a_stream(void **state)
{
	struct fixture *f = *state;
	static struct watcher watcher;

	window(f, 1);
	window(f, 2);
	watch(f, &watcher, "");
	assert_true(until(&watcher, "\"end\":3}\n\n"));
	assert_non_null(strstr(watcher.text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(watcher.text, "\r\nContent-Type: text/event-stream\r\n"));
	assert_non_null(strstr(watcher.text, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(watcher.text, "\r\nX-Accel-Buffering: no\r\n"));
	assert_non_null(strstr(watcher.text,
	    "\r\n\r\n" FIRST "id: 1000-2\nevent: window\ndata: {\"start\":2,\"end\":3}\n\n"));
	window(f, 3);
	assert_true(until(&watcher, "id: 1000-3\nevent: window\n"));
	http_end_streams(f->http);
	assert_true(ends(&watcher));
	close(watcher.fd);
	get(http_port(f->http), "/api/v1/events", &f->reply);
	assert_int_equal(f->reply.status, 503);
	assert_non_null(strstr(f->reply.text, "\r\nRetry-After: 10\r\n"));
	get(http_port(f->http), "/healthz", &f->reply);
	assert_int_equal(f->reply.status, 200);
}

static void test_coming_back(void **state)
{
	struct fixture *f = *state;
	static struct watcher watcher;

	for (int i = 1; i <= 4; i++)
		window(f, i);
	watch(f, &watcher, "Last-Event-ID: 1000-2\r\n");
	assert_true(until(&watcher, "id: 1000-4\n"));
	assert_non_null(strstr(watcher.text, FIRST "id: 1000-3\n"));
	close(watcher.fd);
	watch(f, &watcher, "Last-Event-ID: nonsense\r\n");
	assert_true(until(&watcher, "id: 1000-4\n"));
	assert_non_null(strstr(watcher.text, FIRST "id: 1000-4\n"));
	close(watcher.fd);
}

static void test_head(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < PLACES_STREAMS_LOOPBACK + 4; i++) {
		request(http_port(f->http), "HEAD", "/api/v1/events", "localhost", "", &f->reply);
		assert_int_equal(f->reply.status, 200);
		assert_non_null(strstr(f->reply.text, "\r\nContent-Type: text/event-stream\r\n"));
		assert_string_equal(f->reply.body, "");
	}
	request(http_port(f->http), "GET", "/api/v1/events", "evil.example", "", &f->reply);
	assert_int_equal(f->reply.status, 403);
}

/* Each has its own; whoever is too many is told so; who goes makes room. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	static struct watcher watchers[PLACES_STREAMS_LOOPBACK];

	for (int i = 0; i < PLACES_STREAMS_LOOPBACK; i++) {
		watch(f, &watchers[i], "");
		assert_true(until(&watchers[i], FIRST));
	}
	get(http_port(f->http), "/api/v1/events", &f->reply);
	assert_int_equal(f->reply.status, 503);
	get(http_port(f->http), "/metrics", &f->reply);
	assert_int_equal(f->reply.status, 200);
	window(f, 1);
	for (int i = 0; i < PLACES_STREAMS_LOOPBACK; i++)
		assert_true(until(&watchers[i], "\"end\":2}"));
	close(watchers[0].fd);
	for (int i = 0; i < 100; i++) {
		watch(f, &watchers[0], "");
		if (until(&watchers[0], FIRST))
			break;
		assert_non_null(strstr(watchers[0].text, " 503 "));
		close(watchers[0].fd);
		usleep(50000);
	}
	assert_non_null(strstr(watchers[0].text, " 200 "));
	for (int i = 0; i < PLACES_STREAMS_LOOPBACK; i++)
		close(watchers[i].fd);
}

/* Falls behind what is held, or is not taken by the kernel: it is closed, and the others go on. */
static void test_not_read(void **state)
{
	struct fixture *f = *state;
	static struct watcher lazy, reader;
	struct events events = {.n = EVENTS_MAX};
	char last[64];

	for (size_t i = 0; i < EVENTS_MAX; i++)
		memset(events.list[i].text, 'x', sizeof(events.list[i].text) - 1);
	watch(f, &lazy, "");
	watch(f, &reader, "");
	assert_true(until(&lazy, FIRST) && until(&reader, FIRST));
	/* Megabytes, and what the kernel keeps for it is kilobytes. */
	for (int i = 1; i <= 200; i++) {
		ticker_events(f->report->ticker, &events);
		snprintf(last, sizeof(last), "id: 1000-%d\n", i * EVENTS_MAX);
		reader.n = 0;
		reader.text[0] = '\0';
		assert_true(until(&reader, last));
	}
	assert_true(ends(&lazy) || lazy.n == sizeof(lazy.text) - 1);
	assert_null(strstr(lazy.text, last));
	close(lazy.fd);
	close(reader.fd);
}

static void *tell_on(void *context)
{
	struct fixture *f = context;

	for (int i = 0; i < 2000; i++)
		window(f, i);
	return NULL;
}

/* Windows close while streams come, go, and are ended; meant for TSan as well. */
static void test_concurrent(void **state)
{
	struct fixture *f = *state;
	static struct watcher watchers[8];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, tell_on, f), 0);
	for (int i = 0; i < 40; i++) {
		if (i >= 8)
			close(watchers[i % 8].fd);
		watch(f, &watchers[i % 8], "");
		assert_true(until(&watchers[i % 8], FIRST) || i > 8);
	}
	pthread_join(thread, NULL);
	window(f, 5000);
	http_end_streams(f->http);
	for (int i = 0; i < 8; i++) {
		assert_true(ends(&watchers[i]));
		close(watchers[i].fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_stream, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_coming_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_head, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_concurrent, setup, teardown),
	};

	return cmocka_run_group_tests_name("http/event_streams", tests, NULL, NULL);
}
