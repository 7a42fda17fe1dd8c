/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes files whole: goes on after a call that was interrupted or short. */
#ifndef CROSSTAP_BASE_IO_H
#define CROSSTAP_BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

/* All of it, or -errno with an unknown part written; -EIO where write() writes nothing. */
int io_write(int fd, const void *data, size_t size);
/* Up to `size` bytes, fewer only at the end of the file; or -errno. */
ssize_t io_read(int fd, void *data, size_t size);

#endif
