/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: looks at this host for what the agent needs. */
#include "command/doctor.h"

#include "base/log.h"
#include "command/command.h"
#include "text/json_text.h"
#include "usage/usage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BAD_USAGE 2
#define MODULE    "doctor"

static void look_at_configuration(struct doctor *doctor);

/* For --help, and the order of things; the man page names them, too. */
static const struct doctor_check checks[] = {
    {"configuration", look_at_configuration, "is valid; if not, defaults are looked at"},
    {"kernel", doctor_kernel, "its version, and BTF"},
    {"bpf", doctor_bpf, "may programs be loaded: capabilities, locked memory"},
    {"jit", doctor_jit, "are programs compiled"},
    {"clock", doctor_clock, "is synchronised"},
    {"interfaces", doctor_interfaces, "how each would be watched, and why"},
    {"nameserver", doctor_nameserver, "listens at wire.ports"},
    {"inputs", doctor_inputs, "sockets can be made, and nameservers reach them"},
    {"outputs", doctor_outputs, "answer"},
    {"folders", doctor_folders, "spool, state, RSSAC002 can be written"},
    {"databases", doctor_databases, "can be read, and are not old"},
    {"ping", doctor_ping, "echo sockets are permitted"},
    {"privacy", doctor_privacy, "the key of cryptopan can be used"},
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

size_t doctor_checks(const struct doctor_check **ret)
{
	*ret = checks;
	return CHECKS;
}

/* -- findings */

void doctor_note(
    struct doctor *doctor, enum doctor_level level, const char *advice, const char *format, ...)
{
	struct doctor_finding *findings =
	    reallocarray(doctor->findings, doctor->n + 1, sizeof(*findings));
	struct doctor_finding finding = {.check = doctor->check, .level = level};
	va_list arguments;
	int length;

	if (!findings) {
		doctor->failed = true;
		return;
	}
	doctor->findings = findings;
	va_start(arguments, format);
	length = vasprintf(&finding.text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		doctor->failed = true;
		return;
	}
	if (advice) {
		finding.advice = strdup(advice);
		doctor->failed |= !finding.advice;
	}
	findings[doctor->n++] = finding;
}

void doctor_clear(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n; i++) {
		free(doctor->findings[i].text);
		free(doctor->findings[i].advice);
	}
	free(doctor->findings);
	doctor->findings = NULL;
	doctor->n = 0;
}

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[DOCTOR_LEVELS] = {"ok", "warning", "error"};

	return names[level];
}

size_t doctor_count(const struct doctor *doctor, enum doctor_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n; i++)
		n += doctor->findings[i].level == level;
	return n;
}

int doctor_print_text(const struct doctor *doctor, FILE *out)
{
	for (size_t i = 0; i < doctor->n; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		fprintf(out, "%-8s %-14s %s%s%s\n", doctor_level_name(finding->level),
		    finding->check, finding->text, finding->advice ? " => " : "",
		    finding->advice ? finding->advice : "");
	}
	fprintf(out, "ok=%zu warnings=%zu errors=%zu\n", doctor_count(doctor, DOCTOR_OK),
	    doctor_count(doctor, DOCTOR_WARNING), doctor_count(doctor, DOCTOR_ERROR));
	return ferror(out) ? -EIO : 0;
}

static json_t *finding_json(const struct doctor_finding *finding)
{
	json_t *object = json_pack("{s:s, s:s, s:s}", "check", finding->check, "level",
	    doctor_level_name(finding->level), "text", finding->text);

	if (object && finding->advice)
		json_object_set_new(object, "advice", json_string(finding->advice));
	return object;
}

int doctor_print_json(const struct doctor *doctor, FILE *out)
{
	json_t *findings = json_array(), *document = NULL;
	int r = 0;

	for (size_t i = 0; i < doctor->n && r == 0; i++) {
		if (json_array_append_new(findings, finding_json(&doctor->findings[i])) < 0)
			r = -ENOMEM;
	}
	if (r == 0)
		document = json_pack("{s:O, s:I, s:I, s:I}", "checks", findings, "ok",
		    (json_int_t)doctor_count(doctor, DOCTOR_OK), "warnings",
		    (json_int_t)doctor_count(doctor, DOCTOR_WARNING), "errors",
		    (json_int_t)doctor_count(doctor, DOCTOR_ERROR));
	if (!document)
		r = -ENOMEM;
	else if (json_print(document, 1, out) < 0 || fputc('\n', out) == EOF)
		r = -EIO;
	json_decref(document);
	json_decref(findings);
	return r;
}

/* -- the configuration */

/* Each line of what config_load() has to say. */
static void note_problems(struct doctor *doctor, char *problems)
{
	char *rest = NULL;

	for (char *line = strtok_r(problems, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		doctor_note(doctor, DOCTOR_ERROR, NULL, "%s", line);
}

static void look_at_configuration(struct doctor *doctor)
{
	struct config *config = NULL;
	char *problems = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(&problems, &size);
	int r = errors ? config_load(doctor->path, errors, &config) : -ENOMEM;

	if (errors && fclose(errors) != 0)
		r = r < 0 ? r : -ENOMEM;
	if (r == 0) {
		if (*config->path)
			doctor_note(doctor, DOCTOR_OK, NULL, "%s is valid", config->path);
		else
			doctor_note(doctor, DOCTOR_OK, NULL,
			    "there is no " CONFIG_DEFAULT_PATH ": the built-in defaults hold");
	} else {
		if (problems)
			note_problems(doctor, problems);
		doctor_note(doctor, DOCTOR_ERROR, "mend it, then look again",
		    "the agent would not start; what follows is about the built-in defaults");
		r = config_parse("defaults", "", 0, stderr, &config);
	}
	free(problems);
	doctor->config = r == 0 ? config : NULL;
}

/* -- the command */

static int look(struct doctor *doctor)
{
	for (size_t i = 0; i < CHECKS; i++) {
		doctor->check = checks[i].name;
		checks[i].run(doctor);
		if (!doctor->config)
			return -ENOMEM;
	}
	return doctor->failed ? -ENOMEM : 0;
}

static int examine(const char *path, bool json)
{
	struct doctor doctor = {.path = path};
	int r = look(&doctor), status;

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
	return status;
}

static int print_help(void)
{
	const struct command *command = &commands[COMMAND_DOCTOR];

	usage_print_about(stdout, command);
	usage_print_options(stdout, command);
	for (size_t i = 0; i < CHECKS; i++)
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
