/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that were passed to the process stay the process's, whoever uses and closes duplicates.
 */
#include "base/passed.h"
#include "base/unused.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static void those_of_a_name(void **state UNUSED)
{
	static char a[] = "a", b[] = "b";
	struct passed_socket list[] = {
	    {.name = a, .fd = 3}, {.name = b, .fd = 4}, {.name = a, .fd = 5}};
	const struct passed_sockets sockets = {list, 3};
	int fds[4];

	assert_int_equal(passed_sockets_find(&sockets, "a", fds, 4), 2);
	assert_int_equal(fds[0], 3);
	assert_int_equal(fds[1], 5);
	assert_int_equal(passed_sockets_find(&sockets, "a", fds, 1), 1);
	assert_int_equal(passed_sockets_find(&sockets, "none", fds, 4), 0);
}

static void those_at_a_path(void **state UNUSED)
{
	static char a[] = "a", b[] = "b", c[] = "c";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int bound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int unbound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct passed_socket list[] = {
	    {.name = a, .fd = tcp}, {.name = b, .fd = unbound}, {.name = c, .fd = bound}};
	const struct passed_sockets sockets = {list, 3};
	char folder[] = "/tmp/crosstap-passed-XXXXXX", longer[200];
	int fds[3];

	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/in.sock", folder);
	assert_int_equal(bind(bound, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(passed_sockets_at(&sockets, address.sun_path, "", fds, 3), 1);
	/* A connection that was accepted has the path, too. */
	assert_int_equal(listen(bound, 1), 0);
	assert_int_equal(connect(unbound, (struct sockaddr *)&address, sizeof(address)), 0);
	sockets.list[0].fd = accept(bound, NULL, NULL);
	assert_true(sockets.list[0].fd >= 0);
	assert_int_equal(passed_sockets_at(&sockets, address.sun_path, "", fds, 3), 1);
	close(sockets.list[0].fd);
	sockets.list[0].fd = tcp;
	assert_int_equal(fds[0], bound);
	assert_int_equal(passed_sockets_at(&sockets, address.sun_path, "c", fds, 3), 0);
	assert_int_equal(passed_sockets_at(&sockets, folder, "", fds, 3), 0);
	assert_int_equal(passed_sockets_at(&sockets, "", "", fds, 3), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(passed_sockets_at(&sockets, longer, "", fds, 3), 0);
	unlink(address.sun_path);
	rmdir(folder);
	close(bound);
	close(unbound);
	close(tcp);
}

/* As systemd passes them: from 3 on, for the process that has the number in the environment. */
static void from_the_environment(void **state UNUSED)
{
	struct passed_sockets sockets;
	char pid[32];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(dup2(pair[0], 3), 3);
	assert_int_equal(dup2(pair[1], 4), 4);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "one:two", 1);
	assert_int_equal(passed_sockets_take(&sockets), 0);
	assert_int_equal(sockets.n, 2);
	assert_string_equal(sockets.list[1].name, "two");
	assert_int_equal(sockets.list[1].fd, 4);
	/* No child has them, nor learns of them. */
	assert_int_equal(fcntl(3, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_null(getenv("LISTEN_FDS"));
	passed_sockets_done(&sockets);
	assert_int_equal(fcntl(4, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	/* A second look finds none. */
	assert_int_equal(passed_sockets_take(&sockets), 0);
	assert_int_equal(sockets.n, 0);
	passed_sockets_done(&sockets);
	close(3);
	close(4);
}

/* All but what is in use and what listens. */
static void what_nobody_uses(void **state UNUSED)
{
	static char a[] = "dnstap", b[] = "stranger", c[] = "wire-map-1";
	const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int stranger = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int used = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct passed_socket list[] = {{.name = a, .fd = listening}, {.name = b, .fd = stranger},
	    {.name = c, .fd = used, .used = true}};
	struct passed_sockets sockets = {list, 3};
	char names[64];

	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(passed_sockets_set_aside(&sockets, names, sizeof(names)), 1);
	assert_string_equal(names, "stranger");
	assert_int_equal(list[1].fd, -1);
	assert_int_equal(fcntl(stranger, F_GETFD), -1);
	assert_int_equal(passed_sockets_set_aside(&sockets, names, sizeof(names)), 0);
	assert_string_equal(names, "");
	passed_sockets_drop(&sockets, "stranger"); /* which it was */
	passed_sockets_drop(&sockets, "dnstap");
	assert_int_equal(list[0].fd, -1);
	assert_int_equal(fcntl(listening, F_GETFD), -1);
	assert_int_equal(list[2].fd, used);
	close(used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(those_of_a_name),
	    cmocka_unit_test(those_at_a_path),
	    cmocka_unit_test(what_nobody_uses),
	    cmocka_unit_test(from_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
