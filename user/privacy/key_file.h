/* SPDX-License-Identifier: BSD-2-Clause */
/* Files with a key of 32 bytes, raw or as 64 hexadecimal digits. `head -c 32 /dev/urandom` makes
 * one. */
#ifndef CROSSTAP_PRIVACY_KEY_FILE_H
#define CROSSTAP_PRIVACY_KEY_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KEY_FILE_BYTES 32

/*
 * -EPERM if it is no regular file, belongs to neither root nor the caller, or others may read or
 * write it; -EINVAL for other content; else the error of opening or reading. *reason is then a line
 * of text with the path. The caller wipes `key`.
 */
int key_file_read(const char *path, uint8_t key[KEY_FILE_BYTES], char *reason, size_t reason_size);
/* The same judged for another user than the caller: the one who will read it. */
int key_file_read_for(
    uid_t reader, const char *path, uint8_t key[KEY_FILE_BYTES], char *reason, size_t reason_size);

#endif
