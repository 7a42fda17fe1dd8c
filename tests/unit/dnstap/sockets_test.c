/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets that an input listens on: files, ports, those it was passed. */
#include "base/unused.h"
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

static void test_socket_file(void **state UNUSED)
{
	struct config_input config = unix_input();
	struct dnstap_input *input = NULL, *second = NULL;
	char error[256] = "";
	struct stat st;
	FILE *file;
	int fd;

	/* A stale socket, of a process that died, is replaced. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	{
		struct sockaddr_un address = {.sun_family = AF_UNIX};

		snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
		assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	}
	close(fd);
	config.mode = 0620;
	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	/* A live one is not. */
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, path));
	assert_null(second);
	assert_int_equal(access(path, F_OK), 0);
	dnstap_input_free(input);
	assert_int_equal(access(path, F_OK), -1);
	/* Something else than a socket. */
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	/* Owners that do not exist leave nothing behind. */
	config.owner = "no-such-user-here";
	assert_true(dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "no-such-user-here"));
	assert_int_equal(access(path, F_OK), -1);
	dnstap_input_free(NULL);
}

/* A socket file that another process has put in its place is not ours to remove. */
static void test_does_not_remove_a_successor(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct dnstap_input *input = NULL, *successor = NULL;
	char error[256] = "";

	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	unlink(path);
	assert_int_equal(dnstap_input_open(&successor, &config, NULL, 0, error, sizeof(error)), 0);
	dnstap_input_free(input);
	assert_int_equal(access(path, F_OK), 0);
	dnstap_input_free(successor);
	assert_int_equal(access(path, F_OK), -1);
}

static int listener(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* blocking, as a careless parent passes it */

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int dial_tcp(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_passed_sockets(void **state UNUSED)
{
	const struct config_input config = {.kind = INPUT_LISTEN_FD, .address = "org"};
	struct dnstap_input *none = NULL;
	char error[256] = "";
	struct rig rig;
	uint16_t ports[2];
	int fds[2] = {listener(&ports[0]), listener(&ports[1])}, peers[2];

	assert_int_equal(dnstap_input_open(&none, &config, NULL, 0, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "org"));
	rig_start(&rig, &config, fds, 2, 100, 60 * (uint64_t)NS_PER_S);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK); /* never blocks in accept() */
	for (int i = 0; i < 2; i++) {
		peers[i] = dial_tcp(ports[i]);
		send_start(peers[i]);
		send_queries(peers[i], 100);
	}
	WAIT_FOR(stats_of(&rig).frames == 200);
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 200);
	for (int i = 0; i < 2; i++)
		close(peers[i]);
	/* They are the process's, and serve the next input of that name. */
	rig_start(&rig, &config, fds, 2, 100, 60 * (uint64_t)NS_PER_S);
	for (int i = 0; i < 2; i++) {
		peers[i] = dial_tcp(ports[i]);
		send_start(peers[i]);
		send_queries(peers[i], 100);
	}
	WAIT_FOR(stats_of(&rig).frames == 200);
	rig_stop(&rig);
	for (int i = 0; i < 2; i++) {
		close(peers[i]);
		assert_int_equal(close(fds[i]), 0);
	}
}

static void assert_refused(int fd, int error_is, const char *why)
{
	const struct config_input config = {.kind = INPUT_LISTEN_FD, .address = "org"};
	struct dnstap_input *none = NULL;
	char error[256] = "";
	uint16_t port;
	int fds[2] = {listener(&port), fd};

	assert_int_equal(dnstap_input_open(&none, &config, fds, 2, error, sizeof(error)), error_is);
	assert_non_null(strstr(error, "named org"));
	assert_non_null(strstr(error, why));
	close(fds[0]);
	close(fd);
}

static void test_passed_descriptors_are_looked_at(void **state UNUSED)
{
	const struct config_input config = {.kind = INPUT_LISTEN_FD, .address = "org"};
	struct dnstap_input *none = NULL;
	char error[256] = "";
	uint16_t port;
	int fds[9];

	assert_refused(open("/dev/null", O_RDONLY | O_CLOEXEC), -ENOTSOCK, "is no socket");
	assert_refused(socket(AF_INET, SOCK_DGRAM, 0), -EPROTOTYPE, "is no stream socket");
	assert_refused(socket(AF_UNIX, SOCK_SEQPACKET, 0), -EPROTOTYPE, "is no stream socket");
	assert_refused(socket(AF_INET6, SOCK_STREAM, 0), -EOPNOTSUPP, "does not listen");
	assert_refused(
	    socket(AF_NETLINK, SOCK_RAW, 0), -EAFNOSUPPORT, "is neither a Unix nor a TCP socket");
	fds[0] = listener(&port);
	for (int i = 1; i < 9; i++)
		fds[i] = fds[0];
	assert_int_equal(dnstap_input_open(&none, &config, fds, 9, error, sizeof(error)), -E2BIG);
	assert_non_null(strstr(error, "org"));
	close(fds[0]);
}

/* The descriptor of this process whose peer is this one. */
static int other_end(int fd)
{
	struct sockaddr_in own = {0}, peer = {0};
	socklen_t length = sizeof(own);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &length), 0);
	for (int other = 0; other < 1024; other++) {
		length = sizeof(peer);
		if (getpeername(other, (struct sockaddr *)&peer, &length) == 0 &&
		    peer.sin_family == AF_INET && peer.sin_port == own.sin_port)
			return other;
	}
	return -1;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

/* A host that died says nothing: it is asked, and its connection ends within two minutes. */
static void test_keepalive(void **state UNUSED)
{
	const struct config_input config = {.kind = INPUT_LISTEN_FD, .address = "org"};
	struct rig rig;
	uint16_t port;
	int passed = listener(&port), peer, fd;

	rig_start(&rig, &config, &passed, 1, 100, 60 * (uint64_t)NS_PER_S);
	peer = dial_tcp(port);
	WAIT_FOR(stats_of(&rig).accepted == 1);
	fd = other_end(peer);
	assert_true(fd >= 0);
	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_true(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
		option(fd, IPPROTO_TCP, TCP_KEEPINTVL) * option(fd, IPPROTO_TCP, TCP_KEEPCNT) <=
	    120);
	close(peer);
	rig_stop(&rig);
	close(passed);
}

static void test_tcp(void **state UNUSED)
{
	uint16_t port;
	char address[32], error[256] = "";
	struct config_input config = {.kind = INPUT_TCP, .address = address};
	struct dnstap_input *second = NULL;
	struct rig rig;
	int fd = listener(&port);

	close(fd); /* a port that is free */
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	rig_start(&rig, &config, NULL, 0, 100, 60 * (uint64_t)NS_PER_S);
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EADDRINUSE);
	fd = dial_tcp(port);
	send_start(fd);
	send_queries(fd, 100);
	WAIT_FOR(stats_of(&rig).frames == 100);
	close(fd);
	rig_stop(&rig);
	config.address = "nonsense";
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EINVAL);
	config.address = "127.0.0.1:";
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_socket_file),
	    cmocka_unit_test(test_does_not_remove_a_successor),
	    cmocka_unit_test(test_passed_sockets),
	    cmocka_unit_test(test_passed_descriptors_are_looked_at),
	    cmocka_unit_test(test_keepalive),
	    cmocka_unit_test(test_tcp),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
