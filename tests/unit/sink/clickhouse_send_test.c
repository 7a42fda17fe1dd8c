/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a batch by ClickHouse's answers, and without memory. */
#include "base/arena.h"
#include "base/unused.h"
#include "http_server.h"
#include "sink/backend.h"
#include "sink_fixture.h"

#include <errno.h>

#include "../scarce.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define REMEDY      ": crosstap schema clickhouse | clickhouse-client --database d b --multiquery"

struct run {
	struct server *server;
	struct config *config;
	const struct sink_ops *ops;
	struct sink_control control;
	void *backend;
	char text[8192]; /* the batch */
	size_t rows;
};

static bool is_insert(const char *text)
{
	return strncmp(text, "INSERT INTO dns FORMAT JSONEachRow\n{", 36) == 0;
}

/* `more`: further options. */
static struct run *start(const struct answer *script, size_t n, const char *more)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->server = server_new(script, n);
	run->server->takes = "text/plain";
	run->server->is_good = is_insert;
	server_start(run->server);
	run->config = config_with("  - clickhouse: {url: \"http://127.0.0.1:%u/pre/\", "
				  "database: d b, timeout: 5s%s}\n",
	    run->server->port, more);
	run->ops = sink_ops_of(&run->config->outputs[0]);
	run->control.deadline_ns = UINT64_MAX;
	assert_int_equal(
	    run->ops->open(&run->backend, run->config->outputs[0].settings, &run->control), 0);
	return run;
}

static void end(struct run *run)
{
	run->ops->close(run->backend);
	config_unref(run->config);
	server_free(run->server);
	free(run);
}

/* Points that the server tells apart, each as long as `padding` makes it. */
static void add(struct run *run, unsigned padding)
{
	const size_t used = strlen(run->text);

	snprintf(run->text + used, sizeof(run->text) - used,
	    "{\"measurement\":\"dns\",\"tags\":{\"server\":\"s\",\"zone\":\"%*sid=%zu\"},"
	    "\"fields\":{\"queries\":1},\"time\":1000}\n",
	    (int)padding, "", run->rows++);
}

static struct send_result send_all(struct run *run)
{
	struct send_result result = {0};

	run->ops->send(run->backend, run->text, strlen(run->text), &result);
	return result;
}

static void must_settle(struct run *run, size_t accepted, size_t rejected)
{
	const struct send_result result = send_all(run);

	assert_int_equal(result.accepted, accepted);
	assert_int_equal(result.rejected, rejected);
	assert_false(result.retry);
	assert_int_equal(result.taken, strlen(run->text));
}

/* All of it is to be sent again. */
static struct send_result must_wait(struct run *run)
{
	const struct send_result result = send_all(run);

	assert_true(result.retry);
	assert_int_equal(result.taken + result.accepted + result.rejected, 0);
	assert_true(*result.error);
	return result;
}

/* -- requests */

static void test_request(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run *run = start(script, 1, ", username: user, password: \"pass:word\"");

	add(run, 0);
	add(run, 0);
	must_settle(run, 2, 0);
	assert_string_equal(
	    run->server->path, "/pre/?database=d+b&input_format_skip_unknown_fields=1");
	assert_string_equal(run->server->authorization, "Basic dXNlcjpwYXNzOndvcmQ=");
	assert_int_equal(run->server->requests, 1);
	assert_int_equal(server_once(run->server, 0, 2), 2);
	end(run);
}

static void test_async_insert(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run *run = start(script, 1, ", async_insert: true");

	add(run, 0);
	must_settle(run, 1, 0);
	assert_string_equal(run->server->path,
	    "/pre/?database=d+b&input_format_skip_unknown_fields=1&async_insert=1"
	    "&wait_for_async_insert=1");
	end(run);
}

/* -- too large: the statement is a line, too */

static void test_halves(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .max_lines = 3}};
	struct run *run = start(script, 1, "");

	for (int i = 0; i < 11; i++)
		add(run, 0);
	must_settle(run, 11, 0);
	assert_int_equal(server_once(run->server, 0, 11), 11);
	end(run);
}

/* The middle lies in the last row, in the first, between them. */
static void test_uneven_halves(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .max_lines = 2}};
	static const unsigned paddings[][3] = {{0, 0, 3000}, {3000, 0, 0}, {0, 3000, 0}};

	for (size_t i = 0; i < N_OF(paddings); i++) {
		struct run *run = start(script, 1, "");

		for (size_t j = 0; j < N_OF(paddings[i]); j++)
			add(run, paddings[i][j]);
		must_settle(run, 3, 0);
		assert_int_equal(server_once(run->server, 0, 3), 3);
		end(run);
	}
}

static void test_one_row_too_large(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 413}, {.status = 413}, {.status = 200}};
	struct run *run = start(script, N_OF(script), "");
	struct send_result result;

	add(run, 0);
	add(run, 0);
	result = send_all(run);
	assert_int_equal(result.accepted, 1);
	assert_int_equal(result.rejected, 1);
	assert_false(result.retry);
	assert_int_equal(strncmp(result.error, "HTTP 413", 8), 0);
	assert_int_equal(server_once(run->server, 0, 2), 1);
	end(run);
}

/* One half is there already: the server drops it when it comes again. */
static void test_outage_between_halves(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 413}, {.status = 200}, {.status = 503},
	    {.status = 413}, {.status = 503}, {.status = 200}};
	struct run *run = start(script, N_OF(script), "");

	add(run, 0);
	add(run, 0);
	must_wait(run);
	must_wait(run);
	must_settle(run, 2, 0);
	assert_int_equal(run->server->requests, 6);
	assert_int_equal(run->server->seen[0], 2);
	assert_int_equal(run->server->seen[1], 1);
	end(run);
}

/* -- what it says */

static void test_remedies(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 0}, /* no answer at all */
	    {.status = 404, .body = "Code: 60. DB::Exception: Table d.dns does not exist"},
	    {.status = 404, .body = "Code: 81. DB::Exception: Database d does not exist"},
	    {.status = 403, .body = "Code: 516. DB::Exception: Authentication failed"},
	    {.status = 302}, {.status = 200}};
	struct run *run = start(script, N_OF(script), "");

	add(run, 0);
	assert_null(strstr(must_wait(run).error, "schema"));
	for (int i = 0; i < 2; i++)
		assert_non_null(strstr(must_wait(run).error, REMEDY));
	for (int i = 0; i < 2; i++)
		assert_null(strstr(must_wait(run).error, "schema"));
	must_settle(run, 1, 0);
	end(run);
}

static void test_retry_after(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 503, .headers = "Retry-After: 7\r\n"}};
	struct run *run = start(script, 1, "");

	add(run, 0);
	assert_true(must_wait(run).retry_after_ns == 7 * (uint64_t)NS_PER_S);
	end(run);
}

static void test_rejected(void **state UNUSED)
{
	static const struct answer script[] = {
	    {.status = 400, .body = "Code: 27. DB::Exception: Cannot parse input"}};
	struct run *run = start(script, 1, "");
	struct send_result result;

	add(run, 0);
	add(run, 0);
	snprintf(run->text + strlen(run->text), 9, "no JSON\n");
	result = send_all(run);
	assert_int_equal(result.rejected, 3);
	assert_int_equal(result.accepted, 0);
	assert_string_equal(result.error, "HTTP 400: Code: 27. DB::Exception: Cannot parse input");
	end(run);
}

/* A line of a spool that nobody can read stops nothing. */
static void test_unreadable(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run *run = start(script, 1, "");
	struct send_result result;

	add(run, 0);
	snprintf(run->text + strlen(run->text), 9, "no JSON\n");
	result = send_all(run);
	assert_int_equal(result.accepted, 1);
	assert_int_equal(result.rejected, 1);
	assert_string_equal(result.error, "unreadable lines of a spool: 1");
	end(run);
}

static void test_settings(void **state UNUSED)
{
	struct config *config = config_with(
	    "  - clickhouse: {url: \"http://me:hidden@127.0.0.1:9/x?u=y&password=p\"}\n");
	const struct sink_ops *ops = sink_ops_of(&config->outputs[0]);
	struct sink_control control = {.deadline_ns = UINT64_MAX};
	struct sink_place place;
	struct arena *arena;
	void *backend;

	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(ops->describe(arena, config->outputs[0].settings, &place), 0);
	assert_string_equal(place.name, "clickhouse http://127.0.0.1:9/x database=dns");
	assert_int_equal(strncmp(place.realm, "u=y", 3), 0);
	assert_null(strstr(place.realm, "password"));
	assert_int_equal(ops->format(config->outputs[0].settings), POINTS_JSON);
	arena_free(arena);
	set_text(config, "url", "http://[");
	assert_int_equal(ops->open(&backend, config->outputs[0].settings, &control), -EINVAL);
	set_text(config, "url", "ftp://127.0.0.1/");
	assert_int_equal(ops->open(&backend, config->outputs[0].settings, &control), -EINVAL);
	ops->close(NULL);
	config_unref(config);
}

/* -- without memory */

/* Whole, or said to be tried again. */
static bool begin_and_send(void *context)
{
	struct run *run = context;
	const void *settings = run->config->outputs[0].settings;
	struct send_result result = {0};
	void *backend = NULL;
	int r = run->ops->open(&backend, settings, &run->control);

	if (r < 0) {
		assert_int_equal(r, -ENOMEM);
		return false;
	}
	run->ops->send(backend, run->text, strlen(run->text), &result);
	run->ops->close(backend);
	if (result.accepted == run->rows)
		return true;
	assert_true(result.retry);
	assert_true(*result.error);
	assert_int_equal(result.taken + result.accepted + result.rejected, 0);
	return false;
}

static bool describe(void *context)
{
	struct run *run = context;
	struct sink_place place;
	struct arena *arena;
	int r;

	if (arena_new(&arena) < 0)
		return false;
	r = run->ops->describe(arena, run->config->outputs[0].settings, &place);
	assert_true(r == 0 || r == -ENOMEM);
	arena_free(arena);
	return r == 0;
}

static void test_no_memory(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run *run = start(script, 1, ", async_insert: true");

	add(run, 0);
	add(run, 0);
	assert_true(scarce_each(begin_and_send, run) > 5);
	assert_true(scarce_each(describe, run) > 1);
	end(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_async_insert),
	    cmocka_unit_test(test_halves),
	    cmocka_unit_test(test_uneven_halves),
	    cmocka_unit_test(test_one_row_too_large),
	    cmocka_unit_test(test_outage_between_halves),
	    cmocka_unit_test(test_remedies),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_rejected),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
