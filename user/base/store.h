/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service manager's store of descriptors (FDSTORE=1 of sd_notify(3)): what is put there
 * outlives this process, however it ends, and is passed to the next one by its name
 * (base/passed.h). Without a service manager, or with one that keeps nothing, all of this does
 * nothing.
 */
#ifndef CROSSTAP_BASE_STORE_H
#define CROSSTAP_BASE_STORE_H

#include <stdbool.h>

/* Does anybody keep descriptors for us? Said by $NOTIFY_SOCKET and $FDSTORE: the number of places,
 * which systemd sets from 254 on, and the unit's file before. */
bool store_works(void);
/*
 * Leaves duplicates of `n` descriptors there under one name, which is letters, digits and dashes. A
 * description that is there already stays under the name that it has. They are kept whatever
 * happens at their other end (FDPOLL=0, systemd 246). 0, or the error of the message: that it
 * arrived says not that there was room.
 */
int store_add(const char *name, const int *fds, unsigned n);
/* Lets go of all that has this name. */
void store_remove(const char *name);

#endif
