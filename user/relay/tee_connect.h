/* SPDX-License-Identifier: BSD-2-Clause */
/* A tee's connection up to START, and from STOP on. */
#ifndef CROSSTAP_RELAY_TEE_CONNECT_H
#define CROSSTAP_RELAY_TEE_CONNECT_H

#include <stdint.h>

/* Until `until_ns` (CLOCK_MONOTONIC), or until `stop_fd` can be read. *ret_fd: connected,
 * non-blocking. Errors: -ETIMEDOUT, -ECANCELED (stop_fd), -EPROTONOSUPPORT: it takes no dnstap,
 * -EPROTO: it speaks no frame streams, -EADDRNOTAVAIL: the name has no address, those of the
 * socket. */
int tee_connect(const char *target, int stop_fd, uint64_t until_ns, int *ret_fd);
/* STOP, and FINISH from the other end. -ETIMEDOUT, -EPROTO, those of the socket. */
int tee_finish(int fd, uint64_t until_ns);

#endif
