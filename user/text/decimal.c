/* SPDX-License-Identifier: BSD-2-Clause */
#include "text/decimal.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of at most DBL_DIG digits no two read back to the same value: none of them is one too many. */
#define EXACT_INTEGERS 1e15

/*
 * Most measurements have few decimals. If value is `scaled` / 10^places, both exact, then IEEE
 * division rounds the quotient as a reader rounds its digits, so these digits read back to value.
 */
static size_t write_scaled(char *out, double value, int places, int64_t power)
{
	double scaled = nearbyint(fabs(value) * (double)power);
	char digits[DECIMAL_MAX];
	uint64_t rest;
	size_t n = 0, used = 0;

	if (scaled >= EXACT_INTEGERS || scaled / (double)power != fabs(value))
		return 0;
	rest = (uint64_t)scaled;
	for (int i = 0; i < places || rest; i++) {
		if (n || i >= places - 1 || rest % 10)
			digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
		if (i == places - 1) {
			digits[n++] = '.';
			if (!rest)
				digits[n++] = '0';
		}
	}
	if (signbit(value))
		out[used++] = '-';
	while (n)
		out[used++] = digits[--n];
	return used;
}

/* The least digits that read back to the same value, with whatever decimal point the locale has. Of
 * DBL_DIG digits trailing zeros are left out; subnormal numbers have fewer. */
static size_t write_shortest(char *out, double value)
{
	const int least = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
	char text[DECIMAL_MAX];
	bool is_float = false;
	size_t used = 0;
	int n = 0;

	for (int precision = least; precision <= 17; precision++) {
		n = snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	for (int i = 0; i < n; i++) {
		char c = text[i];
		bool known = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e';

		if (!known && is_float)
			continue; /* a decimal point of several bytes */
		is_float = is_float || !known || c == 'e';
		out[used++] = known ? c : '.';
	}
	if (!is_float) {
		out[used++] = '.';
		out[used++] = '0';
	}
	return used;
}

size_t decimal_write(char out[DECIMAL_MAX], double value)
{
	size_t n;

	if (!isfinite(value))
		return 0;
	n = write_scaled(out, value, 3, 1000);
	if (!n)
		n = write_scaled(out, value, 6, 1000000);
	return n ? n : write_shortest(out, value);
}
