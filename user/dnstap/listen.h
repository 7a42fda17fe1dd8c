/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets of inputs: made, owned, replaced when stale. */
#ifndef CROSSTAP_DNSTAP_LISTEN_H
#define CROSSTAP_DNSTAP_LISTEN_H

#include "config/config.h"

/* A non-blocking listening socket, or -errno with the reason in `error`. */
int listen_unix(const struct config_input *config, char *error, size_t size);
int listen_tcp(const char *address, char *error, size_t size);
/* Owner, group and mode of a Unix socket at the configuration's address; `uid`, `gid`: where it
 * names none, -1 for as they are. -ENOENT: no such user or group. */
int listen_set_access(
    const struct config_input *config, uid_t uid, gid_t gid, char *error, size_t size);
/* Removes the socket file if it is still the one with this inode. */
void listen_unlink(const char *path, dev_t device, ino_t inode);

#endif
