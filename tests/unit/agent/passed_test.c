/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that were passed to the process stay the process's, whoever uses and closes duplicates.
 */
#include "base/unused.h"
#include "agent/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static struct passed_sockets three(struct passed_socket list[3])
{
	static char a[] = "a", b[] = "b";

	for (int i = 0; i < 3; i++)
		list[i] = (struct passed_socket){
		    i == 1 ? b : a, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	return (struct passed_sockets){list, 3};
}

static void close_three(struct passed_socket list[3])
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(close(list[i].fd), 0);
}

static void duplicates_of_a_name(void **state UNUSED)
{
	struct passed_socket list[3];
	struct passed_sockets sockets = three(list);
	int fds[PASSED_OF_A_NAME];
	size_t n;

	for (int turn = 0; turn < 50; turn++) {
		assert_int_equal(passed_sockets_dup(&sockets, "a", fds, &n), 0);
		assert_int_equal(n, 2);
		assert_int_equal(inode_of(fds[0]), inode_of(list[0].fd));
		assert_int_equal(inode_of(fds[1]), inode_of(list[2].fd));
		for (size_t i = 0; i < n; i++) {
			assert_true(
			    fds[i] != list[0].fd && fds[i] != list[1].fd && fds[i] != list[2].fd);
			assert_int_equal(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
			assert_int_equal(close(fds[i]), 0);
		}
	}
	assert_int_equal(passed_sockets_dup(&sockets, "none", fds, &n), 0);
	assert_int_equal(n, 0);
	close_three(list);
}

static void too_many_of_a_name(void **state UNUSED)
{
	static char name[] = "x";
	struct passed_socket list[PASSED_OF_A_NAME + 1];
	struct passed_sockets sockets = {list, PASSED_OF_A_NAME + 1};
	int fds[PASSED_OF_A_NAME], before, after;
	size_t n;

	for (int i = 0; i <= PASSED_OF_A_NAME; i++)
		list[i] = (struct passed_socket){name, STDIN_FILENO};
	before = dup(STDIN_FILENO);
	close(before);
	assert_int_equal(passed_sockets_dup(&sockets, "x", fds, &n), -E2BIG);
	assert_int_equal(n, 0);
	after = dup(STDIN_FILENO); /* the lowest that is free: none was left open */
	close(after);
	assert_int_equal(after, before);
}

static void without_a_descriptor(void **state UNUSED)
{
	struct passed_socket list[3];
	struct passed_sockets sockets = three(list);
	struct rlimit limit, few;
	int fds[PASSED_OF_A_NAME], next = dup(STDIN_FILENO);
	size_t n;

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)next + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(passed_sockets_dup(&sockets, "a", fds, &n), -EMFILE);
	assert_int_equal(n, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(inode_of(next), 0);
	close_three(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(duplicates_of_a_name),
	    cmocka_unit_test(too_many_of_a_name),
	    cmocka_unit_test(without_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
