/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that changes in one step: written as PATH.part beside it, then renamed into its place.
 * Readers find the old content or the new one; after an error the old one, but see replace_move().
 * The file keeps the mode that it has. Only a file or a link is replaced or moved: -EISDIR for a
 * folder, -EEXIST for all else, as a device. Links of other users on the way to it are not
 * followed: -ELOOP (base/path.h).
 */
#ifndef CROSSTAP_BASE_REPLACE_H
#define CROSSTAP_BASE_REPLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum replace_sync {
	/* fsync() before the rename, and of the folder after it: either content survives a loss of
	 * power. */
	REPLACE_DURABLE,
	/* Waits for no disk. After a loss of power the file may be torn: for what has a checksum.
	 */
	REPLACE_FAST,
};

struct replace {
	int fd;     /* to write to */
	int folder; /* that the paths are relative to */
	bool closes_folder;
	const char *path;
	char part[PATH_MAX];
};

/* `mode`: of a file that is not there yet, less the umask. A PATH.part that somebody left is
 * removed, never followed. `path` must stay valid. */
int replace_begin(struct replace *replace, const char *path, mode_t mode);
/* The same for a file of an open folder, written as `part` beside it. `folder` must stay open. */
int replace_begin_at(
    struct replace *replace, int folder, const char *path, const char *part, mode_t mode);
/* Moves what was written into place and closes it; closed and removed after an error. */
int replace_commit(struct replace *replace, enum replace_sync sync);
/* Closes and removes what was not committed. Does nothing after a commit. */
void replace_abort(struct replace *replace);

/* All of these. */
int replace_file(
    const char *path, const void *data, size_t size, mode_t mode, enum replace_sync sync);

/* fsync(), rename() of an open file from `part` to `path`, both in one folder, and its fsync(). An
 * error of the last one is returned with the file in its new place. */
int replace_move(int fd, const char *part, const char *path);

/* fsync() of the folder that holds `path`: a folder that was made there outlives a loss of power.
 */
int replace_sync_folder_of(const char *path);

/* Of a file that this version cannot read, as after a downgrade: its text is kept as PATH.aside, in
 * the place of an older one. */
#define REPLACE_ASIDE ".aside"
int replace_set_aside(const char *path);

#endif
