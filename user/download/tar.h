/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the one *.mmdb member out of a tar archive that comes in pieces from a stranger (POSIX
 * ustar and GNU headers, tar(5)). Nothing is ever created by the names inside; an archive that
 * looks like an attack is refused whole: absolute names, "..", links, devices, two such members,
 * lengths over the limit, wrong checksums, a missing end.
 */
#ifndef CROSSTAP_DOWNLOAD_TAR_H
#define CROSSTAP_DOWNLOAD_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK_BYTES 512

/* Takes bytes of the member's content; a negative errno ends the reading. */
typedef int (*tar_sink)(void *context, const uint8_t *data, size_t n);

struct tar;

/* `max_bytes` bounds the member. */
int tar_new(struct tar **ret, uint64_t max_bytes, tar_sink sink, void *context);
void tar_free(struct tar *tar);
/* 0, -EBADMSG (no such archive, or refused; tar_problem() says why) or the sink's error, which
 * stays. */
int tar_write(struct tar *tar, const uint8_t *data, size_t n);
/* At the end of input: -EBADMSG if the archive is cut short or has no *.mmdb member. */
int tar_finish(struct tar *tar);
const char *tar_problem(const struct tar *tar);

/* Does a stream begin with a tar header? Needs TAR_BLOCK_BYTES bytes. */
bool tar_is_header(const uint8_t *block);

#endif
