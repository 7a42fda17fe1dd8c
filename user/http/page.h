/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of the status page and of the handbook (scripts/write-pages), which are part of the
 * program (scripts/embed). */
#ifndef CROSSTAP_HTTP_PAGE_H
#define CROSSTAP_HTTP_PAGE_H

#include <stddef.h>

struct page_file {
	const char *path;          /* of the request: "/top.js" */
	const char *type;          /* media type */
	const unsigned char *gzip; /* compressed, in `gzip_size` bytes; `size` without */
	size_t gzip_size, size;
};

/* NULL: there is none. "/" is the page itself, "/doc/" the list of the handbook's pages. */
const struct page_file *page_find(const char *path);

#endif
