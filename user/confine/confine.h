/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the agent gives up before it reads a byte of anybody else's, whoever started it:
 * capabilities (privileges.c), system calls (system_calls.c), and letting others look into its
 * memory (memory.c). A service manager may have taken more already. Each is called in the only
 * thread that there is: those that are made later inherit it.
 */
#ifndef CROSSTAP_CONFINE_CONFINE_H
#define CROSSTAP_CONFINE_CONFINE_H

#include "config/config.h"

#include <stddef.h>

/*
 * Capabilities. In force are those that the configured mode needs; kept, to be put in force by a
 * reload, are those that another one would: CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW for
 * the wire and for pings (programs are attached again whenever an interface or somebody else's
 * program comes or goes, so that these cannot go after attaching), CAP_CHOWN, CAP_FOWNER,
 * CAP_DAC_OVERRIDE and CAP_NET_BIND_SERVICE for sockets and files in folders of others.
 * CAP_SYS_ADMIN and CAP_SYS_RESOURCE stay only where the start's configuration has a use for them:
 * `wire.netns`, libxdp's dispatcher, programs that a killed agent left, kernels before 5.11. All
 * others are gone for good, from the bounding set as well, and with them the inheritable and
 * ambient ones; no program gives back any (no_new_privs). Nothing that this process does not have
 * comes to be. Writes the names of those in force to `names`. -errno.
 */
int confine_privileges(const struct config *config, char *names, size_t size);
/* A reload: puts in force what its configuration needs, of what was kept; while it is under way,
 * what both the old and the new one do. `other` may be NULL. Threads that run have what they had.
 */
int confine_privileges_again(const struct config *config, const struct config *other);

/*
 * A seccomp filter with a list of the calls that the agent and its libraries make. All others fail
 * with EPERM, and the kernel's log says which (audit type 1326); those that the C library tries
 * before older ones with ENOSYS. No program can be executed, and no namespace be made; `setns`:
 * entering one is among them. -EOPNOTSUPP: the kernel has no such filters.
 */
int confine_system_calls(bool setns);

/* No core, and nobody attaches to the process or reads its memory but with CAP_SYS_PTRACE. -errno.
 */
int confine_memory(void);

#endif
