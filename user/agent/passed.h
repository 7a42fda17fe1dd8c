/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that were passed to the process (sd_listen_fds(3)). They are the process's for as long as
 * it lives: who uses one gets a duplicate, so that nothing that ends, fails or leaves with a reload
 * takes the socket with it, and its number is never anybody else's.
 */
#ifndef CROSSTAP_AGENT_PASSED_H
#define CROSSTAP_AGENT_PASSED_H

#include <stddef.h>

#define PASSED_OF_A_NAME 8 /* sockets that one input may have */

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
/* Duplicates of those with this name, with close-on-exec, for the caller to close. *ret_n: how
 * many. -EMFILE and the like, -E2BIG for more than PASSED_OF_A_NAME: then there are none. */
int passed_sockets_dup(const struct passed_sockets *sockets, const char *name,
    int ret[static PASSED_OF_A_NAME], size_t *ret_n);

#endif
