/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file_name.h"

#include <stdio.h>

void file_name(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
	for (char *at = ret; *at; at++) {
		if (*at == '/' || (unsigned char)*at <= ' ' || *at == 0x7f ||
		    (at == ret && *at == '.'))
			*at = '_';
	}
}
