/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A batch as a file of a spool (sink/spool.h): its text behind a header with a checksum. The name
 * tells when it was put there and its points: the order, and what a removal costs, are known
 * without reading.
 */
#ifndef CROSSTAP_SINK_SPOOL_FILE_H
#define CROSSTAP_SINK_SPOOL_FILE_H

#include "base/replace.h"
#include "sink/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_FILE_MAX  (256u << 20) /* bytes of text */
#define SPOOL_NAME_SIZE 64
#define SPOOL_TEMPORARY "new.tmp" /* one that is being written, or never was to its end */

/* TIME_NS-POINTS.batch */
void spool_file_name(char name[SPOOL_NAME_SIZE], uint64_t time_ns, size_t points);
/* Whether it is a name that spool_file_name() gives, and of what. */
bool spool_file_parse_name(const char *name, uint64_t *ret_time_ns, size_t *ret_points);
/* With so many bytes of text: how many all of it has. */
uint64_t spool_file_size(size_t length);
/* `folder`: its descriptor. The error of the file system. */
int spool_file_write(int folder, const char *name, const char *text, size_t length, size_t points,
    enum replace_sync sync);
/* -ENOENT; -EBADMSG: damaged, or of another version; -ENOMEM; or the error of reading. */
int spool_file_read(int folder, const char *name, struct batch **ret);

#endif
