/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written about the options for people: config/crosstap.yaml and
 * config/man/crosstap.yaml.5. */
#ifndef CROSSTAP_DOCUMENT_DOCUMENT_H
#define CROSSTAP_DOCUMENT_DOCUMENT_H

#include <stdio.h>

/* Every option with its explanation, set to its default; those without one commented out with an
 * example. What it sets is exactly what holds without a file. 0 or -EIO. */
int document_write_default(FILE *out);
/* A page in mdoc(7). 0 or -EIO. */
int document_write_man(FILE *out);

#endif
