/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap run: the daemon, in the foreground. Signals, time and supervision; the agent does the
 * rest. */
#include "command/command.h"
#include "command/load.h"

#include "agent/agent.h"
#include "agent/lock.h"
#include "base/image.h"
#include "base/log.h"
#include "base/unused.h"
#include "confine/confine.h"
#include "http/http.h"
#include "report/report.h"
#include "usage/usage.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define MODULE      "run"
#define FAILED      1
#define BAD_CONFIG  2
#define LOG_STOP_NS NS_PER_S                    /* what whoever reads the log gets at the end */
#define STOP_NS     (10 * NS_PER_S)             /* what sinks get to deliver at the end */
#define RETRY_US    (10 * NS_PER_S / NS_PER_US) /* between attempts at a status page */
#define MAX_TICKS   16 /* in a row, while somebody sets the clock all the time */

struct daemon {
	const char *path;
	struct agent *agent;
	struct http *http;
	char http_error[512]; /* why there is none; said once */
	sd_event_source *http_retry;
	sd_event *loop;
	sd_event_source *changes; /* of interfaces and addresses */
	int timer_fd;
	struct lock lock;
	struct passed_sockets passed;
};

static int parse_arguments(int argc, char **argv, const char **ret_path, bool *ret_help)
{
	struct usage_reader reader;
	int option;

	usage_begin(&reader, COMMAND_RUN, argc, argv);
	while ((option = usage_next(&reader)) != -1) {
		if (option == USAGE_CONFIG)
			*ret_path = optarg;
		else if (option == USAGE_HELP)
			*ret_help = true;
		else
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

/* What stands in the way of a lock is no reason not to count; another agent that has it is. */
static int take_lock(struct daemon *daemon, const char *server)
{
	struct lock *lock = &daemon->lock;
	char directory[PATH_MAX];
	int r = lock_take(lock, lock_directory(directory), server);

	if (r == -EADDRINUSE) {
		log_error(MODULE,
		    "another agent runs here with the same name server=%s lock=%s pid=%ld", server,
		    lock->path, (long)lock->holder);
		return r;
	}
	if (r < 0)
		log_warning(MODULE,
		    "no lock: another agent with the same name would go unnoticed: %s lock=%s",
		    r == -EPERM ? "others may write there" : strerror(-r), lock->path);
	return 0;
}

/* Threads and sockets: many small arenas would cost more memory than they save time. */
static void set_process_limits(void)
{
	struct rlimit files;

	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			log_warning(
			    MODULE, "cannot raise the limit of open files: %s", strerror(errno));
	}
}

/* Until the loop takes it. */
static void hold(int signal)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, signal);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

static bool healthy(void *context, char *reasons, size_t size)
{
	struct daemon *daemon = context;

	return agent_healthy(daemon->agent, reasons, size);
}

static char *document(void *context, const char *name)
{
	struct daemon *daemon = context;

	if (strcmp(name, "magnitude") == 0)
		return report_magnitude_json(agent_report(daemon->agent));
	if (strcmp(name, "resolvers") == 0)
		return report_resolvers_json(agent_report(daemon->agent));
	if (strcmp(name, "config") == 0)
		return agent_config_json(daemon->agent);
	if (strcmp(name, "crosscheck") == 0)
		return report_crosscheck_json(agent_report(daemon->agent));
	return NULL;
}

static int on_http_retry(sd_event_source *source, uint64_t now_us, void *context);

static void retry_http(struct daemon *daemon, const char *error)
{
	if (strcmp(error, daemon->http_error) != 0)
		log_warning(MODULE, "no status page, tried again every %d s: %s",
		    (int)(RETRY_US * NS_PER_US / NS_PER_S), error);
	snprintf(daemon->http_error, sizeof(daemon->http_error), "%s", error);
	daemon->http_retry = sd_event_source_disable_unref(daemon->http_retry);
	if (sd_event_add_time_relative(daemon->loop, &daemon->http_retry, CLOCK_MONOTONIC, RETRY_US,
		NS_PER_S / NS_PER_US, on_http_retry, daemon) < 0)
		log_warning(MODULE, "no status page until the next reload");
}

/* The page is no reason not to count: it degrades, and says so. */
static void start_http(struct daemon *daemon)
{
	const struct http_hooks hooks = {
	    .healthy = healthy, .document = document, .context = daemon};
	const struct config *config = agent_config(daemon->agent);
	char error[sizeof(daemon->http_error)] = "";

	if (daemon->http && http_matches(daemon->http, config))
		return;
	http_free(daemon->http);
	daemon->http = NULL;
	report_certificate(agent_report(daemon->agent), "http", 0);
	daemon->http_retry = sd_event_source_disable_unref(daemon->http_retry);
	if (strcmp(config->http.listen, "off") == 0)
		return;
	if (http_new(&daemon->http, config, agent_report(daemon->agent), &hooks, error,
		sizeof(error)) < 0) {
		retry_http(daemon, error);
		return;
	}
	*daemon->http_error = 0;
	report_certificate(
	    agent_report(daemon->agent), "http", http_certificate_end_s(daemon->http));
	if (*error)
		log_warning(MODULE, "status page not on every address: %s", error);
	log_info(MODULE, "status page listen=%s", config->http.listen);
	if (http_is_open(daemon->http))
		log_warning(MODULE,
		    "the status page is open to all who reach it: set http.token_file (install "
		    "-m 600 -o crosstap /dev/null FILE; head -c 32 /dev/urandom | base64 > FILE), "
		    "or listen on 127.0.0.1 listen=%s",
		    config->http.listen);
}

static int on_http_retry(sd_event_source *source UNUSED, uint64_t now_us UNUSED, void *context)
{
	start_http(context);
	return 0;
}

/* Fires at the wall clock's time, and at once (read() says ECANCELED) when that is set. False where
 * it was set since the timer was armed last: then `due_ns` may be long in coming. */
static bool arm(const struct daemon *daemon, int64_t due_ns)
{
	const struct itimerspec when = {
	    .it_value = {.tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S}};

	if (timerfd_settime(
		daemon->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0)
		return true;
	if (errno == ECANCELED)
		return false;
	log_error(MODULE, "timer: %s", strerror(errno));
	return true;
}

static void note_clock_set(struct daemon *daemon)
{
	log_info(MODULE, "the clock was set");
	agent_clock_set(daemon->agent);
}

/* Every turn but the first needs another set of the clock. */
static void tick(struct daemon *daemon)
{
	for (int i = 0; i < MAX_TICKS && !arm(daemon, agent_tick(daemon->agent)); i++)
		note_clock_set(daemon);
}

static int on_timer(sd_event_source *source UNUSED, int fd, uint32_t events UNUSED, void *context)
{
	struct daemon *daemon = context;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno == ECANCELED)
		note_clock_set(daemon);
	tick(daemon);
	return 0;
}

/* Interfaces and addresses. */
static int on_change(
    sd_event_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *context)
{
	struct daemon *daemon = context;

	agent_process(daemon->agent);
	return 0;
}

/* The descriptor may be another one after a reload. */
static void watch_changes(struct daemon *daemon)
{
	const int fd = agent_fd(daemon->agent);
	int r;

	daemon->changes = sd_event_source_disable_unref(daemon->changes);
	if (fd < 0)
		return;
	r = sd_event_add_io(daemon->loop, &daemon->changes, fd, EPOLLIN, on_change, daemon);
	if (r < 0)
		log_warning(MODULE, "changes of interfaces go unnoticed: %s", strerror(-r));
}

static int on_stop(
    sd_event_source *source, const struct signalfd_siginfo *info UNUSED, void *context UNUSED)
{
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* Which options changed, and which did not although the file says so. */
static void say_reloaded(const struct config_diff *diff)
{
	char *changed, *restart;

	(void)config_diff_paths(diff, false, &changed);
	if (config_diff_paths(diff, true, &restart))
		log_warning(MODULE, "changes of %s need a restart", restart ? restart : "options");
	log_info(MODULE, "configuration reloaded changed=%s", changed ? changed : "?");
	free(changed);
	free(restart);
}

static void reload(struct daemon *daemon)
{
	struct config_diff diff;
	struct config *config;
	char error[512];
	int r;

	if (command_load(daemon->path, config_load_again, &config) < 0) {
		log_error(MODULE, "configuration not reloaded: the old one stays in force");
		return;
	}
	/* A file that is being rewritten in place, or was removed: nobody wants all inputs and
	 * outputs to go at once and without a word. */
	if (config->blank && !agent_config(daemon->agent)->blank) {
		log_error(MODULE,
		    "configuration not reloaded: the file has nothing but comments, and what runs "
		    "was configured; a restart takes the defaults file=%s",
		    daemon->path ? daemon->path : CONFIG_DEFAULT_PATH);
		config_unref(config);
		return;
	}
	/* The old one's devices are left, the new one's attached to. */
	(void)confine_privileges_again(agent_config(daemon->agent), config);
	r = agent_reload(daemon->agent, config, &diff, error, sizeof(error));
	(void)confine_privileges_again(agent_config(daemon->agent), NULL);
	if (r < 0) {
		log_error(
		    MODULE, "configuration not reloaded, the old one stays in force: %s", error);
		return;
	}
	if (diff.takers & 1u << TAKER_HTTP)
		start_http(daemon);
	watch_changes(daemon);
	say_reloaded(&diff);
}

static int on_reload(
    sd_event_source *source UNUSED, const struct signalfd_siginfo *info UNUSED, void *context)
{
	sd_notify(0, "RELOADING=1");
	reload(context);
	tick(context);
	image_settle();
	sd_notify(0, "READY=1");
	return 0;
}

static int add_sources(struct daemon *daemon)
{
	int r;

	hold(SIGTERM);
	hold(SIGINT);
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_new(&daemon->loop);
	if (r >= 0)
		r = sd_event_add_signal(daemon->loop, NULL, SIGTERM, on_stop, daemon);
	if (r >= 0)
		r = sd_event_add_signal(daemon->loop, NULL, SIGINT, on_stop, daemon);
	if (r >= 0)
		r = sd_event_add_signal(daemon->loop, NULL, SIGHUP, on_reload, daemon);
	daemon->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (daemon->timer_fd < 0)
		return -errno;
	if (r >= 0)
		r = sd_event_add_io(
		    daemon->loop, NULL, daemon->timer_fd, EPOLLIN, on_timer, daemon);
	if (r >= 0)
		r = sd_event_set_watchdog(daemon->loop, true);
	return r < 0 ? r : 0;
}

/* What the process before this one left, and this one has no use for. */
static void set_aside(struct daemon *daemon)
{
	char names[256];
	const size_t n = passed_sockets_set_aside(&daemon->passed, names, sizeof(names));

	if (n)
		log_warning(MODULE,
		    "passed descriptors set aside, nobody here knows them: n=%zu names=%s", n,
		    names);
}

/* Before there is any other thread, the log's as well, and before anything of a stranger is read.
 * What cannot be given up is no reason not to count, and said. */
static void confine(const struct config *config)
{
	char names[512] = "";
	int r = confine_memory();

	if (r < 0)
		log_warning(MODULE, "its memory is not kept from others: %s", strerror(-r));
	r = confine_privileges(config, names, sizeof(names));
	if (r < 0)
		log_warning(MODULE, "privileges are not given up: %s", strerror(-r));
	r = confine_system_calls(*config->wire.netns);
	if (r < 0)
		log_warning(MODULE, "system calls are not filtered: %s",
		    r == -EOPNOTSUPP ? "the kernel has no seccomp filters" : strerror(-r));
	log_info(MODULE, "confined capabilities=%s system_calls=%s", *names ? names : "none",
	    r < 0 ? "all" : "listed");
	r = log_start();
	if (r < 0)
		log_warning(
		    MODULE, "a log that nobody reads would stop the agent: %s", strerror(-r));
}

static int start(struct daemon *daemon, struct config *config)
{
	const struct agent_options options = {
	    .config = config, .clock = &clock_system, .passed = &daemon->passed};
	char error[512];
	int r;

	log_set_level((enum log_level)config->log_level);
	r = report_check(config, error, sizeof(error));
	if (r < 0) {
		log_error(MODULE, "%s", error);
		config_unref(config);
		return r == -ENOMEM ? FAILED : BAD_CONFIG;
	}
	confine(config);
	r = passed_sockets_take(&daemon->passed);
	if (r < 0)
		log_error(MODULE, "passed sockets: %s", strerror(-r));
	else
		r = take_lock(daemon, config->server);
	if (r < 0) {
		config_unref(config);
		return FAILED;
	}
	r = agent_new(&daemon->agent, &options, error, sizeof(error));
	if (r == 0)
		r = agent_start(daemon->agent, error, sizeof(error));
	if (r < 0) {
		log_error(MODULE, "%s", error);
		/* What a file of zones holds is the configuration's fault, sockets are the host's.
		 */
		return r == -EINVAL ? BAD_CONFIG : FAILED;
	}
	set_aside(daemon);
	start_http(daemon);
	watch_changes(daemon);
	return 0;
}

static void clean_up(struct daemon *daemon)
{
	/* HTTP first: it reads the report. */
	http_free(daemon->http);
	sd_event_source_disable_unref(daemon->http_retry);
	sd_event_source_disable_unref(daemon->changes);
	agent_free(daemon->agent);
	sd_event_unref(daemon->loop);
	if (daemon->timer_fd >= 0)
		close(daemon->timer_fd);
	lock_release(&daemon->lock);
	passed_sockets_done(&daemon->passed);
}

static int run(struct daemon *daemon, struct config *config)
{
	int r = add_sources(daemon);

	if (r < 0) {
		log_error(MODULE, "event loop: %s", strerror(-r));
		config_unref(config);
		return FAILED;
	}
	r = start(daemon, config);
	if (r != 0)
		return r;
	tick(daemon);
	image_settle();
	sd_notify(0, "READY=1");
	log_info(MODULE, "running version=%s server=%s", CROSSTAP_VERSION,
	    agent_config(daemon->agent)->server);
	r = sd_event_loop(daemon->loop);
	sd_notify(0, "STOPPING=1");
	log_info(MODULE, "stopping");
	http_end_streams(daemon->http);
	agent_stop(daemon->agent, STOP_NS);
	return r < 0 ? FAILED : 0;
}

int command_run(int argc, char **argv)
{
	struct daemon daemon = {.timer_fd = -1, .lock = {.fd = -1}};
	struct config *config;
	bool help = false;
	int status, r;

	if (parse_arguments(argc, argv, &daemon.path, &help) < 0) {
		usage_print(stderr, COMMAND_RUN);
		return BAD_CONFIG;
	}
	if (help) {
		usage_print(stdout, COMMAND_RUN);
		return 0;
	}
	log_hold();
	set_process_limits();
	hold(SIGHUP); /* a reload that is asked for during the start would end the process */
	r = command_load(daemon.path, config_load, &config);
	status = r == -ENOMEM ? FAILED : BAD_CONFIG;
	if (r == 0) {
		status = run(&daemon, config);
		clean_up(&daemon);
	}
	log_stop(LOG_STOP_NS);
	return status;
}
