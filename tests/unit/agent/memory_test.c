/* SPDX-License-Identifier: BSD-2-Clause */
/* After many reloads, outages and producers an agent holds as much memory as after half as many. */
#include "agent/agent.h"

#include "base/clock.h"
#include "base/unused.h"
#include "config/output_kind.h"
#include "dnstap/frame_stream.h"
#include "report/report.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define CYCLES     40
#define PATIENCE_S 20
#define ROUNDS     5
/* The smallest allocation (32 bytes on 64 bits) that each cycle loses comes to twice that in each
 * round; what is allocated once, in another moment, is not there in every round. */
#define SLACK_BYTES (CYCLES * 16)

static const char answer[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/* A database that takes everything, or closes every connection. */
struct database {
	int fd;
	unsigned port;
	_Atomic bool down;
	pthread_t thread;
};

struct fixture {
	char folder[64];
	int64_t now_ns;
	struct clock clock;
	struct database database;
	struct passed_sockets passed;
	struct agent *agent;
};

static int64_t now(void *context)
{
	return ((struct fixture *)context)->now_ns;
}

/* A small body comes with its header. */
static void serve_one(const struct database *database, int fd)
{
	char request[16384];

	if (!database->down && recv(fd, request, sizeof(request), 0) > 0)
		(void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	close(fd);
}

static void *serve(void *context)
{
	struct database *database = context;
	int fd;

	while ((fd = accept(database->fd, NULL, NULL)) >= 0)
		serve_one(database, fd);
	return NULL;
}

static void start_database(struct database *database)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	database->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(database->fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(database->fd, 16), 0);
	assert_int_equal(getsockname(database->fd, (struct sockaddr *)&address, &length), 0);
	database->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&database->thread, NULL, serve, database), 0);
}

/* Of the i-th cycle: tags, an input and the output's timeout come and go. */
static struct config *make_config(const struct fixture *f, unsigned i)
{
	struct config *config = NULL;
	char text[1024], *messages = NULL;
	FILE *errors;
	size_t size;
	const int n = snprintf(text, sizeof(text),
	    "server: memory\ninterval: 1s\ngrace: 0s\nping: {enabled: false}\nwire: {mode: off}\n"
	    "http: {listen: \"off\"}\nlimits: {history: 0}\nspool: {path: %s/spool}\n"
	    "tags: {turn: \"%u\"}\ninputs:\n  - {unix: %s/one.sock, zone: one}\n%s%s%s"
	    "outputs:\n  - influxdb: {url: \"http://127.0.0.1:%u\", version: 1, database: d, "
	    "timeout: %us}\n",
	    f->folder, i % 7, f->folder, i % 2 ? "  - {zone: two, unix: " : "",
	    i % 2 ? f->folder : "", i % 2 ? "/two.sock}\n" : "", f->database.port, 1 + i / 10 % 3);

	errors = open_memstream(&messages, &size);
	assert_int_equal(config_parse("test.yaml", text, (size_t)n, errors, &config), 0);
	fclose(errors);
	assert_string_equal(messages, "");
	free(messages);
	return config;
}

/* A producer that comes, has something to say that is no dnstap, and goes. */
static void produce(const struct fixture *f)
{
	static const uint8_t frame[] = {0, 0, 0, 3, 'b', 'a', 'd'};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint8_t start[FRAME_STREAM_MAX_REPLY_BYTES];
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/one.sock", f->folder);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)!write(fd, start, frame_stream_write_start(start));
	(void)!write(fd, frame, sizeof(frame));
	(void)!write(fd, start, frame_stream_write_stop(start));
	close(fd);
}

static void cycle(struct fixture *f, unsigned i)
{
	struct config_diff diff;
	char error[512];

	f->database.down = i % 10 >= 5;
	produce(f);
	if (agent_reload(f->agent, make_config(f, i), &diff, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	f->now_ns += NS_PER_S;
	agent_tick(f->agent);
}

/* Until everything that waits has been delivered. */
static void settle(struct fixture *f)
{
	const uint64_t until_ns = clock_monotonic_ns() + PATIENCE_S * NS_PER_S;
	struct sink_stats stats;

	do {
		usleep(20000);
		report_sum_outputs(agent_report(f->agent), &stats);
	} while ((stats.queued || stats.spool_batches) && clock_monotonic_ns() < until_ns);
	assert_int_equal(stats.queued + stats.spool_batches, 0);
	assert_int_equal(stats.points_dropped, 0);
}

static size_t live_bytes(struct fixture *f, unsigned from)
{
	struct mallinfo2 info;

	for (unsigned i = from; i < from + CYCLES; i++)
		cycle(f, i);
	f->database.down = false;
	settle(f);
	info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static void test_memory_stays(void **state)
{
	struct fixture *f = *state;
	size_t before, after = live_bytes(f, 0); /* tables and caches fill */
	bool stays = false;

	for (unsigned i = 1; i <= ROUNDS && !stays; i++) {
		before = after;
		after = live_bytes(f, i * CYCLES);
		stays = i > 1 && after <= before + SLACK_BYTES;
		print_message("%zu bytes after %u cycles, %zu after %u\n", before, i * CYCLES,
		    after, (i + 1) * CYCLES);
	}
	assert_true(stays);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct agent_options options;
	char error[512];

	strcpy(f->folder, "/tmp/crosstap-memory-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->now_ns = clock_wall_ns(&clock_system); /* of the inputs, who read their own */
	f->clock = (struct clock){now, f};
	start_database(&f->database);
	options = (struct agent_options){
	    .config = make_config(f, 0), .clock = &f->clock, .passed = &f->passed};
	if (agent_new(&f->agent, &options, error, sizeof(error)) < 0 ||
	    agent_start(f->agent, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	agent_stop(f->agent, NS_PER_S);
	agent_free(f->agent);
	shutdown(f->database.fd, SHUT_RDWR);
	pthread_join(f->database.thread, NULL);
	close(f->database.fd);
	snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

int main(int argc UNUSED, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_memory_stays, setup, teardown)};

	/* What a thread keeps for itself counts as in use, and would hide what is lost: the
	 * process begins once more without that. */
	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
		execv("/proc/self/exe", argv);
	}
	return cmocka_run_group_tests_name("agent/memory", tests, NULL, NULL);
}
