/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens and reads files, and writes them, whole: goes on after a call that was interrupted or
 * short. */
#ifndef CROSSTAP_BASE_IO_H
#define CROSSTAP_BASE_IO_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Who started us with standard descriptors closed must not have the next files take their numbers,
 * and what is logged or printed written there: they stand for /dev/null, the wrong way round, so
 * that whoever uses them is told (EBADF). To be the first call. 0 or -errno. */
int io_fill_standard(void);
/*
 * Opens a file of one's own for reading, whatever is in its place by now: what is no regular file
 * is neither waited for nor taken for a terminal. *ret_size: its bytes. The descriptor; -EBADMSG:
 * no regular file; or -errno.
 */
int io_open_regular(const char *path, size_t *ret_size);
/* All of it, or -errno with an unknown part written; -EIO where write() writes nothing. */
int io_write(int fd, const void *data, size_t size);
/* The same to a stream, which may only find out when it is flushed. */
int io_put(FILE *file, const void *data, size_t size);
/* Up to `size` bytes, fewer only at the end of the file; or -errno. */
ssize_t io_read(int fd, void *data, size_t size);

#endif
