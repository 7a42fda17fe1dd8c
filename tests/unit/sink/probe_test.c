/* SPDX-License-Identifier: BSD-2-Clause */
/* What `doctor` finds out of outputs that are elsewhere. */
#include "base/unused.h"
#include "http_server.h"
#include "sink_fixture.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct sink_finding probe(struct config *config)
{
	struct sink_finding finding;

	assert_true(sink_probe(&config->outputs[0], &finding));
	config_unref(config);
	return finding;
}

/* Of a server that gives this answer; *path has what it was asked for. */
static struct sink_finding ask(const struct answer *answer, const char *output, char *path)
{
	struct server *server = server_new(answer, 1);
	struct sink_finding finding;
	char url[64];

	server->is_asked = true;
	server_start(server);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server->port);
	finding = probe(config_with("  - %s: {url: \"%s/pre/\", timeout: 2s}\n", output, url));
	if (!finding.unreachable)
		assert_non_null(strstr(finding.text, url));
	pthread_mutex_lock(&server->lock); /* a late one is still at it */
	assert_int_equal(server->requests, 1);
	if (path)
		strcpy(path, server->request_line);
	pthread_mutex_unlock(&server->lock);
	server_free(server);
	return finding;
}

static void test_asked_for(void **state UNUSED)
{
	static const struct answer good = {.status = 204};
	char line[600];

	assert_true(ask(&good, "clickhouse", line).good);
	assert_string_equal(line, "HEAD /pre/ping HTTP/1.1");
	assert_true(ask(&good, "influxdb", line).good);
	assert_string_equal(line, "HEAD /pre/ping HTTP/1.1");
	/* The URL is that of the signal: nothing is below it. */
	assert_true(ask(&good, "otlp", line).good);
	assert_string_equal(line, "HEAD /pre/ HTTP/1.1");
}

static void test_answers(void **state UNUSED)
{
	static const struct {
		int status;
		bool good, good_for_any; /* for a place that answers POST alone */
		const char *words;
	} cases[] = {
	    {200, true, true, " answers"},
	    {299, true, true, " answers"},
	    {302, false, true, " answers with status 302"},
	    {401, true, true, "wants credentials"},
	    {403, true, true, "wants credentials"},
	    {404, false, true, " answers with status 404"},
	    {405, false, true, " answers with status 405"},
	    {500, false, false, " answers with status 500"},
	    {503, false, false, " answers with status 503"},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct answer answer = {.status = cases[i].status};
		struct sink_finding found = ask(&answer, "clickhouse", NULL);

		assert_int_equal(found.good, cases[i].good);
		assert_non_null(strstr(found.text, cases[i].words));
		assert_int_equal(found.advice != NULL, !cases[i].good);
		assert_false(found.unreachable);
		assert_int_equal(ask(&answer, "otlp", NULL).good, cases[i].good_for_any);
	}
}

static void test_no_answer(void **state UNUSED)
{
	static const struct answer none = {.status = 0}, late = {.status = 200, .delay_ms = 2500};
	struct server *server = server_new(&none, 1); /* nobody listens yet */
	struct sink_finding found;

	found =
	    probe(config_with("  - clickhouse: {url: \"http://127.0.0.1:%u\"}\n", server->port));
	assert_true(found.unreachable && !found.good && strstr(found.text, "connect"));
	server_start(server);
	server_free(server);
	found = ask(&none, "clickhouse", NULL);
	assert_true(found.unreachable && !found.good && strstr(found.text, "mpty reply"));
	found = ask(&late, "clickhouse", NULL);
	assert_true(found.unreachable && !found.good && strstr(found.text, "imed out"));
}

static void test_no_request(void **state UNUSED)
{
	struct config *config = config_with("  - clickhouse:\n");
	struct sink_finding found;

	set_text(config, "url", "http://[");
	found = probe(config);
	assert_false(found.good || found.unreachable);
	assert_non_null(strstr(found.text, "no request can be made"));
}

static void test_a_file_is_not_asked(void **state UNUSED)
{
	struct config *config = config_with("  - file: {path: /nowhere}\n");
	struct sink_finding finding;

	assert_false(sink_probe(&config->outputs[0], &finding));
	config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_asked_for),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_no_answer),
	    cmocka_unit_test(test_no_request),
	    cmocka_unit_test(test_a_file_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
