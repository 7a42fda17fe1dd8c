/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that were passed to the process (sd_listen_fds(3)). They are the process's for as long as
 * it lives: who uses one makes a duplicate (dnstap/listen.c), so that nothing that ends, fails or
 * leaves with a reload takes the socket with it, and its number is never anybody else's.
 */
#ifndef CROSSTAP_AGENT_PASSED_H
#define CROSSTAP_AGENT_PASSED_H

#include <stddef.h>

struct passed_socket {
	char *name;
	int fd;
};

struct passed_sockets {
	struct passed_socket *list;
	size_t n;
};

/* From the environment. 0 also where there are none; errors of sd_listen_fds_with_names(3). */
int passed_sockets_take(struct passed_sockets *ret);
/* Forgets them; closes nothing. */
void passed_sockets_done(struct passed_sockets *sockets);
/* Those with this name, `max` at most: the process's own descriptors, not to be closed. */
size_t passed_sockets_find(
    const struct passed_sockets *sockets, const char *name, int *ret, size_t max);
/* Likewise: those that are bound to this path of the file system, as unit and configuration both
 * name it. */
size_t passed_sockets_at(
    const struct passed_sockets *sockets, const char *path, int *ret, size_t max);

#endif
