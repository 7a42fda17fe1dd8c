/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a database once in a process of its own, so that one which kills or holds up its reader
 * does that to nobody else. */
#ifndef CROSSTAP_GEO_MMDB_TRIAL_H
#define CROSSTAP_GEO_MMDB_TRIAL_H

#include "geo/mmdb.h"

/* What a trial may take, seconds. */
#define MMDB_TRIAL_MAX_S 5

/*
 * Opens the file of `fd` (sealed memory) in a child and looks up every record in it. 0 if the child
 * came to its end; -EBADMSG if it died or took longer, and *reason names `path`; else the error of
 * what could not be called.
 */
int mmdb_trial(int fd, const char *path, enum mmdb_kind kind, char *reason, size_t reason_size);

#endif
