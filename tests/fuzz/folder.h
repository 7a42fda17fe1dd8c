/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder in memory for readers that take a path: made once, removed with all that is in it when
 * the process ends. */
#ifndef CROSSTAP_FUZZ_FOLDER_H
#define CROSSTAP_FUZZ_FOLDER_H

#include <stddef.h>
#include <stdint.h>

const char *folder_path(void);
/* Replaces the file's content. `name`: within the folder, whose subfolders are the caller's. */
void folder_write(const char *name, const uint8_t *data, size_t size);

#endif
