/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: nameservers that take packets before the network stack (AF_XDP). */
#include "doctor/processes.h"

#include "doctor/read.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 4096 /* descriptors of a process that are looked at */

/* A map of AF_XDP sockets among the descriptors: /proc/PID/fdinfo/FD says "map_type:\t17". */
static bool holds_sockets(const struct doctor *doctor, pid_t pid, size_t *unseen)
{
	char place[PATH_MAX], *text = NULL;
	const struct dirent *entry;
	bool holds = false;
	size_t n = 0;
	DIR *folder;

	doctor_place(doctor, place, "/proc/%d/fdinfo", (int)pid);
	folder = opendir(place);
	*unseen += !folder && errno == EACCES;
	while (folder && !holds && n++ < FILES_MAX && (entry = readdir(folder))) {
		const char *type;

		doctor_place(doctor, place, "/proc/%d/fdinfo/%s", (int)pid, entry->d_name);
		if (doctor_read(place, &text, NULL) < 0)
			continue;
		type = strstr(text, "map_type:");
		holds = type && strtol(type + strlen("map_type:"), NULL, 10) == BPF_MAP_TYPE_XSKMAP;
		free(text);
	}
	if (folder)
		closedir(folder);
	return holds;
}

void doctor_af_xdp(struct doctor *doctor)
{
	const struct nameservers *all = doctor->nameservers;
	size_t found = 0, unseen = 0;

	for (size_t i = 0; all && i < all->n; i++) {
		const struct nameserver *one = &all->items[i];
		const bool running = holds_sockets(doctor, one->pid, &unseen);

		if (!running && !one->facts.af_xdp)
			continue;
		doctor_note(doctor,
		    doctor->config->wire.mode == WIRE_OFF ? DOCTOR_OK : DOCTOR_WARNING,
		    "tc, generic XDP and packet sockets see neither those queries nor their "
		    "answers; native XDP sees "
		    "the queries only where it runs first, behind libxdp's dispatcher; dnstap "
		    "counts all of them",
		    "ss --xdp -ap; crosstap check",
		    "%s (process %d) %s: the wire does not count what they take", one->name,
		    (int)one->pid,
		    running ? "holds AF_XDP sockets" : "is configured for AF_XDP sockets");
		found++;
	}
	if (unseen)
		doctor_note(doctor, DOCTOR_WARNING,
		    "the wire does not count what AF_XDP sockets take", "sudo crosstap doctor",
		    "whether %zu nameservers hold AF_XDP sockets cannot be seen without being root",
		    unseen);
	else if (!found)
		doctor_note(
		    doctor, DOCTOR_OK, NULL, NULL, "no nameserver takes packets before the stack");
}
