/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/orphans.h"

#include "base/io.h"
#include "sink/spool.h"
#include "sink/spool_file.h"
#include "text/escape.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 4096

static DIR *open_folder(int at, const char *name)
{
	const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

static void read_output(int root, struct orphan *orphan)
{
	char name[sizeof(orphan->folder) + sizeof(SPOOL_PLACE)];
	char text[sizeof(orphan->output) / 4];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%s" SPOOL_PLACE, orphan->folder);
	fd = openat(root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	n = io_read(fd, text, sizeof(text));
	close(fd);
	if (n > 0)
		orphan->output[escape_write(orphan->output, ESCAPE_PLAIN, text, (size_t)n,
		    sizeof(orphan->output) - 1)] = '\0';
}

/* Whether it holds a batch. */
static bool look_into(int at, const char *name, struct orphan *ret)
{
	DIR *dir = open_folder(at, name);
	struct orphan orphan = {0};
	struct dirent *entry;
	struct stat st;
	uint64_t time_ns;
	size_t points;

	if (!dir)
		return false;
	for (size_t i = 0; i < NAMES_MAX && (entry = readdir(dir)); i++) {
		if (!spool_file_parse_name(entry->d_name, &time_ns, &points) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		orphan.files++;
		orphan.points += points;
		orphan.bytes += (uint64_t)st.st_size;
	}
	if (orphan.files) {
		snprintf(orphan.folder, sizeof(orphan.folder), "%.16s", name);
		read_output(at, &orphan);
		*ret = orphan;
	}
	closedir(dir);
	return orphan.files;
}

static bool is_looked_after(const char *name, const uint64_t *ids, size_t n)
{
	char own[17];

	for (size_t i = 0; i < n; i++) {
		snprintf(own, sizeof(own), "%016" PRIx64, ids[i]);
		if (strcmp(own, name) == 0)
			return true;
	}
	return false;
}

size_t orphans_find(
    const char *path, const uint64_t *ids, size_t n_ids, struct orphan *ret, size_t max)
{
	DIR *dir = open_folder(AT_FDCWD, path);
	struct dirent *entry;
	struct orphan orphan;
	size_t n = 0;

	if (!dir)
		return 0;
	for (size_t i = 0; i < NAMES_MAX && (entry = readdir(dir)); i++) {
		if (strlen(entry->d_name) != 16 ||
		    strspn(entry->d_name, "0123456789abcdef") != 16 ||
		    is_looked_after(entry->d_name, ids, n_ids) ||
		    !look_into(dirfd(dir), entry->d_name, &orphan))
			continue;
		if (n < max)
			ret[n] = orphan;
		n++;
	}
	closedir(dir);
	return n;
}
