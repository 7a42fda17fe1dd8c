/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database as it arrives from a site, in pieces: .tar.gz, .tar, .mmdb.gz or plain, told apart by
 * the content. Memory is bounded (about 40 KiB), and so is what comes out.
 */
#ifndef CROSSTAP_DOWNLOAD_UNPACK_H
#define CROSSTAP_DOWNLOAD_UNPACK_H

#include "download/tar.h"

#include <stddef.h>
#include <stdint.h>

#define UNPACK_EXTRA (4u << 20)

struct unpack;

/* The database's bytes go to `sink`, at most `max_bytes`. An archive may hold UNPACK_EXTRA more. */
int unpack_new(struct unpack **ret, uint64_t max_bytes, tar_sink sink, void *context);
void unpack_free(struct unpack *unpack);
/* 0, -EBADMSG (unpack_problem() says why) or the sink's error, which stays. */
int unpack_write(struct unpack *unpack, const uint8_t *data, size_t n);
/* At the end of input: -EBADMSG if it is cut short, or empty. */
int unpack_finish(struct unpack *unpack);
/* Another bound than UNPACK_EXTRA, before anything is written. */
void unpack_set_extra(struct unpack *unpack, uint64_t bytes);
const char *unpack_problem(const struct unpack *unpack);

#endif
