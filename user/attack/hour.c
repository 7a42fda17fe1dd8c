/* SPDX-License-Identifier: BSD-2-Clause */
#include "attack/hour.h"

#include <math.h>
#include <string.h>

#define CONSTANT_S 3600.0

static uint32_t cell_of(uint64_t hash, int row)
{
	return (uint32_t)(hash >> (row ? 40 : 8)) % HOUR_CELLS;
}

void hour_add(struct hour *hour, uint64_t hash, double amount)
{
	for (int row = 0; row < HOUR_ROWS; row++)
		hour->now[row][cell_of(hash, row)] += (float)amount;
}

void hour_keep(struct hour *hour, uint64_t hash)
{
	for (int row = 0; row < HOUR_ROWS; row++)
		hour->kept[row][cell_of(hash, row)] = true;
}

/* How much of the mean is made of what was seen, and not of the zeros that it began with. */
static double weight(const struct hour *hour)
{
	return 1 - exp(-hour->seen_s / CONSTANT_S);
}

double hour_mean(const struct hour *hour, uint64_t hash)
{
	const float a = hour->mean[0][cell_of(hash, 0)], b = hour->mean[1][cell_of(hash, 1)];

	return hour->seen_s < HOUR_LEAST_S ? -1 : (double)(a < b ? a : b) / weight(hour);
}

void hour_learn(struct hour *hour, double length_s)
{
	const double part = 1 - exp(-length_s / CONSTANT_S), before = weight(hour);

	for (int row = 0; row < HOUR_ROWS; row++) {
		for (int i = 0; i < HOUR_CELLS; i++) {
			float *mean = &hour->mean[row][i];
			/* One that is kept goes on as it was. */
			const double rate = !hour->kept[row][i] ? hour->now[row][i] / length_s
			    : before > 0                        ? *mean / before
								: 0;

			*mean += (float)((rate - *mean) * part);
		}
	}
	memset(hour->now, 0, sizeof(hour->now));
	memset(hour->kept, 0, sizeof(hour->kept));
	hour->seen_s += length_s;
}
