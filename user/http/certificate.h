/* SPDX-License-Identifier: BSD-2-Clause */
/* When certificates end. */
#ifndef CROSSTAP_HTTP_CERTIFICATE_H
#define CROSSTAP_HTTP_CERTIFICATE_H

#include <stdint.h>

/* Of those in `pem`, the earliest end of validity, in seconds since 1970. -EINVAL: none can be
 * read; -ENOMEM. */
int certificate_end(const char *pem, int64_t *ret_s);

#endif
