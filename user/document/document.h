/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written about options, measurements and commands: config/crosstap.yaml, config/man/,
 * config/completion/ for people, lists for programs. */
#ifndef CROSSTAP_DOCUMENT_DOCUMENT_H
#define CROSSTAP_DOCUMENT_DOCUMENT_H

#include <stdio.h>

/* Every option with its explanation, set to its default; those without one commented out with an
 * example. What it sets is exactly what holds without a file. 0 or -EIO. */
int document_write_default(FILE *out);
/* crosstap.yaml(5). 0 or -EIO. */
int document_write_man(FILE *out);
/*
 * The table of options as a JSON array of maps, one for each option: `path` (below `list`, which is
 * `inputs` or `outputs.KIND`, where that is given), `type`, `default` as a file has it,
 * `environment`, `example`, `min`, `max` (bytes, nanoseconds, characters or items), `values` in
 * words, `words`, `secret`, `takers` (what a reload reaches; `restart`: nothing). 0, -EIO or
 * -ENOMEM.
 */
int document_write_options(FILE *out);
/* The sections TAGS and MEASUREMENTS of crosstap-metrics(7), one after the other. 0 or -EIO. */
int document_write_metrics(FILE *out);
/* A JSON document of all there is to know of each measurement. 0, -EIO or -ENOMEM. */
int document_write_measurements(FILE *out);
/* The sections SYNOPSIS and OPTIONS of crosstap(1), one after the other. 0 or -EIO. */
int document_write_synopsis(FILE *out);
/* Statements that make the tables of the clickhouse output. 0 or -EIO. */
int document_write_clickhouse(FILE *out);
/* What each shell loads to complete a command line. 0 or -EIO. */
int document_write_bash(FILE *out);
int document_write_zsh(FILE *out);
int document_write_fish(FILE *out);

#endif
