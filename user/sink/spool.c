/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/spool.h"

#include "base/clock.h"
#include "base/path.h"
#include "base/replace.h"
#include "sink/spool_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 4096 /* what the smallest file takes on disk */
#define BAD         ".bad"

/* One file. */
struct entry {
	uint64_t time_ns; /* its id, too */
	size_t points;
	uint64_t bytes;
	bool held;
};

struct spool {
	char *root, *folder;
	int fd;        /* of the folder; -1: not there yet */
	bool unsynced; /* the folder was made, and a loss of power may take it away again */
	_Atomic uint64_t limit_bytes;
	_Atomic uint64_t bytes, points, batches, oldest_ns;
	const char *place; /* NULL: none */
	size_t foreign, bad;
	struct entry *entries; /* oldest first, from `first` on */
	size_t first, n, size;
};

static void entry_name(char name[SPOOL_NAME_SIZE], const struct entry *entry)
{
	spool_file_name(name, entry->time_ns, entry->points);
}

static int write_entry(const struct spool *s, const struct entry *entry, const char *text,
    size_t length, enum replace_sync sync)
{
	char name[SPOOL_NAME_SIZE];

	entry_name(name, entry);
	return spool_file_write(s->fd, name, text, length, entry->points, sync);
}

/* One of ours that was put aside. */
static bool is_bad(const char *name)
{
	const size_t length = strlen(name), end = sizeof(BAD) - 1;
	char whole[SPOOL_NAME_SIZE];
	uint64_t time_ns;
	size_t points;

	if (length <= end || length - end >= SPOOL_NAME_SIZE ||
	    strcmp(name + length - end, BAD) != 0)
		return false;
	memcpy(whole, name, length - end);
	whole[length - end] = '\0';
	return spool_file_parse_name(whole, &time_ns, &points);
}

static uint64_t blocks(uint64_t bytes)
{
	return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* For who asks from another thread. One entry came (1) or goes (-1). */
static void tally(struct spool *s, const struct entry *entry, int sign)
{
	/* cppcheck-suppress signConversion ; what is unsigned wraps, so -1 takes off */
	atomic_fetch_add(&s->bytes, sign * (int64_t)entry->bytes);
	atomic_fetch_add(&s->points, sign * (int64_t)entry->points);
	atomic_store(&s->batches, s->n);
	atomic_store(&s->oldest_ns, s->n ? s->entries[s->first].time_ns : 0);
}

/* Room for one more. Memory follows the number of files, which limit_bytes / BLOCK_BYTES bounds. */
static int need_entry(struct spool *s)
{
	const size_t size = s->size ? 2 * s->size : 64;
	struct entry *entries;

	if (s->first && s->first + s->n == s->size) {
		memmove(s->entries, s->entries + s->first, s->n * sizeof(*entries));
		s->first = 0;
	}
	if (s->n < s->size)
		return 0;
	entries = realloc(s->entries, size * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	s->entries = entries;
	s->size = size;
	return 0;
}

/* There is room for it. */
static void add_entry(struct spool *s, const struct entry *entry)
{
	s->entries[s->first + s->n++] = *entry;
	tally(s, entry, 1);
}

/* The one at `index`: near either end, where few have to move. */
static void forget_entry(struct spool *s, size_t index)
{
	struct entry *first = &s->entries[s->first];
	const struct entry entry = first[index];

	s->n--;
	if (index < s->n / 2) {
		memmove(first + 1, first, index * sizeof(*first));
		s->first++;
	} else {
		memmove(first + index, first + index + 1, (s->n - index) * sizeof(*first));
	}
	tally(s, &entry, -1);
}

/* Takes over the files of an earlier process. */
static int read_folder(struct spool *s)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct dirent *dirent;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, dirent = readdir(dir))) {
		struct entry entry = {0};
		struct stat st;

		if (strcmp(dirent->d_name, ".") == 0 || strcmp(dirent->d_name, "..") == 0 ||
		    strcmp(dirent->d_name, SPOOL_TEMPORARY) == 0)
			continue;
		if (is_bad(dirent->d_name)) {
			s->bad++;
			continue;
		}
		if (fstatat(fd, dirent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			r = errno == ENOENT ? 0 : -errno;
			continue;
		}
		if (!spool_file_parse_name(dirent->d_name, &entry.time_ns, &entry.points) ||
		    !S_ISREG(st.st_mode)) {
			s->foreign++;
			continue;
		}
		entry.bytes = blocks((uint64_t)st.st_size);
		r = need_entry(s);
		if (r == 0)
			add_entry(s, &entry);
	}
	if (r == 0 && errno)
		r = -errno;
	closedir(dir);
	if (s->n) {
		qsort(s->entries, s->n, sizeof(s->entries[0]), compare_entries);
		atomic_store(&s->oldest_ns, s->entries[0].time_ns);
	}
	return r;
}

/* A folder's name tells nobody whose it is. It does without where this fails. */
static void write_place(const struct spool *s)
{
	char *path;

	if (!s->place || asprintf(&path, "%s" SPOOL_PLACE, s->folder) < 0)
		return;
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		replace_file(path, s->place, strlen(s->place), 0640, REPLACE_FAST);
	free(path);
}

static int make_folder(struct spool *s, const char *path)
{
	if (mkdir(path, 0750) == 0)
		s->unsynced = true;
	else if (errno != EEXIST)
		return -errno;
	return 0;
}

static int sync_folders(struct spool *s)
{
	int r = replace_sync_folder_of(s->root);

	if (r == 0)
		r = replace_sync_folder_of(s->folder);
	if (r == 0)
		s->unsynced = false;
	return r;
}

static int open_folder(struct spool *s, bool create)
{
	int r = 0;

	if (s->fd >= 0)
		return 0;
	if (create)
		r = make_folder(s, s->root);
	if (create && r == 0)
		r = make_folder(s, s->folder);
	if (r < 0)
		return r;
	r = path_open(s->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (r < 0)
		return r;
	s->fd = r;
	return 0;
}

int spool_new(struct spool **ret, const char *path, uint64_t identity, uint64_t limit_bytes)
{
	struct spool *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	atomic_init(&s->limit_bytes, limit_bytes);
	s->root = strdup(path);
	if (asprintf(&s->folder, "%s/%016" PRIx64, path, identity) < 0)
		s->folder = NULL;
	if (!s->root || !s->folder)
		r = -ENOMEM;
	if (r < 0)
		spool_free(s);
	else
		*ret = s;
	return r;
}

void spool_set_place(struct spool *s, const char *name)
{
	s->place = name;
}

static void forget_all(struct spool *s)
{
	s->first = s->n = s->bad = s->foreign = 0;
	atomic_store(&s->bytes, 0);
	atomic_store(&s->points, 0);
	atomic_store(&s->batches, 0);
	atomic_store(&s->oldest_ns, 0);
}

int spool_load(struct spool *s)
{
	int r = open_folder(s, false);

	if (r == 0)
		r = read_folder(s);
	if (r < 0)
		forget_all(s);
	return r == -ENOENT ? 0 : r;
}

/* Somebody removed it while it was in use: nothing can be written there any more. */
static bool is_gone(const struct spool *s)
{
	struct stat st;

	return s->fd >= 0 && fstat(s->fd, &st) == 0 && st.st_nlink == 0;
}

/* Returns the points that went with it, but for those that somebody has in hand. */
static size_t forget_gone(struct spool *s)
{
	size_t points = 0;

	for (size_t i = 0; i < s->n; i++)
		points += s->entries[s->first + i].held ? 0 : s->entries[s->first + i].points;
	forget_all(s);
	close(s->fd);
	s->fd = -1;
	return points;
}

void spool_set_limit(struct spool *s, uint64_t limit_bytes)
{
	atomic_store(&s->limit_bytes, limit_bytes);
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->entries);
	free(s->root);
	free(s->folder);
	free(s);
}

static void remove_entry(struct spool *s, size_t index)
{
	char name[SPOOL_NAME_SIZE];

	entry_name(name, &s->entries[s->first + index]);
	/* One that stays will be delivered twice, after a restart, and overwrite its own points. */
	unlinkat(s->fd, name, 0);
	forget_entry(s, index);
}

/* The oldest from `index` on that is not held; s->n: none. */
static size_t next_free(const struct spool *s, size_t index)
{
	while (index < s->n && s->entries[s->first + index].held)
		index++;
	return index;
}

/* Removes the oldest that nobody has in hand until `bytes` more fit. */
static size_t make_room(struct spool *s, uint64_t bytes)
{
	size_t dropped = 0, index = 0;

	while (s->bytes + bytes > s->limit_bytes) {
		index = next_free(s, index);
		if (index == s->n)
			break;
		dropped += s->entries[s->first + index].points;
		remove_entry(s, index);
	}
	return dropped;
}

/* Later than every other file, whatever the clock does. */
static uint64_t next_time(const struct spool *s)
{
	uint64_t now_ns = (uint64_t)clock_wall_ns(&clock_system);

	if (s->n && s->entries[s->first + s->n - 1].time_ns >= now_ns)
		return s->entries[s->first + s->n - 1].time_ns + 1;
	return now_ns;
}

int spool_put(struct spool *s, const char *text, size_t length, size_t points,
    enum replace_sync sync, uint64_t *ret_id, size_t *ret_dropped)
{
	struct entry entry = {
	    .points = points, .bytes = blocks(spool_file_size(length)), .held = ret_id != NULL};
	int r;

	*ret_dropped = is_gone(s) ? forget_gone(s) : 0;
	if (length > SPOOL_FILE_MAX || entry.bytes > s->limit_bytes)
		return -EFBIG;
	r = open_folder(s, true);
	if (r == 0 && s->unsynced && sync == REPLACE_DURABLE)
		r = sync_folders(s);
	if (r < 0)
		return r;
	*ret_dropped += make_room(s, entry.bytes);
	entry.time_ns = next_time(s);
	/* First: a file that nobody knows of would be another one's at the next start. */
	r = need_entry(s);
	if (r == 0)
		r = write_entry(s, &entry, text, length, sync);
	if (r < 0)
		return r;
	add_entry(s, &entry);
	write_place(s); /* after what matters more, should the disk be nearly full */
	if (ret_id)
		*ret_id = entry.time_ns;
	return 0;
}

static bool rename_aside(struct spool *s, const char *name)
{
	char bad[SPOOL_NAME_SIZE + sizeof(BAD)];

	snprintf(bad, sizeof(bad), "%s" BAD, name);
	if (renameat(s->fd, name, s->fd, bad) < 0)
		return false;
	s->bad++;
	return true;
}

/* Out of the way, for a human to look at; a disk that damages many does not fill it with them. */
static void put_aside(struct spool *s, size_t index, const char *name)
{
	if (s->bad >= SPOOL_BAD_FILES || s->entries[s->first + index].bytes > SPOOL_BAD_BYTES ||
	    !rename_aside(s, name))
		unlinkat(s->fd, name, 0);
	forget_entry(s, index);
}

/* A sector that cannot be read, or another user's file: those behind it are not to wait for it. It
 * may be whole, so it is not removed. Where the folder is as ill, or has many of them, all of it is
 * left for later. */
static int leave_unreadable(struct spool *s, size_t index, const char *name, int r)
{
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE || s->bad >= SPOOL_ASIDE_FILES ||
	    !rename_aside(s, name))
		return r;
	forget_entry(s, index);
	return -EBADMSG;
}

int spool_oldest(struct spool *s, struct batch **ret, uint64_t *ret_id, size_t *ret_lost)
{
	const size_t index = next_free(s, 0);
	struct entry *entry;
	char name[SPOOL_NAME_SIZE];
	int r;

	if (index == s->n)
		return -ENOENT;
	entry = &s->entries[s->first + index];
	*ret_lost = entry->points;
	entry_name(name, entry);
	r = spool_file_read(s->fd, name, ret);
	if (r == 0) {
		entry->held = true;
		*ret_id = entry->time_ns;
	} else if (r == -ENOENT) { /* somebody removed it */
		forget_entry(s, index);
		return -EBADMSG;
	} else if (r == -EBADMSG) {
		put_aside(s, index, name);
	} else {
		r = leave_unreadable(s, index, name, r);
	}
	return r;
}

/* s->n: no such batch. */
static size_t find_held(const struct spool *s, uint64_t id)
{
	size_t index = 0;

	while (index < s->n &&
	    !(s->entries[s->first + index].held && s->entries[s->first + index].time_ns == id))
		index++;
	return index;
}

bool spool_holds(const struct spool *s, uint64_t id)
{
	return find_held(s, id) < s->n && !is_gone(s);
}

void spool_remove(struct spool *s, uint64_t id)
{
	const size_t index = find_held(s, id);

	if (index < s->n)
		remove_entry(s, index);
}

void spool_release(struct spool *s, uint64_t id)
{
	const size_t index = find_held(s, id);

	if (index < s->n)
		s->entries[s->first + index].held = false;
}

int spool_shorten(struct spool *s, uint64_t id, const char *text, size_t length, size_t points)
{
	struct entry left = {.time_ns = id,
	    .points = points,
	    .bytes = blocks(spool_file_size(length)),
	    .held = true};
	const size_t index = find_held(s, id);
	struct entry *entry;
	char name[SPOOL_NAME_SIZE];
	int r;

	if (index == s->n || s->entries[s->first + index].points == points)
		return -EINVAL;
	entry = &s->entries[s->first + index];
	r = write_entry(s, &left, text, length, REPLACE_DURABLE);
	if (r < 0)
		return r;
	entry_name(name, entry);
	unlinkat(s->fd, name, 0);
	tally(s, entry, -1);
	*entry = left;
	tally(s, entry, 1);
	return 0;
}

bool spool_empty(const struct spool *s)
{
	return s->n == 0;
}

void spool_stats(const struct spool *s, struct spool_stats *ret)
{
	*ret = (struct spool_stats){
	    .batches = atomic_load(&s->batches),
	    .points = atomic_load(&s->points),
	    .bytes = atomic_load(&s->bytes),
	    .oldest_ns = atomic_load(&s->oldest_ns),
	};
}

size_t spool_foreign(const struct spool *s)
{
	return s->foreign;
}

uint64_t spool_limit(const struct spool *s)
{
	return s->limit_bytes;
}
