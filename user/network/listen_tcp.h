/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening on a TCP address as it stands in a configuration. */
#ifndef CROSSTAP_NETWORK_LISTEN_TCP_H
#define CROSSTAP_NETWORK_LISTEN_TCP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Listens at host:port or [v6]:port: on every address that the name has, each once, at most `room`.
 * `[::]` alone takes IPv4 as well; beside an IPv4 address IPv6 ones take IPv6 only. Returns how
 * many non-blocking sockets are in `fds` (1 at least), the caller's to close.
 *
 * An address that this host does not have (a name of several hosts, no IPv6) is passed over where
 * another can be had: `error` (`size` bytes) then names it, else it is "". All else is an error,
 * with every address that failed in `error`: -EINVAL no HOST:PORT, -EADDRNOTAVAIL also for a name
 * that cannot be resolved, and those of socket(2), bind(2), listen(2).
 */
int listen_tcp(const char *address, int *fds, size_t room, char *error, size_t size);

/* While they yield, listen_tcp() may take an address that listening sockets of this process have
 * (SO_REUSEPORT): they are about to be closed, and 127.0.0.1:6000 keeps nobody from 0.0.0.0:6000.
 * The thread is that of listen_tcp(). */
void listen_tcp_yield(const int *fds, size_t n, bool yield);

#endif
