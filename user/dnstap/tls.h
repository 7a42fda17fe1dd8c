/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnstap over TLS, the server's side, by GnuTLS (which libmicrohttpd has as well): a certificate,
 * and the sessions that use it. TLS 1.2 and 1.3, no ALPN, no renegotiation, no early data. Nothing
 * here blocks: connection.c reads and writes by it where an input has `tls`.
 */
#ifndef CROSSTAP_DNSTAP_TLS_H
#define CROSSTAP_DNSTAP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What a session is counted as: GnuTLS 3.7 has some 10 KiB resident after the handshake, and a
 * record while it reads one. */
#define TLS_SESSION_BYTES (32 * 1024)

struct tls_identity;
struct tls_session;

/*
 * Reads PEM files: `cert` with the chain, its `key`, which others must not be able to read, and the
 * certificates of `client_ca`; "" there: producers need no certificate. The reason, with the file's
 * name, is in `error`: -EINVAL what a file holds is not that, or key and certificate do not belong
 * together; -EPERM; -ENOMEM; those of open(2).
 */
int tls_identity_new(struct tls_identity **ret, const char *cert, const char *key,
    const char *client_ca, char *error, size_t size);
/* Takes NULL. No session uses it any more. */
void tls_identity_free(struct tls_identity *identity);
/* When the first of the chain's certificates ends, seconds since 1970. */
int64_t tls_identity_not_after(const struct tls_identity *identity);

/* `identity` and the descriptor, which is non-blocking, outlive it. -ENOMEM. */
int tls_session_new(struct tls_session **ret, const struct tls_identity *identity, int fd);
/* Says close_notify where it can: nothing can be written any more. */
void tls_session_end(struct tls_session *session);
/* Likewise, if that was not said yet. Takes NULL. */
void tls_session_free(struct tls_session *session);
/*
 * Goes on with the handshake, and reads to the end of `parts`, or of what is there. Returns bytes;
 * 0 at the end; -EAGAIN; -EPROTO, tls_session_reason() says why. An end or an error behind bytes is
 * returned by the next call: tls_session_has_more().
 */
ssize_t tls_session_read(struct tls_session *session, const struct iovec *parts, size_t n);
/* All of it, or -errno; -EAGAIN is an error as well. */
int tls_session_write(struct tls_session *session, const void *data, size_t length);
/* -EAGAIN was for want of room in the socket: wait for that. */
bool tls_session_wants_write(const struct tls_session *session);
bool tls_session_has_more(const struct tls_session *session);
/* It ended without close_notify: somebody may have cut it (RFC 8446 section 6.1). */
bool tls_session_was_cut(const struct tls_session *session);
/* What the producer did wrong, or what it says that we did. */
const char *tls_session_reason(const struct tls_session *session);

#endif
