/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Beside other people's programs, a nameserver's among them: stepping down, and leaving them alone.
 * On a veth pair in a network namespace of its own; every sum is exact. Needs root and BPF.
 */
#include "../unit/refuse.h"
#include "wire_agent.h"

/* Another XDP program takes our place: we count on by tc, and leave it alone. */
static void test_displaced(void)
{
	const int fd = foreign(BPF_PROG_TYPE_XDP, XDP_PASS);
	const int index = (int)if_nametoindex("va");
	struct agent agent;

	agent_configure(&agent);
	agent_start(&agent);
	ask(10);
	must(netlink_xdp(netlink, index, fd, -1, XDP_FLAGS_DRV_MODE) == 0, "replace");
	watch_process(agent.wire);
	expect_mode(&agent, "tc");
	expect(strstr(agent.lines, "displaced"), "says why:\n%s", agent.lines);
	ask(20);
	answer(3);
	agent_window(&agent);
	expect_sums(&agent, 30, 3);
	agent_stop(&agent);
	expect(look().xdp == wire_program_id(fd), "theirs survives");
	expect(!look().clsact && !look().pins, "our clsact and pins went");
	must(netlink_xdp(netlink, index, -1, fd, XDP_FLAGS_DRV_MODE) == 0, "detach");
	close(fd);
}

static void test_occupied(void)
{
	const int fd = foreign(BPF_PROG_TYPE_XDP, XDP_PASS);
	const int index = (int)if_nametoindex("va");
	struct agent agent;

	must(netlink_xdp(netlink, index, fd, -1, XDP_FLAGS_DRV_MODE) == 0, "attach");
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, "tc");
	expect(strstr(agent.lines, "another XDP program holds it"), "says why:\n%s", agent.lines);
	ask(20);
	agent_window(&agent);
	expect_sums(&agent, 20, 0);
	agent_stop(&agent);
	expect(look().xdp == wire_program_id(fd), "theirs survives");
	must(netlink_xdp(netlink, index, -1, fd, XDP_FLAGS_DRV_MODE) == 0, "detach");
	close(fd);
}

static void occupied_generic(void)
{
	const struct refusal refusal = {
	    .call = SCMP_SYS(bpf), .error = EPERM, .value = BPF_PROG_GET_FD_BY_ID};
	const struct watch_mode *modes;
	struct agent agent;

	must(refuse(&refusal) == 0, "filter");
	agent_configure(&agent);
	agent.config.wire.mode = WIRE_GENERIC;
	agent_start(&agent);
	must(watch_modes(agent.wire, &modes) == 1, "modes");
	expect(strstr(modes[0].reason, "generic: another XDP program holds it (id ") &&
		strstr(modes[0].reason, "`crosstap detach` as root"),
	    "says what to do: %s", modes[0].reason);
	agent_stop(&agent);
}

/* Who cannot open programs by their ids does not know whose it is. */
static void test_occupied_generic(void)
{
	const int fd = foreign(BPF_PROG_TYPE_XDP, XDP_PASS);
	const int index = (int)if_nametoindex("va");

	must(netlink_xdp(netlink, index, fd, -1, XDP_FLAGS_SKB_MODE) == 0, "attach");
	in_child(occupied_generic);
	expect(look().xdp == wire_program_id(fd), "theirs survives");
	must(netlink_xdp(netlink, index, -1, fd, XDP_FLAGS_SKB_MODE) == 0, "detach");
	close(fd);
}

/* Somebody's filter that ends the line for all packets is behind us, and stays. */
static void test_other_filter(void)
{
	const int fd = foreign(BPF_PROG_TYPE_SCHED_CLS, 0 /* TC_ACT_OK */);
	const struct wire_filter place = {.handle = 7, .priority = 10};
	const int index = (int)if_nametoindex("va");
	struct agent agent;
	struct attached found;

	must(netlink_add_clsact(netlink, index) == 0, "clsact");
	must(netlink_set_filter(netlink, index, WIRE_HOOK_EGRESS, &place, fd, "foreign", false) ==
		    0 &&
		netlink_set_filter(
		    netlink, index, WIRE_HOOK_INGRESS, &place, fd, "foreign", false) == 0,
	    "filters");
	agent_configure(&agent);
	agent.config.wire.mode = WIRE_TC;
	agent_start(&agent);
	expect_mode(&agent, "tc");
	ask(11);
	answer(12);
	agent_window(&agent);
	expect_sums(&agent, 11, 12);
	agent_stop(&agent);
	found = look();
	expect(found.clsact && found.ingress == 1 && found.egress == 1, "theirs survive");
	netlink_delete_clsact(netlink, index);
	close(fd);
}

/* -- a nameserver with AF_XDP */

static pid_t start_knot(char *folder)
{
	char config[64], log[64];
	pid_t pid;
	FILE *file;
	int fd;

	must(mkdtemp(folder) != NULL, "mkdtemp");
	snprintf(config, sizeof(config), "%s/knot.conf", folder);
	snprintf(log, sizeof(log), "%s/log", folder);
	file = fopen(config, "we");
	must(file != NULL, config);
	fprintf(file,
	    "server:\n    rundir: %s\nxdp:\n    listen: va@53\ndatabase:\n    storage: %s\n"
	    "log:\n  - target: stdout\n    any: info\n",
	    folder, folder);
	fclose(file);
	pid = fork();
	if (pid == 0) {
		fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		execlp("knotd", "knotd", "-c", config, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Waits until its program is on the interface instead of another; 0: it ended, or it never came.
 * What is behind a dispatcher is looked up after the interface, and would be of before while that
 * one changes. */
static u32 wait_knot(pid_t pid, u32 not_id)
{
	for (int i = 0; i < 200; i++) {
		const u32 id = look().main;

		if (id && id != not_id)
			return id;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		usleep(50000);
	}
	return 0;
}

static void stop_knot(pid_t pid, const char *folder)
{
	char command[128];

	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	shell(command);
}

static void test_knot_after(void)
{
	char folder[] = "/tmp/wire-others-XXXXXX";
	struct agent agent;
	pid_t pid;
	u32 id, ours;

	agent_configure(&agent);
	agent_start(&agent);
	ask(10);
	ours = look().main;
	pid = start_knot(folder);
	id = wait_knot(pid, ours);
	expect(id != 0, "knotd starts beside us");
	usleep(200000);
	watch_process(agent.wire);
	expect_mode(&agent, "tc");
	agent_window(&agent);
	expect_sums(&agent, 10, 0);
	agent_stop(&agent);
	expect(look().main == id, "its program stays");
	stop_knot(pid, folder);
}

static void test_knot_before(void)
{
	char folder[] = "/tmp/wire-others-XXXXXX";
	const pid_t pid = start_knot(folder);
	const u32 id = wait_knot(pid, 0);
	struct agent agent;

	expect(id != 0, "knotd starts");
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, "tc");
	agent_stop(&agent);
	expect(look().main == id, "its program stays");
	stop_knot(pid, folder);
}

static const struct test tests[] = {
    {"displaced", test_displaced},
    {"occupied", test_occupied},
    {"occupied_generic", test_occupied_generic},
    {"other_filter", test_other_filter},
    {"knot_after", test_knot_after},
    {"knot_before", test_knot_before},
};

int main(int argc, char **argv)
{
	return run_tests("other programs", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
