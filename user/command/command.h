/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands. Each takes its arguments with its own name in argv[0] and returns the exit
 * status; 2 for bad usage. */
#ifndef CROSSTAP_COMMAND_COMMAND_H
#define CROSSTAP_COMMAND_COMMAND_H

int command_run(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_check(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_top(int argc, char **argv);
int command_detach(int argc, char **argv);
int command_schema(int argc, char **argv);

#endif
