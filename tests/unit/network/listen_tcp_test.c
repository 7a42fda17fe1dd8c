/* SPDX-License-Identifier: BSD-2-Clause */
/* Names with several addresses: the resolver of this program is a table, so that a test does not
 * depend on the host's. */
#include "base/unused.h"
#include "network/listen_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct name {
	const char *name;
	const char *addresses[4];
} names[] = {
    {"two", {"::1", "127.0.0.1"}},
    {"twice", {"127.0.0.1", "127.0.0.1", "::1"}},
    {"elsewhere", {"192.0.2.7", "127.0.0.1"}},
    {"nowhere", {"192.0.2.7", "2001:db8::7"}},
    {"any", {"0.0.0.0", "::"}},
    {"linked", {"fe80::7", "127.0.0.1"}},
    {"fe80::7", {"fe80::7"}},
    {"127.0.0.1", {"127.0.0.1"}},
    {"::", {"::"}},
};

struct entry {
	struct addrinfo info;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
};

static struct addrinfo *make_entry(const char *text, uint16_t port)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	assert_non_null(entry);
	entry->info.ai_addr = &entry->address.any;
	if (inet_pton(AF_INET, text, &entry->address.v4.sin_addr) == 1) {
		entry->info.ai_family = entry->address.v4.sin_family = AF_INET;
		entry->info.ai_addrlen = sizeof(entry->address.v4);
		entry->address.v4.sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &entry->address.v6.sin6_addr), 1);
		entry->info.ai_family = entry->address.v6.sin6_family = AF_INET6;
		entry->info.ai_addrlen = sizeof(entry->address.v6);
		entry->address.v6.sin6_port = htons(port);
	}
	return &entry->info;
}

int getaddrinfo(
    const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, node ? node : "any") != 0)
			continue;
		for (size_t j = 0; j < 4 && names[i].addresses[j]; j++) {
			*ret = make_entry(names[i].addresses[j], (uint16_t)atoi(service));
			ret = &(*ret)->ai_next;
		}
		return 0;
	}
	return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

/* A port that is free for IPv4 and IPv6 alike. */
static uint16_t free_port(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	socklen_t length = sizeof(address);
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin6_port);
}

static bool connects(const char *text, uint16_t port)
{
	struct addrinfo *info = make_entry(text, port);
	const int fd = socket(info->ai_family, SOCK_STREAM, 0);
	const bool connected = connect(fd, info->ai_addr, info->ai_addrlen) == 0;

	close(fd);
	freeaddrinfo(info);
	return connected;
}

static int listen_at(
    const char *host, uint16_t port, int *fds, size_t room, char *error, size_t size)
{
	char address[64];

	snprintf(address, sizeof(address), "%s:%u", host, port);
	return listen_tcp(address, fds, room, error, size);
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

static void test_every_address(void **state UNUSED)
{
	static const char *const hosts[] = {"two", "twice", ""};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		const uint16_t port = free_port();
		char error[256] = "as it was";
		int fds[8], n = listen_at(hosts[i], port, fds, 8, error, sizeof(error));

		assert_int_equal(n, 2);
		assert_string_equal(error, "");
		assert_true(connects("127.0.0.1", port));
		assert_true(connects("::1", port));
		close_all(fds, n);
		assert_false(connects("127.0.0.1", port));
	}
}

static void test_room(void **state UNUSED)
{
	const uint16_t port = free_port();
	char error[256];
	int fds[2] = {-1, -1};

	assert_int_equal(listen_at("two", port, fds, 1, error, sizeof(error)), 1);
	assert_int_equal(fds[1], -1);
	assert_true(connects("::1", port));
	assert_false(connects("127.0.0.1", port));
	close(fds[0]);
}

/* `[::]` alone takes both. */
static void test_dual_stack(void **state UNUSED)
{
	const uint16_t port = free_port();
	char error[256];
	int fds[8];

	assert_int_equal(listen_at("[::]", port, fds, 8, error, sizeof(error)), 1);
	assert_true(connects("127.0.0.1", port));
	assert_true(connects("::1", port));
	close(fds[0]);
}

static void test_addresses_of_others(void **state UNUSED)
{
	const uint16_t port = free_port();
	char error[256];
	int fds[8];

	assert_int_equal(listen_at("elsewhere", port, fds, 8, error, sizeof(error)), 1);
	assert_non_null(strstr(error, "192.0.2.7: "));
	assert_null(strstr(error, "127.0.0.1"));
	assert_true(connects("127.0.0.1", port));
	close(fds[0]);
	assert_int_equal(listen_at("nowhere", port, fds, 8, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_non_null(strstr(error, "nowhere:"));
	assert_non_null(strstr(error, "192.0.2.7: "));
	assert_non_null(strstr(error, "2001:db8::7: "));
}

/* Without the name of an interface it is no address that a socket can have. */
static void test_link_local_address(void **state UNUSED)
{
	const uint16_t port = free_port();
	char error[256];
	int fds[8];

	assert_int_equal(
	    listen_at("[fe80::7]", port, fds, 8, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_non_null(strstr(error, "fe80::7: Invalid argument"));
	assert_int_equal(listen_at("linked", port, fds, 8, error, sizeof(error)), 1);
	assert_true(connects("127.0.0.1", port));
	close(fds[0]);
}

/* Half of a name would leave the other half to somebody else. */
static void test_one_is_taken(void **state UNUSED)
{
	const uint16_t port = free_port();
	char error[256];
	int fds[8], others[8];

	assert_int_equal(listen_at("127.0.0.1", port, fds, 8, error, sizeof(error)), 1);
	assert_int_equal(listen_at("two", port, others, 8, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, "127.0.0.1: "));
	assert_false(connects("::1", port));
	close(fds[0]);
}

/* Those that go are in nobody's way, and are again once that is taken back. */
static void test_sockets_that_yield(void **state UNUSED)
{
	const uint16_t port = free_port();
	char error[256];
	int old[8], new[8], others[8];

	assert_int_equal(listen_at("127.0.0.1", port, old, 8, error, sizeof(error)), 1);
	listen_tcp_yield(old, 1, true);
	assert_int_equal(listen_at("[::]", port, new, 8, error, sizeof(error)), 1);
	listen_tcp_yield(old, 1, false);
	assert_int_equal(
	    listen_at("127.0.0.1", port, others, 8, error, sizeof(error)), -EADDRINUSE);
	assert_int_equal(listen_at("[::]", port, others, 8, error, sizeof(error)), -EADDRINUSE);
	close(old[0]);
	assert_true(connects("127.0.0.1", port));
	close(new[0]);
}

static void test_bad_addresses(void **state UNUSED)
{
	static const char *const none[] = {"nonsense", "127.0.0.1:", "", ":"};
	char error[256];
	int fds[8];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(listen_tcp(none[i], fds, 8, error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, "is not HOST:PORT"));
	}
	assert_int_equal(
	    listen_tcp("unknown.example:6000", fds, 8, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_non_null(strstr(error, "unknown.example:6000: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_address),
	    cmocka_unit_test(test_room),
	    cmocka_unit_test(test_dual_stack),
	    cmocka_unit_test(test_addresses_of_others),
	    cmocka_unit_test(test_link_local_address),
	    cmocka_unit_test(test_one_is_taken),
	    cmocka_unit_test(test_sockets_that_yield),
	    cmocka_unit_test(test_bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
