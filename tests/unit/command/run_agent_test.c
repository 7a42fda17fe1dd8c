/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon from its start to its end: what signals ask of it, and what it is refused. */
#include "base/unused.h"
#include "command/command.h"
#include "run_command.h"

#include "../refuse.h"
#include "../skip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#define PATIENCE_S 30
#define MAX_TICKS  16 /* as many as in run.c */
#define INPUTS     "inputs: [{unix: %s/socket, zones: [example]}]\n"
#define SILENT     "http: {listen: \"off\"}\n"

struct agent {
	pid_t pid;
	int err;
	char told[MAX_OUTPUT];
	size_t passed; /* of `told`: what was waited for already */
	int status;
};

static char folder[] = "/tmp/crosstap-run-agent-XXXXXX";
static char path[64];

/* In place of the old one at once. */
static void write_config(const char *server, const char *more)
{
	char new[80];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "w");
	assert_non_null(file);
	fprintf(file,
	    "server: %s\nwire: {mode: \"off\"}\nping: {enabled: false}\nspool: {path: %s/spool}\n"
	    "outputs: []\n",
	    server, folder);
	fprintf(file, INPUTS, folder);
	fputs(more, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(new, path), 0);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state UNUSED)
{
	if (!mkdtemp(folder) || setenv("RUNTIME_DIRECTORY", folder, 1) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/crosstap.yaml", folder);
	return 0;
}

static int remove_folder(void **state UNUSED)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* -- an agent */

/* `prepare` (or NULL) runs in the agent's process before it; false: there is none. */
static void start(struct agent *agent, bool (*prepare)(void))
{
	char command[] = "run", option[] = "-c", *argv[] = {command, option, path, NULL};
	FILE *err = tmpfile();
	int status;

	assert_non_null(err);
	memset(agent, 0, sizeof(*agent));
	agent->err = dup(fileno(err));
	assert_true(agent->err >= 0);
	fflush(NULL);
	agent->pid = fork();
	assert_true(agent->pid >= 0);
	if (agent->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* of a test that failed */
		dup2(agent->err, STDOUT_FILENO);
		dup2(agent->err, STDERR_FILENO);
		if (prepare && !prepare())
			_exit(77);
		status = command_run(3, argv);
		fflush(NULL);
		_exit(status);
	}
	fclose(err);
}

static bool has_said(struct agent *agent, const char *words)
{
	const ssize_t n = pread(agent->err, agent->told, sizeof(agent->told) - 1, 0);
	const char *found;

	agent->told[n > 0 ? n : 0] = '\0';
	found = strstr(agent->told + agent->passed, words);
	if (found)
		agent->passed = (size_t)(found - agent->told) + strlen(words);
	return found;
}

static bool has_ended(const struct agent *agent)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)agent->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid;
}

/* From where the last one was found. */
static void must_say(struct agent *agent, const char *words)
{
	const time_t end = time(NULL) + PATIENCE_S;

	for (bool ended = false; !has_said(agent, words);) {
		if (ended || time(NULL) > end) {
			kill(agent->pid, SIGKILL); /* the next one has the same name */
			waitpid(agent->pid, NULL, 0);
			fail_msg("nothing of '%s' in: %s", words, agent->told);
		}
		ended = has_ended(agent); /* what it said last is read once more */
		usleep(5000);
	}
}

static void ask(const struct agent *agent, int signal)
{
	assert_int_equal(kill(agent->pid, signal), 0);
}

static void must_end(struct agent *agent, int ended)
{
	int status;

	assert_int_equal(waitpid(agent->pid, &status, 0), agent->pid);
	assert_true(WIFEXITED(status));
	has_said(agent, "nothing");
	if (WEXITSTATUS(status) != ended)
		fail_msg("ended with %d: %s", WEXITSTATUS(status), agent->told);
	close(agent->err);
}

static void must_stop(struct agent *agent)
{
	ask(agent, SIGTERM);
	must_say(agent, "stopping");
	must_end(agent, 0);
}

/* In all that it said; after must_end(). */
static unsigned times(const struct agent *agent, const char *words)
{
	unsigned n = 0;

	for (const char *at = agent->told; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* A port that is nobody else's while the descriptor is open. */
static int take_port(uint16_t *port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* -- signals */

static void stops_when_asked(void **state UNUSED)
{
	static const int signals[] = {SIGTERM, SIGINT};
	static struct agent agent;

	write_config("run_agent", SILENT);
	for (size_t i = 0; i < 2; i++) {
		start(&agent, NULL);
		must_say(&agent, "running version=");
		must_say(&agent, "server=run_agent");
		ask(&agent, signals[i]);
		must_say(&agent, "stopping");
		must_end(&agent, 0);
	}
}

static void reloads(void **state UNUSED)
{
	static struct agent agent;
	char more[80];
	uint16_t port;

	close(take_port(&port));
	write_config("run_agent", SILENT);
	start(&agent, NULL);
	must_say(&agent, "running version=");
	snprintf(more, sizeof(more), "http: {listen: \"127.0.0.1:%u\"}\n", port);
	write_config("run_agent", more);
	ask(&agent, SIGHUP);
	must_say(&agent, "status page listen=127.0.0.1:");
	must_say(&agent, "configuration reloaded changed=http.listen");
	write_config("other", SILENT);
	ask(&agent, SIGHUP);
	must_say(&agent, "changes of server need a restart");
	must_say(&agent, "configuration reloaded changed=");
	ask(&agent, SIGHUP);
	must_say(&agent, "configuration reloaded changed=");
	must_stop(&agent);
	assert_int_equal(times(&agent, "status page listen="), 1);
}

/* The old configuration stays, whatever stands in the file. */
static void reloads_nothing_else(void **state UNUSED)
{
	static struct agent agent;
	char text[200];

	write_config("run_agent", SILENT);
	start(&agent, NULL);
	must_say(&agent, "running version=");
	write_text("# a comment\n");
	ask(&agent, SIGHUP);
	must_say(&agent, "the file has nothing but comments");
	write_text("server: [\n");
	ask(&agent, SIGHUP);
	must_say(&agent, "configuration not reloaded: the old one stays in force");
	snprintf(text, sizeof(text),
	    "server: run_agent\nwire: {mode: \"off\"}\ninputs: [{unix: %s}]\n", path);
	write_text(text);
	ask(&agent, SIGHUP);
	must_say(&agent, "configuration not reloaded, the old one stays in force: ");
	must_stop(&agent);
	assert_int_equal(times(&agent, "configuration reloaded"), 0);
}

/* -- its command line, its files */

static void usage(void **state UNUSED)
{
	static struct result result;

	RUN_COMMAND(&result, command_run, "run", "--help");
	assert_int_equal(result.status, 0);
	assert_int_equal(strncmp(result.out, "usage: crosstap run", 19), 0);
	RUN_COMMAND(&result, command_run, "run", "--no-such-option");
	assert_int_equal(result.status, 2);
	assert_non_null(strstr(result.err, "usage: crosstap run"));
	RUN_COMMAND(&result, command_run, "run", "a file");
	assert_int_equal(result.status, 2);
	assert_non_null(strstr(result.err, "usage: crosstap run"));
}

static void a_key_that_cannot_be_read(void **state UNUSED)
{
	static struct agent agent;
	char more[200];

	snprintf(more, sizeof(more),
	    SILENT "privacy: {addresses: cryptopan, cryptopan_key_file: %s/no-such-key}\n", folder);
	write_config("run_agent", more);
	start(&agent, NULL);
	must_say(&agent, "no-such-key");
	must_end(&agent, 2);
}

static void two_of_a_name(void **state UNUSED)
{
	static struct agent first, second;

	write_config("run_agent", SILENT);
	start(&first, NULL);
	must_say(&first, "running version=");
	start(&second, NULL);
	must_say(&second, "another agent runs here with the same name server=run_agent");
	must_end(&second, 1);
	must_stop(&first);
}

/* A file is no folder. */
static bool without_a_lock(void)
{
	return setenv("RUNTIME_DIRECTORY", path, 1) == 0;
}

/* The lock is a help: without it the agent counts. */
static void no_lock(void **state UNUSED)
{
	static struct agent agent;

	write_config("run_agent", SILENT);
	start(&agent, without_a_lock);
	must_say(&agent, "no lock: another agent with the same name would go unnoticed: ");
	must_say(&agent, "running version=");
	must_stop(&agent);
}

/* -- what it is handed */

/* One descriptor, the first behind the standard ones (sd_listen_fds(3)). */
static bool pass(const char *names)
{
	char text[16];
	int pipes[2];

	snprintf(text, sizeof(text), "%d", getpid());
	if (setenv("LISTEN_PID", text, 1) < 0 || setenv("LISTEN_FDS", "1", 1) < 0 ||
	    setenv("LISTEN_FDNAMES", names, 1) < 0)
		return false;
	return pipe(pipes) == 0 && dup2(pipes[0], 3) == 3;
}

static bool with_a_strange_descriptor(void)
{
	return pass("from-a-later-version");
}

static bool with_more_names(void)
{
	return pass("one:two");
}

static void passed_descriptors(void **state UNUSED)
{
	static struct agent agent;

	write_config("run_agent", SILENT);
	start(&agent, with_a_strange_descriptor);
	must_say(&agent,
	    "passed descriptors set aside, nobody here knows them: n=1 names=from-a-later-version");
	must_say(&agent, "running version=");
	must_stop(&agent);
	start(&agent, with_more_names);
	must_say(&agent, "passed sockets: Invalid argument");
	must_end(&agent, 1);
}

static bool with_few_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	limit.rlim_cur = 64;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void raises_the_limit_of_files(void **state UNUSED)
{
	static struct agent agent;
	struct rlimit limit = {0};

	write_config("run_agent", SILENT);
	start(&agent, with_few_files);
	must_say(&agent, "running version=");
	assert_int_equal(prlimit(agent.pid, RLIMIT_NOFILE, NULL, &limit), 0);
	assert_true(limit.rlim_cur == limit.rlim_max);
	must_stop(&agent);
}

/* -- its page */

static int taken = -1;

static bool leave_it(void)
{
	return close(taken) == 0;
}

/* The port becomes free while the agent runs. */
static void page_comes_later(void **state UNUSED)
{
	static struct agent agent;
	char more[80];
	uint16_t port;

	taken = take_port(&port);
	snprintf(more, sizeof(more), "http: {listen: \"127.0.0.1:%u\"}\n", port);
	write_config("run_agent", more);
	start(&agent, leave_it);
	must_say(&agent, "no status page, tried again every 10 s: ");
	must_say(&agent, "running version=");
	close(taken);
	must_say(&agent, "status page listen=");
	must_stop(&agent);
	assert_int_equal(times(&agent, "no status page"), 1);
}

static bool apart(void)
{
	return unshare(CLONE_NEWNET) == 0;
}

static void page_for_all(void **state UNUSED)
{
	static struct agent agent;

	if (geteuid() != 0)
		skip_because("no network namespace of its own");
	write_config("run_agent", "http: {listen: \"0.0.0.0:9053\"}\n");
	start(&agent, apart);
	must_say(&agent, "the status page is open to all who reach it: set http.token_file");
	must_stop(&agent);
}

/* -- a kernel that refuses */

static struct refusal refusal;

static bool refused(void)
{
	return refuse(&refusal) == 0;
}

static void no_timer(void **state UNUSED)
{
	static struct agent agent;

	write_config("run_agent", SILENT);
	refusal = (struct refusal){.call = SCMP_SYS(timerfd_create),
	    .error = EMFILE,
	    .argument = 0,
	    .value = CLOCK_REALTIME};
	start(&agent, refused);
	must_say(&agent, "event loop: ");
	must_end(&agent, 1);
	refusal = (struct refusal){.call = SCMP_SYS(epoll_create1), .error = EMFILE, .any = true};
	start(&agent, refused);
	must_say(&agent, "event loop: ");
	must_end(&agent, 1);
}

/* Of windows; those of the event loop are armed otherwise. */
static void arming_fails_with(int error)
{
	refusal = (struct refusal){.call = SCMP_SYS(timerfd_settime),
	    .error = error,
	    .argument = 1,
	    .value = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET};
}

/* Somebody sets the clock all the time: the agent does not wait for him to end. */
static void a_clock_that_is_always_set(void **state UNUSED)
{
	static struct agent agent;

	write_config("run_agent", SILENT);
	arming_fails_with(ECANCELED);
	start(&agent, refused);
	must_say(&agent, "running version=");
	must_stop(&agent);
	assert_int_equal(times(&agent, "the clock was set"), MAX_TICKS);
	arming_fails_with(EINVAL);
	start(&agent, refused);
	must_say(&agent, "timer: Invalid argument");
	must_say(&agent, "running version=");
	must_stop(&agent);
	assert_int_equal(times(&agent, "the clock was set"), 0);
}

static bool unconfined(void)
{
	const struct refusal refusals[] = {
	    {.call = SCMP_SYS(prctl), .error = EPERM, .value = PR_SET_DUMPABLE},
	    {.call = SCMP_SYS(capset), .error = EPERM, .any = true},
	    {.call = SCMP_SYS(seccomp), .error = EPERM, .any = true}, /* the last one */
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		if (refuse(&refusals[i]) < 0)
			return false;
	}
	return true;
}

/* What cannot be given up is said, and no reason not to count. */
static void confinement_fails(void **state UNUSED)
{
	static struct agent agent;

	write_config("run_agent", SILENT);
	start(&agent, unconfined);
	must_say(&agent, "its memory is not kept from others: ");
	must_say(&agent, "privileges are not given up: ");
	must_say(&agent, "system calls are not filtered: ");
	must_say(&agent, "system_calls=all");
	must_say(&agent, "running version=");
	must_stop(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stops_when_asked),
	    cmocka_unit_test(reloads),
	    cmocka_unit_test(reloads_nothing_else),
	    cmocka_unit_test(usage),
	    cmocka_unit_test(a_key_that_cannot_be_read),
	    cmocka_unit_test(two_of_a_name),
	    cmocka_unit_test(no_lock),
	    cmocka_unit_test(passed_descriptors),
	    cmocka_unit_test(raises_the_limit_of_files),
	    cmocka_unit_test(page_comes_later),
	    cmocka_unit_test(page_for_all),
	    cmocka_unit_test(no_timer),
	    cmocka_unit_test(a_clock_that_is_always_set),
	    cmocka_unit_test(confinement_fails),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
