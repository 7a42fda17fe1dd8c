/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers as gzip (RFC 1952). */
#ifndef CROSSTAP_HTTP_GZIP_H
#define CROSSTAP_HTTP_GZIP_H

#include <stddef.h>

/* To free(). -ENOMEM; -EFBIG: more than zlib takes at once (4 GiB). */
int gzip_make(const char *data, size_t length, char **ret, size_t *ret_length);

/* Undoes it: *ret is from malloc and has `size` bytes. -EBADMSG: that is not what comes out. */
int gzip_undo(const void *data, size_t length, char **ret, size_t size);

#endif
