/* SPDX-License-Identifier: BSD-2-Clause */
#include "../skip.h"
#include "base/unused.h"
#include "sink_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct place {
	char dir[64], path[96];
	struct sink *sink;
};

static struct sink *open_sink(const char *path, const char *format)
{
	return start_sink(
	    config_with("  - file: {path: \"%s\", format: %s}\n", path, format), &quick);
}

static struct place start(void)
{
	struct place place = {.dir = "/tmp/crosstap-file-XXXXXX"};

	assert_non_null(mkdtemp(place.dir));
	snprintf(place.path, sizeof(place.path), "%s/points.lp", place.dir);
	return place;
}

static void end(struct place *place)
{
	sink_free(place->sink);
	remove_tree(place->dir);
}

static void expect_content(const char *path, const char *want)
{
	static char text[1 << 16];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void test_append(void **state UNUSED)
{
	struct place place = start();
	struct sink_stats stats;

	place.sink = open_sink(place.path, "line");
	push_numbered(place.sink, 1, 2);
	push_numbered(place.sink, 3, 1);
	stats = wait_settled(place.sink, 3);
	assert_int_equal(stats.points, 3);
	assert_int_equal(stats.bytes, 3 * strlen("m,t=x id=1i 1000000\n"));
	expect_content(
	    place.path, "m,t=x id=1i 1000000\nm,t=x id=2i 2000000\nm,t=x id=3i 3000000\n");
	sink_free(place.sink);
	place.sink = open_sink(place.path, "json");
	assert_int_equal(sink_format(place.sink), POINTS_JSON);
	push_numbered(place.sink, 4, 1);
	sink_stop(place.sink, WAIT_NS);
	expect_content(place.path,
	    "m,t=x id=1i 1000000\nm,t=x id=2i 2000000\nm,t=x id=3i 3000000\nm,t=x id=4i 4000000\n");
	end(&place);
}

static void test_rotation(void **state UNUSED)
{
	struct place place = start();
	char old[128];

	snprintf(old, sizeof(old), "%s/old", place.dir);
	place.sink = open_sink(place.path, "line");
	push_numbered(place.sink, 1, 1);
	wait_settled(place.sink, 1);
	assert_int_equal(rename(place.path, old), 0);
	push_numbered(place.sink, 2, 1);
	wait_settled(place.sink, 2);
	expect_content(old, "m,t=x id=1i 1000000\n");
	expect_content(place.path, "m,t=x id=2i 2000000\n");
	assert_int_equal(unlink(place.path), 0);
	push_numbered(place.sink, 3, 1);
	wait_settled(place.sink, 3);
	expect_content(place.path, "m,t=x id=3i 3000000\n");
	end(&place);
}

/* A crash left half a line. */
static void test_torn_file(void **state UNUSED)
{
	struct place place = start();
	FILE *file = fopen(place.path, "w");

	assert_non_null(file);
	fputs("m id=1i 1\nm id=", file);
	fclose(file);
	place.sink = open_sink(place.path, "line");
	push_numbered(place.sink, 2, 1);
	wait_settled(place.sink, 1);
	expect_content(place.path, "m id=1i 1\nm id=\nm,t=x id=2i 2000000\n");
	end(&place);
}

/* RLIMIT_FSIZE makes the same short write as a full disk. */
static void test_full_disk(void **state UNUSED)
{
	struct place place = start();
	struct rlimit old, small;
	struct sink_stats stats;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small =
	    (struct rlimit){.rlim_cur = 50, .rlim_max = old.rlim_max}; /* two lines and a half */
	place.sink = open_sink(place.path, "line");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	push_numbered(place.sink, 1, 5);
	stats = wait_settled(place.sink, 5);
	assert_int_equal(stats.points, 2);
	assert_int_equal(stats.points_dropped, 3);
	assert_string_equal(stats.last_error, strerror(EFBIG));
	push_numbered(place.sink, 6, 1);
	stats = wait_settled(place.sink, 6);
	assert_int_equal(stats.points_dropped, 4);
	assert_true(stats.failing);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	push_numbered(place.sink, 7, 1);
	stats = wait_settled(place.sink, 7);
	assert_int_equal(stats.points, 3);
	assert_false(stats.failing);
	expect_content(
	    place.path, "m,t=x id=1i 1000000\nm,t=x id=2i 2000000\nm,t=x id=7i 7000000\n");
	end(&place);
}

static void test_no_space(void **state UNUSED)
{
	struct sink *sink = open_sink("/dev/full", "line");
	struct sink_stats stats;

	push_numbered(sink, 1, 5);
	stats = wait_settled(sink, 5);
	assert_int_equal(stats.points_dropped, 5);
	assert_string_equal(stats.last_error, strerror(ENOSPC));
	sink_free(sink);
}

/* Who may write to the folder has nothing written elsewhere, and is no obstacle once he is gone. */
static void test_link_of_another_user(void **state UNUSED)
{
	struct place place = start();
	struct sink_stats stats;
	char victim[128];

	snprintf(victim, sizeof(victim), "%s/victim", place.dir);
	assert_int_equal(symlink(victim, place.path), 0);
	if (lchown(place.path, 65534, 65534) < 0) {
		remove_tree(place.dir);
		skip_because("not root");
	}
	place.sink = open_sink(place.path, "line");
	push_numbered(place.sink, 1, 1);
	stats = wait_settled(place.sink, 1);
	assert_int_equal(stats.points_dropped, 1);
	assert_non_null(strstr(stats.last_error, "of another user"));
	assert_int_equal(access(victim, F_OK), -1);
	assert_int_equal(lchown(place.path, 0, 0), 0);
	push_numbered(place.sink, 2, 1);
	assert_int_equal(wait_settled(place.sink, 2).points, 1);
	expect_content(victim, "m,t=x id=2i 2000000\n");
	end(&place);
}

static void test_missing_folder(void **state UNUSED)
{
	struct place place = start();
	char path[128];
	struct sink_stats stats;

	snprintf(path, sizeof(path), "%s/sub/points.lp", place.dir);
	place.sink = open_sink(path, "line");
	push_numbered(place.sink, 1, 1);
	stats = wait_settled(place.sink, 1);
	assert_int_equal(stats.points_dropped, 1);
	assert_string_equal(stats.last_error, strerror(ENOENT));
	*strrchr(path, '/') = '\0';
	assert_int_equal(mkdir(path, 0700), 0);
	push_numbered(place.sink, 2, 1);
	assert_int_equal(wait_settled(place.sink, 2).points, 1);
	end(&place);
}

/* A pipe whose reader sleeps: the stop does not wait for it, and whole lines count. */
static void test_blocked_pipe(void **state UNUSED)
{
	struct place place = start();
	char line[64] = "";
	struct sink_stats stats;
	uint64_t start_ns;
	size_t read_lines = 0;
	FILE *file;
	int fd;

	assert_int_equal(mkfifo(place.path, 0600), 0);
	fd = open(place.path, O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	place.sink = open_sink(place.path, "line");
	push_numbered(place.sink, 0, 10000);
	start_ns = clock_monotonic_ns();
	sink_stop(place.sink, 100 * (uint64_t)NS_PER_MS);
	assert_true(clock_monotonic_ns() - start_ns < WAIT_NS);
	stats = stats_of(place.sink);
	assert_true(stats.points > 0 && stats.points < 10000);
	assert_int_equal(stats.points + stats.points_dropped, 10000);
	file = fdopen(fd, "r");
	while (fgets(line, sizeof(line), file) && strchr(line, '\n'))
		read_lines++;
	assert_int_equal(read_lines, stats.points);
	fclose(file);
	end(&place);
}

static void test_stdout(void **state UNUSED)
{
	struct place place = start();
	struct sink_stats stats;
	int saved, fd;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	fd = open(place.path, O_WRONLY | O_CREAT, 0600);
	assert_true(saved >= 0 && fd >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	place.sink = open_sink("-", "line");
	push_numbered(place.sink, 1, 1);
	sink_stop(place.sink, WAIT_NS);
	stats = stats_of(place.sink);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(stats.points, 1);
	assert_string_equal(sink_name(place.sink), "file -");
	expect_content(place.path, "m,t=x id=1i 1000000\n");
	end(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_append),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_torn_file),
	    cmocka_unit_test(test_full_disk),
	    cmocka_unit_test(test_no_space),
	    cmocka_unit_test(test_missing_folder),
	    cmocka_unit_test(test_link_of_another_user),
	    cmocka_unit_test(test_blocked_pipe),
	    cmocka_unit_test(test_stdout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
