/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: one table of commands and their options, which the parser, `--help`, the man
 * page and the shells' completions are made from. */
#ifndef CROSSTAP_USAGE_USAGE_H
#define CROSSTAP_USAGE_USAGE_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#define USAGE_DEFAULT_URL "http://127.0.0.1:9053" /* where an agent listens by default */

enum command_id {
	COMMAND_RUN,
	COMMAND_REPLAY,
	COMMAND_CHECK,
	COMMAND_DOCTOR,
	COMMAND_DETACH,
	COMMAND_TOP,
	COMMAND_SCHEMA,
	COMMANDS
};

/* What usage_next() returns; those of short options are their letters. */
enum option_id {
	USAGE_CONFIG = 'c',
	USAGE_HELP = 'h',
	USAGE_JSON = 256, /* past every letter */
	USAGE_INPUT,
	USAGE_PCAP,
	USAGE_QUERIES,
	USAGE_POINTS,
	USAGE_PUSH,
	USAGE_OPTIONS,
	USAGE_MEASUREMENTS,
	USAGE_WRITE_DEFAULT,
	USAGE_WRITE_MAN,
	USAGE_WRITE_METRICS,
	USAGE_WRITE_SYNOPSIS,
	USAGE_WRITE_BASH,
	USAGE_WRITE_ZSH,
	USAGE_WRITE_FISH,
	USAGE_URL,
	USAGE_TOKEN_FILE,
	USAGE_CA,
	USAGE_ONCE,
	USAGE_HEALTH,
	USAGE_WARNING,
	USAGE_CRITICAL,
};

/* What a shell offers for an argument. */
enum argument_kind {
	ARGUMENT_NONE, /* there is none */
	ARGUMENT_FILE,
	ARGUMENT_INTERFACE,
	ARGUMENT_WORD, /* one of `words` */
	ARGUMENT_TEXT, /* nothing is offered */
};

struct command_option {
	const char *name; /* without the dashes; its short form, if any, is the letter `id` */
	enum option_id id;
	enum argument_kind kind;
	const char *argument;     /* its name in the help; NULL without one */
	const char *const *words; /* ends with NULL; for ARGUMENT_WORD */
	bool repeats;
	const char *help; /* NULL: for the build of this program, shown nowhere */
};

#define MAX_COMMAND_OPTIONS 16

struct command {
	const char *name;
	const char *help;     /* a line of `crosstap --help` */
	const char *about;    /* lines; what its own help says first */
	const char *operands; /* of the command line, after the options; NULL: it takes none */
	enum argument_kind operand_kind;
	const struct command_option *options; /* every command takes -h and --help besides */
	size_t n_options;
	const char *tail; /* lines, after the options: signals, exit status */
};

extern const struct command commands[COMMANDS];

/* True: `option` has a short form, the letter `id`. */
bool usage_has_letter(const struct command_option *option);

/* -- help */

/* What it is called with and what it does; an option a line; what is to know besides. */
void usage_print_about(FILE *out, const struct command *command);
void usage_print_options(FILE *out, const struct command *command);
void usage_print_tail(FILE *out, const struct command *command);
/* All three. */
void usage_print(FILE *out, enum command_id id);

/* -- parser */

struct usage_reader {
	const struct command *command;
	int argc;
	char **argv;
	char letters[2 * MAX_COMMAND_OPTIONS + 2];
	struct option options[MAX_COMMAND_OPTIONS + 2];
};

/* Reads an argument list, which holds the command's name first; getopt(3) reorders it. */
void usage_begin(struct usage_reader *reader, enum command_id id, int argc, char **argv);
/* The next option's `enum option_id`, its argument in `optarg`; -1 at the end, operands being from
 * `optind` on, where the command takes any; '?' for bad usage, of which stderr was told. */
int usage_next(struct usage_reader *reader);

#endif
