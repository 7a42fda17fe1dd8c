/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/mmdb_trial.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whatever the parent handles or blocks, here a signal ends the child, and the alarm comes. */
static void reset_signals(void)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGXCPU};
	sigset_t none;

	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child of a process with threads: it calls what needs no other thread. A refusal is an answer
 * too, which the parent finds for itself. */
static _Noreturn void read_all(int fd, enum mmdb_kind kind, int answer)
{
	struct rlimit cpu = {MMDB_TRIAL_MAX_S, MMDB_TRIAL_MAX_S}, core = {0, 0};
	struct mmdb *mmdb = NULL;
	char reason[256];

	reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	alarm(MMDB_TRIAL_MAX_S);
	if (mmdb_open(&mmdb, fd, "", kind, reason, sizeof(reason)) == 0)
		mmdb_read_records(mmdb);
	_exit(io_write(answer, "", 1) == 0 ? 0 : 1);
}

static void say_death(int status, const char *path, char *reason, size_t size)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (number == SIGALRM || number == SIGXCPU || number == SIGKILL)
		snprintf(reason, size, "%s: reading it took over %d s; it is damaged", path,
		    MMDB_TRIAL_MAX_S);
	else
		snprintf(reason, size, "%s: reading it killed a process (SIG%s); it is damaged",
		    path, number ? sigabbrev_np(number) : "?");
}

static int wait_for(pid_t child, int answer, const char *path, char *reason, size_t size)
{
	int status = 0;
	char byte;
	ssize_t n = io_read(answer, &byte, 1); /* nothing if the child died */

	/* -ECHILD where the agent's parent made it ignore SIGCHLD: the byte tells enough. */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (n == 1)
		return 0;
	say_death(status, path, reason, size);
	return -EBADMSG;
}

int mmdb_trial(int fd, const char *path, enum mmdb_kind kind, char *reason, size_t reason_size)
{
	int r, ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		r = -errno;
		snprintf(reason, reason_size, "%s: %s", path, strerrordesc_np(-r));
		return r;
	}
	child = fork();
	if (child == 0)
		read_all(fd, kind, ends[1]);
	r = child < 0 ? -errno : 0;
	close(ends[1]);
	if (r < 0)
		snprintf(
		    reason, reason_size, "%s: it cannot be tried: %s", path, strerrordesc_np(-r));
	else
		r = wait_for(child, ends[0], path, reason, reason_size);
	close(ends[0]);
	return r;
}
