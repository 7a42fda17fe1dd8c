/* SPDX-License-Identifier: BSD-2-Clause */
#include "folder.h"

#include "base/unused.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FOLDERS 8

static char path[] = "/dev/shm/crosstap-fuzz-XXXXXX";

static int remove_one(
    const char *name, const struct stat *st UNUSED, int kind UNUSED, struct FTW *place UNUSED)
{
	return remove(name);
}

static void remove_all(void)
{
	nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

const char *folder_path(void)
{
	static const char *made;

	if (!made) {
		made = mkdtemp(path);
		if (!made || atexit(remove_all) != 0)
			abort();
	}
	return made;
}

void folder_write(const char *name, const uint8_t *data, size_t size)
{
	char file[PATH_MAX];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", folder_path(), name);
	/* Cut behind what was written, not before: its pages stay. */
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || ftruncate(fd, (off_t)size) < 0)
		abort();
	close(fd);
}
