/* SPDX-License-Identifier: BSD-2-Clause */
/* Names with several addresses: the agent's page is on all of them, and who asks tries all. */
#include "../many_addresses.h"
#include "base/unused.h"
#include "client.h"
#include "fake_report.h"

#include "download/fetch.h"
#include "http/http.h"
#include "top/client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

/* A port that is free on the loopback addresses of IPv4. */
static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int start(struct http **ret, struct report *report, unsigned port, char error[256])
{
	char listen[64];
	const struct config config = {.http = {listen, "", "", ""}};

	snprintf(listen, sizeof(listen), MANY_NAME ":%u", port);
	return http_new(ret, &config, report, NULL, error, 256);
}

static int connect_to(const char *host, unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The status of GET /healthz with this Host. */
static int ask(const char *host, unsigned port, const char *name)
{
	char text[256], answer[4096] = "";
	int fd = connect_to(host, port), status = 0, length;

	assert_true(fd >= 0);
	length = snprintf(text, sizeof(text),
	    "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name);
	assert_int_equal(send(fd, text, (size_t)length, MSG_NOSIGNAL), length);
	for (size_t n = 0; n < sizeof(answer) - 1;) {
		ssize_t r = recv(fd, answer + n, sizeof(answer) - 1 - n, 0);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	close(fd);
	assert_int_equal(sscanf(answer, "HTTP/1.1 %d", &status), 1);
	return status;
}

struct asker {
	const char *host;
	unsigned port;
};

static void *ask_often(void *context)
{
	const struct asker *asker = context;

	for (int i = 0; i < 50; i++)
		assert_int_equal(ask(asker->host, asker->port, "127.0.0.1"), 200);
	return NULL;
}

static void test_listens_on_all(void **state UNUSED)
{
	struct report *report = fake_report();
	struct http *http = NULL;
	unsigned port = free_port();
	struct asker askers[2] = {{"127.0.0.1", port}, {"127.0.0.2", port}};
	pthread_t threads[2];
	char error[256] = "?";

	many_addresses[0] = "127.0.0.1";
	many_addresses[1] = "127.0.0.2";
	assert_int_equal(start(&http, report, port, error), 0);
	assert_string_equal(error, "");
	assert_int_equal(http_port(http), port);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* All are loopback: no names of others, on either. */
	assert_int_equal(ask("127.0.0.1", port, "evil.example"), 403);
	assert_int_equal(ask("127.0.0.2", port, "evil.example"), 403);
	http_free(http);
	assert_int_equal(connect_to("127.0.0.1", port), -1);
	assert_int_equal(connect_to("127.0.0.2", port), -1);
	fake_report_free(report);
}

/* An address of another host is said, and no reason to do without the others; one that is taken
 * is. */
static void test_some_cannot_be_had(void **state UNUSED)
{
	struct report *report = fake_report();
	struct http *http = NULL, *other = NULL;
	unsigned port = free_port();
	char error[256] = "?";

	many_addresses[0] = "192.0.2.1";
	many_addresses[1] = "127.0.0.2";
	assert_int_equal(start(&http, report, port, error), 0);
	assert_non_null(strstr(error, "192.0.2.1"));
	assert_int_equal(ask("127.0.0.2", port, "127.0.0.1"), 200);
	many_addresses[0] = "127.0.0.1";
	assert_int_equal(start(&other, report, port, error), -EADDRINUSE);
	assert_non_null(strstr(error, "127.0.0.2"));
	assert_int_equal(connect_to("127.0.0.1", port), -1);
	http_free(http);
	fake_report_free(report);
}

static void test_top_tries_all(void **state UNUSED)
{
	struct report *report = fake_report();
	struct http *http = NULL;
	struct top_client *client = NULL;
	struct top_model *model = malloc(sizeof(*model));
	unsigned port = free_port();
	char url[64], error[512] = "";

	many_addresses[0] = "127.0.0.2";
	many_addresses[1] = NULL;
	assert_int_equal(start(&http, report, port, error), 0);
	many_addresses[0] = "127.0.0.9";
	many_addresses[1] = "127.0.0.2";
	snprintf(url, sizeof(url), "http://" MANY_NAME ":%u", port);
	/* Not by name: a loopback address without a token wants none. */
	assert_int_equal(top_client_new(&client, url, NULL, NULL), 0);
	assert_int_equal(top_client_ask(client, model, error, sizeof(error)), -EPROTO);
	assert_non_null(strstr(error, "answers 403"));
	top_client_free(client);
	free(model);
	http_free(http);
	fake_report_free(report);
}

static void *hang_up(void *context)
{
	const int *fd = context;
	int accepted = accept(*fd, NULL, NULL);

	close(accepted);
	return accepted >= 0 ? context : NULL;
}

/* Whoever answers there has no certificate: that it was asked is what is looked at. */
static void test_download_tries_all(void **state UNUSED)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct fetch_request request = {.max_bytes = 1 << 20};
	struct fetch_result result;
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;
	void *asked = NULL;
	char url[64];

	assert_int_equal(inet_pton(AF_INET, "127.0.0.2", &address.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(pthread_create(&thread, NULL, hang_up, &fd), 0);
	many_addresses[0] = "127.0.0.9";
	many_addresses[1] = "127.0.0.2";
	snprintf(url, sizeof(url), "https://" MANY_NAME ":%u/x", ntohs(address.sin_port));
	request.url = url;
	request.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(fetch_database(&request, &result), FETCH_SITE);
	shutdown(fd, SHUT_RDWR); /* ends a wait in vain */
	pthread_join(thread, &asked);
	assert_non_null(asked);
	close(request.fd);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_listens_on_all),
	    cmocka_unit_test(test_some_cannot_be_had),
	    cmocka_unit_test(test_top_tries_all),
	    cmocka_unit_test(test_download_tries_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
