/* SPDX-License-Identifier: BSD-2-Clause */
/* What the doctor makes of sockets, devices and the stack of a made host. */
#include "host.h"

#include "doctor/network.h"
#include "doctor/processes.h"

static struct doctor begin(const char *text)
{
	struct config *config = NULL;

	assert_int_equal(config_parse("test", text, strlen(text), stderr, &config), 0);
	return (struct doctor){.root = host, .check = "test", .config = config};
}

static void done(struct doctor *doctor)
{
	assert_false(doctor->failed);
	for (size_t i = 0; i < doctor->n; i++)
		assert_true(doctor->findings[i].level == DOCTOR_OK ||
		    (doctor->findings[i].why && doctor->findings[i].command));
	config_unref(doctor->config);
	doctor_clear(doctor);
}

/* -- sockets */

static void sockets_in_order(void **state UNUSED)
{
	const struct doctor_socket sockets[] = {
	    {.family = AF_INET, .port = 53, .receive_buffer = 4 << 20},
	    {.family = AF_INET, .port = 53, .receive_buffer = 8 << 20},
	    {.family = AF_INET, .port = 53, .listening = true, .waiting = 3, .backlog = 4}};
	struct doctor doctor = begin("");

	doctor_judge_sockets(&doctor, sockets, 3);
	must_find(&doctor, DOCTOR_OK,
	    "0.0.0.0:53: 2 UDP sockets without drops, of at least 4194304 bytes");
	assert_int_equal(doctor.n, 1);
	done(&doctor);
}

static void sockets_that_lose(void **state UNUSED)
{
	const struct doctor_socket sockets[] = {{.family = AF_INET6,
						    .port = 53,
						    .receive_buffer = 4 << 20,
						    .drops = 7,
						    .queued_bytes = 9},
	    {.family = AF_INET6, .port = 53, .receive_buffer = 4 << 20},
	    {.family = AF_INET, .port = 53, .receive_buffer = 212992},
	    {.family = AF_INET, .port = 53, .listening = true, .waiting = 4, .backlog = 4}};
	struct doctor doctor = begin("");

	doctor_judge_sockets(&doctor, sockets, 4);
	must_find(
	    &doctor, DOCTOR_WARNING, "[::]:53: its sockets dropped 7 datagrams, and hold 9 bytes");
	must_find(&doctor, DOCTOR_WARNING,
	    "[::]:53: of 2 sockets (SO_REUSEPORT) 1 dropped and 0 hold a queue");
	must_find(
	    &doctor, DOCTOR_WARNING, "0.0.0.0:53: a socket has a receive buffer of 212992 bytes");
	must_find(&doctor, DOCTOR_WARNING, "0.0.0.0:53: all 4 places");
	assert_int_equal(doctor.n, 4);
	done(&doctor);
}

/* All sockets of a group that drop are too slow, not uneven. */
static void sockets_that_lose_alike(void **state UNUSED)
{
	const struct doctor_socket sockets[] = {
	    {.family = AF_INET, .port = 53, .receive_buffer = 4 << 20, .drops = 7},
	    {.family = AF_INET, .port = 53, .receive_buffer = 4 << 20, .drops = 9}};
	struct doctor doctor = begin("");

	doctor_judge_sockets(&doctor, sockets, 2);
	must_find(&doctor, DOCTOR_WARNING, "dropped 16 datagrams");
	assert_int_equal(doctor.n, 1);
	done(&doctor);
}

/* -- devices */

static void devices(void **state UNUSED)
{
	struct doctor_device device = {.name = "eth7",
	    .driver = "e1000e",
	    .queues = 4,
	    .queues_max = 4,
	    .hash_known = {true, true},
	    .hash_ports = {true, true},
	    .packets = 100000,
	    .drops = 10};
	struct doctor doctor = begin("");

	doctor_judge_device(&doctor, &device, 4);
	must_find(&doctor, DOCTOR_OK, "eth7: 4 receive queues, 10 of 100010 packets dropped");
	assert_int_equal(doctor.n, 1);
	device.drops = 11;
	device.ring = 256;
	device.ring_max = 4096;
	device.queues = 2;
	device.hash_ports[0] = device.hash_ports[1] = false;
	device.lro = true;
	strcpy(device.driver, "i40e");
	doctor_judge_device(&doctor, &device, 8);
	assert_string_equal(must_find(&doctor, DOCTOR_WARNING, "eth7: 11 packets dropped")->command,
	    "ethtool -G eth7 rx 4096");
	assert_string_equal(
	    must_find(&doctor, DOCTOR_WARNING, "eth7: 2 receive queues, of 4")->command,
	    "ethtool -L eth7 combined 4");
	assert_string_equal(must_find(&doctor, DOCTOR_WARNING, "UDP over IPv4")->command,
	    "ethtool -N eth7 rx-flow-hash udp4 sdfn");
	assert_string_equal(must_find(&doctor, DOCTOR_WARNING, "UDP over IPv6")->command,
	    "ethtool -N eth7 rx-flow-hash udp6 sdfn");
	assert_string_equal(must_find(&doctor, DOCTOR_WARNING, "large receive offload")->command,
	    "ethtool -K eth7 lro off");
	must_find(&doctor, DOCTOR_OK, "its driver i40e makes the rings anew");
	done(&doctor);
}

static void interrupts(void **state UNUSED)
{
	static const char text[] = "      CPU0 CPU1\n"
				   " 1:  900000 10 IO-APIC eth1\n"
				   " 2:  5 190000 PCI-MSI eth0-rx-0\n"
				   " 3:  995 9000 PCI-MSI eth0-rx-1\n"
				   " 4:  100000 100000 PCI-MSI virtio0-input.0\n"
				   " 5:  100000 100000 PCI-MSI virtio0-input.1\n";
	unsigned cpu = 9;

	assert_int_equal(doctor_busiest_cpu(text, "eth0", NULL, &cpu), 995);
	assert_int_equal(cpu, 1);
	assert_int_equal(doctor_busiest_cpu(text, "none", "virtio0", &cpu), 500);
	assert_int_equal(doctor_busiest_cpu(text, "eth1", NULL, &cpu), -1);
	assert_int_equal(doctor_busiest_cpu(text, "eth", NULL, &cpu), -1);
	assert_int_equal(doctor_busiest_cpu("", "eth0", NULL, &cpu), -1);
}

/* -- the stack */

static void tracking(void **state UNUSED)
{
	struct doctor doctor = begin("wire: {ports: [53, 5353]}\n");
	const struct doctor_finding *found;

	doctor_conntrack(&doctor);
	must_find(&doctor, DOCTOR_OK, "tracks no connections");
	put("/proc/sys/net/netfilter/nf_conntrack_count", "2\n");
	put("/proc/sys/net/netfilter/nf_conntrack_max", "1000\n");
	put("/proc/net/nf_conntrack",
	    "ipv4 2 udp 17 9 src=10.0.0.1 dst=10.0.0.2 sport=53 dport=4000 src=10.0.0.2\n"
	    "ipv4 2 tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=22 src=10.0.0.2 dport=53\n");
	doctor_conntrack(&doctor);
	must_find(&doctor, DOCTOR_OK, "no DNS among 2");
	put("/proc/net/nf_conntrack",
	    "ipv6 10 udp 17 9 src=::1 dst=::2 sport=4000 dport=53 [UNREPLIED]\n");
	doctor_conntrack(&doctor);
	found = must_find(&doctor, DOCTOR_WARNING, "DNS is tracked: 1 of 2");
	assert_non_null(strstr(
	    found->command, "nft 'add rule inet untracked in udp dport { 53,5353 } notrack'"));
	assert_non_null(strstr(
	    found->command, "-A OUTPUT -p udp -m multiport --sports 53,5353 -j CT --notrack"));
	put("/proc/sys/net/netfilter/nf_conntrack_count", "950\n");
	doctor_conntrack(&doctor);
	must_find(&doctor, DOCTOR_WARNING, "full: 950 of 1000");
	done(&doctor);
}

static void buffers(void **state UNUSED)
{
	struct doctor doctor = begin("");

	put("/proc/sys/net/core/rmem_max", "212992\n");
	put("/proc/sys/net/core/wmem_max", "8388608\n");
	put("/proc/sys/net/core/rmem_default", "212992\n");
	doctor_buffers(&doctor);
	assert_string_equal(
	    must_find(&doctor, DOCTOR_WARNING, "net.core.rmem_max is 212992")->command,
	    "sysctl -w net.core.rmem_max=4194304");
	must_find(&doctor, DOCTOR_OK, "net.core.wmem_max is 8388608");
	must_find(&doctor, DOCTOR_OK, "net.core.wmem_default cannot be seen");
	assert_int_equal(doctor_count(&doctor, DOCTOR_WARNING), 1);
	done(&doctor);
}

/* -- programs, pages, dnsdist */

static void owners(void **state UNUSED)
{
	struct doctor doctor = begin("");
	struct doctor_owner owner;

	put_process(10, "katran", 0, "/");
	put_link("/proc/10/fd/3", "anon_inode:bpf-prog");
	put("/proc/10/fdinfo/3", "pos:\t0\nprog_id:\t71\n");
	put_link("/proc/10/fd/4", "socket:[7]");
	put("/proc/10/fdinfo/4", "prog_id:\t72\n");
	put_link("/proc/10/fd/5", "anon_inode:bpf_link");
	put("/proc/10/fdinfo/5", "link_type:\txdp\nprog_id:\t73\n");
	doctor_find_owner(&doctor, 71, &owner);
	assert_int_equal(owner.pid, 10);
	assert_string_equal(owner.name, "katran");
	doctor_find_owner(&doctor, 73, &owner);
	assert_int_equal(owner.pid, 10);
	doctor_find_owner(&doctor, 72, &owner);
	assert_int_equal(owner.pid, 0);
	assert_false(owner.unseen);
	done(&doctor);
}

static void pages(void **state UNUSED)
{
	static const struct {
		const char *text, *found;
		enum doctor_level level;
	} cases[] = {
	    {"http: {listen: \"127.0.0.1:9053\"}\n", "for this host alone", DOCTOR_OK},
	    {"http: {listen: \"[::1]:9053\"}\n", "for this host alone", DOCTOR_OK},
	    {"http: {listen: off}\n", "off", DOCTOR_OK},
	    {"http: {listen: \"0.0.0.0:9053\", token_file: /x}\n", "asks for a token", DOCTOR_OK},
	    {"http: {listen: \"0.0.0.0:9053\"}\n", "to everybody", DOCTOR_WARNING},
	    {"http: {listen: \"[::]:9053\"}\n", "to everybody", DOCTOR_WARNING},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct doctor doctor = begin(cases[i].text);

		doctor_page(&doctor);
		must_find(&doctor, cases[i].level, cases[i].found);
		done(&doctor);
	}
}

static void tuning_of_dnsdist(void **state UNUSED)
{
	struct doctor doctor = begin("");

	put_process(10, "dnsdist", 100, "/");
	put("/etc/dnsdist/dnsdist.conf",
	    "setMaxUDPOutstanding(100)\naddTLSLocal('0.0.0.0', 'c', 'k', {ktls=true})\n"
	    "setTCPInternalPipeBufferSize(1048576)\n"
	    "addDOHLocal('0.0.0.0', 'c', 'k', '/', {internalPipeBufferSize = 65536})\n"
	    "f = newFrameStreamUnixLogger('/run/crosstap/dnstap.sock', {inputQueueSize=2048})\n"
	    "addAction(AllRule(), DnstapLogAction('d', f))\n");
	put("/proc/sys/fs/pipe-max-size", "524288\n");
	put("/proc/10/limits",
	    "Limit                     Soft Limit           Hard Limit           Units     \n"
	    "Max open files            4                    4                    files     \n");
	put("/proc/10/fd/0", "");
	put("/proc/10/fd/1", "");
	assert_int_equal(nameservers_find(&doctor, &doctor.nameservers), 0);
	doctor_dnsdist(&doctor);
	assert_string_equal(must_find(&doctor, DOCTOR_WARNING, "setMaxUDPOutstanding(100)")->lines,
	    "setMaxUDPOutstanding(65535)\n");
	assert_string_equal(
	    must_find(&doctor, DOCTOR_WARNING, "no module tls")->command, "modprobe tls");
	must_find(&doctor, DOCTOR_WARNING, "of 4 files open");
	must_find(&doctor, DOCTOR_WARNING, "its queue holds 2048 frames");
	must_find(&doctor, DOCTOR_WARNING, "pipes of 65536 bytes between its threads");
	assert_string_equal(
	    must_find(&doctor, DOCTOR_WARNING, "pipes have 524288 bytes at most")->command,
	    "sysctl -w fs.pipe-max-size=1048576");
	free(doctor.nameservers);
	done(&doctor);
}

/* The lines of config/nameservers/dnsdist.lua. */
static void queues_of_dnsdist_as_advised(void **state UNUSED)
{
	struct doctor doctor = begin("");

	put_process(10, "dnsdist", 100, "/");
	put("/etc/dnsdist/dnsdist.conf",
	    "crosstap = newFrameStreamUnixLogger(\"/run/crosstap/dnstap.sock\", {\n"
	    "\tinputQueueSize = 16384, outputQueueSize = 256, bufferHint = 65536,\n"
	    "})\naddAction(AllRule(), DnstapLogAction(\"dnsdist\", crosstap))\n");
	put("/proc/sys/fs/pipe-max-size", "1048576\n");
	assert_int_equal(nameservers_find(&doctor, &doctor.nameservers), 0);
	doctor_dnsdist(&doctor);
	for (size_t i = 0; i < doctor.n; i++) {
		assert_null(strstr(doctor.findings[i].text, "queue"));
		assert_null(strstr(doctor.findings[i].text, "pipes"));
	}
	/* Without the option it is libfstrm's default. */
	free(doctor.nameservers);
	put("/etc/dnsdist/dnsdist.conf",
	    "f = newFrameStreamUnixLogger(\"/run/crosstap/dnstap.sock\")\n"
	    "addAction(AllRule(), DnstapLogAction(\"dnsdist\", f))\n");
	assert_int_equal(nameservers_find(&doctor, &doctor.nameservers), 0);
	doctor_dnsdist(&doctor);
	must_find(&doctor, DOCTOR_WARNING, "its queue holds 512 frames");
	free(doctor.nameservers);
	done(&doctor);
}

/* What a drop-in of the operator's gives the unit. */
static void drop_ins(void **state UNUSED)
{
	const char *file = "/etc/systemd/system/crosstap.service.d/packet-sockets.conf";
	struct doctor doctor = begin("");

	assert_false(doctor_unit_has_raw_sockets(&doctor));
	put(file, "# CAP_NET_RAW\n[Service]\nCapabilityBoundingSet=CAP_NET_RAW\n");
	assert_false(doctor_unit_has_raw_sockets(&doctor));
	put(file, "[Service]\nAmbientCapabilities=CAP_SYS_ADMIN CAP_NET_RAW\n");
	assert_true(doctor_unit_has_raw_sockets(&doctor));
	done(&doctor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sockets_in_order),
	    cmocka_unit_test(sockets_that_lose),
	    cmocka_unit_test(sockets_that_lose_alike),
	    cmocka_unit_test(devices),
	    cmocka_unit_test(interrupts),
	    cmocka_unit_test_setup_teardown(tracking, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(buffers, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(owners, make_host, remove_host),
	    cmocka_unit_test(pages),
	    cmocka_unit_test_setup_teardown(tuning_of_dnsdist, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(queues_of_dnsdist_as_advised, make_host, remove_host),
	    cmocka_unit_test_setup_teardown(drop_ins, make_host, remove_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
