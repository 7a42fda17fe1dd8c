/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of configuration loading share: where we are, and how problems are reported. */
#ifndef CROSSTAP_CONFIG_PARSE_READER_H
#define CROSSTAP_CONFIG_PARSE_READER_H

#include "config/options.h"
#include "config/parse/tree.h"

#define MAX_PROBLEMS 1000 /* that are written; a file of garbage must not fill a log */

struct reader {
	const char *name; /* of the file */
	FILE *errors;
	struct arena *arena;
	struct config *config;
	const struct node *root;            /* NULL for an empty file */
	const struct config_looker *looker; /* NULL: nobody looks */
	unsigned n_problems;
	bool no_memory;
};

/* One problem: FILE:LINE:COLUMN: KEY: text. `where` NULL stands for the file's beginning. */
void reader_problem(struct reader *reader, const struct node *where, const char *key,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for another file, without column. */
void reader_problem_in(struct reader *reader, const char *file, unsigned line, const char *key,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Reads a value of any type but sections, inputs and outputs into its member of the struct at
 * `base`. `key` is the whole path for messages. Problems are reported; the member then keeps what
 * it had. */
void value_read(struct reader *reader, const struct config_option *option, const struct node *node,
    const char *key, void *base);
/* The text of a scalar with $NAME and $$ replaced; NULL after a problem was reported. */
const char *value_expand(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key);
/* Adds the names in the file at `path` to *zones, which stays sorted and without duplicates. */
void zones_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *zones);
void zones_sort(struct config_strings *zones);
/* The same of rules of public suffixes. */
void suffixes_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *rules);
/* The same of TLDs. */
void tlds_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *names);

/* Rules between options. */
void validate_input(
    struct reader *reader, const struct node *node, const char *key, struct config_input *input);
void validate_output(struct reader *reader, const struct node *node, const char *key,
    const struct config_output *output);
void validate_config(struct reader *reader);

#endif
