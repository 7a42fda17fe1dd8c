/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody speaks, by the first bytes: so that a producer and an input that are set up
 * differently can be told what to change. Pure. */
#ifndef CROSSTAP_DNSTAP_PREFACE_H
#define CROSSTAP_DNSTAP_PREFACE_H

#include <stddef.h>
#include <stdint.h>

#define PREFACE_BYTES 8 /* more are not looked at */

enum preface {
	PREFACE_UNKNOWN,
	PREFACE_FRAMES, /* the escape that begins a Frame Streams control frame */
	PREFACE_TLS,    /* a record with a ClientHello, RFC 8446 sections 4.1.2 and 5.1 */
	PREFACE_HTTP, /* a request line, or the connection preface of HTTP/2 (RFC 9113 section 3.4)
		       */
};

/* By as many bytes as there are, 1 at least; one byte can be enough to tell. */
enum preface preface_of(const uint8_t *bytes, size_t length);

#define PREFACE_ALERT_HEADER 5 /* of its record */
#define PREFACE_ALERT_BYTES  7

/*
 * The description of a fatal alert that stands there in the clear (RFC 8446 sections 5 and 6); -1:
 * none. OpenSSL refuses a certificate so even in TLS 1.3, where GnuTLS only finds a record that it
 * cannot decrypt.
 */
int preface_alert(const uint8_t *bytes, size_t length);

#endif
