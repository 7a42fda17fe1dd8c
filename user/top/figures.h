/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures as words of at most eight columns, whatever they are. */
#ifndef CROSSTAP_TOP_FIGURES_H
#define CROSSTAP_TOP_FIGURES_H

#define FIGURE_BYTES 24

char *figure_count(char out[FIGURE_BYTES], double count);
/* With one digit after the point where it is small. */
char *figure_rate(char out[FIGURE_BYTES], double rate);
char *figure_percent(char out[FIGURE_BYTES], double part, double whole);
char *figure_us(char out[FIGURE_BYTES], double us);
char *figure_age(char out[FIGURE_BYTES], double seconds);

#endif
