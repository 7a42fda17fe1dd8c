/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is at the other end of a connection, for messages. */
#ifndef CROSSTAP_DNSTAP_PEER_H
#define CROSSTAP_DNSTAP_PEER_H

#include <sys/socket.h>

#define PEER_BYTES 96

/* `pid=71 uid=53 comm=knotd` (SO_PEERCRED, unix(7): who connected; a name is what the process says
 * of itself), or `peer=[2001:db8::1]:6000`; of `length` bytes of an address as accept(2) gives it.
 */
void peer_describe(
    char ret[static PEER_BYTES], int fd, const struct sockaddr_storage *peer, socklen_t length);

#endif
