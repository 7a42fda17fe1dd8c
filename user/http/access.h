/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides who may ask: by bearer token, and by the Host header against DNS rebinding. */
#ifndef CROSSTAP_HTTP_ACCESS_H
#define CROSSTAP_HTTP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#define ACCESS_USER "crosstap"

/* What an Authorization header may hold after its scheme. */
struct access {
	char *bearer; /* the token; NULL: everybody may ask */
	char *basic;  /* base64 of ACCESS_USER:TOKEN */
};

/* Reads the token; white space around it does not count. `path` empty: no token. */
int access_init(struct access *access, const char *path, char *error, size_t size);
void access_done(struct access *access);
bool access_equal(const struct access *a, const struct access *b);
/* `authorization`: the header, or NULL. */
bool access_allows(const struct access *access, const char *authorization);

/* True for an IP address, `localhost` and names below it (RFC 6761 section 6.3), each with or
 * without a port. */
bool access_host_is_local(const char *host);

#endif
