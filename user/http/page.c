/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/page.h"

#include "web_files.h"

#include <string.h>

const struct page_file *page_find(const char *path)
{
	if (strcmp(path, "/") == 0)
		path = "/index.html";
	else if (strcmp(path, "/doc/") == 0)
		path = "/doc/index.html";
	for (size_t i = 0; i < sizeof(web_files) / sizeof(web_files[0]); i++) {
		if (strcmp(path, web_files[i].path) == 0)
			return &web_files[i];
	}
	return NULL;
}
