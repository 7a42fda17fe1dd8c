/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files below SIM_ROOT, in memory. A name and a content are there at once, and outlive a loss of
 * power once they were synced: a content by fsync() of its file, the names of a folder by that of
 * the folder.
 */
#include "simulation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD  (1 << 20)
#define MAX_FDS   256
#define MAX_NAMES 4096
#define PATH_SIZE 160

struct node {
	bool folder;
	uint64_t number;
	char *data, *kept;
	size_t size, room, kept_size;
	char *whole; /* before it was damaged; NULL: it is not */
	size_t whole_size;
};

struct name {
	char path[PATH_SIZE];
	struct node *now, *kept; /* NULL: there is none */
};

struct descriptor {
	bool used, append, ours;
	char path[PATH_SIZE];
	struct node *node;
	size_t at;
};

struct listing {
	char path[PATH_SIZE];
	int fd;
	size_t at;
	struct dirent entry;
};

static struct name names[MAX_NAMES];
static size_t n_names;
static struct descriptor fds[MAX_FDS];
static uint64_t numbers;
static unsigned faults, kill_at;
static bool failed;

/* -- the real ones, for what is not ours */

int __real_open(const char *path, int flags, ...);
int __real_openat(int at, const char *path, int flags, ...);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __real_pread(int fd, void *data, size_t size, off_t at);
int __real_close(int fd);
int __real_fsync(int fd);
int __real_fstat(int fd, struct stat *ret);
int __real_stat(const char *path, struct stat *ret);
int __real_fstatat(int at, const char *path, struct stat *ret, int flags);
int __real_faccessat(int at, const char *path, int mode, int flags);
int __real_mkdir(const char *path, mode_t mode);
int __real_unlinkat(int at, const char *path, int flags);
int __real_rename(const char *from, const char *to);
int __real_renameat(int from_at, const char *from, int to_at, const char *to);
int __real_fchmod(int fd, mode_t mode);
int __real_ftruncate(int fd, off_t size);
DIR *__real_fdopendir(int fd);
struct dirent *__real_readdir(DIR *dir);
int __real_closedir(DIR *dir);

/* -- faults */

void sim_disk_fail(unsigned which)
{
	faults = which;
}

void sim_disk_kill_at(unsigned changes)
{
	kill_at = changes;
}

bool sim_disk_failed(void)
{
	const bool did = failed;

	failed = false;
	return did;
}

static bool fails(unsigned fault)
{
	const bool here = sim_in_process() && sim_every_here(SIM_EVERY_DISK);

	if (here)
		sim_ledger_excuse();
	else if (!(faults & fault) || !sim_in_process() || sim_once_in(4))
		return false;
	failed = true;
	return true;
}

/* Before and after each. */
static void change(void)
{
	if (!sim_in_process())
		return;
	if ((kill_at && --kill_at == 0) || sim_every_here(SIM_EVERY_WRITE))
		sim_kill();
	sim_yield();
}

static int error(int code)
{
	errno = code;
	return -1;
}

/* -- names and nodes */

static size_t copy_path(char ret[static PATH_SIZE], const char *path)
{
	const size_t length = strnlen(path, PATH_SIZE - 1);

	memcpy(ret, path, length);
	ret[length] = '\0';
	return length;
}

static bool is_ours(const char *path)
{
	return strncmp(path, SIM_ROOT, sizeof(SIM_ROOT) - 1) == 0;
}

static struct descriptor *of(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + MAX_FDS && fds[fd - FIRST_FD].used
	    ? &fds[fd - FIRST_FD]
	    : NULL;
}

/* False: it is not ours. */
static bool resolve(int at, const char *path, char ret[PATH_SIZE])
{
	const struct descriptor *folder = of(at);

	if (*path == '/' || !folder) {
		if (!is_ours(path))
			return false;
		size_t length = copy_path(ret, path);

		while (length && ret[length - 1] == '/')
			ret[--length] = '\0';
	} else if (strcmp(path, ".") == 0) {
		copy_path(ret, folder->path);
	} else {
		char whole[2 * PATH_SIZE];

		snprintf(whole, sizeof(whole), "%s/%s", folder->path, path);
		memcpy(ret, whole, PATH_SIZE - 1);
		ret[PATH_SIZE - 1] = '\0';
	}
	return true;
}

static struct name *find(const char *path)
{
	for (size_t i = 0; i < n_names; i++) {
		if (strcmp(names[i].path, path) == 0)
			return &names[i];
	}
	return NULL;
}

static struct node *node_at(const char *path)
{
	const struct name *name = find(path);

	return name ? name->now : NULL;
}

static struct name *name_for(const char *path)
{
	struct name *name = find(path);

	for (size_t i = 0; i < n_names && !name; i++) {
		if (!names[i].now && !names[i].kept)
			name = &names[i];
	}
	if (!name && n_names == MAX_NAMES)
		sim_fail("more than %d files", MAX_NAMES);
	if (!name) {
		name = &names[n_names++];
		*name = (struct name){0};
	}
	copy_path(name->path, path);
	return name;
}

static bool is_in(const char *path, const char *folder)
{
	const size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/' &&
	    !strchr(path + length + 1, '/');
}

static bool has_folder(const char *path)
{
	char folder[PATH_SIZE];
	char *slash;
	const struct node *node;

	copy_path(folder, path);
	slash = strrchr(folder, '/');
	*slash = '\0';
	node = node_at(folder);
	return node && node->folder;
}

/* Neither the world's memory nor the process's, which may run out. */
extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t n, size_t size);
extern void *__real_realloc(void *memory, size_t size);

static struct node *new_node(bool folder)
{
	struct node *node = __real_calloc(1, sizeof(*node));

	node->folder = folder;
	node->number = ++numbers;
	return node;
}

/* Memory of the last content that nobody can reach any more: states are written again and again. */
static struct {
	char *data;
	size_t room;
} spare;

static bool is_reachable(const struct node *node)
{
	for (size_t i = 0; i < n_names; i++) {
		if (names[i].now == node || names[i].kept == node)
			return true;
	}
	for (int i = 0; i < MAX_FDS; i++) {
		if (fds[i].used && fds[i].node == node)
			return true;
	}
	return false;
}

/* A name has let go of it; takes NULL. */
static void release(struct node *node)
{
	if (!node || node->folder || !node->room || is_reachable(node))
		return;
	free(spare.data);
	spare.data = node->data;
	spare.room = node->room;
	node->data = NULL;
	node->size = node->room = 0;
}

static void make_room(struct node *node, size_t size)
{
	if (size <= node->room)
		return;
	if (!node->data && size <= spare.room) {
		node->data = spare.data;
		node->room = spare.room;
		spare.data = NULL;
		spare.room = 0;
		return;
	}
	node->room = size + size / 2;
	node->data = __real_realloc(node->data, node->room);
}

static void keep_content(struct node *node)
{
	node->kept = __real_realloc(node->kept, node->size + 1);
	memcpy(node->kept, node->data ? node->data : "", node->size);
	node->kept_size = node->size;
}

void sim_disk_init(void)
{
	struct name *root;

	n_names = 0; /* what seeds before this one left is not worth the time to free it */
	memset(fds, 0, sizeof(fds));
	numbers = faults = kill_at = failed = 0;
	root = name_for(SIM_ROOT);
	root->now = root->kept = new_node(true);
}

void sim_disk_close_all(void)
{
	for (int i = 0; i < MAX_FDS; i++)
		fds[i].used = false;
	kill_at = 0;
}

void sim_disk_each(const char *prefix,
    void (*each)(void *context, const char *path, const char *data, size_t size), void *context)
{
	for (size_t i = 0; i < n_names; i++) {
		const struct node *node = names[i].now;

		if (node && !node->folder && strncmp(names[i].path, prefix, strlen(prefix)) == 0)
			each(context, names[i].path, node->whole ? node->whole : node->data,
			    node->whole ? node->whole_size : node->size);
	}
}

static bool is_spooled(const struct name *name)
{
	return name->now && !name->now->folder && !name->now->whole && name->now->size > 256 &&
	    strstr(name->path, ".batch");
}

/* Cut off, or with a piece of zeros, or one byte changed. */
static void damage(struct node *node)
{
	node->whole = __real_calloc(1, node->size);
	node->whole_size = node->size;
	memcpy(node->whole, node->data, node->size);
	switch (sim_random(3)) {
	case 0:
		node->size = sim_random(node->size);
		break;
	case 1:
		memset(node->data + 64 + sim_random(64), 0, 64);
		break;
	default:
		node->data[48 + sim_random(node->size - 49)] ^= 1;
	}
}

bool sim_disk_damage(void)
{
	const size_t from = sim_random(n_names);

	for (size_t i = 0; i < n_names; i++) {
		struct name *name = &names[(from + i) % n_names];

		if (is_spooled(name)) {
			damage(name->now);
			return true;
		}
	}
	return false;
}

/* -- a loss of power */

static bool is_clean(const struct node *node)
{
	return node->kept && node->kept_size == node->size &&
	    memcmp(node->kept, node->data ? node->data : "", node->size) == 0;
}

/* What is there of a content that was not synced: all, its beginning, zeros, what was there before.
 */
static void tear(struct node *node)
{
	switch (sim_random(4)) {
	case 0:
		break;
	case 1:
		node->size = sim_random(node->size + 1);
		break;
	case 2:
		if (node->size > 64)
			memset(node->data + 64, 0, node->size - 64);
		break;
	case 3:
		node->size = node->kept ? node->kept_size : 0;
		if (node->size)
			memcpy(node->data, node->kept, node->size);
		break;
	}
}

/* A folder has all that was done in it, or what it had when it was synced. */
static void revert_folder(const char *folder)
{
	for (size_t i = 0; i < n_names; i++) {
		if (is_in(names[i].path, folder))
			names[i].now = names[i].kept;
	}
}

/* What lies in a folder that is not there any more. */
static void drop_orphans(void)
{
	for (size_t i = 0; i < n_names; i++) {
		if (names[i].now && strrchr(names[i].path, '/') != names[i].path &&
		    !has_folder(names[i].path))
			names[i].now = NULL;
	}
}

void sim_disk_power_cut(void)
{
	for (size_t i = 0; i < n_names; i++) {
		if (names[i].now && names[i].now->folder && sim_once_in(2))
			revert_folder(names[i].path);
	}
	drop_orphans();
	drop_orphans();
	for (size_t i = 0; i < n_names; i++) {
		struct node *node = names[i].now;

		if (node && !node->folder && !is_clean(node))
			tear(node);
	}
	sim_disk_write_back();
}

void sim_disk_write_back(void)
{
	for (size_t i = 0; i < n_names; i++) {
		names[i].kept = names[i].now;
		if (names[i].now && !names[i].now->folder)
			keep_content(names[i].now);
	}
}

/* -- system calls */

static int new_fd(const char *path, struct node *node, bool append)
{
	for (int i = 0; i < MAX_FDS; i++) {
		if (fds[i].used)
			continue;
		fds[i] = (struct descriptor){
		    .used = true, .append = append, .node = node, .ours = sim_in_process()};
		copy_path(fds[i].path, path);
		return FIRST_FD + i;
	}
	sim_fail("more than %d descriptors", MAX_FDS);
}

static int open_ours(const char *path, int flags)
{
	struct node *node;

	sim_yield();
	node = node_at(path);
	if (!node && !(flags & O_CREAT))
		return error(ENOENT);
	if (node && flags & O_CREAT && flags & O_EXCL)
		return error(EEXIST);
	if (node && flags & O_DIRECTORY && !node->folder)
		return error(ENOTDIR);
	if (!node) {
		if (!has_folder(path))
			return error(ENOENT);
		if (fails(SIM_DISK_OPEN))
			return error(EIO);
		if (fails(SIM_DISK_FULL))
			return error(ENOSPC);
		change();
		node = new_node(false);
		name_for(path)->now = node;
		change();
	} else if (fails(SIM_DISK_READ)) {
		return error(EIO);
	}
	return new_fd(path, node, flags & O_APPEND);
}

int __wrap_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...)
{
	char whole[PATH_SIZE];
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (!resolve(at, path, whole))
		return __real_openat(at, path, flags, mode);
	return open_ours(whole, flags);
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	return is_ours(path) ? open_ours(path, flags) : __real_open(path, flags, mode);
}

/* There are no links here, nor names of the real root on the way. */
int __real_path_open(const char *path, int flags, mode_t mode);
int __wrap_path_open(const char *path, int flags, mode_t mode);
int __wrap_path_open(const char *path, int flags, mode_t mode)
{
	int fd;

	if (!is_ours(path))
		return __real_path_open(path, flags, mode);
	fd = open_ours(path, flags);
	return fd < 0 ? -errno : fd;
}

static ssize_t read_at(struct node *node, void *data, size_t size, size_t at)
{
	if (fails(SIM_DISK_READ))
		return error(EIO);
	if (at >= node->size)
		return 0;
	if (size > node->size - at)
		size = node->size - at;
	if (size > 1 && sim_in_process() && sim_once_in(8))
		size = 1 + sim_random(size);
	memcpy(data, node->data + at, size);
	return (ssize_t)size;
}

ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	struct descriptor *descriptor = of(fd);
	ssize_t n;

	if (!descriptor)
		return sim_is_end(fd) ? sim_end_read(fd, data, size) : __real_read(fd, data, size);
	sim_yield();
	n = read_at(descriptor->node, data, size, descriptor->at);
	if (n > 0)
		descriptor->at += (size_t)n;
	return n;
}

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
	struct descriptor *descriptor = of(fd);

	return descriptor ? read_at(descriptor->node, data, size, (size_t)at)
			  : __real_pread(fd, data, size, at);
}

static void put(struct descriptor *descriptor, const void *data, size_t size)
{
	struct node *node = descriptor->node;
	const size_t at = descriptor->append ? node->size : descriptor->at;

	make_room(node, at + size);
	memcpy(node->data + at, data, size);
	descriptor->at = at + size;
	if (descriptor->at > node->size)
		node->size = descriptor->at;
}

ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	struct descriptor *descriptor = of(fd);

	if (!descriptor)
		return sim_is_end(fd) ? sim_end_write(fd, data, size)
				      : __real_write(fd, data, size);
	change();
	if (fails(SIM_DISK_FULL)) {
		size = size > 1 && sim_once_in(2) ? sim_random(size) : 0;
		if (!size)
			return error(ENOSPC);
	} else if (size > 1 && sim_once_in(8)) {
		size = 1 + sim_random(size);
	}
	put(descriptor, data, size);
	change();
	return (ssize_t)size;
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
	struct descriptor *descriptor = of(fd);

	if (sim_is_end(fd))
		return sim_end_close(fd);
	if (!descriptor)
		return fd >= FIRST_FD ? error(EBADF) : __real_close(fd);
	descriptor->used = false;
	release(descriptor->node);
	return 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	struct descriptor *descriptor = of(fd);

	if (!descriptor)
		return __real_fsync(fd);
	change();
	if (fails(SIM_DISK_SYNC))
		return error(EIO);
	if (!descriptor->node->folder) {
		keep_content(descriptor->node);
	} else {
		for (size_t i = 0; i < n_names; i++) {
			if (is_in(names[i].path, descriptor->path))
				names[i].kept = names[i].now;
		}
	}
	change();
	return 0;
}

static int stat_ours(const struct node *node, struct stat *ret)
{
	if (!node)
		return error(ENOENT);
	memset(ret, 0, sizeof(*ret));
	ret->st_dev = 1;
	ret->st_ino = node->number;
	ret->st_mode = node->folder ? S_IFDIR | 0750 : S_IFREG | 0640;
	ret->st_nlink = 1;
	ret->st_size = (off_t)node->size;
	return 0;
}

int __wrap_fstat(int fd, struct stat *ret);
int __wrap_fstat(int fd, struct stat *ret)
{
	const struct descriptor *descriptor = of(fd);

	return descriptor ? stat_ours(descriptor->node, ret) : __real_fstat(fd, ret);
}

int __wrap_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret)
{
	return is_ours(path) ? stat_ours(node_at(path), ret) : __real_stat(path, ret);
}

int __wrap_fstatat(int at, const char *path, struct stat *ret, int flags);
int __wrap_fstatat(int at, const char *path, struct stat *ret, int flags)
{
	char whole[PATH_SIZE];

	return resolve(at, path, whole) ? stat_ours(node_at(whole), ret)
					: __real_fstatat(at, path, ret, flags);
}

int __wrap_faccessat(int at, const char *path, int mode, int flags);
int __wrap_faccessat(int at, const char *path, int mode, int flags)
{
	char whole[PATH_SIZE];

	if (!resolve(at, path, whole))
		return __real_faccessat(at, path, mode, flags);
	return node_at(whole) ? 0 : error(ENOENT);
}

int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	if (!is_ours(path))
		return __real_mkdir(path, mode);
	if (node_at(path))
		return error(EEXIST);
	if (!has_folder(path))
		return error(ENOENT);
	if (fails(SIM_DISK_OPEN) || fails(SIM_DISK_FULL))
		return error(ENOSPC);
	change();
	name_for(path)->now = new_node(true);
	change();
	return 0;
}

int __wrap_unlinkat(int at, const char *path, int flags);
int __wrap_unlinkat(int at, const char *path, int flags)
{
	char whole[PATH_SIZE];
	struct name *name;
	struct node *node;

	if (!resolve(at, path, whole))
		return __real_unlinkat(at, path, flags);
	name = find(whole);
	if (!name || !name->now)
		return error(ENOENT);
	if (fails(SIM_DISK_REMOVE))
		return error(EROFS);
	change();
	node = name->now;
	name->now = NULL;
	release(node);
	change();
	return 0;
}

static int rename_ours(const char *from, const char *to)
{
	struct name *name = find(from);
	struct node *before;

	if (!name || !name->now)
		return error(ENOENT);
	if (fails(SIM_DISK_RENAME))
		return error(EIO);
	change();
	before = node_at(to);
	name_for(to)->now = find(from)->now;
	find(from)->now = NULL;
	release(before);
	change();
	return 0;
}

int __wrap_renameat(int from_at, const char *from, int to_at, const char *to);
int __wrap_renameat(int from_at, const char *from, int to_at, const char *to)
{
	char from_whole[PATH_SIZE], to_whole[PATH_SIZE];

	if (!resolve(from_at, from, from_whole) || !resolve(to_at, to, to_whole))
		return __real_renameat(from_at, from, to_at, to);
	return rename_ours(from_whole, to_whole);
}

int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	return is_ours(from) && is_ours(to) ? rename_ours(from, to) : __real_rename(from, to);
}

int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
	return of(fd) ? 0 : __real_fchmod(fd, mode);
}

int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size)
{
	struct descriptor *descriptor = of(fd);

	if (!descriptor)
		return __real_ftruncate(fd, size);
	change();
	if ((size_t)size < descriptor->node->size)
		descriptor->node->size = (size_t)size;
	change();
	return 0;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	const struct descriptor *descriptor = of(fd);
	long argument;
	va_list args;

	va_start(args, command);
	argument = va_arg(args, long);
	va_end(args);
	if (!descriptor)
		return __real_fcntl(fd, command, argument);
	if (command != F_DUPFD_CLOEXEC)
		return error(EINVAL);
	return new_fd(descriptor->path, descriptor->node, descriptor->append);
}

static ssize_t read_stream(void *context, char *data, size_t size)
{
	return __wrap_read((int)(intptr_t)context, data, size);
}

static ssize_t write_stream(void *context, const char *data, size_t size)
{
	size_t done = 0;

	/* The C library goes on after a short write; of a stream like this one it does not. */
	while (done < size) {
		const ssize_t n = __wrap_write((int)(intptr_t)context, data + done, size - done);

		if (n < 0)
			return 0; /* fopencookie(3) */
		done += (size_t)n;
	}
	return (ssize_t)size;
}

/* To the beginning, for rewind(). */
static int seek_stream(void *context, off64_t *position, int whence)
{
	if (whence != SEEK_SET || *position != 0)
		return error(EINVAL);
	of((int)(intptr_t)context)->at = 0;
	*position = 0;
	return 0;
}

static int close_stream(void *context)
{
	return __wrap_close((int)(intptr_t)context);
}

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode)
{
	static const cookie_io_functions_t functions = {
	    .read = read_stream, .write = write_stream, .seek = seek_stream, .close = close_stream};

	return of(fd) ? fopencookie((void *)(intptr_t)fd, mode, functions)
		      : __real_fdopen(fd, mode);
}

/* A listing of ours is told from the C library's by where its descriptor is kept. */
#define MAX_LISTINGS 8
static struct listing listings[MAX_LISTINGS];

static struct listing *listing_of(DIR *dir)
{
	const char *at = (const char *)dir, *first = (const char *)listings;

	return at >= first && at < first + sizeof(listings) ? (struct listing *)dir : NULL;
}

DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	const struct descriptor *descriptor = of(fd);

	if (!descriptor)
		return __real_fdopendir(fd);
	for (int i = 0; i < MAX_LISTINGS; i++) {
		if (listings[i].fd && of(listings[i].fd))
			continue;
		listings[i] = (struct listing){.fd = fd};
		memcpy(listings[i].path, descriptor->path, PATH_SIZE);
		return (DIR *)&listings[i];
	}
	errno = ENOMEM;
	return NULL;
}

struct dirent *__wrap_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir)
{
	struct listing *listing = listing_of(dir);

	if (!listing)
		return __real_readdir(dir);
	while (listing->at < n_names) {
		const struct name *name = &names[listing->at++];

		if (!name->now || !is_in(name->path, listing->path))
			continue;
		snprintf(listing->entry.d_name, sizeof(listing->entry.d_name), "%s",
		    strrchr(name->path, '/') + 1);
		listing->entry.d_type = name->now->folder ? DT_DIR : DT_REG;
		return &listing->entry;
	}
	return NULL;
}

int __wrap_closedir(DIR *dir);
int __wrap_closedir(DIR *dir)
{
	struct listing *listing = listing_of(dir);

	if (!listing)
		return __real_closedir(dir);
	__wrap_close(listing->fd);
	listing->fd = 0;
	return 0;
}
