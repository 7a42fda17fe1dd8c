/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching, adopting, detaching and reading, on a veth pair in a network namespace of its own:
 * frames sent on `vb` arrive at `va`. Every sum is exact. Needs root and BPF.
 */
#include "kernel.h"
#include "wire_agent.h"

#include <cap-ng.h>

/* -- tests */

static void test_native(void)
{
	struct agent agent;
	const uint64_t(*own)[2];
	uint64_t version;

	agent_configure(&agent);
	expect(agent_start(&agent) == 0, "start");
	expect_mode(&agent, "native");
	ask(100);
	answer(50);
	agent_window(&agent);
	expect(!agent.window.whole && agent.window.watched, "the first window is not whole");
	expect_sums(&agent, 100, 50);
	expect(agent.clients == 100, "clients %llu", (unsigned long long)agent.clients);
	ask_rare(7);
	ask(3);
	agent_window(&agent);
	expect(agent.window.whole, "the second window is whole");
	expect(agent.rare == 7, "rare %llu", (unsigned long long)agent.rare);
	agent_window(&agent);
	expect_sums(&agent, 110, 50);
	expect(agent.clients == 110, "clients %llu", (unsigned long long)agent.clients);
	expect(watch_own(agent.wire, &own, &version) >= 3, "own addresses");
	agent_stop(&agent);
	expect_nothing();
}

/* Windows of some milliseconds while 60,000 packets come in and go out. */
static void test_flips_under_traffic(void)
{
	struct agent agent;
	pid_t sender;
	u32 windows = 0;

	agent_configure(&agent);
	agent_start(&agent);
	sender = fork();
	if (sender == 0) {
		for (int i = 0; i < 30; i++) {
			ask(1000);
			answer(1000);
		}
		_exit(0);
	}
	while (waitpid(sender, NULL, WNOHANG) == 0 && windows++ < 10000)
		agent_window(&agent);
	agent_window(&agent);
	agent_window(&agent);
	expect_sums(&agent, 30000, 30000);
	expect(agent.clients == 30000, "clients %llu", (unsigned long long)agent.clients);
	agent_stop(&agent);
}

static void test_adopt(void)
{
	struct report *report = share_report();
	struct attached before, after;
	struct agent agent;
	pid_t pid = doomed_agent(report);

	ask(30);
	answer(6);
	kill_agent(pid);
	ask(40);
	answer(7);
	before = look();
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, "native");
	after = look();
	expect(before.xdp && before.xdp == after.xdp, "adopted %u, was %u", after.xdp, before.xdp);
	expect(after.egress == 1 && !after.ingress, "one filter");
	ask(50);
	ask_rare(4);
	answer(8);
	agent_window(&agent);
	agent_window(&agent);
	expect_sums(&agent, 3 + 20 + 30 + 40 + 50 + 4, 6 + 7 + 8);
	expect(report->in == 12 && report->out == 5, "reported before");
	expect(report->rare + agent.rare == 2 + 3 + 4, "rare %llu and %llu",
	    (unsigned long long)report->rare, (unsigned long long)agent.rare);
	agent_stop(&agent);
	expect_nothing();
	munmap(report, sizeof(*report));
}

static void spoil_abi(void)
{
	struct wire_running found;
	struct wire_config *config;

	must(wire_running_find(&found, NULL, look().xdp) == 0, "find");
	config = mmap(NULL, sizeof(*config), PROT_READ | PROT_WRITE, MAP_SHARED,
	    found.maps.fds[WIRE_MAP_CONFIG], 0);
	must(config != MAP_FAILED, "mmap");
	config->abi = WIRE_ABI_VERSION + 1;
	munmap(config, sizeof(*config));
	wire_running_close(&found);
}

/* Of another version: replaced in one step, by programs with maps of their own. */
static void test_replace(void)
{
	struct report *report = share_report();
	const pid_t pid = doomed_agent(report);
	struct attached before, after;
	struct agent agent;

	kill_agent(pid);
	spoil_abi();
	before = look();
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, "native");
	after = look();
	expect(after.xdp && before.xdp != after.xdp, "replaced");
	expect(strstr(agent.lines, "va: programs of another version"), "says so:\n%s", agent.lines);
	expect(after.egress == 1 && !after.ingress, "one filter, not %zu", after.egress);
	ask(50);
	answer(8);
	agent_window(&agent);
	expect_sums(&agent, 50, 8);
	agent_stop(&agent);
	munmap(report, sizeof(*report));
}

static void test_detach(void)
{
	struct report *report = share_report();
	const pid_t pid = doomed_agent(report);
	char lines[2048] = "";
	const struct wire_detach_options options = {
	    .namespace = -1, .say = say_detached, .context = lines};
	size_t removed = 0;
	int r = wire_detach_all(&options, &removed);

	expect(r == 0 && removed == 0, "a live agent:\n%s", lines);
	expect(strstr(lines, "left alone"), "says who uses it:\n%s", lines);
	expect(look().xdp && look().egress, "still there");
	kill_agent(pid);
	r = wire_detach_all(&options, &removed);
	expect(r == 0 && removed == 3, "removed %zu:\n%s", removed, lines);
	expect_nothing();
	munmap(report, sizeof(*report));
}

/* Those that are asked for, and no others. */
static void test_detach_one(void)
{
	struct report *report = share_report();
	char name[] = "va", other[] = "vb", *names[] = {other, name}, lines[2048] = "";
	struct wire_detach_options options = {.namespace = -1,
	    .interfaces = names,
	    .n_interfaces = 1,
	    .say = say_detached,
	    .context = lines};
	size_t removed = 0;

	kill_agent(doomed_agent(report));
	expect(wire_detach_all(&options, &removed) == 0 && removed == 0, "removed %zu:\n%s",
	    removed, lines);
	options.n_interfaces = 2;
	expect(wire_detach_all(&options, &removed) == 0 && removed == 3, "removed %zu:\n%s",
	    removed, lines);
	expect_nothing();
	munmap(report, sizeof(*report));
}

static void detach_without_rights(void)
{
	char lines[2048] = "";
	const struct wire_detach_options options = {
	    .namespace = -1, .say = say_detached, .context = lines};
	size_t removed = 0;

	must(capng_get_caps_process() == 0 &&
		capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN) == 0 &&
		capng_apply(CAPNG_SELECT_CAPS) == 0,
	    "CAP_NET_ADMIN");
	expect(wire_detach_all(&options, &removed) < 0 && removed == 0, "removed %zu", removed);
	/* Alone, or behind libxdp's dispatcher. */
	expect(strstr(lines, "XDP program cannot be removed: "), "says nothing of XDP:\n%s", lines);
	expect(strstr(lines, "FAILED va: tc egress filter cannot be removed: "),
	    "says nothing of tc:\n%s", lines);
}

/* Each failure is said, and the next is tried. */
static void test_detach_without_rights(void)
{
	struct report *report = share_report();
	char lines[2048] = "";
	const struct wire_detach_options options = {
	    .namespace = -1, .say = say_detached, .context = lines};
	struct wire_detach_options nowhere = options;
	size_t removed = 0;

	kill_agent(doomed_agent(report));
	in_child(detach_without_rights);
	nowhere.namespace = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect(wire_detach_all(&nowhere, &removed) < 0 && removed == 0, "no namespace");
	close(nowhere.namespace);
	expect(wire_detach_all(&options, &removed) == 0 && removed == 3, "removed %zu:\n%s",
	    removed, lines);
	expect_nothing();
	munmap(report, sizeof(*report));
}

static void test_keep(void)
{
	struct agent first, second;
	struct attached before;

	agent_configure(&first);
	first.config.wire.on_exit = WIRE_KEEP;
	agent_start(&first);
	ask(5);
	agent_window(&first);
	before = look();
	agent_stop(&first);
	ask(6);
	agent_configure(&second);
	agent_start(&second);
	expect(look().xdp == before.xdp, "kept");
	agent_window(&second);
	agent_window(&second);
	expect_sums(&first, 5, 0);
	expect_sums(&second, 6, 0);
	agent_stop(&second);
	expect_nothing();
}

static void test_generic(void)
{
	struct agent agent;

	agent_configure(&agent);
	agent.config.wire.mode = WIRE_GENERIC;
	agent_start(&agent);
	expect_mode(&agent, "generic");
	ask(11);
	answer(12);
	agent_window(&agent);
	expect_sums(&agent, 11, 12);
	agent_stop(&agent);
	expect_nothing();
}

/* Frames of several buffers: the driver takes no other program then (5.18). */
static void test_frags(void)
{
	const char *mode = kernel_at_least(5, 18) ? "native" : "tc";
	struct report *report = share_report();
	struct attached before;
	struct agent agent;
	pid_t pid;

	shell("ip link set va mtu 9000 && ip link set vb mtu 9000");
	pid = doomed_agent(report);
	kill_agent(pid);
	before = look();
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, mode);
	expect(look().xdp == before.xdp, "adopted %u, was %u", look().xdp, before.xdp);
	ask(30);
	answer(4);
	agent_window(&agent);
	agent_window(&agent);
	expect_sums(&agent, 3 + 20 + 30, 4);
	agent_stop(&agent);
	expect_nothing();
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, mode);
	ask(7);
	agent_window(&agent);
	expect_sums(&agent, 7, 0);
	agent_stop(&agent);
	expect_nothing();
	munmap(report, sizeof(*report));
}

/* A device without a link header. */
static void test_no_ethernet(void)
{
	static const char *devices[] = {"t0"};
	const struct watch_mode *modes;
	struct agent agent;

	if (system("ip tuntap add dev t0 mode tun") != 0) {
		printf("note: no tun device, so none without Ethernet\n");
		return;
	}
	shell("ip address add 198.51.100.1/24 dev t0 && ip link set t0 up");
	agent_configure(&agent);
	agent.config.wire.interfaces = (struct config_strings){devices, 1};
	agent_start(&agent);
	expect_mode(&agent, "tc");
	must(watch_modes(agent.wire, &modes) == 1, "modes");
	expect(strstr(modes[0].reason, "native: no Ethernet"), "says why: %s", modes[0].reason);
	agent_stop(&agent);
	shell("ip link delete t0");
}

/* A reload to each mode and back: the maps stay, and no packet counts twice. */
static void test_configure(void)
{
	static const enum wire_mode modes[] = {
	    WIRE_TC, WIRE_GENERIC, WIRE_NATIVE, WIRE_OFF, WIRE_AUTO, WIRE_TC, WIRE_AUTO};
	static const char *const names[] = {
	    "tc", "generic", "native", "none", "native", "tc", "native"};
	static struct config configs[sizeof(modes) / sizeof(modes[0])];
	struct agent agent;
	u64 asked = 0;

	agent_configure(&agent);
	agent_start(&agent);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		/* One configuration is never another. */
		configs[i] = agent.config;
		configs[i].wire.mode = modes[i];
		watch_configure(agent.wire, &configs[i]);
		expect_mode(&agent, names[i]);
		ask(10);
		answer(10);
		asked += modes[i] == WIRE_OFF ? 0 : 10;
		agent_window(&agent);
		expect(agent.window.watched || modes[i] == WIRE_OFF, "watched");
	}
	agent_window(&agent);
	expect_sums(&agent, asked, asked);
	agent_stop(&agent);
	expect_nothing();
}

/* Filters that somebody sweeps away with their qdisc are put back. */
static void test_swept(void)
{
	struct agent agent;

	agent_configure(&agent);
	agent_start(&agent);
	answer(5);
	must(netlink_delete_clsact(netlink, (int)if_nametoindex("va")) == 0, "sweep");
	watch_process(agent.wire);
	answer(6);
	agent_window(&agent);
	expect_sums(&agent, 0, 11);
	agent_stop(&agent);
	expect_nothing();
}

static void test_vanish_and_return(void)
{
	struct agent agent;

	agent_configure(&agent);
	agent_start(&agent);
	ask(10);
	remove_veth();
	watch_process(agent.wire);
	make_veth();
	watch_process(agent.wire);
	expect_mode(&agent, "native");
	ask(20);
	answer(4);
	agent_window(&agent);
	expect(agent.window.n_interfaces == 1, "one row for one name");
	expect(!agent.window.whole, "not whole");
	agent_window(&agent);
	expect_sums(&agent, 30, 4);
	agent_stop(&agent);
	expect_nothing();
}

static void test_addresses(void)
{
	const struct frame_spec spec = {
	    .server = 9, .payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1};
	struct agent agent;

	agent_configure(&agent);
	agent_start(&agent);
	send_frames("vb", &spec, 5);
	shell("ip address add 192.0.2.9/24 dev va");
	watch_process(agent.wire);
	send_frames("vb", &spec, 6);
	shell("ip address delete 192.0.2.9/24 dev va");
	watch_process(agent.wire);
	send_frames("vb", &spec, 7);
	agent_window(&agent);
	expect_sums(&agent, 6, 0);
	agent_stop(&agent);
}

/* `auto` takes what routes use: `va` has one, `vb` only the link-local one. */
static void test_auto(void)
{
	struct agent agent;

	agent_configure(&agent);
	agent.config.wire.interfaces_auto = true;
	agent_start(&agent);
	expect_mode(&agent, "native");
	ask(3);
	agent_window(&agent);
	expect_sums(&agent, 3, 0);
	agent_stop(&agent);
	expect_nothing();
}

/* -- elsewhere, and with less */

static char target[64];

static void work_elsewhere(void)
{
	struct agent agent;

	must(setns(home, CLONE_NEWNET) == 0, "setns");
	agent_configure(&agent);
	agent.config.wire.netns = target;
	expect(agent_start(&agent) == 0, "start:\n%s", agent.lines);
	expect_mode(&agent, "native");
	expect(if_nametoindex("va") == 0, "this thread stayed at home");
	agent_stop(&agent);
}

static void test_netns(void)
{
	snprintf(target, sizeof(target), "/proc/%d/ns/net", getpid());
	in_child(work_elsewhere);
	expect_nothing();
}

static void work_unprivileged(void)
{
	const struct watch_mode *modes;
	struct agent agent;

	must(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0, "setuid");
	agent_configure(&agent);
	expect(agent_start(&agent) == -EPERM, "start says EPERM");
	expect_mode(&agent, "off");
	expect(watch_modes(agent.wire, &modes) == 1 && strstr(modes[0].reason, "BPF"), "reason");
	expect(strstr(agent.lines, "CAP_BPF"), "says what it lacks:\n%s", agent.lines);
	agent_window(&agent);
	expect(!agent.window.watched, "nothing watched");
	agent_stop(&agent);
}

static void test_unprivileged(void)
{
	in_child(work_unprivileged);
}

static const struct test tests[] = {
    {"native", test_native},
    {"flips_under_traffic", test_flips_under_traffic},
    {"adopt", test_adopt},
    {"replace", test_replace},
    {"detach", test_detach},
    {"detach_one", test_detach_one},
    {"detach_without_rights", test_detach_without_rights},
    {"keep", test_keep},
    {"generic", test_generic},
    {"frags", test_frags},
    {"no_ethernet", test_no_ethernet},
    {"configure", test_configure},
    {"swept", test_swept},
    {"vanish_and_return", test_vanish_and_return},
    {"addresses", test_addresses},
    {"auto", test_auto},
    {"netns", test_netns},
    {"unprivileged", test_unprivileged},
};

int main(int argc, char **argv)
{
	return run_tests("attaching", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
