/* SPDX-License-Identifier: BSD-2-Clause */
/* A host made in a folder: /proc, /etc and what else the doctor reads. */
#ifndef CROSSTAP_TESTS_DOCTOR_HOST_H
#define CROSSTAP_TESTS_DOCTOR_HOST_H

#include "doctor/doctor.h"

#include "base/unused.h"

#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static char host[64];

/* Folders of a path below the host. */
static inline void make_folders(const char *path)
{
	char whole[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(whole, sizeof(whole), "%s%.*s", host, (int)(slash - path), path);
		(void)mkdir(whole, 0755);
	}
}

static inline void put(const char *path, const char *text)
{
	char whole[PATH_MAX];
	FILE *file;

	make_folders(path);
	snprintf(whole, sizeof(whole), "%s%s", host, path);
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static inline void put_link(const char *path, const char *to)
{
	char whole[PATH_MAX];

	make_folders(path);
	snprintf(whole, sizeof(whole), "%s%s", host, path);
	assert_int_equal(symlink(to, whole), 0);
}

static inline void put_socket(const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	make_folders(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s%.40s", host, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(address.sun_path, mode), 0);
	close(fd);
}

/* A process: its name, user, command line (one word more than the name) and root below the host. */
static inline void put_process(int pid, const char *name, unsigned uid, const char *root)
{
	char path[64], text[256], whole[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	snprintf(text, sizeof(text), "%s\n", name);
	put(path, text);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(text, sizeof(text),
	    "Name:\t%s\nPPid:\t1\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nGroups:\t4000 4001 "
	    "\nCapEff:\t%016x\n",
	    name, uid, uid, uid, uid, uid, uid, uid, uid, uid ? 0 : 2);
	put(path, text);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	put(path, name);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	put_link(path, "net:[4026531840]");
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	snprintf(whole, sizeof(whole), "%s%s", host, root);
	put_link(path, whole);
}

static inline int make_host(void **state UNUSED)
{
	strcpy(host, "/tmp/crosstap-host-XXXXXX");
	return mkdtemp(host) && chmod(host, 0755) == 0 ? 0 : -1;
}

static inline int remove_one(
    const char *path, const struct stat *st UNUSED, int kind UNUSED, struct FTW *walk UNUSED)
{
	return remove(path);
}

static inline int remove_host(void **state UNUSED)
{
	return nftw(host, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The first finding of this level that has all of `part`; fails without one. */
static inline const struct doctor_finding *must_find(
    const struct doctor *doctor, enum doctor_level level, const char *part)
{
	for (size_t i = 0; i < doctor->n; i++) {
		if (doctor->findings[i].level == level && strstr(doctor->findings[i].text, part))
			return &doctor->findings[i];
	}
	doctor_print_text(doctor, stderr);
	fail_msg("no %s with: %s", doctor_level_name(level), part);
	return NULL;
}

#endif
