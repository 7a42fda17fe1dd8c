/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/certificate.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

int certificate_end(const char *pem, int64_t *ret_s)
{
	const gnutls_datum_t data = {(void *)(uintptr_t)pem, (unsigned)strlen(pem)};
	gnutls_x509_crt_t *list = NULL;
	unsigned n = 0;
	int r = gnutls_x509_crt_list_import2(&list, &n, &data, GNUTLS_X509_FMT_PEM, 0);

	if (r < 0)
		return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		const int64_t end_s = gnutls_x509_crt_get_expiration_time(list[i]);

		if (i == 0 || end_s < *ret_s)
			*ret_s = end_s;
		gnutls_x509_crt_deinit(list[i]);
	}
	gnutls_free(list);
	return n ? 0 : -EINVAL;
}
