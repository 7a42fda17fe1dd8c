/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a configuration file, which may be a pipe that nobody writes to yet. */
#ifndef CROSSTAP_CONFIG_FILE_H
#define CROSSTAP_CONFIG_FILE_H

#include <stddef.h>
#include <stdint.h>

#define CONFIG_FILE_MAX   (1 << 20) /* bytes */
#define CONFIG_FILE_BLOCK UINT64_MAX

/* *ret: the caller's to free, and to wipe: there may be secrets in it. At most CONFIG_FILE_MAX + 1
 * bytes, so that the parser sees that there are more. `wait_ns`: for a pipe, until it ends;
 * CONFIG_FILE_BLOCK: as long as it takes. -ETIMEDOUT, -EISDIR, -ENOMEM, or what open(2), read(2)
 * say. */
int config_file_read(const char *path, uint64_t wait_ns, char **ret, size_t *ret_length);

#endif
