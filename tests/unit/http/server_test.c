/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_report.h"

#include "client.h"

#include "http/http.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define BODY "Content-Length: 3\r\n\r\nabc"

struct fixture {
	struct report *report;
	struct http *http;
	struct config config;
	char folder[64], token[96];
	bool healthy;
	const char *crosscheck;
	struct reply reply;
};

static bool healthy(void *context, char *reasons, size_t size)
{
	struct fixture *f = context;

	snprintf(reasons, size, "[\"every output fails\"]");
	return f->healthy;
}

static char *document(void *context, const char *name)
{
	struct fixture *f = context;

	return f->crosscheck && strcmp(name, "crosscheck") == 0 ? strdup(f->crosscheck) : NULL;
}

static void begin(struct fixture *f)
{
	const struct http_hooks hooks = {healthy, document, f};
	char error[256] = "";

	if (http_new(&f->http, &f->config, f->report, &hooks, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	assert_non_null(f->http);
}

static void write_token(struct fixture *f, const char *text, mode_t mode)
{
	FILE *file;

	snprintf(f->token, sizeof(f->token), "%s/token", f->folder);
	file = fopen(f->token, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(f->token, mode), 0);
	f->config.http.token_file = f->token;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->report = fake_report();
	f->config.http.listen = "127.0.0.1:0";
	f->config.http.token_file = f->config.http.tls_cert = f->config.http.tls_key = "";
	f->healthy = true;
	strcpy(f->folder, "/tmp/crosstap-http-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_free(f->http);
	fake_report_free(f->report);
	if (*f->token)
		unlink(f->token);
	rmdir(f->folder);
	free(f);
	return 0;
}

static int status_of(struct fixture *f, const char *path)
{
	get(http_port(f->http), path, &f->reply);
	return f->reply.status;
}

static void expect_header(struct fixture *f, const char *header)
{
	char *end = strstr(f->reply.text, "\r\n\r\n"), line[256];

	snprintf(line, sizeof(line), "\r\n%s\r\n", header);
	assert_non_null(end);
	if (!strstr(f->reply.text, line))
		fail_msg("no %s in %s", header, f->reply.text);
}

static void expect_json(struct fixture *f, const char *key)
{
	json_t *json = json_loads(f->reply.body, 0, NULL);

	assert_non_null(json);
	assert_non_null(json_object_get(json, key));
	json_decref(json);
	expect_header(f, "Content-Type: application/json");
}

static void test_routes(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(status_of(f, "/metrics"), 200);
	expect_header(f, "Content-Type: text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(f->reply.body, "# TYPE crosstap_dns_queries_total counter\n"));
	assert_int_equal(status_of(f, "/metrics?x=1"), 200);
	assert_int_equal(status_of(f, "/api/v1/window"), 200);
	assert_string_equal(f->reply.body, "{\"zones\":{}}");
	assert_int_equal(status_of(f, "/api/v1/status"), 200);
	expect_json(f, "outputs");
	assert_int_equal(status_of(f, "/"), 200);
	expect_header(f, "Content-Type: text/html; charset=utf-8");
	expect_header(f, "X-Content-Type-Options: nosniff");
	expect_header(f, "Cache-Control: no-store");
	assert_non_null(strstr(f->reply.text, "\r\nContent-Security-Policy: default-src 'self'; "));
	assert_non_null(strstr(f->reply.body, "<!doctype html>"));
}

/* The page's files come compressed to whoever takes that, and are the same for others. */
static void test_page_files(void **state)
{
	static const char *const paths[] = {
	    "/", "/page.css", "/main.js", "/dygraph.js", "/nameservers/knot.conf", "/doc/"};
	struct fixture *f = *state;

	begin(f);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		request(http_port(f->http), "GET", paths[i], "127.0.0.1",
		    "Accept-Encoding: gzip, br\r\n", &f->reply);
		assert_int_equal(f->reply.status, 200);
		expect_header(f, "Content-Encoding: gzip");
		expect_header(f, "Vary: Accept, Accept-Encoding");
		assert_memory_equal(f->reply.body, "\x1f\x8b", 2);
		assert_int_equal(status_of(f, paths[i]), 200);
		assert_null(strstr(f->reply.text, "Content-Encoding"));
		assert_memory_not_equal(f->reply.body, "\x1f\x8b", 2);
	}
	assert_int_equal(status_of(f, "/nameservers/knot.conf"), 200);
	expect_header(f, "Content-Type: text/plain; charset=utf-8");
	assert_non_null(strstr(f->reply.body, "sink: unix:/run/crosstap/dnstap.sock"));
}

/* Each page that the list names is there. */
static void test_handbook(void **state)
{
	static const char before[] = "<dt><a href=\"";
	struct fixture *f = *state;
	char list[16 * 1024], path[128];
	unsigned n = 0;

	begin(f);
	assert_int_equal(status_of(f, "/doc/"), 200);
	expect_header(f, "Content-Type: text/html; charset=utf-8");
	assert_in_range(strlen(f->reply.body), 1, sizeof(list) - 1);
	strcpy(list, f->reply.body);
	for (char *at = list; (at = strstr(at, before)); n++) {
		at += strlen(before);
		snprintf(path, sizeof(path), "/doc/%.*s", (int)strcspn(at, "\""), at);
		assert_int_equal(status_of(f, path), 200);
		assert_non_null(strstr(f->reply.body, "href=\"manual.css\""));
	}
	assert_in_range(n, 10, 100);
	assert_int_equal(status_of(f, "/doc/manual.css"), 200);
	expect_header(f, "Content-Type: text/css; charset=utf-8");
	assert_int_equal(status_of(f, "/doc/../index.html"), 404);
}

static void test_health(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(status_of(f, "/healthz"), 200);
	expect_json(f, "status");
	assert_string_equal(f->reply.body, "{\"status\": \"ok\", \"verdict\": \"socket-loss\"}\n");
	f->healthy = false;
	assert_int_equal(status_of(f, "/healthz"), 503);
	expect_json(f, "reasons");
	assert_non_null(strstr(f->reply.body, "\"verdict\": \"socket-loss\""));
	assert_non_null(strstr(f->reply.body, "every output fails"));
}

static void test_documents(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(status_of(f, "/api/v1/crosscheck"), 404);
	expect_json(f, "error");
	assert_int_equal(status_of(f, "/api/v1/resolvers"), 404);
	f->crosscheck = "{\"verdict\": \"ok\"}";
	assert_int_equal(status_of(f, "/api/v1/crosscheck"), 200);
	expect_json(f, "verdict");
	assert_int_equal(status_of(f, "/api/v1/resolvers"), 404);
}

static void test_not_found(void **state)
{
	static const char *const paths[] = {"/nothing", "/metrics/", "//metrics", "/api/v1/",
	    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/web/index.html", "/index.html%00"};
	struct fixture *f = *state;

	begin(f);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int status = status_of(f, paths[i]);

		if (status != 404 && !(strstr(paths[i], "%00") && status == 200))
			fail_msg("%s: %d", paths[i], status);
	}
}

static void test_methods(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"};
	struct fixture *f = *state;

	begin(f);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		request(http_port(f->http), methods[i], "/metrics", "localhost", "", &f->reply);
		assert_int_equal(f->reply.status, 405);
		expect_header(f, "Allow: GET, HEAD");
	}
	request(http_port(f->http), "HEAD", "/metrics", "localhost", "", &f->reply);
	assert_int_equal(f->reply.status, 200);
	assert_string_equal(f->reply.body, "");
	assert_null(strstr(f->reply.text, "\r\nContent-Length: 0\r\n"));
}

static void test_bodies(void **state)
{
	static const char post[] = "POST /metrics HTTP/1.1\r\nHost: [::1]\r\nConnection: "
				   "close\r\n" BODY;
	struct fixture *f = *state;
	char *large = calloc(1, 400000);
	int length;

	begin(f);
	exchange(http_port(f->http), post, sizeof(post) - 1, &f->reply);
	assert_int_equal(f->reply.status, 405);
	length = sprintf(
	    large, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n");
	memset(large + length, 'x', 300000);
	exchange(http_port(f->http), large, (size_t)length + 300000, &f->reply);
	assert_int_not_equal(f->reply.status, 200);
	free(large);
	assert_int_equal(status_of(f, "/healthz"), 200);
}

static void test_sizes(void **state)
{
	static const char junk[] = "\x16\x03\x01\x02junk\r\n\r\n";
	static const char no_host[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct fixture *f = *state;
	char *large = malloc(100000);

	begin(f);
	large[0] = '/';
	memset(large + 1, 'a', 60000);
	large[60000] = '\0';
	assert_int_equal(status_of(f, large), 414);
	large[5000] = '\0';
	assert_int_equal(status_of(f, large), 404);
	memset(large, 'b', 60000);
	memcpy(large, "X: ", 3);
	strcpy(large + 60000, "\r\n");
	request(http_port(f->http), "GET", "/metrics", "localhost", large, &f->reply);
	assert_true(f->reply.status == 431 || f->reply.status == 413);
	exchange(http_port(f->http), junk, sizeof(junk) - 1, &f->reply);
	assert_int_not_equal(f->reply.status, 200);
	exchange(http_port(f->http), no_host, sizeof(no_host) - 1, &f->reply);
	assert_int_equal(f->reply.status, 400);
	free(large);
	assert_int_equal(status_of(f, "/healthz"), 200);
}

static void test_host_guard(void **state)
{
	static const struct {
		const char *host;
		int status;
	} cases[] = {
	    {"127.0.0.1:9053", 200},
	    {"127.0.0.1", 200},
	    {"[::1]:9053", 200},
	    {"192.0.2.1", 200},
	    {"localhost", 200},
	    {"LOCALHOST.:80", 200},
	    {"ns1.localhost", 200},
	    {"evil.example", 403},
	    {"evil.example:9053", 403},
	    {"localhost.evil.example", 403},
	    {"notlocalhost", 403},
	    {"127.0.0.1.evil.example", 403},
	    {"[::1", 403},
	    {"[::1].evil.example", 403},
	    {"[evil.example]", 403},
	    {"127.0.0.1:80.evil.example", 403},
	};
	struct fixture *f = *state;

	begin(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request(http_port(f->http), "GET", "/", cases[i].host, "", &f->reply);
		if (f->reply.status != cases[i].status)
			fail_msg("%s: %d", cases[i].host, f->reply.status);
		if (f->reply.status == 403)
			assert_non_null(strstr(f->reply.body, "rebinding"));
	}
	http_free(f->http);
	write_token(f, "sesame\n", 0600);
	begin(f);
	request(http_port(f->http), "GET", "/", "ns1.example", "Authorization: Bearer sesame\r\n",
	    &f->reply);
	assert_int_equal(f->reply.status, 200);
}

static void test_token(void **state)
{
	static const struct {
		const char *header;
		int status;
	} cases[] = {
	    {"", 401}, {"Authorization: Bearer sesame\r\n", 200},
	    {"Authorization: bearer   sesame\r\n", 200}, {"Authorization: Bearer sesam\r\n", 401},
	    {"Authorization: Bearer sesame1\r\n", 401}, {"Authorization: Bearer Sesame\r\n", 401},
	    {"Authorization: Bearer \r\n", 401}, {"Authorization: sesame\r\n", 401},
	    {"Authorization: Basic Y3Jvc3N0YXA6c2VzYW1l\r\n", 200}, /* crosstap:sesame */
	    {"Authorization: Basic c2VzYW1lOnNlc2FtZQ==\r\n", 401}, /* sesame:sesame */
	};
	static const char *const routes[] = {"/", "/metrics", "/api/v1/window", "/api/v1/status",
	    "/api/v1/crosscheck", "/api/v1/resolvers", "/nothing"};
	struct fixture *f = *state;

	write_token(f, "  sesame \r\n\n", 0640);
	begin(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request(http_port(f->http), "GET", "/metrics", "ns1.example", cases[i].header,
		    &f->reply);
		if (f->reply.status != cases[i].status)
			fail_msg("%s: %d", cases[i].header, f->reply.status);
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		assert_int_equal(status_of(f, routes[i]), 401);
		expect_header(f, "WWW-Authenticate: Basic realm=\"crosstap\"");
		expect_header(f, "WWW-Authenticate: Bearer realm=\"crosstap\"");
	}
	request(http_port(f->http), "GET", "/api/v1/status", "ns1.example",
	    "X-Requested-With: page\r\n", &f->reply);
	assert_int_equal(f->reply.status, 401);
	expect_header(f, "WWW-Authenticate: Bearer realm=\"crosstap\"");
	assert_null(strcasestr(f->reply.text, "Basic"));
	assert_int_equal(status_of(f, "/healthz"), 200);
}

static void expect_refused(struct fixture *f, int error, const char *reason)
{
	char text[256] = "";

	assert_int_equal(
	    http_new(&f->http, &f->config, f->report, NULL, text, sizeof(text)), error);
	assert_null(f->http);
	if (!strstr(text, reason))
		fail_msg("%s", text);
}

static void test_bad_tokens(void **state)
{
	struct fixture *f = *state;

	write_token(f, "sesame\n", 0644);
	expect_refused(f, -EPERM, "o-r");
	write_token(f, " \n", 0600);
	expect_refused(f, -EINVAL, "token");
	write_token(f, "open sesame\n", 0600);
	expect_refused(f, -EINVAL, "token");
	write_token(f, "abc\n", 0600);
	expect_refused(f, -EINVAL, "a token is 4 to 1024");
	write_token(f, "", 0600);
	expect_refused(f, -EINVAL, "empty");
	f->config.http.token_file = "/nowhere/token";
	expect_refused(f, -ENOENT, "/nowhere/token");
	f->config.http.token_file = f->folder;
	expect_refused(f, -EINVAL, "regular");
}

static void test_reload(void **state)
{
	struct fixture *f = *state;
	struct config other;

	write_token(f, "sesame\n", 0600);
	begin(f);
	assert_true(http_matches(f->http, &f->config));
	other = f->config;
	other.http.token_file = "";
	assert_false(http_matches(f->http, &other));
	other = f->config;
	other.http.listen = "127.0.0.1:1";
	assert_false(http_matches(f->http, &other));
	other.http.listen = "off";
	assert_false(http_matches(f->http, &other));
	assert_true(http_matches(NULL, &other));
	assert_false(http_matches(NULL, &f->config));
	write_token(f, "sesame2\n", 0600);
	assert_false(http_matches(f->http, &f->config));
	write_token(f, "sesame\n", 0644);
	assert_false(http_matches(f->http, &f->config));
}

static void test_off_and_busy(void **state)
{
	struct fixture *f = *state;
	struct http *second = (struct http *)f;
	char listen[32], error[256] = "";
	struct config config = f->config;

	config.http.listen = "off";
	assert_int_equal(http_new(&second, &config, f->report, NULL, error, sizeof(error)), 0);
	assert_null(second);
	begin(f);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", http_port(f->http));
	config.http.listen = listen;
	assert_int_equal(
	    http_new(&second, &config, f->report, NULL, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, listen));
	config.http.listen = "127.0.0.1:0";
	write_token(f, "no key\n", 0600);
	config.http.tls_cert = config.http.tls_key = f->token;
	assert_true(http_new(&second, &config, f->report, NULL, error, sizeof(error)) < 0);
	assert_null(second);
	http_free(NULL);
}

/* More than there may be: the first ones are served, and all once those are gone. */
static void test_many_connections(void **state)
{
	struct fixture *f = *state;
	int fds[40];

	begin(f);
	for (size_t i = 0; i < 40; i++)
		fds[i] = client_connect(http_port(f->http));
	for (size_t i = 0; i < 40; i++)
		close(fds[i]);
	for (int tries = 0; status_of(f, "/healthz") != 200; tries++)
		assert_true(tries < 1000);
}

struct asker {
	pthread_t thread;
	struct fixture *fixture;
	const char *path;
	_Atomic bool *stop;
	struct reply reply;
	unsigned answers;
	bool fell;
};

static void *ask(void *context)
{
	struct asker *asker = context;
	double last = 0;

	while (!atomic_load(asker->stop)) {
		const char *count;
		double value;

		get(http_port(asker->fixture->http), asker->path, &asker->reply);
		if (asker->reply.status != 200)
			break;
		asker->answers++;
		count = strstr(asker->reply.body, "\ncrosstap_dns_queries_by_qtype_total{");
		value = count ? strtod(strchr(count, ' '), NULL) : last;
		asker->fell |= value < last;
		last = value;
	}
	return NULL;
}

/* Windows close while several readers ask; meant for TSan as well. */
static void test_concurrent(void **state)
{
	static const char *const paths[] = {"/metrics", "/api/v1/status", "/api/v1/window"};
	struct fixture *f = *state;
	const uint16_t zone = fake_zone(f->report, "nl");
	static struct asker askers[3];
	_Atomic bool stop = false;

	begin(f);
	for (size_t i = 0; i < 3; i++) {
		askers[i] = (struct asker){.fixture = f, .path = paths[i], .stop = &stop};
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	}
	for (unsigned i = 0; i < 3000; i++) {
		const struct cell cells[] = {
		    {margin_key(zone, MARGIN_QTYPE, 0, 0, 0, 1), 1, 0},
		    {margin_key(zone, MARGIN_QTYPE, 0, 0, 0, 2 + i % 250), 1, 0},
		};

		fake_window(f->report, zone, cells, 2);
		usleep(100);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < 3; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].reply.status, 200);
		assert_true(askers[i].answers > 0);
		assert_false(askers[i].fell);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_page_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_handbook, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_health, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_documents, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_host_guard, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_token, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_tokens, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_off_and_busy, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_connections, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_concurrent, setup, teardown),
	};

	return cmocka_run_group_tests_name("http/server", tests, NULL, NULL);
}
