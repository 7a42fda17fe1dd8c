/* SPDX-License-Identifier: BSD-2-Clause */
/* What a download must remember over a restart, in PATH.download beside the database: text, a key
 * and a value a line. A file that is missing or makes no sense is an empty state. */
#ifndef CROSSTAP_DOWNLOAD_MAXMIND_STATE_H
#define CROSSTAP_DOWNLOAD_MAXMIND_STATE_H

#include <stdint.h>

struct maxmind_state {
	char edition[64];     /* that the file is of */
	int64_t checked_s;    /* when the site last said that the file is the newest */
	int64_t not_before_s; /* no request until then; seconds since 1970, 0: any time */
};

void maxmind_state_read(const char *database_path, struct maxmind_state *ret);
/* Replaces the file; 0 or -errno. */
int maxmind_state_write(const char *database_path, const struct maxmind_state *state);

#endif
