/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: whether the nameservers that run here send frames, and whether they can. */
#include "doctor/processes.h"

#include "doctor/read.h"
#include "nameserver_snippets.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COMMAND_BYTES (2 * PATH_MAX + 128)

static const struct {
	const char *snippet, *check, *unit;
	const char *profile; /* of AppArmor, which lets it write where Debian has it write */
} known[NAMESERVER_KINDS] = {
    [NAMESERVER_KNOT] = {"knot.conf", "knotc -c '%s' conf-check", "knot", NULL},
    [NAMESERVER_NSD] = {"nsd.conf", "nsd-checkconf '%s'", "nsd", NULL},
    [NAMESERVER_BIND] = {"named.conf", "named-checkconf '%s'", "named", "usr.sbin.named"},
    [NAMESERVER_UNBOUND] = {"unbound.conf", "unbound-checkconf '%s'", "unbound",
	"usr.sbin.unbound"},
    [NAMESERVER_DNSDIST] = {"dnsdist.lua", "dnsdist --check-config -C '%s'", "dnsdist", NULL},
    [NAMESERVER_RECURSOR] = {"recursor.lua", "test -r '%s'", "pdns-recursor", NULL},
    [NAMESERVER_COREDNS] = {"Corefile", "test -r '%s'", "coredns", NULL},
};

/* -- processes */

static uint64_t network_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* With wire.netns, those in other network namespaces are not this agent's. */
static void keep_those_of_the_wire(struct doctor *doctor)
{
	struct nameservers *all = doctor->nameservers;
	const char *name = doctor->config->wire.netns;
	char path[PATH_MAX];
	uint64_t network;
	size_t kept = 0;

	snprintf(path, sizeof(path), strchr(name, '/') ? "%s" : "/run/netns/%s", name);
	network = *name ? network_at(path) : 0;
	for (size_t i = 0; network && i < all->n; i++) {
		if (all->items[i].network && all->items[i].network != network)
			continue;
		if (kept != i)
			all->items[kept] = all->items[i];
		kept++;
	}
	all->n = network ? kept : all->n;
}

/* Without wire.netns the agent watches its own network, where the nameserver may not be. */
static void note_elsewhere(struct doctor *doctor)
{
	const struct nameservers *all = doctor->nameservers;
	const uint64_t ours = doctor->root ? 0 : network_at("/proc/self/ns/net");
	const struct nameserver *elsewhere = NULL;
	char command[64], line[64];

	if (!ours || *doctor->config->wire.netns || doctor->config->wire.mode == WIRE_OFF)
		return;
	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].network == ours)
			return;
		if (all->items[i].network && !elsewhere)
			elsewhere = &all->items[i];
	}
	if (!elsewhere)
		return;
	snprintf(command, sizeof(command), "ip netns identify %d", (int)elsewhere->pid);
	doctor_note(doctor, DOCTOR_WARNING,
	    "the wire of this network namespace has nothing of its traffic", command,
	    "%s (process %d) runs in a network namespace of its own", elsewhere->name,
	    (int)elsewhere->pid);
	snprintf(line, sizeof(line), "wire: {netns: /proc/%d/ns/net}\n", (int)elsewhere->pid);
	doctor_add_lines(doctor, doctor->path ? doctor->path : CONFIG_DEFAULT_PATH, line);
}

void doctor_processes(struct doctor *doctor)
{
	const int r = nameservers_find(doctor, &doctor->nameservers);

	if (r < 0) {
		doctor_note(doctor, DOCTOR_WARNING, "no nameserver can be looked at",
		    "mount -t proc proc /proc", "/proc cannot be read: %s", strerror(-r));
		return;
	}
	keep_those_of_the_wire(doctor);
	note_elsewhere(doctor);
	for (size_t i = 0; i < doctor->nameservers->n; i++) {
		const struct nameserver *one = &doctor->nameservers->items[i];

		if (one->config_read)
			doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s (process %d) runs by %s",
			    one->name, (int)one->pid, one->config);
		else
			doctor_note(doctor, DOCTOR_WARNING,
			    "whether it sends frames cannot be told", "sudo crosstap doctor",
			    "%s (process %d): its configuration %s cannot be read", one->name,
			    (int)one->pid, one->config);
	}
	if (doctor->nameservers->unseen)
		doctor_note(doctor, DOCTOR_WARNING,
		    "what they see of the files and the network decides what can be counted",
		    "sudo crosstap doctor",
		    "of %zu nameservers neither root nor network namespace can be seen without "
		    "being root",
		    doctor->nameservers->unseen);
	if (doctor->nameservers->cut)
		doctor_note(doctor, DOCTOR_WARNING, "the rest was not looked at", "ps -e",
		    "there are more than %d processes, or %d nameservers", PROCESSES_MAX,
		    NAMESERVERS_MAX);
	if (!doctor->nameservers->n)
		doctor_note(
		    doctor, DOCTOR_OK, NULL, NULL, "no nameserver that the doctor knows runs here");
}

/* -- AppArmor */

static bool has_text(const struct doctor *doctor, const char *file, const char *part)
{
	char place[PATH_MAX], *text = NULL;
	bool found;

	doctor_place(doctor, place, "%s", file);
	found = doctor_read(place, &text, NULL) == 0 && strstr(text, part);
	free(text);
	return found;
}

/* Whether there is a profile for it that says nothing of the folder of a socket. */
static bool profile_lacks(
    const struct doctor *doctor, const struct nameserver *one, const char *socket)
{
	const char *profile = known[one->kind].profile;
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): an input has an address */
	const char *slash = strrchr(socket, '/');
	char file[128], folder[PATH_MAX];

	if (!profile || !slash)
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - socket + 1), socket);
	snprintf(file, sizeof(file), "/etc/apparmor.d/%s", profile);
	if (!has_text(doctor, file, "profile") || has_text(doctor, file, folder))
		return false;
	snprintf(file, sizeof(file), "/etc/apparmor.d/local/%s", profile);
	return !has_text(doctor, file, folder);
}

static bool is_confined(const struct doctor *doctor, const struct nameserver *one)
{
	char file[64];

	snprintf(file, sizeof(file), "/proc/%d/attr/current", (int)one->pid);
	return has_text(doctor, file, "(enforce)");
}

#define PROFILE_BYTES 256

/* config/apparmor/README.md */
static void advise_profile(const struct nameserver *one, char ret[PROFILE_BYTES])
{
	const char *profile = known[one->kind].profile;

	snprintf(ret, PROFILE_BYTES,
	    "cat /usr/share/doc/crosstap/apparmor/%s >>/etc/apparmor.d/local/%s\n"
	    "systemctl try-reload-or-restart apparmor\n",
	    profile, profile);
}

/* -- lines to add */

/* Without a line that is only a comment; the socket's path is the one that the nameserver sees. */
static char *lines_for(const char *name, const char *path)
{
	const char *text = NULL, *at;
	char *lines = NULL;
	size_t size = 0;
	FILE *out;

	for (size_t i = 0; i < sizeof(embedded_texts) / sizeof(embedded_texts[0]); i++) {
		if (strcmp(embedded_texts[i].name, name) == 0)
			text = embedded_texts[i].text;
	}
	out = text ? open_memstream(&lines, &size) : NULL;
	for (; out && *text; text += strcspn(text, "\n") + 1) {
		const int length = (int)strcspn(text, "\n");
		const char *first = text + strspn(text, " \t");

		if (!length || *first == '#' || strncmp(first, "//", 2) == 0 ||
		    strncmp(first, "--", 2) == 0)
			continue;
		at = strstr(text, CONFIG_DEFAULT_INPUT);
		if (at && at < text + length)
			fprintf(out, "%.*s%s%.*s\n", (int)(at - text), text, path,
			    (int)(text + length - at - (long)strlen(CONFIG_DEFAULT_INPUT)),
			    at + strlen(CONFIG_DEFAULT_INPUT));
		else
			fprintf(out, "%.*s\n", length, text);
	}
	if (out && fclose(out) != 0) {
		free(lines);
		return NULL;
	}
	return lines;
}

/* Of these lines those that are not there already, with BIND's options {} or Knot's template. */
static void leave_own_lines(enum nameserver_kind kind, char *lines)
{
	char *out = lines;

	for (const char *at = lines; *at;) {
		const size_t length = strcspn(at, "\n") + 1;

		if (kind == NAMESERVER_KNOT && strncmp(at, "template:", 9) == 0)
			break;
		if (kind == NAMESERVER_KNOT || strncmp(at, "\tdnstap", 7) == 0 ||
		    strncmp(at, "\tfstrm", 6) == 0) {
			memmove(out, at, length);
			out += length;
		}
		at += length;
	}
	*out = '\0';
}

/* They go into a file of their own, which what is there includes: Knot before the template, where a
 * module must be defined; BIND within options {}. */
static void include_lines(
    const struct nameserver *one, char file[PATH_MAX], char ret[COMMAND_BYTES])
{
	const char *slash = strrchr(one->config, '/');

	snprintf(file, PATH_MAX, "%.*scrosstap.conf", slash ? (int)(slash - one->config + 1) : 0,
	    one->config);
	if (one->kind == NAMESERVER_KNOT)
		snprintf(ret, COMMAND_BYTES,
		    "sed -i '1i include: %.1000s' '%.1000s'\n"
		    "sed -i 's,^\\( *\\)- id: *default$,&\\n\\1  global-module: "
		    "mod-dnstap/crosstap,' "
		    "'%.1000s'\n",
		    file, one->config, one->block);
	else
		snprintf(ret, COMMAND_BYTES,
		    "sed -i '/^options/{:a;/{/!{N;ba};s,{,&\\n\\tinclude \"%.1000s\";,}' "
		    "'%.1000s'\n",
		    file, one->block);
}

static const char *first_socket(const struct config *config)
{
	for (size_t i = 0; i < config->n_inputs; i++) {
		if (config->inputs[i].kind == INPUT_UNIX)
			return config->inputs[i].address;
	}
	return CONFIG_DEFAULT_INPUT;
}

/* Of a path of ours what a process in the chroot calls it; NULL: it is outside. */
static const char *from_chroot(const struct nameserver *one, const char *path)
{
	const size_t length = strlen(one->root);

	if (!one->chrooted)
		return path;
	return length > 1 && strncmp(path, one->root, length) == 0 && path[length] == '/'
	    ? path + length
	    : NULL;
}

static void note_no_dnstap(struct doctor *doctor, const struct nameserver *one)
{
	const char *socket = first_socket(doctor->config), *seen = from_chroot(one, socket);
	const bool yaml = strstr(one->config, ".yml") != NULL;
	const char *file =
	    one->kind == NAMESERVER_RECURSOR && !yaml ? "/etc/powerdns/recursor.lua" : one->config;
	char command[3 * COMMAND_BYTES], check[COMMAND_BYTES - 128], edit[COMMAND_BYTES] = "";
	char own[PATH_MAX], profile[PROFILE_BYTES] = "";
	char *lines = lines_for(
	    yaml && one->kind == NAMESERVER_RECURSOR ? "recursor.yml" : known[one->kind].snippet,
	    seen ? seen : "/run/dnstap.sock");

	snprintf(check, sizeof(check), known[one->kind].check, one->config);
	if (lines && *one->block) {
		leave_own_lines(one->kind, lines);
		include_lines(one, own, edit);
		file = own;
	}
	if (profile_lacks(doctor, one, seen ? seen : socket))
		advise_profile(one, profile);
	snprintf(command, sizeof(command), "%s%s%s && systemctl restart %s", profile, edit, check,
	    known[one->kind].unit);
	doctor_note(doctor, DOCTOR_WARNING,
	    seen ? "nothing that it answers is counted by zone, name or resolver"
		 : "nothing that it answers is counted; give crosstap an input at /run/dnstap.sock "
		   "below its root, too",
	    command, "%s (process %d) runs without dnstap%s%s", one->name, (int)one->pid,
	    !one->chrooted                    ? ""
		: strcmp(one->root, "/") == 0 ? ", in a root of its own"
					      : ", with the root ",
	    one->chrooted && strcmp(one->root, "/") != 0 ? one->root : "");
	if (lines)
		doctor_add_lines(doctor, file, lines);
	free(lines);
}

/* -- whether frames can arrive */

static const struct config_input *input_at(
    const struct doctor *doctor, const char *root, const char *path)
{
	char ours[PATH_MAX];

	doctor_place(doctor, ours, "/");
	for (size_t i = 0; i < doctor->config->n_inputs; i++) {
		const struct config_input *input = &doctor->config->inputs[i];

		if (input->kind == INPUT_UNIX &&
		    nameserver_same_place(root, path, ours, input->address))
			return input;
	}
	return NULL;
}

static void advise_access(
    const struct nameserver *one, const char *place, const char *part, char ret[COMMAND_BYTES])
{
	const struct passwd *user = getpwuid(one->who.uid);
	const struct group *group;
	char name[32];
	struct stat st;

	snprintf(name, sizeof(name), "%u", (unsigned)one->who.uid);
	if (stat(place, &st) == 0 && st.st_gid != 0 &&
	    (st.st_mode & (S_ISDIR(st.st_mode) ? 010 : 020)) && (group = getgrgid(st.st_gid)))
		snprintf(ret, COMMAND_BYTES, "adduser %s %s && systemctl restart %s",
		    user ? user->pw_name : name, group->gr_name, known[one->kind].unit);
	else
		snprintf(ret, COMMAND_BYTES, "setfacl -m u:%s:%s '%s'", user ? user->pw_name : name,
		    strcmp(part, "x") == 0 ? "x" : "rw", place);
}

static void note_reach(struct doctor *doctor, const struct nameserver *one, const char *path)
{
	char root[PATH_MAX], part[PATH_MAX], place[2 * PATH_MAX], command[COMMAND_BYTES];
	const struct config_input *input;
	int r;

	doctor_place(doctor, root, "/proc/%d/root", (int)one->pid);
	r = nameserver_may_connect(&one->who, root, path, part);
	input = input_at(doctor, root, path);
	snprintf(place, sizeof(place), "%s%s", strcmp(one->root, "/") == 0 ? "" : one->root, part);
	if (r == -ENOENT && input && strcmp(part, path) == 0) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "%s (process %d) sends to %s, which the agent makes", one->name, (int)one->pid,
		    place);
	} else if (r == -EACCES) {
		advise_access(one, place, strcmp(part, path) == 0 ? "rw" : "x", command);
		doctor_note(doctor, DOCTOR_ERROR, "its frames do not arrive", command,
		    "%s (process %d, user %u) cannot reach %s: %s is closed to it", one->name,
		    (int)one->pid, (unsigned)one->who.uid, path, place);
	} else if (r < 0 && r != -ENOENT) {
		snprintf(command, sizeof(command), "ls -ld '%.4000s'", place);
		doctor_note(doctor, DOCTOR_ERROR, "its frames do not arrive", command,
		    "%s (process %d) cannot reach %s: %s: %s", one->name, (int)one->pid, path,
		    place, strerror(-r));
	} else if (r == -ENOENT || !input) {
		snprintf(command, sizeof(command), "ls -l '%.4000s'; crosstap check", place);
		doctor_note(doctor, r == -ENOENT && one->chrooted ? DOCTOR_ERROR : DOCTOR_WARNING,
		    "its frames do not arrive: dnstap sockets of the nameserver and inputs of "
		    "crosstap are to be the same files",
		    command,
		    r == -ENOENT
			? "%s (process %d) cannot reach %s: from its root %s there is no %s"
			: "%s (process %d) sends to %s, from its root %s the file %s, which is no "
			  "input",
		    one->name, (int)one->pid, path, one->root, part);
	} else if (is_confined(doctor, one) && profile_lacks(doctor, one, path)) {
		advise_profile(one, command);
		doctor_note(doctor, DOCTOR_ERROR, "its frames do not arrive", command,
		    "%s (process %d) cannot reach %s: its profile of AppArmor has no line for it",
		    one->name, (int)one->pid, place);
	} else {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s (process %d) can reach %s",
		    one->name, (int)one->pid, place);
	}
}

/* NSD takes the chroot's name off a path that begins with it. */
static void look_at_socket(struct doctor *doctor, const struct nameserver *one)
{
	const char *path = one->facts.socket;
	const char *inner = one->chrooted ? from_chroot(one, path) : NULL;

	if (!*path)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "%s (process %d) sends over TCP, or to where the doctor cannot read", one->name,
		    (int)one->pid);
	else if (one->root_seen)
		note_reach(doctor, one, one->kind == NAMESERVER_NSD && inner ? inner : path);
}

static void note_peculiarities(struct doctor *doctor, const struct nameserver *one)
{
	char command[COMMAND_BYTES];

	if (one->facts.rrl_first) {
		snprintf(command, sizeof(command),
		    "sed -i 's|mod-rrl\\([^, ]*\\), *mod-dnstap\\([^], ]*\\)|mod-dnstap\\2, "
		    "mod-rrl\\1|' '%s' && knotc conf-check && knotc reload",
		    one->config);
		doctor_note(doctor, DOCTOR_WARNING,
		    "Knot 3.4 makes no frame for a query that mod-rrl drops: the wire then counts "
		    "more than dnstap",
		    command, "%s (process %d): mod-rrl stands before mod-dnstap in %s", one->name,
		    (int)one->pid, one->config);
	}
	if (one->kind == NAMESERVER_NSD)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "nsd stamps frames in its collector: its response times are those of a pipe "
		    "(take tcp and wire figures instead)");
}

void doctor_dnstap(struct doctor *doctor)
{
	const struct nameservers *all = doctor->nameservers;

	for (size_t i = 0; all && i < all->n; i++) {
		const struct nameserver *one = &all->items[i];

		if (!one->config_read)
			continue;
		if (!one->facts.dnstap) {
			note_no_dnstap(doctor, one);
			continue;
		}
		look_at_socket(doctor, one);
		note_peculiarities(doctor, one);
	}
	if (!all || !all->n)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "no nameserver to ask for frames");
}
