/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be read only once (a pipe, a FIFO) in a file without a name, so that it can be read
 * twice: in $TMPDIR, or /var/tmp. As it comes, so compressed where it is. */
#ifndef CROSSTAP_REPLAY_SPOOL_H
#define CROSSTAP_REPLAY_SPOOL_H

#include <stddef.h>

#define SPOOL_BYTES_MAX (16ull << 30)

/* Reads `fd` to its end. 0, and *ret is the copy, at its beginning, to be closed by the caller. Or
 * what failed, with the reason in `error`; -EFBIG: it is larger than SPOOL_BYTES_MAX. */
int spool_copy(int fd, int *ret, char *error, size_t size);

#endif
