/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolvers on disk (`state`), so that a restart does not forget distances, who asks regularly, nor
 * what a client has shown in its day (stats/traits.h). Country and AS are not kept: the databases
 * are the better source. Only whoever asked in two windows at least, or was measured, is written.
 *
 * The file is the host's own: a header of version, sizes and byte order, the entries, and XXH3 over
 * all of it. The first version, which had no days, is read as well. It is written beside the old
 * one and moved into place; whatever is wrong with one makes the whole file unread. It holds full
 * addresses, whatever `privacy` says, and is mode 0600.
 */
#ifndef CROSSTAP_ENRICH_RESOLVERS_FILE_H
#define CROSSTAP_ENRICH_RESOLVERS_FILE_H

#include "enrich/resolvers.h"

/* `now_s`: seconds since 1970. The error of the file system. */
int resolvers_save(struct resolvers *resolvers, const char *path, uint32_t now_s);
/* Into an empty table. -ENOENT: no file; -EBADMSG: not a sound file of this version; -EFBIG: longer
 * than any that is written here; else the error of reading. */
int resolvers_load(struct resolvers *resolvers, const char *path, uint32_t now_s);

#endif
