/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates and keys in PEM: when they end, and whether they belong together. */
#ifndef CROSSTAP_NETWORK_CERTIFICATE_H
#define CROSSTAP_NETWORK_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

/* Of those in `pem`, the earliest and the latest end of validity, in seconds since 1970; ret_last_s
 * may be NULL. -EINVAL: none can be read; -ENOMEM. */
int certificate_ends(const char *pem, int64_t *ret_first_s, int64_t *ret_last_s);
/* Whether `key` can be read and is the first certificate's. -EINVAL, and *reason says which it is
 * not; -ENOMEM. */
int certificate_fits(const char *cert, const char *key, char *reason, size_t size);

#endif
