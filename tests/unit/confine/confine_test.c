/* SPDX-License-Identifier: BSD-2-Clause */
/* What is given up is tried in a child: each call that must not succeed, and that those do which
 * the agent makes. */
#include "base/unused.h"
#include "confine/confine.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* 0: it ended well; else the line that it stopped at, or 255 for a signal. */
static int in_child(void (*work)(void))
{
	const pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* A line of this file has a number that an exit status holds, from the first of them on. */
#define FIRST_LINE __LINE__
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			_exit(__LINE__ - FIRST_LINE);                                              \
	} while (0)

static const struct {
	const char *name;
	long number;
} forbidden[] = {
#define CALL(name) {#name, SYS_##name},
    /* clang-format off */
    CALL(execve)
    CALL(execveat)
    CALL(process_vm_writev)
    CALL(init_module)
    CALL(finit_module)
    CALL(delete_module)
    CALL(kexec_load)
    CALL(mount)
    CALL(umount2)
    CALL(pivot_root)
    CALL(chroot)
    CALL(reboot)
    CALL(swapon)
    CALL(swapoff)
    CALL(settimeofday)
    CALL(clock_settime)
    CALL(adjtimex)
    CALL(clock_adjtime)
    CALL(sethostname)
    CALL(setdomainname)
    CALL(add_key)
    CALL(request_key)
    CALL(keyctl)
    CALL(unshare)
    CALL(setns)
    CALL(userfaultfd)
    CALL(io_uring_setup)
    CALL(io_uring_enter)
    CALL(io_uring_register)
    CALL(perf_event_open)
    CALL(personality)
    CALL(quotactl)
    CALL(acct)
    CALL(mknodat)
    CALL(setuid)
    CALL(setgid)
    CALL(setresuid)
    CALL(setresgid)
    CALL(setgroups)
    CALL(open_by_handle_at)
    CALL(syslog)
    CALL(vhangup)
    CALL(move_mount)
    CALL(open_tree)
    CALL(fsopen)
    CALL(pidfd_getfd)
    CALL(kcmp)
    CALL(process_madvise)
    CALL(setxattr)
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CALL(ptrace)
#endif
/* clang-format on */
#undef CALL
};

static size_t trying;

/* With arguments that the kernel would refuse otherwise, never by EPERM: then nothing happens where
 * the filter lets it pass. Processes that hold no capability get EPERM from some of them as well,
 * so a filter that logs nothing is told apart by calls that anybody may make. */
static void try_forbidden(void)
{
	MUST(confine_system_calls(false) == 0);
	errno = 0;
	MUST(syscall(forbidden[trying].number, -1, -1, -1, -1, -1, -1) == -1);
	MUST(errno == EPERM);
}

static void each_forbidden_call(void **state UNUSED)
{
	for (trying = 0; trying < sizeof(forbidden) / sizeof(forbidden[0]); trying++) {
		if (in_child(try_forbidden) != 0)
			fail_msg("%s is not refused", forbidden[trying].name);
	}
}

/* The same calls without the filter: most of them fail for another reason, so that the test above
 * sees the filter and not the kernel's own checks. */
static void try_unconfined(void)
{
	errno = 0;
	MUST(syscall(forbidden[trying].number, -1, -1, -1, -1, -1, -1) == -1);
	MUST(errno != EPERM);
}

static void the_filter_is_the_reason(void **state UNUSED)
{
	size_t others = 0, n = sizeof(forbidden) / sizeof(forbidden[0]);

	for (trying = 0; trying < n; trying++) {
		if (forbidden[trying].number != SYS_vhangup &&
		    forbidden[trying].number != SYS_setgid &&
		    forbidden[trying].number != SYS_setuid)
			others += in_child(try_unconfined) == 0;
	}
	assert_true(others > (geteuid() == 0 ? n / 2 : n / 8));
}

static void *touch(void *context)
{
	*(int *)context = 1;
	return NULL;
}

static void threads_and_memory(void)
{
	pthread_t thread;
	int touched = 0;
	void *memory;

	MUST(confine_system_calls(false) == 0);
	MUST(pthread_create(&thread, NULL, touch, &touched) == 0);
	pthread_setname_np(thread, "name");
	MUST(pthread_join(thread, NULL) == 0 && touched);
	memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(memory != MAP_FAILED && mprotect(memory, 4096, PROT_READ) == 0);
	MUST(munmap(memory, 8192) == 0);
	free(malloc(64 << 20));
	MUST(memfd_create("x", MFD_CLOEXEC) >= 0);
	MUST(eventfd(0, EFD_CLOEXEC) >= 0 && epoll_create1(EPOLL_CLOEXEC) >= 0);
	MUST(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC) >= 0);
}

static void files(void)
{
	char path[] = "/tmp/crosstap-confine-XXXXXX";
	struct stat st;
	int fd;
	FILE *file;

	MUST(confine_system_calls(false) == 0);
	fd = mkstemp(path);
	MUST(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && fstat(fd, &st) == 0);
	MUST(fchmod(fd, 0600) == 0 && ftruncate(fd, 10) == 0 && close(fd) == 0);
	MUST(stat(path, &st) == 0 && chmod(path, 0644) == 0 && rename(path, path) == 0);
	file = fopen("/proc/self/status", "re");
	MUST(file && fgetc(file) != EOF && fclose(file) == 0);
	MUST(unlink(path) == 0);
}

static void sockets(void)
{
	struct addrinfo *found = NULL;
	struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	int pair[2], fd;

	MUST(confine_system_calls(false) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(fd >= 0 && listen(fd, 1) == 0);
	MUST(getaddrinfo("localhost", "53", &wanted, &found) == 0);
	freeaddrinfo(found);
}

static void libcurl(void)
{
	CURL *easy;

	MUST(confine_system_calls(false) == 0);
	MUST(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	easy = curl_easy_init();
	MUST(easy);
	curl_easy_setopt(easy, CURLOPT_URL, "https://127.0.0.1:1/");
	MUST(curl_easy_perform(easy) == CURLE_COULDNT_CONNECT);
	curl_easy_cleanup(easy);
}

static void what_the_agent_does(void **state UNUSED)
{
	assert_int_equal(in_child(threads_and_memory), 0);
	assert_int_equal(in_child(files), 0);
	assert_int_equal(in_child(sockets), 0);
	assert_int_equal(in_child(libcurl), 0);
}

static void try_fork_and_namespace(void)
{
	int status;
	pid_t pid;

	MUST(confine_system_calls(false) == 0);
	/* A damaged database may be read in a process of its own. */
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		errno = 0;
		alarm(1);
		_exit(errno == 0 ? 0 : 1);
	}
	MUST(waitpid(pid, &status, 0) == pid && status == 0);
	MUST(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) == -1 && errno == EPERM);
	/* By the newer call nobody can see what is asked for: the C library takes the older one. */
	MUST(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void processes_without_namespaces(void **state UNUSED)
{
	assert_int_equal(in_child(try_fork_and_namespace), 0);
}

static void try_privileges(void)
{
	static struct config config;
	char names[512], line[256];
	unsigned long long effective = ~0ull, kept = ~0ull, bounding = ~0ull;
	FILE *file;

	config.wire.mode = WIRE_OFF;
	config.wire.netns = "";
	MUST(confine_privileges(&config, names, sizeof(names)) == 0);
	file = fopen("/proc/self/status", "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "CapEff: %llx", &effective);
		sscanf(line, "CapPrm: %llx", &kept);
		sscanf(line, "CapBnd: %llx", &bounding);
	}
	/* CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, NET_BIND_SERVICE 10; NET_ADMIN 12, NET_RAW 13, PERFMON
	 * 38, BPF 39. */
	MUST((effective & ~0x40bull) == 0);
	MUST((kept & ~0xc00000340bull) == 0);
	MUST(geteuid() != 0 || bounding == 0);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	/* A reload brings back what was kept, and no more. */
	config.wire.mode = WIRE_NATIVE;
	MUST(confine_privileges_again(&config, NULL) == 0);
	file = freopen("/proc/self/status", "re", file);
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "CapEff: %llx", &effective);
	MUST((effective & 0xc000003000) == (kept & 0xc000003000) && (effective & ~kept) == 0);
}

static void capabilities(void **state UNUSED)
{
	assert_int_equal(in_child(try_privileges), 0);
}

static void try_memory(void)
{
	struct rlimit core = {1, 1};

	MUST(confine_memory() == 0);
	MUST(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
#ifdef __SANITIZE_ADDRESS__
	MUST(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
#elif !defined(__SANITIZE_THREAD__)
	MUST(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
}

static void memory(void **state UNUSED)
{
	assert_int_equal(in_child(try_memory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_forbidden_call),
	    cmocka_unit_test(the_filter_is_the_reason),
	    cmocka_unit_test(what_the_agent_does),
	    cmocka_unit_test(processes_without_namespaces),
	    cmocka_unit_test(capabilities),
	    cmocka_unit_test(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
