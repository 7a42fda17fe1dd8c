/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crosstap detach` in this network namespace and in one that has a name, which is all that it
 * sees: /run/netns is the test's own. Needs root and BPF.
 */
#include "wire_agent.h"

#include "command/command.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define NAMES "/run/netns"

static void put(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	must(fd >= 0, path);
	close(fd);
}

static void own_names(void)
{
	must(unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	    "mount namespace");
	mkdir(NAMES, 0755);
	must(mount("names", NAMES, "tmpfs", 0, NULL) == 0, NAMES);
	put(NAMES "/left-over"); /* no namespace any more */
	put(NAMES "/.hidden");
	put(NAMES "/there");
}

/* The test's namespace has a name from now on. */
static void name_namespace(void)
{
	must(mount("/proc/self/ns/net", NAMES "/there", NULL, MS_BIND, NULL) == 0, "name");
}

static void forget_name(void)
{
	must(umount(NAMES "/there") == 0, "name");
}

static int status;

/* What it says, of at most `size`. */
static void detach(char *told, size_t size, const char *word, const char *more)
{
	char command[] = "detach", one[64], two[64], *argv[] = {command, one, two, NULL};
	const int argc = 1 + (word != NULL) + (more != NULL);
	int pipes[2];
	ssize_t n;
	pid_t pid;

	snprintf(one, sizeof(one), "%s", word ? word : "");
	snprintf(two, sizeof(two), "%s", more ? more : "");
	argv[argc] = NULL;
	must(pipe(pipes) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		status = command_detach(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	close(pipes[1]);
	for (size_t used = 0; (n = read(pipes[0], told + used, size - 1 - used)) > 0;) {
		used += (size_t)n;
		told[used] = 0;
	}
	close(pipes[0]);
	must(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "detach");
	status = WEXITSTATUS(status);
}

static void expect_said(const char *told, int ended, const char *words)
{
	expect(status == ended, "ended with %d:\n%s", status, told);
	expect(strstr(told, words), "nothing of '%s':\n%s", words, told);
}

/* -- tests */

static void test_nothing_there(void)
{
	char told[8192] = "";

	detach(told, sizeof(told), NULL, NULL);
	expect_said(told, 0, "done removed=0");
}

static void test_usage(void)
{
	char told[8192] = "";

	detach(told, sizeof(told), "--help", NULL);
	expect_said(told, 0, "detach");
	expect(!strstr(told, "removed="), "detached:\n%s", told);
	*told = 0;
	detach(told, sizeof(told), "--all", NULL);
	expect_said(told, 2, "detach");
}

static void test_here(void)
{
	struct report *report = share_report();
	char told[8192] = "";

	kill_agent(doomed_agent(report));
	detach(told, sizeof(told), "vb", "lo");
	expect_said(told, 0, "done removed=0");
	detach(told, sizeof(told), "va", NULL);
	expect_said(told, 0, "done removed=3");
	expect(!strstr(told, "there/"), "said to be elsewhere:\n%s", told);
	expect_nothing();
	munmap(report, sizeof(*report));
}

static void from_elsewhere(void)
{
	char told[8192] = "";

	must(unshare(CLONE_NEWNET) == 0, "network namespace");
	detach(told, sizeof(told), NULL, NULL);
	expect_said(told, 0, "done removed=3");
	expect(strstr(told, "there/va: tc egress filter removed"), "says not where:\n%s", told);
}

static void test_by_name(void)
{
	struct report *report = share_report();

	kill_agent(doomed_agent(report));
	name_namespace();
	in_child(from_elsewhere);
	forget_name();
	expect_nothing();
	munmap(report, sizeof(*report));
}

static void without_rights(void)
{
	char told[8192] = "";

	must(unshare(CLONE_NEWNET) == 0, "network namespace");
	must(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0, "setuid");
	detach(told, sizeof(told), NULL, NULL);
	expect_said(told, 1, "there: Operation not permitted");
	expect(!strstr(told, "removed="), "all went well:\n%s", told);
}

static void test_without_rights(void)
{
	name_namespace();
	in_child(without_rights);
	forget_name();
}

static const struct test tests[] = {
    {"nothing_there", test_nothing_there},
    {"usage", test_usage},
    {"here", test_here},
    {"by_name", test_by_name},
    {"without_rights", test_without_rights},
};

int main(int argc, char **argv)
{
	running = "setup";
	own_names();
	return run_tests("detach", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
