/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: the table of what is looked at. */
#include "doctor/doctor.h"

#include "doctor/network.h"
#include "doctor/processes.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    {"processes", doctor_processes, "nameservers, and what may be seen of them"},
    {"dnstap", doctor_dnstap, "nameservers make frames, and these can arrive"},
    {"af_xdp", doctor_af_xdp, "no nameserver takes packets before the wire"},
    {"sockets", doctor_sockets, "the nameserver's lose nothing, and share the work"},
    {"devices", doctor_devices, "receive queues, hashing, interrupts, rings and offloads"},
    {"conntrack", doctor_conntrack, "DNS is not tracked"},
    {"buffers", doctor_buffers, "how large socket buffers may be"},
    {"dnsdist", doctor_dnsdist, "where it runs: listeners, threads, files, kTLS"},
    {"inputs", doctor_inputs, "sockets can be made, and nameservers reach them"},
    {"page", doctor_page, "is not open to all"},
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

/* -- the configuration */

/* Each line of what config_load() has to say. */
static void note_problems(struct doctor *doctor, char *problems)
{
	char *rest = NULL, command[PATH_MAX + 32];

	snprintf(command, sizeof(command), "crosstap check -c '%s'",
	    doctor->path ? doctor->path : CONFIG_DEFAULT_PATH);

	for (char *line = strtok_r(problems, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		doctor_note(doctor, DOCTOR_ERROR, "the agent would not start", command, "%s", line);
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
			doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s is valid", config->path);
		else
			doctor_note(doctor, DOCTOR_OK, NULL, NULL,
			    "there is no " CONFIG_DEFAULT_PATH ": the built-in defaults hold");
	} else if (r == -EACCES && geteuid() != 0) {
		doctor_note(doctor, DOCTOR_WARNING, "whether the agent would start cannot be told",
		    "sudo crosstap doctor",
		    "%s cannot be read without being root: what follows is about the built-in "
		    "defaults",
		    doctor->path ? doctor->path : CONFIG_DEFAULT_PATH);
		r = config_parse("defaults", "", 0, stderr, &config);
	} else {
		if (problems)
			note_problems(doctor, problems);
		doctor_note(doctor, DOCTOR_ERROR, "the agent would not start", "crosstap doctor",
		    "mend it and look again: what follows is about the built-in defaults");
		r = config_parse("defaults", "", 0, stderr, &config);
	}
	free(problems);
	doctor->config = r == 0 ? config : NULL;
}

int doctor_look(struct doctor *doctor)
{
	for (size_t i = 0; i < CHECKS; i++) {
		doctor->check = checks[i].name;
		checks[i].run(doctor);
		if (!doctor->config)
			return -ENOMEM;
	}
	return doctor->failed ? -ENOMEM : 0;
}
