/* SPDX-License-Identifier: BSD-2-Clause */
/* A file's content in memory that nobody can change any more (memfd_create(2), sealed). */
#ifndef CROSSTAP_GEO_MMDB_COPY_H
#define CROSSTAP_GEO_MMDB_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * Copies a regular file of 1 to `max_bytes` bytes; the caller closes *ret_fd. *ret_stat is that of
 * the file, written as soon as it is open. -EFBIG, -EBADMSG (empty, or no regular file), -EAGAIN
 * (it changed meanwhile), or the error of the call that failed; *reason is then a line of text with
 * the path.
 */
int mmdb_copy(const char *path, uint64_t max_bytes, int *ret_fd, struct stat *ret_stat,
    char *reason, size_t reason_size);

#endif
