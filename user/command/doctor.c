/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: the command around the checks of doctor/. */
#include "doctor/doctor.h"

#include "base/log.h"
#include "command/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define BAD_USAGE 2
#define MODULE    "doctor"

static const char usage[] =
    "usage: crosstap doctor [-c FILE] [--json]\n"
    "Looks at this host for what the agent needs and what would hurt, and says what to type.\n"
    "  -c FILE   instead of " CONFIG_DEFAULT_PATH "\n"
    "  --json    one JSON document on stdout\n";
static const char exits[] = "Run it as the agent runs (root): permissions are those of who asks.\n"
			    "Exit status: 0 all is fine, 1 warnings, 2 errors or bad usage.\n";

static int examine(const char *path, bool json)
{
	struct doctor doctor = {.path = path};
	int r = doctor_look(&doctor), status;

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
	const struct doctor_check *checks;
	const size_t n = doctor_checks(&checks);

	fputs(usage, stdout);
	for (size_t i = 0; i < n; i++)
		printf("  %-14s %s\n", checks[i].name, checks[i].help);
	fputs(exits, stdout);
	return fflush(stdout) != 0 ? BAD_USAGE : 0;
}

int command_doctor(int argc, char **argv)
{
	enum { JSON = 256 };
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"json", no_argument, NULL, JSON},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	const char *path = NULL;
	bool json = false;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (c == 'c')
			path = optarg;
		else if (c == JSON)
			json = true;
		else if (c == 'h')
			return print_help();
		else
			break;
	}
	if (c != -1 || optind < argc) {
		fputs(usage, stderr);
		return BAD_USAGE;
	}
	return examine(path, json);
}
