/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap top against an agent of this process. */
#include "base/clock.h"
#include "base/unused.h"
#include "fake_report.h"

#include "command/command.h"
#include "http/http.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_OUTPUT (256 * 1024)

struct fixture {
	struct report *report;
	struct http *http;
	char url[64];
	char output[MAX_OUTPUT];
};

static void begin(struct fixture *f, const char *token_file)
{
	const struct config config = {.http = {"127.0.0.1:0", token_file, "", ""}};
	char error[256] = "";

	if (http_new(&f->http, &config, f->report, NULL, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/", http_port(f->http));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->report = fake_report();
	f->report->status.window_start_ns = 20 * NS_PER_S;
	f->report->status.window_end_ns = 30 * NS_PER_S;
	strcpy(f->report->window_json,
	    "{\"interval_s\":10.0,\"zones\":{"
	    "\"nl\":{\"queries\":12340,\"responses\":12330,\"sources\":77,"
	    "\"qtype\":{\"A\":12000,\"AAAA\":340},\"rcode\":{\"NXDOMAIN\":1233,\"NOERROR\":11097},"
	    "\"malformed\":{\"query\":2,\"response\":1},"
	    "\"response_time_us\":{\"count\":5,\"p50\":61.0,\"p99\":2400.0}},"
	    "\"org\\u001b]0;x\\u0007\\u009b2J\\n\":{\"queries\":10}}}");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_free(f->http);
	fake_report_free(f->report);
	free(f);
	return 0;
}

/* The child becomes this program anew: HTTP's thread may have held a lock of the allocator at the
 * fork. */
static _Noreturn void become_top(char **argv)
{
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* Runs the command in a child that has `fd` as stdout and stderr; its exit status. */
static int run_top(struct fixture *f, char **argv)
{
	int fds[2], status;
	size_t length = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		become_top(argv);
	}
	close(fds[1]);
	while ((n = read(fds[0], f->output + length, MAX_OUTPUT - 1 - length)) > 0)
		length += (size_t)n;
	close(fds[0]);
	f->output[length] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(struct fixture *f, const char *text)
{
	if (!strstr(f->output, text))
		fail_msg("no \"%s\" in %s", text, f->output);
}

static void expect_plain(const char *text)
{
	for (; *text; text++)
		assert_true((*text >= ' ' && *text <= '~') || *text == '\n');
}

static void test_once(void **state)
{
	struct fixture *f = *state;
	char *argv[] = {"top", "--once", "--url", f->url, NULL};

	fake_inputs(f->report, 1);
	strcpy(f->report->status.inputs[0].address, "/run/\x1b[2Jnl.sock");
	fake_sinks(f->report, 1);
	strcpy(f->report->status.sinks[0].name, "influxdb http://127.0.0.1:8086");
	strcpy(f->report->status.sinks[0].stats.last_error, "refused\x9b\x33");
	f->report->status.sinks[0].stats.failing = true;
	begin(f, "");
	assert_int_equal(run_top(f, argv), 0);
	expect_plain(f->output);
	expect(f, "ns1.test");
	expect(f, "\n1235.0 queries/s  1233.0 answers/s");
	expect(f,
	    "\nnl                    1234.0    1233.0      77    61 us   2.4 ms    10.0%      3\n");
	expect(f, "\norg\\x1b]0;x\\x07~         1.0 ");
	expect(f,
	    "\nA                                                                1200.0    97.2%\n");
	expect(f, "\n/run/\\x1b[2Jnl.sock");
	expect(f, " failing refused");
}

static void test_no_agent(void **state)
{
	struct fixture *f = *state;
	char *argv[] = {"top", "--url", f->url, NULL};
	char *bad[] = {"top", "--url", "file:///etc/passwd", NULL};
	char *unknown[] = {"top", "--everything", NULL};

	begin(f, "");
	http_free(f->http);
	f->http = NULL;
	assert_int_equal(run_top(f, argv), 1);
	expect(f, "error top: no agent answers at http://127.0.0.1:");
	expect_plain(f->output);
	assert_int_not_equal(run_top(f, bad), 0);
	assert_null(strstr(f->output, "root:"));
	assert_int_equal(run_top(f, unknown), 2);
	expect(f, "usage: ");
}

/* As a page of HTTPS does with what is no TLS. */
static void test_no_word(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	char url[64], request[1024], *argv[] = {"top", "--once", "--url", url, NULL};
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child;

	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(address.sin_port));
	child = fork();
	if (child == 0) {
		const int fd = accept(listener, NULL, NULL);

		_exit(fd < 0 || read(fd, request, sizeof(request)) <= 0);
	}
	begin(f, "");
	assert_int_equal(run_top(f, argv), 1);
	expect(f, "(with http.tls: --url https://...)");
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(listener);
}

static void test_token(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/crosstap-top-XXXXXX";
	char *without[] = {"top", "--once", "--url", f->url, NULL};
	char *with[] = {"top", "--once", "--url", f->url, "--token-file", path, NULL};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "sesame", 6), 6);
	close(fd);
	begin(f, path);
	assert_int_equal(run_top(f, without), 1);
	expect(f, "--token-file");
	assert_int_equal(run_top(f, with), 0);
	expect(f, "ns1.test");
	unlink(path);
}

/* The output of the child up to `text`; false when it ends before, or does not show it within a
 * minute. */
static bool read_until(struct fixture *f, int fd, const char *text)
{
	const uint64_t end_ns = clock_monotonic_ns() + 60 * NS_PER_S;
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	size_t length = 0;
	ssize_t n;

	f->output[0] = '\0';
	while (length < MAX_OUTPUT - 1 && !strstr(f->output, text)) {
		if (clock_monotonic_ns() > end_ns || poll(&readable, 1, 10000) <= 0)
			return false;
		n = read(fd, f->output + length, MAX_OUTPUT - 1 - length);
		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n; i++) { /* strstr() must see past NULs */
			if (f->output[length + (size_t)i] == '\0')
				f->output[length + (size_t)i] = ' ';
		}
		length += (size_t)n;
		f->output[length] = '\0';
	}
	return length < MAX_OUTPUT - 1;
}

static void test_terminal(void **state)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 100},
			     small = {.ws_row = 3, .ws_col = 20},
			     large = {.ws_row = 50, .ws_col = 132};
	struct fixture *f = *state;
	char *argv[] = {"top", "--url", f->url, NULL};
	int fd, status;
	pid_t pid;

	begin(f, "");
	setenv("TERM", "xterm", 1);
	unsetenv("LINES");
	unsetenv("COLUMNS");
	pid = forkpty(&fd, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (pid == 0)
		become_top(argv);
	assert_true(read_until(f, fd, "q quit"));
	assert_non_null(strstr(f->output, "ns1.test"));
	assert_null(strstr(f->output, "\x1b]0;x"));
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &small), 0);
	assert_true(read_until(f, fd, "h help"));
	assert_int_equal(write(fd, "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjkkk", 38), 38);
	assert_int_equal(write(fd, "o", 1), 1);
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &large), 0);
	assert_true(read_until(f, fd, "REFUSED"));
	assert_int_equal(write(fd, "q", 1), 1);
	while (read_until(f, fd, "never seen"))
		;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_agent, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_word, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_token, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_terminal, setup, teardown),
	};

	if (strcmp(argv[0], "top") == 0)
		_exit(command_top(argc, argv));
	return cmocka_run_group_tests_name("http/top", tests, NULL, NULL);
}
