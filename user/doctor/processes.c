/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor/processes.h"

#include "doctor/read.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first of these that is there counts where the command line names none: Debian's places. */
static const struct {
	const char *comm, *options[2], *defaults[2];
} programs[NAMESERVER_KINDS] = {
    [NAMESERVER_KNOT] = {"knotd", {"-c", "--config"}, {"/etc/knot/knot.conf"}},
    [NAMESERVER_NSD] = {"nsd", {"-c"}, {"/etc/nsd/nsd.conf"}},
    [NAMESERVER_BIND] = {"named", {"-c"}, {"/etc/bind/named.conf"}},
    [NAMESERVER_UNBOUND] = {"unbound", {"-c"}, {"/etc/unbound/unbound.conf"}},
    [NAMESERVER_DNSDIST] = {"dnsdist", {"-C", "--config"}, {"/etc/dnsdist/dnsdist.conf"}},
    [NAMESERVER_RECURSOR] = {"pdns_recursor", {NULL},
	{"/etc/powerdns/recursor.yml", "/etc/powerdns/recursor.conf"}},
    [NAMESERVER_COREDNS] = {"coredns", {"-conf"}, {"/etc/coredns/Corefile", "/Corefile"}},
};

/* -- who it is */

static const char *line_of(const char *text, const char *name)
{
	const size_t length = strlen(name);

	for (; text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL) {
		if (strncmp(text, name, length) == 0)
			return text + length;
	}
	return "";
}

void nameserver_status_parse(const char *text, struct nameserver_identity *ret, pid_t *ret_parent)
{
	const char *groups = line_of(text, "Groups:");
	unsigned real, effective;
	char *end;

	memset(ret, 0, sizeof(*ret));
	ret->uid = ret->gid = (uid_t)-1;
	*ret_parent = (pid_t)strtol(line_of(text, "PPid:"), NULL, 10);
	if (sscanf(line_of(text, "Uid:"), "%u %u", &real, &effective) == 2)
		ret->uid = effective;
	if (sscanf(line_of(text, "Gid:"), "%u %u", &real, &effective) == 2)
		ret->gid = effective;
	ret->overrides = strtoull(line_of(text, "CapEff:"), NULL, 16) >> CAP_DAC_OVERRIDE & 1;
	while (ret->n_groups < NAMESERVER_GROUPS) {
		groups += strspn(groups, " \t");
		if (!isdigit((unsigned char)*groups))
			break;
		ret->groups[ret->n_groups++] = (gid_t)strtoul(groups, &end, 10);
		groups = end;
	}
}

/* -- its configuration */

/* What follows an option in a command line, whose words end with NUL, or its other part. */
static const char *option_in(const char *words, size_t length, const char *option)
{
	const size_t size = strlen(option);

	for (size_t i = 0; i < length; i += strlen(words + i) + 1) {
		if (strncmp(words + i, option, size) != 0)
			continue;
		if (words[i + size] == '=')
			return words + i + size + 1;
		if (words[i + size] && option[1] != '-' && size == 2)
			return words + i + size;
		if (!words[i + size] && i + size + 1 < length)
			return words + i + size + 1;
	}
	return NULL;
}

static bool is_there(const char *place)
{
	return access(place, F_OK) == 0;
}

/* Written from its own root; a chroot after the start leaves the configuration outside. */
static void file_place(
    const struct doctor *doctor, const struct nameserver *one, const char *path, char ret[PATH_MAX])
{
	doctor_place(doctor, ret, "/proc/%d/root%s", (int)one->pid, path);
	if (!is_there(ret))
		doctor_place(doctor, ret, "%s", path);
}

static void find_config(const struct doctor *doctor, struct nameserver *one)
{
	char place[PATH_MAX], *words = NULL;
	const char *found = NULL;
	size_t length = 0;

	doctor_place(doctor, place, "/proc/%d/cmdline", (int)one->pid);
	if (doctor_read(place, &words, &length) == 0) {
		for (int i = 0; i < 2 && !found && programs[one->kind].options[i]; i++)
			found = option_in(words, length, programs[one->kind].options[i]);
		if (one->kind == NAMESERVER_RECURSOR &&
		    (found = option_in(words, length, "--config-dir")))
			snprintf(one->config, sizeof(one->config), "%s/recursor.conf", found);
		else if (found)
			snprintf(one->config, sizeof(one->config), "%s", found);
	}
	free(words);
	for (int i = 0; i < 2 && !found && programs[one->kind].defaults[i]; i++) {
		snprintf(one->config, sizeof(one->config), "%s", programs[one->kind].defaults[i]);
		file_place(doctor, one, one->config, place);
		if (is_there(place))
			break;
	}
}

/* One file of it, as it is named from its root; patterns that it includes wait in the facts. */
static bool read_one(struct nameserver *one, const char *place, const char *name)
{
	char *text = NULL;

	if (doctor_read(place, &text, NULL) < 0)
		return false;
	nameserver_config_parse(one->kind, text, &one->facts);
	if (one->facts.block && !*one->block)
		snprintf(one->block, sizeof(one->block), "%s", name);
	free(text);
	return true;
}

static void read_pattern(
    const struct doctor *doctor, struct nameserver *one, const char *pattern, size_t *files)
{
	char path[PATH_MAX * 2], place[PATH_MAX];
	const char *slash = strrchr(one->config, '/');
	glob_t found = {0};
	size_t above; /* bytes of the folder that is its root */

	snprintf(path, sizeof(path), "%.*s%s",
	    *pattern == '/' || !slash ? 0 : (int)(slash - one->config + 1), one->config, pattern);
	for (int outside = 0; outside < 2; outside++) {
		if (outside)
			doctor_place(doctor, place, "%s", path);
		else
			doctor_place(doctor, place, "/proc/%d/root%s", (int)one->pid, path);
		above = strlen(place) - strlen(path);
		if (glob(place, GLOB_NOSORT, NULL, &found) == 0) {
			for (size_t i = 0; i < found.gl_pathc && *files < NAMESERVER_FILES_MAX;
			     i++, ++*files)
				read_one(one, found.gl_pathv[i], found.gl_pathv[i] + above);
			globfree(&found);
			return;
		}
		globfree(&found);
	}
}

static void read_config(const struct doctor *doctor, struct nameserver *one)
{
	char place[PATH_MAX];
	size_t files = 1;

	find_config(doctor, one);
	file_place(doctor, one, one->config, place);
	one->config_read = read_one(one, place, one->config);
	for (size_t i = 0; i < one->facts.n_includes; i++) {
		char pattern[NAMESERVER_PATH_BYTES];

		memcpy(pattern, one->facts.includes[i], sizeof(pattern));
		read_pattern(doctor, one, pattern, &files);
	}
}

/* -- the processes */

static bool kind_of(const char *comm, enum nameserver_kind *ret)
{
	for (int i = 0; i < NAMESERVER_KINDS; i++) {
		const size_t length = strlen(programs[i].comm);

		if (strncmp(comm, programs[i].comm, length) == 0 &&
		    (!comm[length] || comm[length] == '\n')) {
			*ret = (enum nameserver_kind)i;
			return true;
		}
	}
	return false;
}

/* /proc/PID/ns/net reads "net:[4026531840]". */
static uint64_t network_of(const struct doctor *doctor, pid_t pid)
{
	char place[PATH_MAX], link[64] = "";

	doctor_place(doctor, place, "/proc/%d/ns/net", (int)pid);
	if (readlink(place, link, sizeof(link) - 1) < 0)
		return 0;
	return strncmp(link, "net:[", 5) == 0 ? strtoull(link + 5, NULL, 10) : 0;
}

/* A root folder is the doctor's own if it is the same file, whatever it is called. */
static bool is_our_root(const struct doctor *doctor, const char *root)
{
	char ours[PATH_MAX];
	struct stat a, b;

	doctor_place(doctor, ours, "/");
	return stat(root, &a) == 0 && stat(ours, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
}

/* By its command line, and else by its name: NSD's processes name themselves after what they do. */
static bool find_kind(const struct doctor *doctor, pid_t pid, enum nameserver_kind *ret)
{
	static const char *const files[] = {"cmdline", "comm"};
	bool found = false;

	for (int i = 0; i < 2 && !found; i++) {
		char place[PATH_MAX], *text = NULL;
		const char *slash;

		doctor_place(doctor, place, "/proc/%d/%s", (int)pid, files[i]);
		if (doctor_read(place, &text, NULL) < 0)
			continue;
		slash = strrchr(text, '/');
		found = kind_of(slash ? slash + 1 : text, ret);
		free(text);
	}
	return found;
}

static bool take_process(const struct doctor *doctor, pid_t pid, struct nameserver *ret)
{
	char place[PATH_MAX], *text = NULL;
	enum nameserver_kind kind;
	ssize_t length;

	doctor_place(doctor, place, "/proc/%d/status", (int)pid);
	if (!find_kind(doctor, pid, &kind) || doctor_read(place, &text, NULL) < 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->name = programs[kind].comm;
	ret->pid = pid;
	nameserver_status_parse(text, &ret->who, &ret->parent);
	free(text);
	ret->network = network_of(doctor, pid);
	doctor_place(doctor, place, "/proc/%d/root", (int)pid);
	length = readlink(place, ret->root, sizeof(ret->root) - 1);
	ret->root_seen = length > 0;
	ret->root[length > 0 ? length : 0] = '\0';
	ret->chrooted = ret->root_seen && !is_our_root(doctor, place);
	return true;
}

/* Of a nameserver that runs as several processes the one whose parent is none of them. */
static bool is_child(const struct nameservers *all, const struct nameserver *one)
{
	for (size_t i = 0; i < all->n_processes; i++) {
		if (all->processes[i] == one->parent)
			return true;
	}
	return false;
}

static void take(const struct doctor *doctor, struct nameservers *all, pid_t pid)
{
	struct nameserver *one = &all->items[all->n];

	if (all->n == NAMESERVERS_MAX) {
		all->cut = true;
		return;
	}
	if (!take_process(doctor, pid, one) || is_child(all, one))
		return;
	read_config(doctor, one);
	all->unseen += !one->root_seen || !one->network;
	all->n++;
}

static void note_process(const struct doctor *doctor, struct nameservers *all, pid_t pid)
{
	enum nameserver_kind kind;

	if (!find_kind(doctor, pid, &kind))
		return;
	if (all->n_processes < NAMESERVER_PROCESSES)
		all->processes[all->n_processes++] = pid;
	else
		all->cut = true;
}

/* All of them first: who is whose parent does not follow from the order. */
int nameservers_find(const struct doctor *doctor, struct nameservers **ret)
{
	struct nameservers *all = calloc(1, sizeof(*all));
	const struct dirent *entry;
	size_t seen = 0;
	char place[PATH_MAX];
	DIR *folder;

	if (!all)
		return -ENOMEM;
	doctor_place(doctor, place, "/proc");
	folder = opendir(place);
	if (!folder) {
		const int r = -errno;

		free(all);
		return r;
	}
	while ((entry = readdir(folder))) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		if (++seen > PROCESSES_MAX) {
			all->cut = true;
			break;
		}
		note_process(doctor, all, (pid_t)strtol(entry->d_name, NULL, 10));
	}
	closedir(folder);
	for (size_t i = 0; i < all->n_processes; i++)
		take(doctor, all, all->processes[i]);
	*ret = all;
	return 0;
}
