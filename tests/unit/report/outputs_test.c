/* SPDX-License-Identifier: BSD-2-Clause */
/* Another configuration's outputs: what stays, what leaves, and that nobody waits for either. */
#include "report/drain.h"
#include "report/outputs.h"

#include "../sink/http_server.h"
#include "../sink/sink_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define AT_ONCE_NS (100 * (uint64_t)NS_PER_MS) /* a commit takes some ms; sanitizers are slow */
#define BACKLOG    64

struct scene {
	char dir[64], spool[96];
	struct outputs *outputs;
	size_t pushed;
};

static struct scene new_scene(void)
{
	struct scene scene = {.dir = "/tmp/crosstap-outputs-XXXXXX"};

	assert_non_null(mkdtemp(scene.dir));
	snprintf(scene.spool, sizeof(scene.spool), "%s/spool", scene.dir);
	assert_int_equal(outputs_new(&scene.outputs), 0);
	return scene;
}

static void end_scene(struct scene *scene)
{
	outputs_free(scene->outputs);
	remove_tree(scene->dir);
}

static struct config *with_spool(const struct scene *scene, struct config *config)
{
	config->spool_path = scene->spool;
	return config;
}

/* Nanoseconds that the commit took. */
static uint64_t change(struct scene *scene, struct config *config)
{
	struct outputs_next *next = NULL;
	char error[256] = "";
	uint64_t start_ns;

	assert_int_equal(outputs_prepare(scene->outputs, config, &next, error, sizeof(error)), 0);
	config_unref(config);
	start_ns = clock_monotonic_ns();
	outputs_commit(scene->outputs, next);
	return clock_monotonic_ns() - start_ns;
}

/* One point with the next number, to every sink that takes lines. */
static void push_one(struct scene *scene)
{
	struct points *points = outputs_points(scene->outputs, POINTS_LINE);

	assert_non_null(points);
	points_reset(points);
	points_begin(points, "m", 1000 + (int64_t)scene->pushed);
	points_uint(points, "id", scene->pushed++);
	outputs_push(scene->outputs, POINTS_LINE, &(struct outputs_times){1000, 2000}, false);
}

/* Points in all spools below the folder, by the names of their files. */
static size_t spooled(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		char below[512];
		size_t points;

		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (sscanf(entry->d_name, "%*20[0-9]-%zu.batch", &points) == 1)
			n += points;
		else if (entry->d_name[0] != '.')
			n += spooled(below);
	}
	if (dir)
		closedir(dir);
	return n;
}

static struct sink_stats status_of(struct scene *scene, size_t n, size_t index)
{
	struct output_status *status;
	struct sink_stats stats;
	size_t count;

	assert_int_equal(outputs_status(scene->outputs, &status, &count), 0);
	assert_int_equal(count, n);
	stats = status[index].stats;
	free(status);
	return stats;
}

/* A port where connections are made and nobody answers, or, once `fds` hold its backlog, where
 * nobody even gets a connection. */
static int open_dead(struct sockaddr_in *ret, int backlog)
{
	socklen_t length = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*ret =
	    (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &length), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void fill_backlog(const struct sockaddr_in *address, int fds[4])
{
	for (size_t i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fds[i] >= 0);
		if (connect(fds[i], (const struct sockaddr *)address, sizeof(*address)) < 0)
			assert_int_equal(errno, EINPROGRESS);
	}
}

/* Three servers of three kinds of death leave, a fourth one stays: the commit takes no time, what
 * the fourth has queued stays queued, what the three had is in the spool. */
static void test_dead_servers(void **state UNUSED)
{
	struct scene scene = new_scene();
	struct sockaddr_in silent, refusing, hole, staying;
	int silent_fd = open_dead(&silent, BACKLOG), refusing_fd = open_dead(&refusing, -1),
	    hole_fd = open_dead(&hole, 0), staying_fd = open_dead(&staying, BACKLOG), full[4];
	char stays[128];
	struct sink_stats before, sum;
	uint64_t start_ns;

	fill_backlog(&hole, full);
	snprintf(stays, sizeof(stays), "  - influxdb: {url: \"http://127.0.0.1:%u\", bucket: d}\n",
	    ntohs(staying.sin_port));
	change(&scene,
	    with_spool(&scene,
		config_with("  - influxdb: {url: \"http://127.0.0.1:%u\"}\n"
			    "  - influxdb: {url: \"http://127.0.0.1:%u\"}\n"
			    "  - influxdb: {url: \"http://127.0.0.1:%u\"}\n%s",
		    ntohs(silent.sin_port), ntohs(refusing.sin_port), ntohs(hole.sin_port),
		    stays)));
	for (int i = 0; i < 10; i++)
		push_one(&scene);
	before = status_of(&scene, 4, 3);
	assert_in_range(before.queued, 9, 10);
	assert_in_range(change(&scene,
			    with_spool(&scene,
				config_with("%s  - file: {path: %s/points}\n", stays, scene.dir))),
	    0, AT_ONCE_NS);
	start_ns = clock_monotonic_ns();
	assert_in_range(status_of(&scene, 2, 0).queued, 9, 10);
	assert_int_equal(status_of(&scene, 2, 0).points_dropped, 0);
	for (int i = 0; i < 10; i++)
		push_one(&scene);
	assert_in_range(clock_monotonic_ns() - start_ns, 0, AT_ONCE_NS);
	outputs_stop(scene.outputs, 2 * (uint64_t)NS_PER_S);
	outputs_sum(scene.outputs, &sum);
	assert_int_equal(sum.points_dropped, 0);
	assert_int_equal(sum.points, 10); /* of the file */
	assert_int_equal(spooled(scene.spool), 3 * 10 + 20);
	end_scene(&scene);
	for (size_t i = 0; i < 4; i++)
		close(full[i]);
	close(silent_fd);
	close(refusing_fd);
	close(hole_fd);
	close(staying_fd);
}

/* The same place with another token: the new sink waits for the old one, and then delivers what
 * that one left in the spool. */
static void test_successor(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	static const char output[] =
	    "  - influxdb: {url: \"http://127.0.0.1:%u\", token: %s, timeout: 60s}\n";
	struct server *server = server_new(script, 1);
	struct scene scene = new_scene();
	struct sink_stats sum;
	uint64_t end_ns;

	/* Listens, and nobody accepts. */
	assert_int_equal(listen(server->listen_fd, 16), 0);
	change(&scene, with_spool(&scene, config_with(output, server->port, "first")));
	for (int i = 0; i < 5; i++)
		push_one(&scene);
	assert_in_range(
	    change(&scene, with_spool(&scene, config_with(output, server->port, "second"))), 0,
	    AT_ONCE_NS);
	for (int i = 0; i < 5; i++)
		push_one(&scene);
	/* While the first one has its second the other touches nothing. */
	assert_int_equal(status_of(&scene, 1, 0).queued, 5);
	end_ns = clock_monotonic_ns() + WAIT_NS;
	while (spooled(scene.spool) < 5 && clock_monotonic_ns() < end_ns)
		usleep(1000);
	server_start(server);
	do {
		usleep(1000);
		outputs_sum(scene.outputs, &sum);
	} while (sum.points < 10 && clock_monotonic_ns() < end_ns);
	outputs_stop(scene.outputs, WAIT_NS);
	/* The server reads the first one's last request, too, which nobody waits for any more. */
	assert_in_range(server->seen[0], 1, 2);
	assert_int_equal(server_once(server, 1, 10), 9);
	assert_string_equal(server->authorization, "Token second");
	outputs_sum(scene.outputs, &sum);
	assert_int_equal(sum.points, 10);
	assert_int_equal(sum.points_dropped, 0);
	assert_int_equal(spooled(scene.spool), 0);
	end_scene(&scene);
	server_free(server);
}

/* What fails, and what is not wanted after all, changes nothing. */
static void test_prepare_alone(void **state UNUSED)
{
	struct scene scene = new_scene();
	struct outputs_next *next = NULL;
	struct config *config;
	char error[256] = "";

	change(&scene, config_with("  - file: {path: %s/a}\n", scene.dir));
	config = with_spool(&scene,
	    config_with("  - influxdb: {url: \"http://127.0.0.1:1\"}\n"
			"  - file: {path: %s/b, format: json}\n",
		scene.dir));
	assert_int_equal(outputs_prepare(scene.outputs, config, &next, error, sizeof(error)), 0);
	outputs_next_free(next);
	outputs_next_free(NULL);
	set_text(config, "url", "gopher://127.0.0.1");
	assert_int_equal(
	    outputs_prepare(scene.outputs, config, &next, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "outputs[0].influxdb: these options cannot work");
	config_unref(config);
	assert_null(outputs_points(scene.outputs, POINTS_JSON));
	push_one(&scene);
	outputs_stop(scene.outputs, WAIT_NS);
	assert_int_equal(status_of(&scene, 1, 0).points, 1);
	assert_int_equal(access(scene.spool, F_OK), -1);
	end_scene(&scene);
}

/* Reloads that go back and forth faster than their servers die: all points are in the spool, or
 * counted, in the end. */
static void test_back_and_forth(void **state UNUSED)
{
	struct scene scene = new_scene();
	struct outputs_next *next = NULL;
	struct sockaddr_in silent;
	int fd = open_dead(&silent, BACKLOG), r = 0;
	struct config *configs[2];
	char error[256] = "";
	struct sink_stats sum;

	for (int i = 0; i < 2; i++)
		configs[i] = with_spool(&scene,
		    config_with("  - influxdb: {url: \"http://127.0.0.1:%u\", token: token%d}\n",
			ntohs(silent.sin_port), i));
	for (int i = 0; i < 400 && r == 0; i++) {
		r = outputs_prepare(scene.outputs, configs[i % 2], &next, error, sizeof(error));
		if (r == 0)
			outputs_commit(scene.outputs, next);
		push_one(&scene);
	}
	/* Bounded: no more than DRAIN_MAX leave at a time, unless the machine is slower than that.
	 */
	assert_true(r == 0 || (r == -EBUSY && strstr(error, "too many")));
	outputs_stop(scene.outputs, 100 * (uint64_t)NS_PER_MS);
	outputs_sum(scene.outputs, &sum);
	assert_int_equal(sum.points, 0);
	assert_int_equal(sum.points_dropped, 0);
	assert_int_equal(spooled(scene.spool), scene.pushed);
	for (int i = 0; i < 2; i++)
		config_unref(configs[i]);
	end_scene(&scene);
	close(fd);
}

static void test_drain_is_bounded(void **state UNUSED)
{
	struct drain *drain;
	struct sink_stats sum = {0};

	assert_int_equal(drain_new(&drain), 0);
	assert_int_equal(drain_prepare(drain, DRAIN_MAX + 1), -EBUSY);
	assert_int_equal(drain_prepare(drain, DRAIN_MAX), 0);
	drain_sum(drain, &sum);
	assert_int_equal(sum.points + sum.queued, 0);
	drain_finish(drain, NS_PER_S);
	assert_int_equal(drain_prepare(drain, 1), 0);
	drain_free(drain);
	drain_free(NULL);
}

/* Outputs that differ in their credentials alone have a spool each, whatever a reload makes of
 * their order. */
static void test_one_place_twice(void **state UNUSED)
{
	static const char outputs[] = "  - influxdb: {url: \"http://127.0.0.1:1\", token: %s}\n"
				      "  - influxdb: {url: \"http://127.0.0.1:1\", token: %s}\n";
	struct scene scene = new_scene();
	struct sink_stats sum;

	change(&scene, with_spool(&scene, config_with(outputs, "token1", "token2")));
	push_one(&scene);
	change(&scene, with_spool(&scene, config_with(outputs, "token2", "token3")));
	push_one(&scene);
	outputs_stop(scene.outputs, WAIT_NS);
	outputs_sum(scene.outputs, &sum);
	assert_int_equal(sum.points_dropped, 0);
	assert_int_equal(spooled(scene.spool), 4);
	end_scene(&scene);
}

/* A share of the disk changes with the number of outputs: no reason to leave. */
static void test_bounds_follow(void **state UNUSED)
{
	static const char one[] = "  - influxdb: {url: \"http://127.0.0.1:1\"}\n";
	struct scene scene = new_scene();
	struct config *config = with_spool(&scene, config_with(one));
	struct sink_stats stats;

	config->limits.spool = 1 << 20;
	change(&scene, config);
	for (int i = 0; i < 3; i++)
		push_one(&scene);
	config =
	    with_spool(&scene, config_with("%s  - otlp: {url: \"http://127.0.0.1:1\"}\n", one));
	config->limits.spool = 4 * 4096; /* two blocks each */
	config->limits.memory = 512 << 20;
	change(&scene, config);
	stats = status_of(&scene, 2, 0);
	assert_in_range(stats.queued, 2, 3);
	assert_int_equal(stats.points_dropped, 0);
	outputs_stop(scene.outputs, WAIT_NS);
	stats = status_of(&scene, 2, 0);
	assert_int_equal(stats.spool_bytes, 2 * 4096);
	assert_int_equal(stats.points_dropped, 1);
	assert_int_equal(spooled(scene.spool), 2);
	end_scene(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dead_servers),
	    cmocka_unit_test(test_successor),
	    cmocka_unit_test(test_prepare_alone),
	    cmocka_unit_test(test_back_and_forth),
	    cmocka_unit_test(test_drain_is_bounded),
	    cmocka_unit_test(test_one_place_twice),
	    cmocka_unit_test(test_bounds_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
