/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that were passed to the process (sd_listen_fds(3)): sockets of socket units, and what
 * the process before this one left in the service manager's store (base/store.h). They are the
 * process's for as long as it lives: who uses one makes a duplicate (dnstap/listen.c), so that
 * nothing that ends, fails or leaves with a reload takes the socket with it, and its number is
 * never anybody else's. What nobody has a use for is set aside once, at the start.
 */
#ifndef CROSSTAP_BASE_PASSED_H
#define CROSSTAP_BASE_PASSED_H

#include <stdbool.h>
#include <stddef.h>

#define PASSED_PATH_BYTES 109 /* of sun_path, and its end (unix(7)) */

struct passed_socket {
	char *name;
	int fd;    /* -1: set aside */
	bool used; /* somebody knew what it is */
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
 * name it, but for those named `but`. */
size_t passed_sockets_at(
    const struct passed_sockets *sockets, const char *path, const char *but, int *ret, size_t max);
/* Those with this name are nobody's any more: closed, and taken out of the store. */
void passed_sockets_drop(const struct passed_sockets *sockets, const char *name);
/* What a Unix socket is bound to in the file system; "": nothing, or it is none. */
void passed_socket_path(int fd, char ret[static PASSED_PATH_BYTES]);
/*
 * After everybody has taken theirs: closes what is neither used nor a socket that nobody is
 * connected to, which is a socket unit's and may be named by a reload, and takes it out of the
 * store. Writes the names to `names`, as far as they fit; returns how many there were.
 */
size_t passed_sockets_set_aside(struct passed_sockets *sockets, char *names, size_t size);

#endif
