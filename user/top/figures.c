/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/figures.h"

#include <math.h>
#include <stdio.h>

/* From a million on with a letter for thousands of thousands. */
static char *shorten(char out[FIGURE_BYTES], double value, int digits)
{
	static const char letters[] = " kMGTPE";
	unsigned i = 0;

	if (!(fabs(value) >= 999999.5)) {
		snprintf(out, FIGURE_BYTES, "%.*f", digits, value);
		return out;
	}
	while (fabs(value) >= 99999.5 && letters[i + 1]) {
		value /= 1000;
		i++;
	}
	snprintf(out, FIGURE_BYTES, "%.0f%c", value, letters[i]);
	return out;
}

char *figure_count(char out[FIGURE_BYTES], double count)
{
	return shorten(out, count, 0);
}

char *figure_rate(char out[FIGURE_BYTES], double rate)
{
	return shorten(out, rate, fabs(rate) < 99999.5 ? 1 : 0);
}

char *figure_percent(char out[FIGURE_BYTES], double part, double whole)
{
	if (!(whole > 0) || !(part >= 0) || part > 100 * whole)
		snprintf(out, FIGURE_BYTES, "-");
	else
		snprintf(out, FIGURE_BYTES, "%.1f%%", 100 * part / whole);
	return out;
}

char *figure_us(char out[FIGURE_BYTES], double us)
{
	if (!(us >= 0) || us >= 1e10)
		snprintf(out, FIGURE_BYTES, "-");
	else if (us < 999.5)
		snprintf(out, FIGURE_BYTES, "%.0f us", us);
	else if (us < 999950)
		snprintf(out, FIGURE_BYTES, "%.1f ms", us / 1e3);
	else
		snprintf(out, FIGURE_BYTES, "%.1f s", us / 1e6);
	return out;
}

char *figure_age(char out[FIGURE_BYTES], double seconds)
{
	const double s = seconds >= 0 && seconds < 1e12 ? seconds : 0;

	if (s >= 86400)
		snprintf(out, FIGURE_BYTES, "%.0f d", floor(s / 86400));
	else if (s >= 3600)
		snprintf(out, FIGURE_BYTES, "%.0f h", floor(s / 3600));
	else if (s >= 60)
		snprintf(out, FIGURE_BYTES, "%.0f min", floor(s / 60));
	else
		snprintf(out, FIGURE_BYTES, "%.0f s", floor(s));
	return out;
}
