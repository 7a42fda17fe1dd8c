/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written for people about options and measurements: config/crosstap.yaml,
 * config/man/crosstap.yaml.5 and the table in README.md; about measurements for programs, too. */
#ifndef CROSSTAP_DOCUMENT_DOCUMENT_H
#define CROSSTAP_DOCUMENT_DOCUMENT_H

#include <stdio.h>

/* Every option with its explanation, set to its default; those without one commented out with an
 * example. What it sets is exactly what holds without a file. 0 or -EIO. */
int document_write_default(FILE *out);
/* A page in mdoc(7). 0 or -EIO. */
int document_write_man(FILE *out);
/* Its section about measurements. */
void document_write_measurements_man(FILE *out);
/* The table of the README's "What is counted". 0 or -EIO. */
int document_write_table(FILE *out);
/* A JSON document of all there is to know of each measurement. 0, -EIO or -ENOMEM. */
int document_write_measurements(FILE *out);

#endif
