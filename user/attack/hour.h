/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mean rates of very many things over the last hour, in memory of fixed size: two rows of cells by
 * independent parts of a keyed hash, each a running mean with a time constant of an hour. The
 * lesser of a thing's two cells is never too low, and too high by what others in it have. Inside
 * attack/ only.
 */
#ifndef CROSSTAP_ATTACK_HOUR_H
#define CROSSTAP_ATTACK_HOUR_H

#include <stdbool.h>
#include <stdint.h>

#define HOUR_ROWS    2
#define HOUR_CELLS   4096
#define HOUR_LEAST_S 600 /* before that nothing is said */

struct hour {
	float now[HOUR_ROWS][HOUR_CELLS];  /* of the window */
	float mean[HOUR_ROWS][HOUR_CELLS]; /* a second */
	bool kept[HOUR_ROWS][HOUR_CELLS];  /* does not learn from this window */
	double seen_s;
};

void hour_add(struct hour *hour, uint64_t hash, double amount);
/* What the thing does now is not what it is like. */
void hour_keep(struct hour *hour, uint64_t hash);
/* A second; negative: not enough has been seen. */
double hour_mean(const struct hour *hour, uint64_t hash);
/* The window is over. */
void hour_learn(struct hour *hour, double length_s);

#endif
