/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/preface.h"
#include "dnstap/tls_internal.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_BYTES 16384 /* plain text of a record, RFC 8446 section 5.1 */
#define MAX_WARNINGS 8     /* alerts that mean nothing, in a row */

struct tls_session {
	gnutls_session_t session;
	int fd;
	bool looked; /* at the first bytes */
	bool ready;  /* the handshake is done */
	bool ended, was_cut, said_end;
	/* What was read last, the newest byte at the end; zeros before. */
	uint8_t last[PREFACE_ALERT_BYTES];
	unsigned warnings;
	const char *reason; /* NULL: nobody did wrong */
};

/* gnutls_pull_func: recv(), and of the handshake keeps the end. */
static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
	struct tls_session *session = context;
	const ssize_t n = recv(session->fd, data, size, 0);
	const size_t kept = sizeof(session->last), fresh = (size_t)n < kept ? (size_t)n : kept;

	if (n <= 0 || session->ready)
		return n;
	memmove(session->last, session->last + fresh, kept - fresh);
	memcpy(session->last + kept - fresh, (const uint8_t *)data + n - fresh, fresh);
	return n;
}

int tls_session_new(struct tls_session **ret, const struct tls_identity *identity, int fd)
{
	struct tls_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	if (gnutls_init(&session->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) <
		0 ||
	    gnutls_priority_set(session->session, identity->priorities) < 0 ||
	    gnutls_credentials_set(
		session->session, GNUTLS_CRD_CERTIFICATE, identity->credentials) < 0) {
		tls_session_free(session);
		return -ENOMEM;
	}
	if (identity->wants_certificate) {
		gnutls_certificate_server_set_request(session->session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(session->session, NULL, 0);
	}
	/* GnuTLS's own functions take a descriptor for the pointer. */
	gnutls_transport_set_ptr2(session->session, session, (gnutls_transport_ptr_t)(intptr_t)fd);
	gnutls_transport_set_pull_function(session->session, pull);
	session->fd = fd;
	*ret = session;
	return 0;
}

void tls_session_end(struct tls_session *session)
{
	if (session->ready && !session->reason && !session->was_cut && !session->said_end)
		gnutls_bye(session->session, GNUTLS_SHUT_WR);
	session->said_end = true;
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	tls_session_end(session);
	if (session->session)
		gnutls_deinit(session->session);
	free(session);
}

/* -- reasons */

/* The producer ended the handshake: what it thinks of our certificate, mostly. */
static const char *reason_of_alert(gnutls_alert_description_t alert)
{
	switch (alert) {
	case GNUTLS_A_UNKNOWN_CA:
		return "the producer does not trust the certificate of tls.cert (unknown CA): it "
		       "needs the CA's "
		       "certificate (dnstap-tls-cert-bundle)";
	case GNUTLS_A_CERTIFICATE_EXPIRED:
		return "the producer finds the certificate of tls.cert expired";
	case GNUTLS_A_BAD_CERTIFICATE:
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
		return "the producer refuses the certificate of tls.cert: its names must hold the "
		       "producer's "
		       "dnstap-tls-server-name";
	case GNUTLS_A_PROTOCOL_VERSION:
		return "the producer speaks no TLS version that is taken here (1.2, 1.3)";
	case GNUTLS_A_HANDSHAKE_FAILURE:
	case GNUTLS_A_INSUFFICIENT_SECURITY:
		return "the producer and this input have no TLS cipher in common";
	default:
		return "the producer ended TLS with an alert";
	}
}

static const char *reason_of_certificate(gnutls_session_t session)
{
	const unsigned status = gnutls_session_get_verify_cert_status(session);

	if (status & GNUTLS_CERT_EXPIRED)
		return "its client certificate has expired";
	if (status & GNUTLS_CERT_NOT_ACTIVATED)
		return "its client certificate is not valid yet";
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		return "its client certificate is from no CA of tls.client_ca (unknown CA)";
	return "its client certificate does not hold";
}

static const char *reason_of(gnutls_session_t session, int r)
{
	switch (r) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return reason_of_alert(gnutls_alert_get(session));
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
		return reason_of_certificate(session);
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		return "it has no client certificate, which tls.client_ca demands";
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return "it speaks no TLS version that is taken here (1.2, 1.3)";
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_INSUFFICIENT_SECURITY:
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
	case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
		return "it has no TLS cipher in common with this input";
	case GNUTLS_E_REHANDSHAKE:
		return "it asks for another TLS handshake (renegotiation)";
	default:
		return gnutls_strerror(r); /* a constant */
	}
}

static ssize_t end_with(struct tls_session *session, const char *reason)
{
	session->ended = true;
	session->reason = reason;
	return reason ? -EPROTO : 0;
}

/* What GnuTLS says of a call that did not do all. */
static ssize_t end_of(struct tls_session *session, int r)
{
	if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
		return -EAGAIN;
	if (r == GNUTLS_E_WARNING_ALERT_RECEIVED && session->warnings++ < MAX_WARNINGS)
		return -EAGAIN;
	if (r == GNUTLS_E_PREMATURE_TERMINATION || r == GNUTLS_E_PULL_ERROR ||
	    r == GNUTLS_E_PUSH_ERROR) {
		session->was_cut = session->ready;
		return end_with(session, NULL);
	}
	gnutls_alert_send_appropriate(session->session, r);
	return end_with(session, reason_of(session->session, r));
}

/* -- handshake */

/* A producer that does not speak TLS at all is told apart before GnuTLS finds its bytes strange. */
static ssize_t look(struct tls_session *session)
{
	uint8_t bytes[PREFACE_BYTES];
	const ssize_t n = recv(session->fd, bytes, sizeof(bytes), MSG_PEEK);

	if (n <= 0)
		return n < 0 ? -errno : end_with(session, NULL);
	session->looked = true;
	switch (preface_of(bytes, (size_t)n)) {
	case PREFACE_TLS:
		return 1;
	case PREFACE_FRAMES:
		return end_with(session,
		    "it speaks Frame Streams without TLS, which the input's `tls` asks for: set "
		    "`dnstap-tls: yes` there");
	case PREFACE_HTTP:
		return end_with(session, "it speaks HTTP, without TLS");
	default:
		return end_with(session, "it does not speak TLS");
	}
}

/* An alert without keys where GnuTLS has some already, which OpenSSL sends of a certificate that it
 * does not like. GnuTLS read all of it or its header, which it found too short; -1: there is none.
 */
static int alert_without_keys(const struct tls_session *session)
{
	uint8_t bytes[PREFACE_ALERT_BYTES];
	const int alert = preface_alert(session->last, sizeof(session->last));

	if (alert >= 0)
		return alert;
	memcpy(bytes, session->last + PREFACE_ALERT_BYTES - PREFACE_ALERT_HEADER,
	    PREFACE_ALERT_HEADER);
	if (recv(session->fd, bytes + PREFACE_ALERT_HEADER, 2, MSG_PEEK) != 2)
		return -1;
	return preface_alert(bytes, sizeof(bytes));
}

static ssize_t end_of_handshake(struct tls_session *session, int r)
{
	int alert = -1;

	if (r != GNUTLS_E_AGAIN && r != GNUTLS_E_INTERRUPTED)
		alert = alert_without_keys(session);
	if (alert < 0)
		return end_of(session, r);
	return end_with(session, reason_of_alert((gnutls_alert_description_t)alert));
}

static ssize_t shake_hands(struct tls_session *session)
{
	const ssize_t looked = session->looked ? 1 : look(session);
	int r;

	if (looked <= 0)
		return looked;
	r = gnutls_handshake(session->session);
	if (r < 0)
		return end_of_handshake(session, r);
	session->ready = true;
	return 1;
}

/* -- data */

/* As much as fits and is there, or why there is nothing. Of the last part a record's length is left
 * empty rather than that GnuTLS keeps the rest of one: nothing would wake us for that. */
static ssize_t fill(struct tls_session *session, const struct iovec *part, size_t spare)
{
	size_t filled = 0;

	while (part->iov_len - filled > spare) {
		const ssize_t n = gnutls_record_recv(
		    session->session, (uint8_t *)part->iov_base + filled, part->iov_len - filled);
		ssize_t r;

		if (n > 0) {
			filled += (size_t)n;
			session->warnings = 0;
			continue;
		}
		r = n < 0 ? end_of(session, (int)n) : end_with(session, NULL);
		return filled ? (ssize_t)filled : r;
	}
	return (ssize_t)filled;
}

ssize_t tls_session_read(struct tls_session *session, const struct iovec *parts, size_t n)
{
	ssize_t total = 0;

	if (session->ended)
		return session->reason ? -EPROTO : 0;
	if (!session->ready) {
		const ssize_t r = shake_hands(session);

		if (r <= 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		const size_t spare = i + 1 == n ? RECORD_BYTES - 1 : 0;
		const ssize_t r = fill(session, &parts[i], spare);

		if (r <= 0 && parts[i].iov_len > spare)
			return total ? total : r;
		total += r;
		if (session->ended || (size_t)r + spare < parts[i].iov_len)
			break;
	}
	return total;
}

int tls_session_write(struct tls_session *session, const void *data, size_t length)
{
	const ssize_t n = gnutls_record_send(session->session, data, length);

	return n == (ssize_t)length ? 0 : -EIO;
}

bool tls_session_wants_write(const struct tls_session *session)
{
	return !session->ready && session->looked && !session->ended &&
	    gnutls_record_get_direction(session->session) == 1;
}

bool tls_session_has_more(const struct tls_session *session)
{
	return session->ended;
}

bool tls_session_was_cut(const struct tls_session *session)
{
	return session->was_cut;
}

const char *tls_session_reason(const struct tls_session *session)
{
	return session->reason;
}
