/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One agent for each `server` on a host: two would write the same series. The lock is on a file in
 * the runtime directory, $RUNTIME_DIRECTORY or /run/crosstap, that only we and root can open, so
 * that nobody else can take it; the kernel lets go of it with the process, however that ends.
 */
#ifndef CROSSTAP_AGENT_LOCK_H
#define CROSSTAP_AGENT_LOCK_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#define LOCK_DEFAULT_DIRECTORY "/run/crosstap"

struct lock {
	int fd;              /* -1: none */
	char path[PATH_MAX]; /* of the file, also after a failure */
	pid_t holder;        /* after -EADDRINUSE; 0: not known */
};

/* Where the lock file is to be; written to `ret` where the environment says it (systemd.exec(5): a
 * list with colons, of which the first counts). */
const char *lock_directory(char ret[static PATH_MAX]);
/*
 * Takes the lock for `server`, makes the directory if need be. -EADDRINUSE: another agent has it.
 * All else says that there can be no lock here: -EPERM, others may write to the directory, or the
 * file is not ours and cannot be replaced; or the error of making them.
 */
int lock_take(struct lock *ret, const char *directory, const char *server);
/* The file stays: who waits for it would else lock one that nobody finds any more. Takes fd -1. */
void lock_release(struct lock *lock);

#endif
