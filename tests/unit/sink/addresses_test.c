/* SPDX-License-Identifier: BSD-2-Clause */
/* A far end whose name has several addresses, of which the first does not answer. */
#include "../many_addresses.h"
#include "http_server.h"
#include "sink_fixture.h"

#include <errno.h>

static void deliver(const char *first)
{
	static const struct answer script[] = {{.status = 204}};
	struct server *server = server_new(script, 1);
	struct sink *sink;

	many_addresses[0] = first;
	many_addresses[1] = "127.0.0.1";
	server_start(server);
	sink = start_sink(
	    config_with(
		"  - influxdb: {url: \"http://" MANY_NAME ":%u\", timeout: 2s}\n", server->port),
	    &quick);
	push_numbered(sink, 0, 3);
	assert_int_equal(wait_settled(sink, 3).points, 3);
	assert_int_equal(stats_of(sink).errors, 0); /* in the first attempt */
	assert_int_equal(server_once(server, 0, 3), 3);
	sink_free(sink);
	server_free(server);
}

static void test_refused(void **state UNUSED)
{
	deliver("127.0.0.9");
}

/* Nobody listens on IPv6, or the host has none. */
static void test_other_family(void **state UNUSED)
{
	deliver("::1");
}

/* One where nobody even gets a connection: its queue is full. */
static void test_black_hole(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct server *server = server_new(script, 1);
	struct sockaddr_in hole = {.sin_family = AF_INET, .sin_port = htons(server->port)};
	struct sink *sink;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), full[4];

	assert_int_equal(inet_pton(AF_INET, "127.0.0.9", &hole.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&hole, sizeof(hole)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < 4; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(full[i], (struct sockaddr *)&hole, sizeof(hole)) < 0)
			assert_int_equal(errno, EINPROGRESS);
	}
	many_addresses[0] = "127.0.0.9";
	many_addresses[1] = "127.0.0.1";
	server_start(server);
	sink = start_sink(
	    config_with(
		"  - influxdb: {url: \"http://" MANY_NAME ":%u\", timeout: 2s}\n", server->port),
	    &quick);
	push_numbered(sink, 0, 3);
	/* Half of the time for the first. */
	assert_int_equal(wait_settled(sink, 3).points, 3);
	assert_int_equal(stats_of(sink).errors, 0);
	sink_free(sink);
	server_free(server);
	for (size_t i = 0; i < 4; i++)
		close(full[i]);
	close(fd);
}

/* None answers: said, and the points are kept. */
static void test_none(void **state UNUSED)
{
	struct sink *sink;

	many_addresses[0] = "127.0.0.9";
	many_addresses[1] = "127.0.0.8";
	sink = start_sink(
	    config_with("  - influxdb: {url: \"http://" MANY_NAME ":1\", timeout: 2s}\n"), &quick);
	push_numbered(sink, 0, 3);
	assert_non_null(strstr(wait_errors(sink, 1).last_error, MANY_NAME));
	sink_free(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_other_family),
	    cmocka_unit_test(test_black_hole),
	    cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
