/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads small files with secrets (tokens, passwords) that others must not be able to read. */
#ifndef CROSSTAP_BASE_SECRET_FILE_H
#define CROSSTAP_BASE_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define SECRET_FILE_MAX (64 * 1024)

/* The whole text of a regular file; secret_free() it. `is_private`: -EPERM if others may read it.
 * -EINVAL: no regular file, empty, too large, or with a NUL byte. */
int secret_file_read(char **ret, const char *path, bool is_private, char *error, size_t size);
/* Overwrites and frees; takes NULL. */
void secret_free(char *text);
/* In a time that depends on the lengths only. */
bool secret_equal(const char *a, const char *b);

#endif
