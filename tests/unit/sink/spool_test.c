/* SPDX-License-Identifier: BSD-2-Clause */
#include "../skip.h"
#include "base/unused.h"
#include "http_server.h"
#include "sink_fixture.h"

#include "sink/batch.h"
#include "sink/orphans.h"
#include "sink/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define IDENTITY 0x1234abcd5678ef00

struct place {
	char dir[64], folder[128];
};

static atomic_int synced; /* files and folders */

/* In place of the C library's. */
int fsync(int fd)
{
	atomic_fetch_add(&synced, 1);
	return (int)syscall(SYS_fsync, fd);
}

static struct place new_place(void)
{
	struct place place = {.dir = "/tmp/crosstap-spool-XXXXXX"};

	assert_non_null(mkdtemp(place.dir));
	snprintf(place.folder, sizeof(place.folder), "%s/1234abcd5678ef00", place.dir);
	return place;
}

static struct spool *open_spool(const struct place *place, uint64_t limit_bytes)
{
	struct spool *spool;

	assert_int_equal(spool_new(&spool, place->dir, IDENTITY, limit_bytes), 0);
	assert_int_equal(spool_load(spool), 0);
	return spool;
}

static int put(struct spool *spool, const char *text, size_t points, size_t *ret_dropped)
{
	return spool_put(spool, text, strlen(text), points, REPLACE_FAST, NULL, ret_dropped);
}

static struct spool_stats stats_on_disk(const struct spool *spool)
{
	struct spool_stats stats;

	spool_stats(spool, &stats);
	return stats;
}

static void take_expect(struct spool *spool, const char *text)
{
	struct batch *batch;
	uint64_t id;
	size_t lost;

	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), 0);
	assert_int_equal(batch->length, strlen(text));
	assert_memory_equal(batch->text, text, strlen(text));
	batch_unref(batch);
	spool_remove(spool, id);
}

/* The names of files in the folder that end so; `first` takes one of them. */
static size_t count_files(const char *folder, const char *end, char *first, size_t size)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || length < strlen(end) ||
		    strcmp(entry->d_name + length - strlen(end), end) != 0)
			continue;
		if (first && n == 0)
			snprintf(first, size, "%s/%s", folder, entry->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

static void test_order_and_restart(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	struct batch *batch;
	uint64_t id;
	size_t lost;
	size_t dropped;

	assert_true(spool_empty(spool));
	assert_int_equal(put(spool, "a\n", 1, &dropped), 0);
	assert_int_equal(put(spool, "b\nb\n", 2, &dropped), 0);
	assert_int_equal(put(spool, "c\n", 1, &dropped), 0);
	assert_int_equal(dropped, 0);
	assert_int_equal(stats_on_disk(spool).bytes, 3 * 4096);
	take_expect(spool, "a\n");
	spool_free(spool);

	spool = open_spool(&place, 1 << 20);
	assert_int_equal(stats_on_disk(spool).bytes, 2 * 4096);
	assert_int_equal(spool_foreign(spool), 0);
	assert_int_equal(put(spool, "d\n", 1, &dropped), 0);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), 0);
	assert_int_equal(batch->points, 2);
	batch_unref(batch);
	assert_int_equal(spool_shorten(spool, id, "b\n", 2, 1), 0);
	spool_free(spool);

	spool = open_spool(&place, 1 << 20);
	take_expect(spool, "b\n");
	take_expect(spool, "c\n");
	take_expect(spool, "d\n");
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -ENOENT);
	assert_int_equal(stats_on_disk(spool).bytes, 0);
	assert_int_equal(count_files(place.folder, "", NULL, 0), 0);
	spool_free(spool);
	spool_free(NULL);
	remove_tree(place.dir);
}

static void test_bounded(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 3 * 4096);
	struct batch *batch;
	uint64_t id;
	size_t lost;
	char *large = malloc(20000);
	size_t dropped;

	assert_int_equal(put(spool, "a\n", 1, &dropped), 0);
	assert_int_equal(put(spool, "b\nb\n", 2, &dropped), 0);
	assert_int_equal(put(spool, "c\n", 1, &dropped), 0);
	assert_int_equal(put(spool, "d\n", 1, &dropped), 0);
	assert_int_equal(dropped, 1);
	assert_int_equal(stats_on_disk(spool).bytes, 3 * 4096);
	/* What is being delivered is not removed under the sink. */
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), 0);
	assert_int_equal(put(spool, "e\n", 1, &dropped), 0);
	assert_int_equal(dropped, 1);
	assert_memory_equal(batch->text, "b\nb\n", 4);
	batch_unref(batch);
	spool_release(spool, id);
	take_expect(spool, "b\nb\n");
	take_expect(spool, "d\n");
	assert_non_null(large);
	memset(large, '\n', 20000);
	assert_int_equal(
	    spool_put(spool, large, 20000, 20000, REPLACE_FAST, NULL, &dropped), -EFBIG);
	take_expect(spool, "e\n");
	free(large);
	spool_free(spool);
	remove_tree(place.dir);
}

/* What somebody has in hand is neither given again nor removed for want of room. */
static void test_held(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 3 * 4096);
	struct batch *batch;
	uint64_t a, b, c, id;
	size_t lost, dropped;

	assert_int_equal(spool_put(spool, "a\na\n", 4, 2, REPLACE_DURABLE, &a, &dropped), 0);
	assert_int_equal(spool_put(spool, "b\n", 2, 1, REPLACE_FAST, &b, &dropped), 0);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -ENOENT);
	assert_int_equal(put(spool, "c\n", 1, &dropped), 0);
	assert_int_equal(spool_oldest(spool, &batch, &c, &lost), 0);
	assert_memory_equal(batch->text, "c\n", 2);
	batch_unref(batch);
	assert_int_equal(put(spool, "d\n", 1, &dropped), 0);
	assert_int_equal(dropped, 0); /* over the limit: nobody can do without the others */
	assert_int_equal(stats_on_disk(spool).batches, 4);
	assert_int_equal(stats_on_disk(spool).points, 5);
	assert_true(stats_on_disk(spool).oldest_ns == a);
	spool_remove(spool, b);
	spool_remove(spool, b);
	spool_remove(spool, 1);
	assert_int_equal(spool_shorten(spool, b, "x\n", 2, 1), -EINVAL);
	assert_int_equal(spool_shorten(spool, a, "a\n", 2, 1), 0);
	assert_int_equal(stats_on_disk(spool).points, 3);
	spool_release(spool, c);
	spool_release(spool, a);
	take_expect(spool, "a\n");
	take_expect(spool, "c\n");
	take_expect(spool, "d\n");
	assert_int_equal(stats_on_disk(spool).oldest_ns, 0);
	spool_free(spool);
	remove_tree(place.dir);
}

/* Many batches come and go while the list stays in order. */
static void test_long_run(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	size_t in = 0, out = 0, dropped;

	while (out < 500) {
		char text[32];

		for (int i = 0; i < 3 && in < 500; i++) {
			snprintf(text, sizeof(text), "%zu\n", in++);
			assert_int_equal(put(spool, text, 1, &dropped), 0);
			assert_int_equal(dropped, 0);
		}
		for (int i = 0; i < 2 && out < in; i++) {
			snprintf(text, sizeof(text), "%zu\n", out++);
			take_expect(spool, text);
		}
	}
	assert_true(spool_empty(spool));
	spool_free(spool);
	remove_tree(place.dir);
}

static void test_damaged_and_foreign(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	char path[512];
	struct batch *batch;
	uint64_t id;
	size_t lost;
	size_t dropped;
	int fd;

	assert_int_equal(put(spool, "first\n", 1, &dropped), 0);
	fd = (int)count_files(place.folder, ".batch", path, sizeof(path));
	assert_int_equal(fd, 1);
	assert_int_equal(put(spool, "second\n", 1, &dropped), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 50), 1);
	close(fd);
	snprintf(path, sizeof(path), "%s/README", place.folder);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/%020d-1.batch", place.folder,
	    5); /* empty, as after a power failure */
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/%020d-1.batch", place.folder, 6);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/new.tmp", place.folder); /* killed while writing */
	close(open(path, O_WRONLY | O_CREAT, 0600));
	spool_free(spool);

	spool = open_spool(&place, 1 << 20);
	assert_int_equal(spool_foreign(spool), 2);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EBADMSG);
	assert_int_equal(lost, 1);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EBADMSG);
	assert_int_equal(lost, 1);
	take_expect(spool, "second\n");
	assert_int_equal(count_files(place.folder, ".bad", NULL, 0), 2);
	assert_int_equal(put(spool, "third\n", 1, &dropped), 0);
	take_expect(spool, "third\n");
	spool_free(spool);
	remove_tree(place.dir);
}

/* A disk that damages everything: some files stay for a human to look at, all points are counted.
 */
static void test_many_damaged(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool;
	struct batch *batch;
	uint64_t id;
	size_t lost, points = 0;
	char path[512];

	assert_int_equal(mkdir(place.folder, 0700), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 30; i++) {
			snprintf(path, sizeof(path), "%s/%020d-%d.batch", place.folder,
			    round * 100 + i + 1, i + 1);
			close(open(path, O_WRONLY | O_CREAT, 0600));
		}
		spool = open_spool(&place, 1 << 20);
		assert_int_equal(spool_foreign(spool), 0);
		while (spool_oldest(spool, &batch, &id, &lost) == -EBADMSG)
			points += lost;
		assert_int_equal(count_files(place.folder, ".bad", NULL, 0), SPOOL_BAD_FILES);
		assert_int_equal(count_files(place.folder, ".batch", NULL, 0), 0);
		spool_free(spool);
	}
	assert_int_equal(points, 2 * 30 * 31 / 2);
	remove_tree(place.dir);
}

/* Puts something else in the place of the file at `path`. */
static void replace_by(const char *path, const char *what)
{
	assert_int_equal(unlink(path), 0);
	if (strcmp(what, "pipe") == 0)
		assert_int_equal(mkfifo(path, 0600), 0);
	else if (strcmp(what, "folder") == 0)
		assert_int_equal(mkdir(path, 0700), 0);
	else
		assert_int_equal(symlink("/etc/passwd", path), 0);
}

/* What is behind it is delivered. */
static void test_another_thing(void **state UNUSED)
{
	static const char *const things[] = {"pipe", "folder", "link"};
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	struct batch *batch;
	size_t lost, dropped;
	char path[512];
	uint64_t id;

	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
		assert_int_equal(put(spool, "a\nb\n", 2, &dropped), 0);
		assert_int_equal(count_files(place.folder, ".batch", path, sizeof(path)), 1);
		replace_by(path, things[i]);
		assert_int_equal(put(spool, "c\n", 1, &dropped), 0);
		alarm(5); /* for who waits for the pipe's writer */
		assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EBADMSG);
		alarm(0);
		assert_int_equal(lost, 2);
		assert_int_equal(count_files(place.folder, ".bad", NULL, 0), i + 1);
		take_expect(spool, "c\n");
		assert_true(spool_empty(spool));
	}
	spool_free(spool);
	remove_tree(place.dir);
}

/* As after a backup that root has put back: it stays, and is in nobody's way. In a child, which is
 * nobody. */
static void expect_passed_over(const struct place *place)
{
	const size_t n = SPOOL_ASIDE_FILES;
	struct spool *spool = open_spool(place, 1 << 20);
	size_t lost, dropped;
	struct batch *batch;
	char path[512];
	uint64_t id;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(put(spool, "a\nb\n", 2, &dropped), 0);
		assert_int_equal(count_files(place->folder, ".batch", path, sizeof(path)), 1);
		assert_int_equal(chmod(path, 0), 0);
		assert_int_equal(put(spool, "c\n", 1, &dropped), 0);
		assert_int_equal(chmod(place->folder, 0500), 0);
		assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EACCES);
		assert_int_equal(stats_on_disk(spool).points, 3);
		assert_int_equal(chmod(place->folder, 0700), 0);
		assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EBADMSG);
		assert_int_equal(lost, 2);
		take_expect(spool, "c\n");
	}
	assert_int_equal(count_files(place->folder, ".bad", NULL, 0), n);
	assert_int_equal(put(spool, "a\nb\n", 2, &dropped), 0);
	assert_int_equal(count_files(place->folder, ".batch", path, sizeof(path)), 1);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EACCES);
	assert_int_equal(count_files(place->folder, ".bad", NULL, 0), n);
	assert_int_equal(chmod(path, 0600), 0);
	take_expect(spool, "a\nb\n");
	spool_free(spool);
}

static void test_unreadable(void **state UNUSED)
{
	struct place place = new_place();
	int status;
	pid_t pid;

	if (geteuid() == 0)
		assert_int_equal(chown(place.dir, 65534, 65534), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		expect_passed_over(&place);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	remove_tree(place.dir);
}

/* Spools whose output went, and what is none. */
static void test_orphans(void **state UNUSED)
{
	struct place place = new_place();
	const uint64_t ids[] = {1, IDENTITY};
	struct orphan orphans[2];
	struct spool *spool;
	char path[512];
	size_t dropped;

	assert_int_equal(orphans_find("/nowhere", ids, 2, orphans, 2), 0);
	for (uint64_t id = 1; id < 5; id++) {
		assert_int_equal(spool_new(&spool, place.dir, id, 1 << 20), 0);
		spool_set_place(spool, "influxdb http://x\x01 of server ns1");
		assert_int_equal(put(spool, "a\nb\n", 2, &dropped), 0);
		if (id > 2)
			assert_int_equal(put(spool, "c\n", 1, &dropped), 0);
		spool_free(spool);
	}
	snprintf(path, sizeof(path), "%s/0123456789abcdef", place.dir); /* an empty one */
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/lost+found", place.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(orphans_find(place.dir, ids, 2, orphans, 2), 3);
	assert_int_equal(orphans_find(place.dir, (const uint64_t[]){1, 3, 4}, 3, orphans, 2), 1);
	assert_string_equal(orphans[0].folder, "0000000000000002");
	assert_string_equal(orphans[0].output, "influxdb http://x\\x01 of server ns1");
	assert_int_equal(orphans[0].files, 1);
	assert_int_equal(orphans[0].points, 2);
	assert_true(orphans[0].bytes > 4);
	remove_tree(place.dir);
}

/* After a downgrade: what a later version wrote is neither sent nor lost. */
static void test_later_version(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	char path[512];
	struct batch *batch;
	struct spool_stats stats;
	uint64_t id;
	size_t dropped, lost;
	int fd;

	assert_int_equal(put(spool, "later\n", 1, &dropped), 0);
	assert_int_equal(count_files(place.folder, ".batch", path, sizeof(path)), 1);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "crosstap-spool-2\n", 17, 0), 17);
	close(fd);
	spool_free(spool);

	spool = open_spool(&place, 1 << 20);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -EBADMSG);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), -ENOENT);
	spool_stats(spool, &stats);
	assert_int_equal(stats.bytes, 0);
	assert_int_equal(count_files(place.folder, ".bad", path, sizeof(path)), 1);
	fd = open(path, O_RDONLY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 48 + 6);
	close(fd);
	spool_free(spool);
	remove_tree(place.dir);
}

/* What could not be read when it was looked for is found as soon as it can. */
static void test_read_later(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	char folder[160], away[176];
	size_t dropped;

	assert_int_equal(put(spool, "a\n", 1, &dropped), 0);
	spool_free(spool);
	snprintf(folder, sizeof(folder), "%s/%016llx", place.dir, (unsigned long long)IDENTITY);
	snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	assert_int_equal(symlink(away, folder), 0); /* is not followed */
	assert_int_equal(spool_new(&spool, place.dir, IDENTITY, 1 << 20), 0);
	assert_true(spool_load(spool) < 0);
	assert_true(spool_empty(spool));
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(away, folder), 0);
	assert_int_equal(spool_load(spool), 0);
	take_expect(spool, "a\n");
	spool_free(spool);
	remove_tree(place.dir);
}

/* Who may write to a folder above it sends no windows into one of his choice. */
static void test_link_of_another_user(void **state UNUSED)
{
	struct place place = new_place();
	char root[160], away[176];
	struct spool *spool;
	size_t dropped;

	snprintf(root, sizeof(root), "%s/root", place.dir);
	snprintf(away, sizeof(away), "%s.away", root);
	assert_int_equal(mkdir(away, 0700), 0);
	assert_int_equal(symlink(away, root), 0);
	if (lchown(root, 65534, 65534) < 0) {
		remove_tree(place.dir);
		skip_because("not root");
	}
	assert_int_equal(spool_new(&spool, root, IDENTITY, 1 << 20), 0);
	assert_int_equal(put(spool, "a\n", 1, &dropped), -ELOOP);
	assert_int_equal(lchown(root, 0, 0), 0);
	assert_int_equal(put(spool, "b\n", 1, &dropped), 0);
	take_expect(spool, "b\n");
	spool_free(spool);
	remove_tree(place.dir);
}

static void test_bad_folder(void **state UNUSED)
{
	struct place place = new_place();
	char path[128];
	struct spool *spool;
	size_t dropped;

	snprintf(path, sizeof(path), "%s/no/such", place.dir);
	assert_int_equal(spool_new(&spool, path, IDENTITY, 1 << 20), 0);
	assert_int_equal(spool_load(spool), 0);
	assert_true(spool_empty(spool));
	assert_int_equal(put(spool, "a\n", 1, &dropped), -ENOENT);
	*strrchr(path, '/') = '\0';
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(put(spool, "a\n", 1, &dropped), 0);
	spool_free(spool);
	assert_int_equal(spool_new(&spool, "/dev/null", IDENTITY, 1 << 20), 0);
	assert_int_equal(spool_load(spool), -ENOTDIR);
	assert_int_equal(put(spool, "a\n", 1, &dropped), -ENOTDIR);
	spool_free(spool);
	remove_tree(place.dir);
}

/* The next batch makes it again; what went with it is counted, but for what somebody has in hand.
 */
static void test_folder_goes(void **state UNUSED)
{
	struct place place = new_place();
	struct spool *spool = open_spool(&place, 1 << 20);
	struct batch *batch;
	size_t lost, dropped;
	uint64_t id;

	assert_int_equal(put(spool, "a\n", 1, &dropped), 0);
	assert_int_equal(put(spool, "b\nc\n", 2, &dropped), 0);
	assert_int_equal(spool_oldest(spool, &batch, &id, &lost), 0);
	assert_true(spool_holds(spool, id));
	remove_tree(place.dir);
	assert_false(spool_holds(spool, id));
	assert_int_equal(put(spool, "d\n", 1, &dropped), 0);
	assert_int_equal(dropped, 2);
	assert_false(spool_holds(spool, id));
	spool_remove(spool, id);
	batch_unref(batch);
	assert_int_equal(stats_on_disk(spool).points, 1);
	spool_free(spool);
	spool = open_spool(&place, 1 << 20);
	take_expect(spool, "d\n");
	spool_free(spool);
	remove_tree(place.dir);
}

/* --- With a sink --- */

/* Few attempts, so that none is passed over while a slow disk takes its time. */
static const struct sink_tuning patient = {
    .backoff_base_ns = 200 * NS_PER_MS,
    .backoff_limit_ns = 200 * NS_PER_MS,
    .queue_batches = 64,
    .queue_bytes = 16 << 20,
};

static struct sink *open_tuned(
    const struct place *place, const struct server *server, const struct sink_tuning *tuning)
{
	struct config *config = config_with(
	    "  - influxdb: {url: \"http://127.0.0.1:%u\", timeout: 5s}\n", server->port);

	config->spool_path = place->dir;
	config->limits.spool = 64 << 20;
	return start_sink(config, tuning);
}

static struct sink *open_sink(
    const struct place *place, const struct server *server, size_t queue_batches)
{
	struct sink_tuning tuning = quick;

	tuning.queue_batches = queue_batches;
	return open_tuned(place, server, &tuning);
}

/* Far more than the queue holds, while the server is down; all of it arrives, oldest first. */
static void test_outage(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct sink *sink = open_sink(&place, server, 8);
	struct sink_stats stats;

	for (size_t i = 0; i < 40; i++) {
		push_numbered(sink, i * 5, 5);
		while (!sink_wait_room(sink, NS_PER_S))
			;
	}
	stats = wait_errors(sink, 2);
	assert_int_equal(stats.points_dropped, 0);
	assert_true(stats.spool_bytes > 0);
	server_start(server);
	stats = wait_settled(sink, 200);
	assert_int_equal(stats.points, 200);
	sink_stop(sink, WAIT_NS);
	stats = stats_of(sink);
	assert_int_equal(stats.spool_bytes, 0);
	assert_int_equal(server_once(server, 0, 200), 200);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* One batch that the server never takes does not hold the others for ever. */
static void test_poison(void **state UNUSED)
{
	static struct answer script[40];
	struct place place = new_place();
	struct server *server = server_new(script, 40);
	struct sink *sink;
	struct sink_stats stats;

	for (size_t i = 0; i < 40; i++)
		script[i] = (struct answer){.status = i < 16 ? 500 : 204};
	sink = open_sink(&place, server, 64);
	server_start(server);
	push_numbered(sink, 0, 1);
	for (size_t i = 1; i < 4; i++)
		push_numbered(sink, i, 1);
	stats = wait_settled(sink, 4);
	assert_int_equal(stats.points, 4);
	assert_int_equal(stats.errors, 16);
	assert_int_equal(server_once(server, 0, 4), 4);
	sink_stop(sink, WAIT_NS);
	assert_int_equal(stats_of(sink).spool_bytes, 0);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* A spool that fails costs nothing that the queue can hold. */
static void test_spool_fails(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct place place = {.dir = "/dev/null"};
	struct server *server = server_new(script, 1);
	struct sink *sink = open_sink(&place, server, 8);
	struct sink_stats stats;

	for (size_t i = 0; i < 8; i++)
		push_numbered(sink, i, 1);
	wait_errors(sink, 10);
	assert_int_equal(stats_of(sink).points_dropped, 0);
	server_start(server);
	stats = wait_settled(sink, 8);
	assert_int_equal(stats.points, 8);
	assert_int_equal(server_once(server, 0, 8), 8);
	sink_free(sink);
	server_free(server);
}

/* A stop with the server down in the middle of a batch keeps the rest; the next process delivers
 * it. */
static void test_stop_and_restart(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}, {.status = 503}};
	static const struct answer good[] = {{.status = 204}};
	struct place place = new_place();
	struct server *server = server_new(script, 2);
	struct sink *sink = open_sink(&place, server, 64);
	struct sink_stats stats;

	server_start(server);
	push_numbered(sink, 0, 7000);
	push_numbered(sink, 7000, 10);
	wait_errors(sink, 2);
	sink_stop(sink, WAIT_NS);
	stats = stats_of(sink);
	assert_int_equal(stats.points, 5000);
	assert_int_equal(stats.points_dropped, 0);
	assert_true(stats.spool_bytes > 0);
	sink_free(sink);

	pthread_mutex_lock(&server->lock);
	server->script = good;
	server->n_script = 1;
	server->next = 0;
	pthread_mutex_unlock(&server->lock);
	sink = open_sink(&place, server, 64);
	stats = wait_settled(sink, 2010);
	assert_int_equal(stats.points, 2010);
	assert_int_equal(server_once(server, 0, 7010), 7010);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* kill -9 while files are written: each that was announced is whole. */
static void test_kill(void **state UNUSED)
{
	struct place place = new_place();
	int fds[2];
	size_t announced = 0, dropped, found = 0;
	struct spool *spool;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		spool = open_spool(&place, 1 << 30);
		for (size_t i = 0; i < 100000; i++) {
			char text[64];

			snprintf(text, sizeof(text), "m id=%zui 1\n", i);
			if (put(spool, text, 1, &dropped) < 0 || write(fds[1], "x", 1) != 1)
				break;
		}
		_exit(1);
	}
	close(fds[1]);
	while (announced < 100 && read(fds[0], &byte, 1) == 1)
		announced++;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (read(fds[0], &byte, 1) == 1)
		announced++;
	close(fds[0]);
	spool = open_spool(&place, 1 << 30);
	while (!spool_empty(spool)) {
		char text[64];

		snprintf(text, sizeof(text), "m id=%zui 1\n", found++);
		take_expect(spool, text);
	}
	assert_in_range(found, announced, announced + 1);
	spool_free(spool);
	remove_tree(place.dir);
}

/* Waits until so many batches are on disk. */
static void wait_on_disk(struct sink *sink, uint64_t batches)
{
	uint64_t end_ns = clock_monotonic_ns() + WAIT_NS;

	while (stats_of(sink).spool_batches != batches) {
		assert_true(clock_monotonic_ns() < end_ns);
		usleep(1000);
	}
}

/* Ends as by kill -9 in the middle of an outage: what the disk has then is copied, and a process
 * that knows nothing else delivers it. */
static void expect_survives(struct place *place, struct sink *sink, struct server *server, size_t n)
{
	static const struct answer good[] = {{.status = 204}};
	struct place copy = new_place();
	char command[300];

	snprintf(command, sizeof(command), "cp -a %s/. %s", place->dir, copy.dir);
	assert_int_equal(system(command), 0);
	sink_free(sink);
	pthread_mutex_lock(&server->lock);
	server->script = good;
	server->n_script = 1;
	server->next = 0;
	pthread_mutex_unlock(&server->lock);
	sink = open_sink(&copy, server, 64);
	assert_int_equal(wait_settled(sink, n).points, n);
	assert_int_equal(stats_of(sink).points_found, n);
	assert_int_equal(server_once(server, 0, n), n);
	sink_stop(sink, WAIT_NS);
	assert_int_equal(stats_of(sink).spool_batches, 0);
	assert_int_equal(stats_of(sink).spool_points, 0);
	assert_int_equal(stats_of(sink).spool_oldest_ns, 0);
	sink_free(sink);
	remove_tree(copy.dir);
	remove_tree(place->dir);
}

/* A window is on disk when its first try has failed, those after it as they come; of one that was
 * delivered in part, the rest. */
static void test_killed_in_outage(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 500}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct sink *sink = open_sink(&place, server, 64);

	server_start(server);
	push_numbered(sink, 0, 10);
	wait_errors(sink, 1);
	wait_on_disk(sink, 1);
	for (size_t i = 1; i < 5; i++)
		push_numbered(sink, i * 10, 10);
	wait_on_disk(sink, 5);
	assert_int_equal(stats_of(sink).queued, 0);
	assert_int_equal(stats_of(sink).spool_points, 50);
	assert_true(stats_of(sink).spool_oldest_ns > 0);
	expect_survives(&place, sink, server, 50);
	server_free(server);
}

/* A server that never answers: after two seconds the window is on disk that it was asked to take,
 * and all that wait behind it. */
static void test_killed_while_it_hangs(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 204}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct sink *sink = open_sink(&place, server, 64);
	uint64_t from_ns = clock_monotonic_ns();

	assert_int_equal(listen(server->listen_fd, 16), 0);
	for (size_t i = 0; i < 4; i++)
		push_numbered(sink, i * 10, 10);
	wait_on_disk(sink, 4);
	assert_true(clock_monotonic_ns() - from_ns < 4 * (uint64_t)NS_PER_S);
	assert_int_equal(stats_of(sink).errors, 0);
	server_start(server);
	assert_int_equal(wait_settled(sink, 40).points, 40);
	sink_stop(sink, WAIT_NS);
	assert_int_equal(stats_of(sink).spool_batches, 0);
	/* Also in the request that hung: it was the same one, answered late. */
	assert_int_equal(server_once(server, 0, 40), 40);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* After an outage the window that ends now does not wait for those that ended then, which keep
 * their order. */
static void test_present_before_past(void **state UNUSED)
{
	static const struct answer slow[] = {{.status = 204, .delay_ms = 50}};
	struct place place = new_place();
	struct server *server = server_new(slow, 1);
	struct sink *sink = open_tuned(&place, server, &patient);
	uint64_t end_ns = clock_monotonic_ns() + WAIT_NS;

	for (size_t i = 0; i < 30; i++)
		push_numbered(sink, i, 1);
	wait_errors(sink, 1);
	wait_on_disk(sink, 30);
	server_start(server);
	while (server_once(server, 0, 30) < 3) {
		assert_true(clock_monotonic_ns() < end_ns);
		usleep(1000);
	}
	push_numbered(sink, 30, 1);
	while (!server_once(server, 30, 31)) {
		assert_true(clock_monotonic_ns() < end_ns);
		usleep(1000);
	}
	assert_in_range(server_once(server, 0, 30), 3, 10);
	assert_int_equal(wait_settled(sink, 31).points, 31);
	assert_int_equal(server_once(server, 0, 31), 31);
	/* The newest of the outage was the first that the server had. */
	assert_int_equal(server->order[0], 29);
	for (size_t i = 1, last = 0; i < 31; i++) {
		if (server->order[i] == 30)
			continue;
		assert_true(i == 1 || server->order[i] > last);
		last = server->order[i];
	}
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* One point of encode/running.h, which the server knows by its number. */
static void push_running(struct sink *sink, size_t id)
{
	struct batch *batch;
	char text[200];
	int length = snprintf(text, sizeof(text),
	    "{\"measurement\":\"dns_qtype\",\"tags\":{\"qtype\":\"id=%zu\",\"server\":\"ns1\"},"
	    "\"fields\":{\"queries\":1},\"start\":1000,\"time\":2000}\n",
	    id);

	assert_int_equal(batch_new(&batch, text, (size_t)length, 1, 0), 0);
	sink_push(sink, batch);
	batch_unref(batch);
}

/* Prometheus refuses what is older than the last that it has: all go in the order of time. */
static void test_order_where_it_matters(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .body = "{}", .delay_ms = 20}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct config *config = config_with(
	    "  - otlp: {url: \"http://127.0.0.1:%u/\", encoding: json}\n", server->port);
	struct sink *sink;

	config->spool_path = place.dir;
	config->limits.spool = 64 << 20;
	sink = start_sink(config, &patient);
	for (size_t i = 0; i < 10; i++)
		push_running(sink, i);
	wait_errors(sink, 1);
	wait_on_disk(sink, 10);
	server_start(server);
	wait_settled(sink, 2);
	push_running(sink, 10);
	assert_int_equal(wait_settled(sink, 11).points, 11);
	for (size_t i = 0; i < 11; i++)
		assert_int_equal(server->order[i], i);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* How often the disk is waited for when what is in memory is put into the spool. */
static int sync_at_end(enum sink_end end)
{
	static const struct answer script[] = {{.status = 204}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct sink_tuning tuning = quick;
	struct sink *sink;
	int before;

	tuning.spread_ns = 600 * NS_PER_S; /* it waits in memory */
	server_start(server);
	sink = open_tuned(&place, server, &tuning);
	push_numbered(sink, 0, 3);
	before = atomic_load(&synced);
	sink_stop_begin(sink, end, 0);
	sink_stop_wait(sink);
	assert_int_equal(stats_of(sink).spool_points, 3);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
	return atomic_load(&synced) - before;
}

/* An output that a reload takes away outlives a power cut; the end of a process waits for no disk.
 */
static void test_synced_at_end(void **state UNUSED)
{
	assert_true(sync_at_end(SINK_END_OUTPUT) >= 2); /* file and folder, and the new folders */
	assert_int_equal(sync_at_end(SINK_END_PROCESS), 0);
}

/* Somebody removes the whole spool in an outage. What was at hand and what comes then is kept, and
 * the rest is counted. */
static void test_folder_goes_in_outage(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 500}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct sink *sink = open_sink(&place, server, 64);

	server_start(server);
	for (size_t i = 0; i < 5; i++)
		push_numbered(sink, i, 1);
	wait_on_disk(sink, 5);
	remove_tree(place.dir);
	push_numbered(sink, 5, 1);
	sink_stop(sink, 0);
	assert_int_equal(stats_of(sink).spool_points + stats_of(sink).points_dropped, 6);
	assert_in_range(stats_of(sink).spool_points, 2, 3); /* in hand: one or two */
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

/* The folder goes and comes: nothing is lost that the queue can hold, and it is on disk then. */
static void test_disk_comes_back(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 500}};
	struct place place = new_place();
	struct server *server = server_new(script, 1);
	struct sink *sink;

	assert_int_equal(rmdir(place.dir), 0);
	close(open(place.dir, O_WRONLY | O_CREAT, 0600)); /* a file where the folder should be */
	sink = open_sink(&place, server, 64);
	server_start(server);
	for (size_t i = 0; i < 5; i++)
		push_numbered(sink, i, 1);
	wait_errors(sink, 5);
	assert_int_equal(stats_of(sink).spool_batches, 0);
	assert_int_equal(unlink(place.dir), 0);
	sink_stop(sink, 0);
	assert_int_equal(stats_of(sink).points_dropped, 0);
	assert_int_equal(stats_of(sink).spool_points, 5);
	sink_free(sink);
	server_free(server);
	remove_tree(place.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kill), /* first: it forks, and there are no threads yet */
	    cmocka_unit_test(test_order_and_restart),
	    cmocka_unit_test(test_bounded),
	    cmocka_unit_test(test_held),
	    cmocka_unit_test(test_long_run),
	    cmocka_unit_test(test_damaged_and_foreign),
	    cmocka_unit_test(test_many_damaged),
	    cmocka_unit_test(test_another_thing),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_orphans),
	    cmocka_unit_test(test_later_version),
	    cmocka_unit_test(test_link_of_another_user),
	    cmocka_unit_test(test_bad_folder),
	    cmocka_unit_test(test_folder_goes),
	    cmocka_unit_test(test_read_later),
	    cmocka_unit_test(test_outage),
	    cmocka_unit_test(test_poison),
	    cmocka_unit_test(test_spool_fails),
	    cmocka_unit_test(test_stop_and_restart),
	    cmocka_unit_test(test_killed_in_outage),
	    cmocka_unit_test(test_killed_while_it_hangs),
	    cmocka_unit_test(test_present_before_past),
	    cmocka_unit_test(test_order_where_it_matters),
	    cmocka_unit_test(test_synced_at_end),
	    cmocka_unit_test(test_disk_comes_back),
	    cmocka_unit_test(test_folder_goes_in_outage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
