/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of files that people and scripts look for, made of what an operator calls a thing. */
#ifndef CROSSTAP_BASE_FILE_NAME_H
#define CROSSTAP_BASE_FILE_NAME_H

#include <stddef.h>

/* `text`, cut, with `_` for what the name of a file cannot hold or would hide it. Two texts may
 * come to one name. */
void file_name(char *ret, size_t size, const char *text);

#endif
