/* SPDX-License-Identifier: BSD-2-Clause */
/* What tls.c (certificates) and tls_session.c share. */
#ifndef CROSSTAP_DNSTAP_TLS_INTERNAL_H
#define CROSSTAP_DNSTAP_TLS_INTERNAL_H

#include "dnstap/tls.h"

#include <gnutls/gnutls.h>

struct tls_identity {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	bool wants_certificate; /* of producers */
	int64_t not_after;
};

#endif
