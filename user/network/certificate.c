/* SPDX-License-Identifier: BSD-2-Clause */
#include "network/certificate.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

static gnutls_datum_t datum(const char *pem)
{
	return (gnutls_datum_t){(void *)(uintptr_t)pem, (unsigned)strlen(pem)};
}

int certificate_ends(const char *pem, int64_t *ret_first_s, int64_t *ret_last_s)
{
	const gnutls_datum_t data = datum(pem);
	gnutls_x509_crt_t *list = NULL;
	int64_t first_s = INT64_MAX, last_s = INT64_MIN;
	unsigned n = 0;
	int r = gnutls_x509_crt_list_import2(&list, &n, &data, GNUTLS_X509_FMT_PEM, 0);

	if (r < 0)
		return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		const int64_t end_s = gnutls_x509_crt_get_expiration_time(list[i]);

		if (end_s < first_s)
			first_s = end_s;
		if (end_s > last_s)
			last_s = end_s;
		gnutls_x509_crt_deinit(list[i]);
	}
	gnutls_free(list);
	if (!n)
		return -EINVAL;
	*ret_first_s = first_s;
	if (ret_last_s)
		*ret_last_s = last_s;
	return 0;
}

int certificate_fits(const char *cert, const char *key, char *reason, size_t size)
{
	const gnutls_datum_t certs = datum(cert), keys = datum(key);
	gnutls_certificate_credentials_t both;
	int r = gnutls_certificate_allocate_credentials(&both);

	if (r < 0)
		return -ENOMEM;
	r = gnutls_certificate_set_x509_key_mem2(both, &certs, &keys, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_certificate_free_credentials(both);
	if (r >= 0)
		return 0;
	snprintf(reason, size, "%s",
	    r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH ? "is not the key of this certificate"
						   : gnutls_strerror(r));
	return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}
