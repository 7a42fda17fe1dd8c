/* SPDX-License-Identifier: BSD-2-Clause */
/* Nameservers of a made host: what the doctor says of each. */
#include "host.h"

#include "doctor/nameserver_config.h"
#include "doctor/processes.h"

#include <errno.h>

/* -- configurations */

static struct nameserver_facts facts_of(enum nameserver_kind kind, const char *text)
{
	struct nameserver_facts facts = {0};

	nameserver_config_parse(kind, text, &facts);
	return facts;
}

static void configurations(void **state UNUSED)
{
	struct nameserver_facts facts = facts_of(NAMESERVER_KNOT,
	    "mod-dnstap:\n  - id: tap\n    sink: \"unix:/run/a.sock\" # here\n"
	    "xdp:\n    listen: eth0\n"
	    "template:\n  - id: default\n    global-module: [ mod-rrl/default, mod-dnstap/tap ]\n");

	assert_true(facts.dnstap && facts.rrl_first && facts.af_xdp);
	assert_string_equal(facts.socket, "/run/a.sock");
	facts = facts_of(NAMESERVER_KNOT,
	    "zone:\n  - domain: a\n    module:\n    - mod-dnstap/t\n    - mod-rrl\n");
	assert_true(facts.dnstap && !facts.rrl_first && !facts.af_xdp);
	facts = facts_of(NAMESERVER_KNOT,
	    "zone:\n  - domain: a\n    module:\n    - mod-rrl\n    - mod-dnstap/t\n");
	assert_true(facts.rrl_first);
	facts = facts_of(NAMESERVER_KNOT, "mod-dnstap:\n  - id: tap\n    sink: unix:/run/a.sock\n");
	assert_false(facts.dnstap);
	facts = facts_of(NAMESERVER_NSD,
	    "dnstap:\n  dnstap-enable: yes\n  dnstap-socket-path: \"/x/y\"\ninclude: "
	    "\"/etc/nsd/*.conf\"\n");
	assert_true(facts.dnstap);
	assert_string_equal(facts.socket, "/x/y");
	assert_int_equal(facts.n_includes, 1);
	assert_string_equal(facts.includes[0], "/etc/nsd/*.conf");
	assert_false(
	    facts_of(NAMESERVER_UNBOUND, "#dnstap-enable: yes\ndnstap-enable: no\n").dnstap);
	facts = facts_of(NAMESERVER_BIND,
	    "/* dnstap { all; };\n */ options { // dnstap\n dnstap { auth; };\n dnstap-output unix "
	    "\"/b\"; };\n");
	assert_true(facts.dnstap);
	assert_string_equal(facts.socket, "/b");
	assert_false(facts_of(NAMESERVER_BIND, "/*\ndnstap { all; };\n*/\n// dnstap {};\n").dnstap);
	facts = facts_of(NAMESERVER_DNSDIST,
	    "c = newFrameStreamUnixLogger(\"/d\", {})\naddAction(AllRule(), DnstapLogAction(\"x\", "
	    "c))\n"
	    "addTLSLocal('0.0.0.0', {ktls=true})\nsetMaxUDPOutstanding(100)\n-- newXsk()\n");
	assert_true(facts.dnstap && facts.tls && facts.ktls && !facts.af_xdp);
	assert_string_equal(facts.socket, "/d");
	assert_int_equal(facts.udp_outstanding, 100);
	facts = facts_of(
	    NAMESERVER_RECURSOR, "logging:\n  dnstap_framestream_servers:\n    - servers: [/r]\n");
	assert_true(facts.dnstap);
	assert_string_equal(facts.socket, "/r");
	facts = facts_of(NAMESERVER_COREDNS, ". {\n  dnstap unix:///c full\n}\n");
	assert_true(facts.dnstap);
	assert_string_equal(facts.socket, "/c");
}

/* -- hosts */

static struct config *config_of(const char *text)
{
	struct config *config = NULL;

	assert_int_equal(config_parse("test", text, strlen(text), stderr, &config), 0);
	return config;
}

static struct doctor look(const char *text)
{
	struct doctor doctor = {.root = host, .check = "test", .config = config_of(text)};

	doctor_processes(&doctor);
	doctor_dnstap(&doctor);
	doctor_af_xdp(&doctor);
	assert_false(doctor.failed);
	for (size_t i = 0; i < doctor.n; i++)
		assert_true(doctor.findings[i].level == DOCTOR_OK ||
		    (doctor.findings[i].why && doctor.findings[i].command));
	return doctor;
}

static void done(struct doctor *doctor)
{
	config_unref(doctor->config);
	free(doctor->nameservers);
	doctor_clear(doctor);
}

#define INPUT "inputs: [{unix: /run/crosstap/dnstap.sock}]\n"

static void nobody_runs(void **state UNUSED)
{
	struct doctor doctor;

	put("/proc/1/comm", "init\n");
	put("/proc/self/comm", "knotd\n");
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_OK, "no nameserver that the doctor knows");
	assert_int_equal(doctor_count(&doctor, DOCTOR_WARNING), 0);
	done(&doctor);
}

static void without_dnstap(void **state UNUSED)
{
	const struct doctor_finding *found;
	struct doctor doctor;

	put_process(10, "knotd", 100, "/");
	put("/etc/knot/knot.conf", "server:\n  listen: 0.0.0.0\n");
	put_process(11, "unbound", 101, "/");
	put("/proc/11/cmdline", "unbound");
	put("/etc/unbound/unbound.conf", "server:\n");
	doctor = look(INPUT);
	found = must_find(&doctor, DOCTOR_WARNING, "knotd (process 10) runs without dnstap");
	assert_string_equal(found->file, "/etc/knot/knot.conf");
	assert_non_null(strstr(found->lines, "    sink: unix:/run/crosstap/dnstap.sock\n"));
	assert_null(strstr(found->lines, "#"));
	assert_non_null(strstr(
	    found->command, "knotc -c '/etc/knot/knot.conf' conf-check && systemctl restart knot"));
	found = must_find(&doctor, DOCTOR_WARNING, "unbound (process 11) runs without dnstap");
	assert_non_null(strstr(found->lines, "dnstap-socket-path: \"/run/crosstap/dnstap.sock\""));
	done(&doctor);
}

/* Debian's configurations, in which what the lines are in is there, and may be there once. */
static void without_dnstap_beside_others(void **state UNUSED)
{
	const struct doctor_finding *found;
	struct doctor doctor;

	put_process(10, "knotd", 100, "/");
	put("/etc/knot/knot.conf",
	    "server:\n    listen: 0.0.0.0\ntemplate:\n  - id: default\n    storage: /x\n");
	put_process(11, "named", 101, "/");
	put("/proc/11/cmdline", "named");
	put("/etc/bind/named.conf", "include \"/etc/bind/named.conf.options\";\n");
	put("/etc/bind/named.conf.options",
	    "acl a { any; };\noptions\n{\n\tdirectory \"/x\";\n};\n");
	doctor = look(INPUT);
	found = must_find(&doctor, DOCTOR_WARNING, "knotd (process 10) runs without dnstap");
	assert_string_equal(found->file, "/etc/knot/crosstap.conf");
	assert_string_equal(found->lines,
	    "mod-dnstap:\n  - id: crosstap\n    sink: unix:/run/crosstap/dnstap.sock\n"
	    "    log-queries: on\n    log-responses: on\n");
	assert_string_equal(found->command,
	    "sed -i '1i include: /etc/knot/crosstap.conf' '/etc/knot/knot.conf'\n"
	    "sed -i 's,^\\( *\\)- id: *default$,&\\n\\1  global-module: mod-dnstap/crosstap,' "
	    "'/etc/knot/knot.conf'\n"
	    "knotc -c '/etc/knot/knot.conf' conf-check && systemctl restart knot");
	found = must_find(&doctor, DOCTOR_WARNING, "named (process 11) runs without dnstap");
	assert_string_equal(found->file, "/etc/bind/crosstap.conf");
	assert_string_equal(found->lines,
	    "\tdnstap { auth; client; resolver; forwarder; update; };\n"
	    "\tdnstap-output unix \"/run/crosstap/dnstap.sock\";\n"
	    "\tfstrm-set-input-queue-size 16384;\n");
	assert_string_equal(found->command,
	    "sed -i '/^options/{:a;/{/!{N;ba};s,{,&\\n\\tinclude \"/etc/bind/crosstap.conf\";,}' "
	    "'/etc/bind/named.conf.options'\n"
	    "named-checkconf '/etc/bind/named.conf' && systemctl restart named");
	done(&doctor);
}

/* The lines name the socket as it is called from the chroot. */
static void without_dnstap_in_a_chroot(void **state UNUSED)
{
	const struct doctor_finding *found;
	struct doctor doctor;
	char text[256];

	put_process(10, "nsd", 100, "/var/lib/nsd");
	put("/var/lib/nsd/x", "");
	put("/etc/nsd/nsd.conf", "server:\n");
	snprintf(text, sizeof(text), "inputs: [{unix: %s/var/lib/nsd/run/tap.sock}]\n", host);
	doctor = look(text);
	found = must_find(
	    &doctor, DOCTOR_WARNING, "nsd (process 10) runs without dnstap, with the root ");
	assert_non_null(strstr(found->lines, "dnstap-socket-path: \"/run/tap.sock\""));
	done(&doctor);
}

static void a_chroot_that_cannot_reach(void **state UNUSED)
{
	struct doctor doctor;

	put_process(10, "nsd", 100, "/var/lib/nsd");
	put("/var/lib/nsd/x", "");
	put_socket("/run/crosstap/dnstap.sock", 0666);
	put("/etc/nsd/nsd.conf", "include: nsd.conf.d/*.conf\n");
	put("/etc/nsd/nsd.conf.d/tap.conf",
	    "dnstap:\n  dnstap-enable: yes\n  dnstap-socket-path: /run/crosstap/dnstap.sock\n");
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_ERROR,
	    "nsd (process 10) cannot reach /run/crosstap/dnstap.sock: from its root");
	must_find(&doctor, DOCTOR_OK, "response times are those of a pipe");
	done(&doctor);
}

static void confined(void **state UNUSED)
{
	const struct doctor_finding *found;
	struct doctor doctor;

	put_process(10, "named", 100, "/");
	put("/proc/10/attr/current", "named (enforce)\n");
	put("/etc/apparmor.d/usr.sbin.named", "profile named /usr/sbin/named {}\n");
	put("/etc/bind/named.conf", "zone x {};\n");
	doctor = look(INPUT);
	found = must_find(&doctor, DOCTOR_WARNING, "named (process 10) runs without dnstap");
	assert_non_null(strstr(found->command,
	    "cat /usr/share/doc/crosstap/apparmor/usr.sbin.named "
	    ">>/etc/apparmor.d/local/usr.sbin.named\n"));
	done(&doctor);
	put("/etc/bind/named.conf",
	    "options {\n dnstap { auth; };\n dnstap-output unix "
	    "\"/run/crosstap/dnstap.sock\";\n};\n");
	put_socket("/run/crosstap/dnstap.sock", 0666);
	doctor = look(INPUT);
	found = must_find(&doctor, DOCTOR_ERROR, "its profile of AppArmor has no line for it");
	assert_non_null(strstr(found->command, "systemctl try-reload-or-restart apparmor\n"));
	done(&doctor);
	put("/proc/10/attr/current", "unconfined\n");
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_OK, "named (process 10) can reach");
	done(&doctor);
	put("/proc/10/attr/current", "named (enforce)\n");
	put("/etc/apparmor.d/local/usr.sbin.named", "/run/crosstap/*.sock rw,\n");
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_OK, "named (process 10) can reach");
	done(&doctor);
}

/* As NSD runs: each process has a name of its own, and all one command line. */
static void several_processes(void **state UNUSED)
{
	static const char *const names[] = {"xfrd\n", "nsd: main\n", "dnstap_collecto\n"};
	struct doctor doctor;
	char path[64], text[64];

	put("/etc/nsd/nsd.conf", "server:\n");
	for (int i = 0; i < 3; i++) {
		put_process(10 + i, "/usr/sbin/nsd", 100, "/");
		snprintf(path, sizeof(path), "/proc/%d/comm", 10 + i);
		put(path, names[i]);
		snprintf(path, sizeof(path), "/proc/%d/status", 10 + i);
		snprintf(text, sizeof(text), "PPid:\t%d\nUid:\t100\t100\nGid:\t100\t100\n",
		    i ? 9 + i : 1);
		put(path, text);
	}
	doctor = look(INPUT);
	assert_int_equal(doctor.nameservers->n, 1);
	must_find(&doctor, DOCTOR_WARNING, "nsd (process 10) runs without dnstap");
	done(&doctor);
}

static void permissions(void **state UNUSED)
{
	char folder[PATH_MAX];
	struct doctor doctor;

	put_process(10, "knotd", 100, "/");
	put("/etc/knot/knot.conf",
	    "mod-dnstap:\n  - id: t\n    sink: unix:/run/crosstap/dnstap.sock\n"
	    "template:\n  - id: default\n    global-module: [mod-rrl/d, mod-dnstap/t]\n");
	put_socket("/run/crosstap/dnstap.sock", 0660);
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_ERROR,
	    "knotd (process 10, user 100) cannot reach /run/crosstap/dnstap.sock");
	must_find(&doctor, DOCTOR_WARNING, "mod-rrl stands before mod-dnstap");
	done(&doctor);
	snprintf(folder, sizeof(folder), "%s/run/crosstap/dnstap.sock", host);
	assert_int_equal(chown(folder, 0, 4001), 0);
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_OK, "knotd (process 10) can reach");
	done(&doctor);
	snprintf(folder, sizeof(folder), "%s/run/crosstap", host);
	assert_int_equal(chmod(folder, 0700), 0);
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_ERROR, "/run/crosstap is closed to it");
	done(&doctor);
	assert_int_equal(chmod(folder, 0755), 0);
	doctor = look("inputs: [{unix: /run/other.sock}]\n");
	must_find(&doctor, DOCTOR_WARNING, "which is no input");
	done(&doctor);
}

static void sockets_before_the_stack(void **state UNUSED)
{
	struct doctor doctor;

	put_process(10, "knotd", 100, "/");
	put("/etc/knot/knot.conf", "server:\n");
	put("/proc/10/fdinfo/3", "pos:\t0\nmap_type:\t2\n");
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_OK, "no nameserver takes packets before the stack");
	done(&doctor);
	put("/proc/10/fdinfo/4", "pos:\t0\nmap_type:\t17\n");
	doctor = look(INPUT);
	assert_non_null(strstr(
	    must_find(&doctor, DOCTOR_WARNING, "knotd (process 10) holds AF_XDP sockets")->why,
	    "tc"));
	done(&doctor);
	remove_host(NULL);
	make_host(NULL);
	put_process(10, "knotd", 100, "/");
	put("/etc/knot/knot.conf", "xdp:\n  listen: eth0\n");
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_WARNING, "is configured for AF_XDP");
	done(&doctor);
}

/* What cannot be seen is said. */
static void unseen(void **state UNUSED)
{
	char path[PATH_MAX];
	struct doctor doctor;

	put_process(10, "named", 100, "/");
	snprintf(path, sizeof(path), "%s/proc/10/root", host);
	assert_int_equal(unlink(path), 0);
	doctor = look(INPUT);
	must_find(&doctor, DOCTOR_WARNING,
	    "of 1 nameservers neither root nor network namespace can be seen");
	must_find(&doctor, DOCTOR_WARNING, "its configuration /etc/bind/named.conf cannot be read");
	done(&doctor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(configurations),
	    cmocka_unit_test_setup_teardown(nobody_runs, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(without_dnstap, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(without_dnstap_beside_others, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(without_dnstap_in_a_chroot, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(a_chroot_that_cannot_reach, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(confined, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(several_processes, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(permissions, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(sockets_before_the_stack, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(unseen, make_host, remove_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
