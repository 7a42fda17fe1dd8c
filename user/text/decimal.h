/* SPDX-License-Identifier: BSD-2-Clause */
/* Floating-point numbers as text: independent of the locale, read back to the same value. */
#ifndef CROSSTAP_TEXT_DECIMAL_H
#define CROSSTAP_TEXT_DECIMAL_H

#include <stddef.h>

#define DECIMAL_MAX 32

/* Always with a point or an exponent ("1.0", "0.25", "1e+300"), so that no reader takes it for an
 * integer. Returns the length, without a NUL; 0 for NaN and infinities. */
size_t decimal_write(char out[DECIMAL_MAX], double value);

#endif
