/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: sockets that nameservers must reach, and folders that the agent writes to. */
#include "doctor/doctor.h"

#include "base/account.h"
#include "config/output_kind.h"
#include "dnstap/listen.h"
#include "doctor/read.h"
#include "network/listen_tcp.h"
#include "sink/sink.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- who may */

/* The permission bits that hold for somebody: of `rwx` those of the owner, the group or others. */
static unsigned bits_for(const struct stat *st, uid_t uid, gid_t gid)
{
	if (uid == 0)
		return 7;
	if (uid != (uid_t)-1 && st->st_uid == uid)
		return st->st_mode >> 6 & 7;
	if (gid != (gid_t)-1 && st->st_gid == gid)
		return st->st_mode >> 3 & 7;
	return st->st_mode & 7;
}

/* Folders that are not there yet will be made for all to look into. */
int doctor_may_reach(const char *path, uid_t uid, gid_t gid, char *ret, size_t size)
{
	struct stat st;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const int length = slash == path ? 1 : (int)(slash - path);

		if ((size_t)snprintf(ret, size, "%.*s", length, path) >= size)
			return -ENAMETOOLONG;
		if (stat(ret, &st) < 0)
			return errno == ENOENT ? 0 : -errno;
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		if (!(bits_for(&st, uid, gid) & 1))
			return -EACCES;
	}
	return 0;
}

/* The folder of a path, or "." */
static void folder_of(const char *path, char ret[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(ret, PATH_MAX, "%.*s", slash ? slash == path ? 1 : (int)(slash - path) : 1,
	    slash ? path : ".");
}

/* May we make something in this folder, or the folder itself in the one above? */
static int may_write(const char *folder)
{
	char above[PATH_MAX];
	struct stat st;

	if (stat(folder, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
	}
	if (errno != ENOENT)
		return -errno;
	folder_of(folder, above);
	return access(above, W_OK | X_OK) < 0 ? -errno : 0;
}

/* -- inputs */

/* connect() takes permission to write (unix(7)). */
static bool check_who(struct doctor *doctor, const struct config_input *input)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;
	char folder[PATH_MAX], command[PATH_MAX + 64];
	int r;

	if (*input->owner && account_user(input->owner, &uid) < 0) {
		doctor_note(doctor, DOCTOR_ERROR, "the agent would not start", "getent passwd",
		    "%s: no user %s", input->address, input->owner);
		return false;
	}
	if (*input->group && account_group(input->group, &gid) < 0) {
		doctor_note(doctor, DOCTOR_ERROR, "the agent would not start", "getent group",
		    "%s: no group %s", input->address, input->group);
		return false;
	}
	if (!(input->mode & 02) && !*input->owner && !*input->group) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "the nameserver has another user: set group: to its group",
		    "getent group dnstap",
		    "%s: its mode %04o lets in the agent's own user and group alone",
		    input->address, (unsigned)input->mode);
		return false;
	}
	r = doctor_may_reach(input->address, uid, gid, folder, sizeof(folder));
	if (r < 0) {
		snprintf(command, sizeof(command), "chmod a+x '%s'", folder);
		doctor_note(doctor, DOCTOR_WARNING,
		    "who may not search a folder connects to nothing below it", command,
		    "%s: %s is closed to whom the socket is for: %s", input->address, folder,
		    strerror(-r));
		return false;
	}
	return true;
}

/* A socket that somebody made already, as crosstap.socket does: what counts is whom that lets in.
 */
static bool is_given_away(struct doctor *doctor, const char *path, const struct stat *st)
{
	const struct group *group = getgrgid(st->st_gid);

	if (st->st_gid == getegid() || !(st->st_mode & 020))
		return false;
	doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s is there, for the group %s", path,
	    group ? group->gr_name : "(no name)");
	return true;
}

/* A line of /proc/net/unix ends with the path that its socket was bound to. */
static bool is_bound(const char *path)
{
	const size_t length = strlen(path);
	char *text = NULL;
	bool found = false;

	if (doctor_read("/proc/net/unix", &text, NULL) < 0)
		return false;
	for (const char *at = strstr(text, path); at && !found; at = strstr(at + 1, path))
		found = at > text && at[-1] == ' ' && at[length] == '\n';
	free(text);
	return found;
}

static bool has_socket_unit(const struct config_input *input)
{
	return strcmp(input->address, CONFIG_DEFAULT_INPUT) == 0 &&
	    (access("/lib/systemd/system/crosstap.socket", F_OK) == 0 ||
		access("/etc/systemd/system/crosstap.socket", F_OK) == 0);
}

/* No file is there, which is not always what the agent would make. */
static bool is_missing(struct doctor *doctor, const struct config_input *input)
{
	if (is_bound(input->address)) {
		doctor_note(doctor, DOCTOR_ERROR, "no producer can connect",
		    "systemctl stop crosstap.socket crosstap\n"
		    "systemctl start crosstap.socket crosstap",
		    "%s: somebody listens, and the socket's file was removed", input->address);
		return true;
	}
	if (!has_socket_unit(input))
		return false;
	doctor_note(doctor, DOCTOR_WARNING, "no producer can connect",
	    "systemctl enable --now crosstap.socket crosstap.service",
	    "%s is not there: crosstap.socket makes it, for the group dnstap", input->address);
	return true;
}

static void check_unix(struct doctor *doctor, const struct config_input *input)
{
	char folder[PATH_MAX], command[PATH_MAX + 64];
	struct stat st;
	int r;

	if (lstat(input->address, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			snprintf(command, sizeof(command), "rm '%s'", input->address);
			doctor_note(doctor, DOCTOR_ERROR, "the agent removes sockets alone",
			    command, "%s exists and is no socket", input->address);
			return;
		}
		if (is_given_away(doctor, input->address, &st))
			return;
	} else if (errno == ENOENT && is_missing(doctor, input)) {
		return;
	}
	folder_of(input->address, folder);
	r = may_write(folder);
	if (r < 0) {
		snprintf(command, sizeof(command), "install -d -m 755 '%s'", folder);
		doctor_note(doctor, DOCTOR_ERROR, "the agent would not start", command,
		    "%s: no socket can be made in %s: %s", input->address, folder, strerror(-r));
		return;
	}
	if (check_who(doctor, input))
		doctor_note(
		    doctor, DOCTOR_OK, NULL, NULL, "%s can be made and reached", input->address);
}

static void check_tcp(struct doctor *doctor, const struct config_input *input)
{
	char reason[256];
	int fds[LISTEN_MAX];
	const int n = listen_tcp(input->address, fds, LISTEN_MAX, reason, sizeof(reason));

	for (int i = 0; i < n; i++)
		close(fds[i]);
	if (n > 0 && *reason) {
		doctor_note(doctor, DOCTOR_WARNING, "fine if nobody connects to it",
		    "ip address show", "%s", reason);
	} else if (n > 0) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s is free", input->address);
	} else if (n == -EADDRINUSE) {
		doctor_note(doctor, DOCTOR_WARNING, "fine if it is the running agent", "ss -ltnp",
		    "%s: somebody listens there", input->address);
	} else {
		doctor_note(doctor, DOCTOR_ERROR,
		    "the agent would not start: take an address of this host", "ip address show",
		    "%s", reason);
	}
}

void doctor_inputs(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->config->n_inputs; i++) {
		const struct config_input *input = &doctor->config->inputs[i];

		if (input->kind == INPUT_UNIX)
			check_unix(doctor, input);
		else if (input->kind == INPUT_TCP)
			check_tcp(doctor, input);
		else
			doctor_note(doctor, DOCTOR_OK, NULL, NULL,
			    "%s is systemd's to make: crosstap.socket", input->address);
	}
	if (!doctor->config->n_inputs)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "none: the wire alone is counted");
}

/* -- folders */

static void check_folder(struct doctor *doctor, const char *folder, const char *option)
{
	const int r = may_write(folder);
	char command[PATH_MAX + 64];

	if (r < 0) {
		snprintf(command, sizeof(command), "install -d -o crosstap '%s'", folder);
		doctor_note(doctor, DOCTOR_WARNING, "what belongs there is not kept", command,
		    "%s (%s) cannot be written: %s", folder, option, strerror(-r));
	} else {
		doctor_note(
		    doctor, DOCTOR_OK, NULL, NULL, "%s (%s) can be written", folder, option);
	}
}

void doctor_folders(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	char folder[PATH_MAX];

	if (*config->spool_path && config->n_outputs)
		check_folder(doctor, config->spool_path, "spool.path");
	if (*config->state) {
		folder_of(config->state, folder);
		check_folder(doctor, folder, "state");
	}
	if (*config->rssac002.dir)
		check_folder(doctor, config->rssac002.dir, "rssac002.dir");
	for (size_t i = 0; i < config->n_outputs; i++) {
		const char *file = sink_local_file(&config->outputs[i]);
		char option[64];

		if (!file)
			continue;
		snprintf(option, sizeof(option), "outputs.%s", config->outputs[i].kind->name);
		folder_of(file, folder);
		check_folder(doctor, folder, option);
	}
}
