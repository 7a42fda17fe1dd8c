/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: the command around the checks of doctor/. */
#include "doctor/doctor.h"

#include "base/log.h"
#include "command/command.h"
#include "outside/unit_environment.h"
#include "usage/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BAD_USAGE 2
#define MODULE    "doctor"

static int examine(const char *path, bool json)
{
	struct doctor doctor = {.path = path};
	int r, status;

	unit_environment_take(UNIT_ENVIRONMENT);
	r = doctor_look(&doctor);
	if (r == 0)
		r = json ? doctor_print_json(&doctor, stdout) : doctor_print_text(&doctor, stdout);
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	if (r < 0)
		log_error(MODULE, "%s", strerror(-r));
	if (r < 0 || doctor_count(&doctor, DOCTOR_ERROR))
		status = 2;
	else
		status = doctor_count(&doctor, DOCTOR_WARNING) != 0;
	config_unref((struct config *)doctor.config);
	doctor_clear(&doctor);
	free(doctor.nameservers);
	return status;
}

static int print_help(void)
{
	const struct command *command = &commands[COMMAND_DOCTOR];
	const struct doctor_check *checks;
	const size_t n = doctor_checks(&checks);

	usage_print_about(stdout, command);
	usage_print_options(stdout, command);
	for (size_t i = 0; i < n; i++)
		printf("  %-14s %s\n", checks[i].name, checks[i].help);
	usage_print_tail(stdout, command);
	return fflush(stdout) != 0 ? BAD_USAGE : 0;
}

int command_doctor(int argc, char **argv)
{
	struct usage_reader reader;
	const char *path = NULL;
	bool json = false;
	int option;

	usage_begin(&reader, COMMAND_DOCTOR, argc, argv);
	while ((option = usage_next(&reader)) != -1) {
		if (option == USAGE_CONFIG)
			path = optarg;
		else if (option == USAGE_JSON)
			json = true;
		else if (option == USAGE_HELP)
			return print_help();
		else
			break;
	}
	if (option != -1 || optind < argc) {
		usage_print(stderr, COMMAND_DOCTOR);
		return BAD_USAGE;
	}
	return examine(path, json);
}
