/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that grows as PATH.part and becomes PATH in one step. */
#ifndef CROSSTAP_DOWNLOAD_PART_FILE_H
#define CROSSTAP_DOWNLOAD_PART_FILE_H

#include <limits.h>
#include <stdint.h>

struct part_file {
	int fd;
	const char *target; /* PATH, the caller's */
	char path[PATH_MAX];
};

/* Empty and locked. A leftover of a crash is taken over; -EBUSY if another process is at it. */
int part_file_open(struct part_file *part, const char *target);
/* Sets the modification time, makes it durable and moves it into place. 0 or -errno. */
int part_file_commit(struct part_file *part, int64_t modified_s);
/* Closes it; without a commit nothing stays behind. */
void part_file_close(struct part_file *part);

#endif
