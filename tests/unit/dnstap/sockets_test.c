/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets that an input listens on: files, ports, those it was passed. */
#include "base/unused.h"
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
	/* Never blocks in accept(), and no child inherits it. */
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
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
	    cmocka_unit_test(test_tcp),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
