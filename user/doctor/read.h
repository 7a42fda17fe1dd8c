/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of the host that is looked at, below the root of `struct doctor`. */
#ifndef CROSSTAP_DOCTOR_READ_H
#define CROSSTAP_DOCTOR_READ_H

#include "doctor/doctor.h"

#include <limits.h>
#include <stdint.h>

#define DOCTOR_FILE_BYTES (1 << 18) /* of a file; the rest is not read */

/* The place of a path of that host. */
void doctor_place(const struct doctor *doctor, char ret[PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The caller frees *ret, which ends with NUL; bytes in *ret_length (or NULL). -errno. */
int doctor_read(const char *place, char **ret, size_t *ret_length);
/* The number that a file begins with. -EINVAL: none. */
int doctor_read_number(const char *place, uint64_t *ret);

#endif
