/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: what its checks make of what they see, and the command around them. */
#include "base/unused.h"
#include "command/command.h"
#include "doctor/doctor.h"
#include "wire/netlink/netlink.h"

#include "../skip.h"
#include "run_command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STRANGER 60001 /* nobody's uid and gid */

static char folder[] = "/tmp/crosstap-doctor-XXXXXX";

/* -- pieces */

static void versions_of_kernels(void **state UNUSED)
{
	assert_int_equal(doctor_kernel_version("5.10.0-18-amd64"), 510);
	assert_int_equal(doctor_kernel_version("6.1.0"), 601);
	assert_int_equal(doctor_kernel_version("6.18.44-fc"), 618);
	assert_int_equal(doctor_kernel_version("4.120.1"), 499);
	assert_int_equal(doctor_kernel_version("6"), 0);
	assert_int_equal(doctor_kernel_version(""), 0);
	assert_int_equal(doctor_kernel_version("x.y"), 0);
}

static void assert_mode(
    const struct doctor_nic *nic, enum wire_mode wanted, enum wire_mode mode, const char *why)
{
	char reason[DOCTOR_REASON_BYTES];

	assert_int_equal(doctor_mode(nic, wanted, reason), mode);
	if (!strstr(reason, why))
		fail_msg("%s is not in: %s", why, reason);
}

/* As wire/bpf/attachment.c climbs down. */
static void modes_of_interfaces(void **state UNUSED)
{
	struct wire_link link = {.name = "eth0", .hardware = ARPHRD_ETHER, .mtu = 1500};
	const struct doctor_nic good = {
	    .link = &link, .features_known = true, .native = true, .dispatcher = true};
	struct doctor_nic nic = good;

	assert_mode(&nic, WIRE_AUTO, WIRE_NATIVE, "the driver has it");
	assert_mode(&nic, WIRE_NATIVE, WIRE_NATIVE, "the driver has it");
	assert_mode(&nic, WIRE_GENERIC, WIRE_GENERIC, "wire.mode");
	assert_mode(&nic, WIRE_TC, WIRE_TC, "wire.mode");
	assert_mode(&nic, WIRE_PACKET, WIRE_PACKET, "wire.mode");
	nic.native = false;
	assert_mode(&nic, WIRE_AUTO, WIRE_TC, "no native XDP");
	nic.features_known = false;
	assert_mode(&nic, WIRE_AUTO, WIRE_AUTO, "native if the driver takes it");

	nic = good;
	link.mtu = 9000;
	assert_mode(&nic, WIRE_AUTO, WIRE_AUTO, "MTU of 9000");
	nic.several_buffers = true;
	assert_mode(&nic, WIRE_AUTO, WIRE_NATIVE, "the driver has it");
	link.mtu = 1500;

	nic = good;
	link.xdp_native = 7;
	assert_mode(&nic, WIRE_AUTO, WIRE_TC, "another XDP program holds it (id 7)");
	nic.dispatched = true;
	assert_mode(&nic, WIRE_AUTO, WIRE_NATIVE, "beside others");
	nic.dispatcher = false;
	assert_mode(&nic, WIRE_AUTO, WIRE_TC, "another XDP program");
	nic.ours = true;
	assert_mode(&nic, WIRE_AUTO, WIRE_NATIVE, "an agent's program");
	link.xdp_native = 0;

	nic = good;
	link.xdp_generic = 8;
	assert_mode(&nic, WIRE_GENERIC, WIRE_TC, "(id 8)");
	link.xdp_generic = 0;
	link.hardware = ARPHRD_NONE;
	assert_mode(&nic, WIRE_AUTO, WIRE_TC, "no Ethernet");
	assert_mode(&nic, WIRE_GENERIC, WIRE_TC, "no Ethernet");
	nic.bpf = -EPERM;
	nic.refusal = "Operation not permitted: without CAP_BPF";
	assert_mode(&nic, WIRE_AUTO, WIRE_PACKET, "Operation not permitted: without CAP_BPF");
}

static void who_may_reach(void **state UNUSED)
{
	char path[128], inner[96], at[128];

	snprintf(inner, sizeof(inner), "%s/inner", folder);
	snprintf(path, sizeof(path), "%s/dnstap.sock", inner);
	assert_int_equal(mkdir(inner, 0700), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(doctor_may_reach(path, (uid_t)-1, STRANGER, at, sizeof(at)), -EACCES);
	assert_string_equal(at, inner);
	assert_int_equal(doctor_may_reach(path, STRANGER, (gid_t)-1, at, sizeof(at)), -EACCES);
	assert_int_equal(doctor_may_reach(path, 0, (gid_t)-1, at, sizeof(at)), 0);
	assert_int_equal(doctor_may_reach(path, geteuid(), (gid_t)-1, at, sizeof(at)), 0);
	assert_int_equal(chmod(inner, 0710), 0);
	assert_int_equal(doctor_may_reach(path, (uid_t)-1, getegid(), at, sizeof(at)), 0);
	assert_int_equal(doctor_may_reach(path, (uid_t)-1, STRANGER, at, sizeof(at)), -EACCES);
	assert_int_equal(chmod(inner, 0701), 0);
	assert_int_equal(doctor_may_reach(path, STRANGER, STRANGER, at, sizeof(at)), 0);
	/* What holds for the group is not what holds for others. */
	assert_int_equal(doctor_may_reach(path, (uid_t)-1, getegid(), at, sizeof(at)), -EACCES);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(doctor_may_reach(path, STRANGER, STRANGER, at, sizeof(at)), 0);
	assert_int_equal(doctor_may_reach("/dev/null/x", 0, 0, at, sizeof(at)), -ENOTDIR);
	assert_int_equal(doctor_may_reach("/dev/null/x", 0, 0, at, 3), -ENAMETOOLONG);
}

static void findings_in_lines(void **state UNUSED)
{
	struct doctor doctor = {.check = "clock"};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	assert_non_null(out);
	doctor_note(&doctor, DOCTOR_OK, NULL, NULL, "off by %d ms", 3);
	doctor.check = "inputs";
	doctor_note(
	    &doctor, DOCTOR_ERROR, "it is \"none\"", "getent\ngroup", "no group %s", "knot");
	doctor_add_lines(&doctor, "a.conf", "one:\n  two\n");
	assert_int_equal(doctor_print_text(&doctor, out), 0);
	fclose(out);
	assert_string_equal(text,
	    "ok       clock          off by 3 ms\n"
	    "error    inputs         no group knot\n"
	    "         why: it is \"none\"\n"
	    "         add to a.conf:\n"
	    "             one:\n"
	    "               two\n"
	    "         type:\n"
	    "             getent\n"
	    "             group\n"
	    "ok=1 warnings=0 errors=1\n");
	free(text);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(doctor_print_json(&doctor, out), 0);
	fclose(out);
	json = json_pack("{s:[{s:s,s:s,s:s},{s:s,s:s,s:s,s:s,s:s,s:s,s:s}],s:i,s:i,s:i}", "checks",
	    "check", "clock", "level", "ok", "text", "off by 3 ms", "check", "inputs", "level",
	    "error", "text", "no group knot", "why", "it is \"none\"", "advice", "getent\ngroup",
	    "file", "a.conf", "lines", "one:\n  two\n", "ok", 1, "warnings", 0, "errors", 1);
	assert_non_null(json);
	{
		json_t *seen = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

		assert_true(json_equal(seen, json));
		json_decref(seen);
	}
	json_decref(json);
	free(text);
	doctor_clear(&doctor);
	assert_int_equal(doctor_count(&doctor, DOCTOR_ERROR), 0);
}

/* -- the command */

#define RUN(result, ...) RUN_COMMAND(result, command_doctor, "doctor", __VA_ARGS__)

/* What this configuration comes to; "FOLDER" stands for the test's. */
static json_t *look(struct result *result, const char *text)
{
	char path[96];
	const char *at;
	json_t *json;
	FILE *file;

	snprintf(path, sizeof(path), "%s/crosstap.yaml", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	for (; (at = strstr(text, "FOLDER")); text = at + 6)
		fprintf(file, "%.*s%s", (int)(at - text), text, folder);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	RUN(result, "--json", "-c", path);
	assert_int_equal(unlink(path), 0);
	json = json_loads(result->out, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		fail_msg("no document: %s%s", result->out, result->err);
	assert_string_equal(result->err, "");
	return json;
}

/* The text of the first finding of a check and level; NULL: none. */
static const char *finding(const json_t *json, const char *check, const char *level)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(json, "checks"), i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "check")), check) == 0 &&
		    strcmp(json_string_value(json_object_get(one, "level")), level) == 0)
			return json_string_value(json_object_get(one, "text"));
	}
	return NULL;
}

static void assert_finding(
    const json_t *json, const char *check, const char *level, const char *text)
{
	const char *seen = finding(json, check, level);

	if (!seen || !strstr(seen, text))
		fail_msg("%s %s: %s, expected %s", level, check, seen, text);
}

#define QUIET "wire: {mode: off}\nping: {enabled: false}\n"

/* Whether kernel and clock are in order is not up to a test. */
static void a_configuration_without_a_fault(void **state UNUSED)
{
	static const char *const fine[] = {"configuration", "bpf", "interfaces", "nameserver",
	    "inputs", "outputs", "folders", "databases", "ping", "privacy"};
	static struct result result;
	json_t *json = look(&result,
	    QUIET "inputs:\n  - {unix: FOLDER/in.sock, mode: \"0666\"}\n"
		  "outputs:\n  - file: {path: FOLDER/points.lp}\n"
		  "spool: {path: FOLDER/spool}\nstate: FOLDER/state\nrssac002: {dir: FOLDER/day, "
		  "source: dnstap}\n");

	assert_int_equal(chmod(folder, 0755), 0);
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		if (!finding(json, fine[i], "ok") || finding(json, fine[i], "error") ||
		    finding(json, fine[i], "warning"))
			fail_msg("%s is not all fine: %s", fine[i], result.out);
	}
	assert_true(result.status < 2);
	assert_int_equal(result.status, json_integer_value(json_object_get(json, "warnings")) > 0);
	json_decref(json);
}

static void what_would_stop_a_start(void **state UNUSED)
{
	static struct result result;
	char path[96];
	json_t *json;
	int fd;

	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	json = look(&result, QUIET "inputs: [{unix: FOLDER/file, mode: \"0666\"}]\n");
	assert_int_equal(result.status, 2);
	assert_finding(json, "inputs", "error", "is no socket");
	json_decref(json);
	json = look(&result, QUIET "inputs: [{unix: FOLDER/file/in.sock, mode: \"0666\"}]\n");
	assert_finding(json, "inputs", "error", "no socket can be made");
	json_decref(json);
	unlink(path);
	json = look(&result,
	    QUIET "inputs: [{unix: FOLDER/in.sock, group: no-such-group-here}]\n"
		  "privacy: {addresses: cryptopan, cryptopan_key_file: FOLDER/none}\n");
	assert_int_equal(result.status, 2);
	assert_finding(json, "inputs", "error", "no group no-such-group-here");
	assert_finding(json, "privacy", "error", "none");
	json_decref(json);
	json = look(&result, QUIET "inputs: [{unix: FOLDER/in.sock, owner: no-such-user-here}]\n");
	assert_finding(json, "inputs", "error", "no user no-such-user-here");
	json_decref(json);
}

static void a_socket_whose_file_was_removed(void **state UNUSED)
{
	static struct result result;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	json_t *json;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/in.sock", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(unlink(address.sun_path), 0);
	json = look(&result, QUIET "inputs: [{unix: FOLDER/in.sock, mode: \"0666\"}]\n");
	assert_finding(json, "inputs", "error", "the socket's file was removed");
	json_decref(json);
	json = look(&result, QUIET "inputs: [{unix: FOLDER/in.soc, mode: \"0666\"}]\n");
	assert_finding(json, "inputs", "ok", "can be made and reached");
	json_decref(json);
	close(fd);
}

/* Who may not read it does not hear that the agent could not. */
static void a_configuration_of_others(void **state UNUSED)
{
	static struct result result;
	char path[96];

	if (geteuid() != 0)
		skip_because("not root");
	snprintf(path, sizeof(path), "%s/crosstap.yaml", folder);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(seteuid(STRANGER), 0);
	RUN(&result, "-c", path);
	assert_int_equal(seteuid(0), 0);
	assert_non_null(strstr(result.out, "warning  configuration  /tmp"));
	assert_null(strstr(result.out, "the agent would not start"));
	assert_int_equal(unlink(path), 0);
}

static void what_a_start_survives(void **state UNUSED)
{
	static struct result result;
	json_t *json = look(&result,
	    QUIET "inputs: [{unix: FOLDER/in.sock}]\n"
		  "geo: {country: FOLDER/none.mmdb, asn: /dev/null}\n"
		  "outputs:\n  - file: {path: FOLDER/none/below/points.lp}\n"
		  "  - influxdb: {url: \"http://user:secret@127.0.0.1:1/x\", token: hidden}\n"
		  "state: FOLDER/none/below/state\nspool: {path: FOLDER/none/below/spool}\n");

	assert_int_equal(result.status, 1);
	assert_finding(json, "inputs", "warning", "own user and group alone");
	assert_finding(json, "databases", "warning", "none.mmdb");
	assert_finding(json, "folders", "warning", "none/below/spool (spool.path)");
	assert_finding(json, "outputs", "warning", "http://127.0.0.1:1: ");
	assert_null(strstr(result.out, "secret"));
	assert_null(strstr(result.out, "hidden"));
	assert_int_equal(json_integer_value(json_object_get(json, "errors")), 0);
	json_decref(json);
}

static void a_bad_configuration(void **state UNUSED)
{
	static struct result result;
	json_t *json = look(&result, "wire: {prots: [53]}\ninterval: 0s\n");

	assert_int_equal(result.status, 2);
	assert_finding(json, "configuration", "error",
	    "crosstap.yaml:1:8: wire.prots: unknown key (did you mean \"ports\"?)");
	assert_true(json_integer_value(json_object_get(json, "errors")) >= 3);
	assert_non_null(finding(json, "privacy", "ok"));
	json_decref(json);
	RUN(&result, "-c", "/nonexistent/x");
	assert_int_equal(result.status, 2);
	assert_non_null(strstr(result.out, "/nonexistent/x: cannot be read"));
}

static void usage(void **state UNUSED)
{
	static struct result result;
	const struct doctor_check *checks;
	const size_t n = doctor_checks(&checks);

	RUN(&result, "--help");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "usage: crosstap doctor"));
	for (size_t i = 0; i < n; i++)
		assert_non_null(strstr(result.out, checks[i].help));
	RUN(&result, "--no-such-option");
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	RUN(&result, "more");
	assert_int_equal(result.status, 2);
}

static int make_folder(void **state UNUSED)
{
	return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int remove_folder(void **state UNUSED)
{
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions_of_kernels),
	    cmocka_unit_test(modes_of_interfaces),
	    cmocka_unit_test(who_may_reach),
	    cmocka_unit_test(findings_in_lines),
	    cmocka_unit_test(a_configuration_without_a_fault),
	    cmocka_unit_test(what_would_stop_a_start),
	    cmocka_unit_test(a_socket_whose_file_was_removed),
	    cmocka_unit_test(a_configuration_of_others),
	    cmocka_unit_test(what_a_start_survives),
	    cmocka_unit_test(a_bad_configuration),
	    cmocka_unit_test(usage),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
