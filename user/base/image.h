/* SPDX-License-Identifier: BSD-2-Clause */
/* The program and its libraries as they lie in memory. */
#ifndef CROSSTAP_BASE_IMAGE_H
#define CROSSTAP_BASE_IMAGE_H

/* Gives back what of their files only the start has needed: relocations, initialisers, parsers. The
 * kernel maps a page again when it is used again, from its cache. Some milliseconds' work at most,
 * for when a process has settled. */
void image_settle(void);

#endif
