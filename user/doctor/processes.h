/* SPDX-License-Identifier: BSD-2-Clause */
/* The nameservers that run here: who they are, what they see, and what their configuration says. */
#ifndef CROSSTAP_DOCTOR_PROCESSES_H
#define CROSSTAP_DOCTOR_PROCESSES_H

#include "doctor/doctor.h"
#include "doctor/nameserver_config.h"

#include <limits.h>
#include <stdint.h>

#define NAMESERVERS_MAX      32
#define NAMESERVER_PROCESSES 1024 /* of all of them together */
#define NAMESERVER_GROUPS    64
#define PROCESSES_MAX        20000 /* looked at; more are left out, and that is said */
#define NAMESERVER_FILES_MAX 64    /* of one's configuration */

struct nameserver_identity {
	uid_t uid;
	gid_t gid, groups[NAMESERVER_GROUPS];
	size_t n_groups;
	bool overrides; /* CAP_DAC_OVERRIDE: permissions of files do not count */
};

struct nameserver {
	enum nameserver_kind kind;
	const char *name; /* of its program */
	pid_t pid, parent;
	struct nameserver_identity who;
	uint64_t network;         /* inode of its network namespace; 0: cannot be seen */
	bool root_seen, chrooted; /* the latter: it has another root than the doctor */
	char root[PATH_MAX];      /* of its files, as /proc/PID/root names it: "/", or a chroot */
	char config[PATH_MAX];    /* as it is named from its root */
	char block[PATH_MAX];     /* the file with facts.block; "": none */
	bool config_read;
	struct nameserver_facts facts;
};

struct nameservers {
	size_t n, unseen; /* of whom root or namespace cannot be seen */
	bool cut;         /* there were more processes, or more nameservers, than are looked at */
	pid_t processes[NAMESERVER_PROCESSES]; /* theirs, children included */
	size_t n_processes;
	struct nameserver items[NAMESERVERS_MAX];
};

/* -ENOMEM; -errno: /proc cannot be read. The caller frees it. */
int nameservers_find(const struct doctor *doctor, struct nameservers **ret);
/* From the text of /proc/PID/status; `ret_parent` of it. */
void nameserver_status_parse(const char *text, struct nameserver_identity *ret, pid_t *ret_parent);

/* Whether somebody may connect to the socket at `path` below the folder `root`, as connect(2) and
 * path_resolution(7) have it. -ENOENT: nothing is there; -EACCES, -ENOTSOCK, ...; then `ret` is the
 * part of the path that says no. */
int nameserver_may_connect(
    const struct nameserver_identity *who, const char *root, const char *path, char ret[PATH_MAX]);
/* Whether two paths, each below a root, name one place: the same folder, and the same name. */
bool nameserver_same_place(
    const char *root_a, const char *path_a, const char *root_b, const char *path_b);

/* check `nameservers` and those of what they run with */
void doctor_processes(struct doctor *doctor);
void doctor_dnstap(struct doctor *doctor);
void doctor_af_xdp(struct doctor *doctor);

#endif
