/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap schema: what a database has to have before an output can write to it. */
#include "command/command.h"

#include "document/document.h"
#include "usage/usage.h"

#include <stdio.h>
#include <string.h>

int command_schema(int argc, char **argv)
{
	struct usage_reader reader;
	int option;

	usage_begin(&reader, COMMAND_SCHEMA, argc, argv);
	option = usage_next(&reader);
	if (option == USAGE_HELP) {
		usage_print(stdout, COMMAND_SCHEMA);
		return 0;
	}
	if (option != -1 || argc - optind != 1 || strcmp(argv[optind], "clickhouse") != 0) {
		usage_print(stderr, COMMAND_SCHEMA);
		return 2;
	}
	return document_write_clickhouse(stdout) < 0 || fflush(stdout) != 0;
}
