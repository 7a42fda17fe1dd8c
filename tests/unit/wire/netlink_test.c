/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and news of rtnetlink in a network namespace of its own, and what the kernel can refuse
 * to who opens it. */
#include "base/unused.h"
#include "wire/netlink/netlink.h"

#include "../refuse.h"
#include "../skip.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_INTERFACE 12345

static bool apart; /* the namespace is this process's own */

static int setup(void **state UNUSED)
{
	apart = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	return 0;
}

static void set_loopback(short flags)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = flags};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
}

#define MANY    2000 /* addresses: their dump is of several messages */
#define DUMPS_S 1

static void set_address6(int fd, unsigned number, bool there)
{
	struct {
		struct in6_addr address;
		uint32_t prefix;
		int index;
	} request = {.prefix = 128, .index = 1};

	request.address.s6_addr[0] = 0xfd;
	memcpy(&request.address.s6_addr[12], &number, sizeof(number));
	assert_int_equal(ioctl(fd, there ? SIOCSIFADDR : SIOCDIFADDR, &request), 0);
}

static atomic_bool over;

static void *change_addresses(void *context)
{
	const int fd = *(int *)context;

	for (bool there = true; !over || !there; there = !there) {
		set_address6(fd, MANY, there);
		usleep(20000);
	}
	return NULL;
}

/* The kernel says so of each dump in which something changed. */
static void dumps_are_interrupted(void **state UNUSED)
{
	const time_t end = time(NULL) + DUMPS_S + 1;
	struct wire_local *hosts;
	struct netlink *netlink;
	pthread_t changes;
	size_t n;
	int fd;

	if (!apart)
		skip_because("no network namespace of its own");
	set_loopback(IFF_UP);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		skip_because("no IPv6");
	for (unsigned i = 0; i < MANY; i++)
		set_address6(fd, i, true);
	usleep(500000); /* each is looked at once more by the kernel */
	assert_int_equal(netlink_open(&netlink, -1), 0);
	assert_int_equal(pthread_create(&changes, NULL, change_addresses, &fd), 0);
	while (time(NULL) < end) {
		assert_int_equal(netlink_addresses(netlink, &hosts, &n), 0);
		assert_in_range(n, MANY, MANY + 4);
		free(hosts);
	}
	over = true;
	pthread_join(changes, NULL);
	netlink_close(netlink);
	close(fd);
}

static void changes_are_news(void **state UNUSED)
{
	struct netlink *netlink;

	if (!apart)
		skip_because("no network namespace of its own");
	assert_int_equal(netlink_open(&netlink, -1), 0);
	assert_false(netlink_changed(netlink));
	set_loopback(IFF_UP);
	assert_true(netlink_changed(netlink));
	assert_false(netlink_changed(netlink));
	netlink_close(netlink);
}

/* Nobody looked for long: what was lost is a change as well, and said once. */
static void lost_news_are_news(void **state UNUSED)
{
	const int little = 1;
	struct netlink *netlink;

	if (!apart)
		skip_because("no network namespace of its own");
	assert_int_equal(netlink_open(&netlink, -1), 0);
	assert_int_equal(
	    setsockopt(netlink_fd(netlink), SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	for (int i = 0; i < 5; i++) {
		set_loopback(0);
		set_loopback(IFF_UP);
	}
	assert_true(netlink_changed(netlink));
	assert_false(netlink_changed(netlink));
	netlink_close(netlink);
}

static void what_is_not_there(void **state UNUSED)
{
	struct netlink *netlink;

	assert_int_equal(netlink_open(&netlink, -1), 0);
	if (!apart) {
		netlink_close(netlink);
		skip_because("no network namespace of its own");
	}
	/* The expected program is none: the kernel looks for the interface first. */
	assert_int_equal(netlink_xdp(netlink, NO_INTERFACE, -1, -1, XDP_FLAGS_DRV_MODE), -ENODEV);
	assert_int_equal(netlink_xdp(netlink, NO_INTERFACE, -1, 0, XDP_FLAGS_DRV_MODE), -ENODEV);
	assert_non_null(strstr(netlink_error(netlink, -ENODEV), "such device"));
	assert_string_equal(netlink_error(netlink, -ENODEV), netlink_error(netlink, ENODEV));
	netlink_close(netlink);
}

/* -- a child that is refused something */

static int lowest_fd(void)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Its exit status: 0 if netlink_open() says `error` and leaves no descriptor. */
static int open_refused(const struct refusal *refusal, int error)
{
	const int fds = open_fds();
	struct netlink *netlink = NULL;

	if (refusal && refuse(refusal) < 0)
		return 2;
	return netlink_open(&netlink, -1) == error && !netlink && open_fds() == fds ? 0 : 1;
}

static void must_be_good(pid_t pid)
{
	int status;

	assert_true(pid >= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void must_say(const struct refusal *refusal, int error)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(open_refused(refusal, error));
	must_be_good(pid);
}

static void no_sockets(void **state UNUSED)
{
	const struct refusal family = {
	    .call = SCMP_SYS(socket), .error = EAFNOSUPPORT, .argument = 0, .value = AF_NETLINK};
	/* The first socket is the one for requests. */
	const struct refusal bind_first = {
	    .call = SCMP_SYS(bind), .error = EPERM, .argument = 0, .value = (uint64_t)lowest_fd()};
	const struct refusal bind_second = {.call = SCMP_SYS(bind),
	    .error = EPERM,
	    .argument = 0,
	    .value = (uint64_t)lowest_fd() + 1};
	const struct refusal groups = {.call = SCMP_SYS(setsockopt),
	    .error = EPERM,
	    .argument = 2,
	    .value = NETLINK_ADD_MEMBERSHIP};

	must_say(&family, -EAFNOSUPPORT);
	must_say(&bind_first, -EPERM);
	must_say(&bind_second, -EPERM);
	must_say(&groups, -EPERM);
}

/* One more descriptor, and there are two sockets. */
static int open_with_one(void)
{
	const int fd = lowest_fd();
	struct rlimit all, limit;
	struct netlink *netlink;
	bool good;

	if (getrlimit(RLIMIT_NOFILE, &all) < 0)
		return 2;
	limit = (struct rlimit){(rlim_t)fd + 1, all.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	good = netlink_open(&netlink, -1) == -EMFILE && lowest_fd() == fd;
	return setrlimit(RLIMIT_NOFILE, &all) == 0 && good ? 0 : 1;
}

static void no_descriptors(void **state UNUSED)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(open_with_one());
	must_be_good(pid);
}

static void no_namespace(void **state UNUSED)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct netlink *netlink = NULL;

	assert_true(netlink_open(&netlink, fd) < 0);
	assert_null(netlink);
	close(fd);
	netlink_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(changes_are_news),
	    cmocka_unit_test(dumps_are_interrupted),
	    cmocka_unit_test(lost_news_are_news),
	    cmocka_unit_test(what_is_not_there),
	    cmocka_unit_test(no_sockets),
	    cmocka_unit_test(no_descriptors),
	    cmocka_unit_test(no_namespace),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
