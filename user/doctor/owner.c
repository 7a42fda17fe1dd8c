/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a BPF program: the process that has it, or a link to it, among its descriptors. */
#include "doctor/network.h"

#include "base/clock.h"
#include "doctor/processes.h"
#include "doctor/read.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIME_NS (2 * NS_PER_S) /* the search ends then */

/* /proc/PID/fdinfo of a program and of a link has "prog_id:\tN"; links of descriptors tell cheaply
 * which these are. */
static bool holds(const struct doctor *doctor, const char *pid, uint32_t program, bool *unseen)
{
	char place[PATH_MAX], link[64], *text = NULL;
	const struct dirent *entry;
	bool found = false;
	DIR *folder;

	doctor_place(doctor, place, "/proc/%s/fd", pid);
	folder = opendir(place);
	if (!folder) {
		*unseen |= errno == EACCES || errno == EPERM;
		return false;
	}
	while (!found && (entry = readdir(folder))) {
		const char *id;
		ssize_t length;

		doctor_place(doctor, place, "/proc/%s/fd/%s", pid, entry->d_name);
		length = readlink(place, link, sizeof(link) - 1);
		if (length < 14 || strncmp(link, "anon_inode:bpf", 14) != 0)
			continue;
		doctor_place(doctor, place, "/proc/%s/fdinfo/%s", pid, entry->d_name);
		if (doctor_read(place, &text, NULL) < 0)
			continue;
		id = strstr(text, "prog_id:");
		found = id && strtoul(id + strlen("prog_id:"), NULL, 10) == program;
		free(text);
	}
	closedir(folder);
	return found;
}

static void name_owner(const struct doctor *doctor, struct doctor_owner *ret)
{
	char place[PATH_MAX], *text = NULL;

	doctor_place(doctor, place, "/proc/%d/comm", (int)ret->pid);
	if (doctor_read(place, &text, NULL) < 0)
		return;
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(text, "\n") % 31, text);
	free(text);
}

void doctor_find_owner(const struct doctor *doctor, uint32_t program, struct doctor_owner *ret)
{
	const int64_t end = (int64_t)clock_wall_ns(&clock_system) + (int64_t)TIME_NS;
	const struct dirent *entry;
	char place[PATH_MAX];
	size_t n = 0;
	DIR *folder;

	memset(ret, 0, sizeof(*ret));
	doctor_place(doctor, place, "/proc");
	folder = opendir(place);
	ret->unseen = !folder;
	while (folder && !ret->pid && (entry = readdir(folder))) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		if (++n > PROCESSES_MAX || (int64_t)clock_wall_ns(&clock_system) > end) {
			ret->unseen = true;
			break;
		}
		if (holds(doctor, entry->d_name, program, &ret->unseen))
			ret->pid = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	if (folder)
		closedir(folder);
	if (ret->pid)
		name_owner(doctor, ret);
}
