/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
    {"run", command_run, "the daemon, in the foreground"},
    {"replay", command_replay, "the same pipeline over dnstap files; prints one report"},
    {"check", command_check, "validate a configuration, print the effective one"},
    {"doctor", command_doctor, "look at this host for what the agent needs"},
    {"detach", command_detach, "remove the BPF programs that a killed agent left"},
    {"top", command_top, "a running agent, live in the terminal"},
};

static void print_usage(FILE *out)
{
	fprintf(out,
	    "usage: crosstap COMMAND [OPTION]...\n"
	    "Counts what a nameserver logged and what reached the machine, window by window.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
	    "\n`crosstap COMMAND --help` says more; `crosstap --version` which this is.\n"
	    "Exit status: 0 done, 1 an input failed, 2 bad usage or configuration.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("crosstap " CROSSTAP_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "error crosstap: no command of this name: %s\n", argv[1]);
	print_usage(stderr);
	return 2;
}
