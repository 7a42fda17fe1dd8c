/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/io.h"
#include "command/command.h"
#include "usage/usage.h"

#include <stdio.h>
#include <string.h>

static int (*const runners[COMMANDS])(int argc, char **argv) = {
    [COMMAND_RUN] = command_run,
    [COMMAND_REPLAY] = command_replay,
    [COMMAND_CHECK] = command_check,
    [COMMAND_DOCTOR] = command_doctor,
    [COMMAND_DETACH] = command_detach,
    [COMMAND_TOP] = command_top,
    [COMMAND_SCHEMA] = command_schema,
};

static void print_usage(FILE *out)
{
	fprintf(out,
	    "usage: crosstap COMMAND [OPTION]...\n"
	    "       crosstap FILE\n"
	    "Counts what a nameserver logged and what reached the machine, window by window.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
	    "\n`crosstap help COMMAND` says more; `crosstap --version` which this is.\n"
	    "Exit status: 0 done, 1 an input failed, 2 bad usage or configuration.\n");
}

/* As other agents of the kind are started: the configuration is the first argument. */
static int run_file(int argc, char **argv)
{
	char config[] = "-c", *run[] = {argv[0], config, argv[1], NULL};

	if (argc > 2) {
		fprintf(stderr, "error crosstap: nothing may follow the file: %s\n", argv[2]);
		return 2;
	}
	return command_run(3, run);
}

static int find_command(const char *name)
{
	for (int i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i].name) == 0)
			return i;
	}
	return -1;
}

static int refuse(const char *name)
{
	fprintf(stderr, "error crosstap: no command of this name: %s\n", name);
	print_usage(stderr);
	return 2;
}

/* `crosstap help`, `crosstap help COMMAND`: another way to say --help. */
static int help(int argc, char **argv)
{
	const int id = argc == 3 ? find_command(argv[2]) : -1;
	char option[] = "--help", *words[] = {argv[argc - 1], option, NULL};

	if (id >= 0)
		return runners[id](2, words);
	if (argc == 2) {
		print_usage(stdout);
		return 0;
	}
	return refuse(argv[2]);
}

static int run_command(int argc, char **argv)
{
	int id;

	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("crosstap " CROSSTAP_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "help") == 0)
		return help(argc, argv);
	id = find_command(argv[1]);
	if (id >= 0)
		return runners[id](argc - 1, argv + 1);
	if (strpbrk(argv[1], "/."))
		return run_file(argc, argv);
	return refuse(argv[1]);
}

/* A report that a full disk cut short is none, whatever it says. */
int main(int argc, char **argv)
{
	int status;

	if (io_fill_standard() < 0) {
		fputs("error crosstap: cannot open /dev/null\n", stderr);
		return 1;
	}
	status = run_command(argc, argv);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fputs("error crosstap: standard output does not take what is written to it\n", stderr);
	return status ? status : 1;
}
