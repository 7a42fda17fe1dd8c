/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secret_file.h"
#include "dnstap/tls_internal.h"
#include "network/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static int fail(char *error, size_t size, int r, const char *path, const char *why)
{
	snprintf(error, size, "%s: %s", path, why);
	return r;
}

/* -- certificates */

static int import_pair(struct tls_identity *identity, const char *cert, const char *key,
    const char *cert_text, const char *key_text, char *error, size_t size)
{
	const gnutls_datum_t cert_pem = {(unsigned char *)cert_text, (unsigned)strlen(cert_text)};
	const gnutls_datum_t key_pem = {(unsigned char *)key_text, (unsigned)strlen(key_text)};
	int r;

	if (certificate_ends(cert_text, &identity->not_after, NULL) < 0)
		return fail(error, size, -EINVAL, cert, "no PEM certificate in it");
	r = gnutls_certificate_set_x509_key_mem2(
	    identity->credentials, &cert_pem, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r >= 0)
		return 0;
	if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fail(error, size, -EINVAL, key, "not the key of the certificate");
	if (r == GNUTLS_E_MEMORY_ERROR)
		return fail(error, size, -EINVAL, cert, gnutls_strerror(r));
	return fail(error, size, -EINVAL, key, "no PEM private key in it");
}

static int read_pair(
    struct tls_identity *identity, const char *cert, const char *key, char *error, size_t size)
{
	char *cert_text = NULL, *key_text = NULL;
	int r = secret_file_read(&cert_text, cert, false, error, size);

	if (r == 0)
		r = secret_file_read(&key_text, key, true, error, size);
	if (r == 0)
		r = import_pair(identity, cert, key, cert_text, key_text, error, size);
	secret_free(key_text);
	secret_free(cert_text);
	return r < 0 ? r : 0;
}

static int read_client_ca(struct tls_identity *identity, const char *path, char *error, size_t size)
{
	char *text = NULL;
	gnutls_datum_t pem;
	int r = secret_file_read(&text, path, false, error, size);

	if (r < 0)
		return r;
	pem = (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
	r = gnutls_certificate_set_x509_trust_mem(identity->credentials, &pem, GNUTLS_X509_FMT_PEM);
	secret_free(text);
	if (r <= 0)
		return fail(error, size, -EINVAL, path, "no PEM certificate in it");
	identity->wants_certificate = true;
	return 0;
}

int tls_identity_new(struct tls_identity **ret, const char *cert, const char *key,
    const char *client_ca, char *error, size_t size)
{
	struct tls_identity *identity = calloc(1, sizeof(*identity));
	int r = identity ? 0 : -ENOMEM;

	if (r == 0 &&
	    (gnutls_certificate_allocate_credentials(&identity->credentials) < 0 ||
		gnutls_priority_init(&identity->priorities, PRIORITIES, NULL) < 0))
		r = -ENOMEM;
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	else
		r = read_pair(identity, cert, key, error, size);
	if (r == 0 && *client_ca)
		r = read_client_ca(identity, client_ca, error, size);
	if (r < 0) {
		tls_identity_free(identity);
		return r;
	}
	*ret = identity;
	return 0;
}

void tls_identity_free(struct tls_identity *identity)
{
	if (!identity)
		return;
	if (identity->credentials)
		gnutls_certificate_free_credentials(identity->credentials);
	if (identity->priorities)
		gnutls_priority_deinit(identity->priorities);
	free(identity);
}

int64_t tls_identity_not_after(const struct tls_identity *identity)
{
	return identity->not_after;
}
