/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file as if it were not compressed: gzip, zstd and xz, told apart by their first bytes, one
 * member after the other; anything else passes as it is. Whoever reads a capture or a file of
 * frames pulls its bytes from here, in its own thread. Memory is bounded: 64 KiB of what is read,
 * and what a format's window takes (32 KiB for gzip, at most 128 MiB for the others, mostly 8).
 */
#ifndef CROSSTAP_CAPTURE_UNPACKED_H
#define CROSSTAP_CAPTURE_UNPACKED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* `zstd --long` takes as much, `xz -9` 65 MiB. */
#define UNPACKED_WINDOW_MAX (128ull << 20)

struct unpacked;

/* `fd` is read, not closed; nothing is read yet. -ENOMEM. */
int unpacked_open(struct unpacked **ret, int fd);
/* Before the first read: what a window of zstd or xz may take, at least 1 KiB, if not
 * UNPACKED_WINDOW_MAX. */
void unpacked_set_window(struct unpacked *unpacked, uint64_t bytes);
void unpacked_close(struct unpacked *unpacked);
/*
 * Up to `size` bytes, as soon as there are some; 0 at the end. -EBADMSG where the data is damaged,
 * cut short, or compressed in a way that is not read here; or the error of read(2), or -ENOMEM.
 * All that could be unpacked comes before an error; the error stays.
 */
ssize_t unpacked_read(struct unpacked *unpacked, void *data, size_t size);
/* What is wrong, once a read has failed: without the file's name. Valid until the close. */
const char *unpacked_problem(const struct unpacked *unpacked);

#endif
