/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Somebody else's program behind libxdp's dispatcher, loaded before us and after us: each sees
 * every packet, and neither's coming or going takes the other away. On a kernel that cannot have
 * ours there (see wire_dispatcher.h) we count by tc, or hold the interface alone.
 */
#include "../bpf/wire_agent.h"

#include <xdp/libxdp.h>
#include <bpf/libbpf.h>

#include "../bpf/kernel.h"
#include "foreign.skel.h"

static bool together; /* can ours be behind a dispatcher? */

/* -- theirs */

struct theirs {
	struct foreign_bpf *object;
	struct xdp_program *program;
	int index;
};

static int theirs_start(struct theirs *theirs)
{
	theirs->index = (int)if_nametoindex("va");
	theirs->object = foreign_bpf__open();
	must(theirs->object != NULL, "foreign_bpf__open");
	theirs->program = xdp_program__from_bpf_obj(theirs->object->obj, "xdp");
	must(libxdp_get_error(theirs->program) == 0, "xdp_program__from_bpf_obj");
	return xdp_program__attach(theirs->program, theirs->index, XDP_MODE_NATIVE, 0);
}

static void theirs_free(struct theirs *theirs)
{
	xdp_program__close(theirs->program);
	foreign_bpf__destroy(theirs->object);
}

static void theirs_stop(struct theirs *theirs)
{
	const int r = xdp_program__detach(theirs->program, theirs->index, XDP_MODE_NATIVE, 0);

	expect(r == 0, "theirs can be detached: %s", strerror(-r));
	theirs_free(theirs);
}

/* Exactly n DNS packets of `ask`; veth's other end says something of its own at times. */
static void expect_theirs(const struct theirs *theirs, u64 n)
{
	const u32 zero = 0;
	u64 seen = 0;

	must(bpf_map_lookup_elem(bpf_map__fd(theirs->object->maps.foreign_seen), &zero, &seen) == 0,
	    "foreign_seen");
	expect(seen >= n && seen < n + 100, "theirs saw %llu, of %llu", (unsigned long long)seen,
	    (unsigned long long)n);
}

/* -- tests */

static void test_before(void)
{
	struct theirs theirs;
	struct agent agent;

	must(theirs_start(&theirs) == 0, "theirs_start");
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, together ? "native" : "tc");
	ask(1000);
	answer(50);
	agent_window(&agent);
	expect_sums(&agent, 1000, 50);
	expect_theirs(&theirs, 1000);
	agent_stop(&agent);
	ask(1000);
	expect_theirs(&theirs, 2000);
	theirs_stop(&theirs);
	expect_nothing();
}

static void test_after(void)
{
	struct theirs theirs;
	struct agent agent;
	int r;

	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, "native");
	ask(500);
	r = theirs_start(&theirs);
	expect((r == 0) == together, "theirs attaches: %s", strerror(-r));
	watch_process(agent.wire);
	expect_mode(&agent, "native");
	ask(1000);
	agent_window(&agent);
	expect_sums(&agent, 1500, 0);
	if (r == 0)
		expect_theirs(&theirs, 1000);
	agent_stop(&agent);
	ask(1000);
	if (r == 0) {
		expect_theirs(&theirs, 2000);
		theirs_stop(&theirs);
	} else {
		theirs_free(&theirs);
	}
	expect_nothing();
}

/* It comes and goes while packets do: not one is missed, as each swap of dispatchers is one step.
 */
static void test_swap_under_traffic(void)
{
	struct theirs theirs;
	struct agent agent;
	pid_t sender;
	u32 swaps = 0;

	agent_configure(&agent);
	agent_start(&agent);
	sender = fork();
	if (sender == 0) {
		for (int i = 0; i < 40; i++) {
			ask(100);
			usleep(20000);
		}
		_exit(0);
	}
	while (waitpid(sender, NULL, WNOHANG) == 0) {
		if (together && swaps++ < 8 && theirs_start(&theirs) == 0)
			theirs_stop(&theirs);
		watch_process(agent.wire);
		usleep(10000);
	}
	expect_mode(&agent, "native");
	expect(swaps > 1 || !together, "%u swaps", swaps);
	agent_window(&agent);
	expect_sums(&agent, 4000, 0);
	agent_stop(&agent);
	expect_nothing();
}

/* Killed: both programs go on; the next agent adopts ours, and has counted all. */
static void test_kill_and_adopt(void)
{
	struct report *report = share_report();
	struct theirs theirs;
	struct agent agent;
	u32 ours;
	pid_t pid;

	must(theirs_start(&theirs) == 0, "theirs_start");
	pid = doomed_agent(report);
	ours = look().xdp;
	kill_agent(pid);
	ask(100);
	expect_theirs(&theirs, 12 + 23 + 100);
	agent_configure(&agent);
	agent_start(&agent);
	expect_mode(&agent, together ? "native" : "tc");
	expect(look().xdp == ours, "adopted");
	ask(50);
	agent_window(&agent);
	agent_window(&agent);
	expect_sums(&agent, 23 + 100 + 50, 0);
	agent_stop(&agent);
	ask(50);
	expect_theirs(&theirs, 12 + 23 + 200);
	theirs_stop(&theirs);
	expect_nothing();
	munmap(report, sizeof(*report));
}

static void detach(size_t n)
{
	char lines[2048] = "";
	const struct wire_detach_options options = {
	    .namespace = -1, .say = say_detached, .context = lines};
	size_t removed = 0;
	const int r = wire_detach_all(&options, &removed);

	expect(r == 0 && removed == n, "removed %zu of %zu:\n%s", removed, n, lines);
}

static void test_kill_and_detach(void)
{
	struct report *report = share_report();
	struct theirs theirs;

	must(theirs_start(&theirs) == 0, "theirs_start");
	kill_agent(doomed_agent(report));
	detach(3); /* of either way in, the filter on the way out, and clsact */
	ask(100);
	expect_theirs(&theirs, 12 + 23 + 100);
	theirs_stop(&theirs);
	expect_nothing();
	munmap(report, sizeof(*report));
}

/* The interface vanished after its agent: only pins are left. */
static void test_vanished(void)
{
	struct report *report = share_report();

	kill_agent(doomed_agent(report));
	remove_veth();
	expect(look().pins == together, "%zu pins", look().pins);
	detach(together);
	make_veth();
	expect_nothing();
	munmap(report, sizeof(*report));
}

/* A program that replaces the dispatcher instead of joining it, while nobody looks. */
static void test_displaced_and_killed(void)
{
	const int fd = foreign(BPF_PROG_TYPE_XDP, XDP_PASS);
	const int index = (int)if_nametoindex("va");
	struct report *report = share_report();
	const pid_t pid = doomed_agent(report);

	must(netlink_xdp(netlink, index, fd, -1, XDP_FLAGS_DRV_MODE) == 0, "replace");
	kill_agent(pid);
	detach(together ? 3 : 2);
	expect(look().main == wire_program_id(fd) && !look().pins, "theirs stays");
	must(netlink_xdp(netlink, index, -1, fd, XDP_FLAGS_DRV_MODE) == 0, "detach");
	close(fd);
	expect_nothing();
	munmap(report, sizeof(*report));
}

static const struct test tests[] = {
    {"before", test_before},
    {"after", test_after},
    {"swap_under_traffic", test_swap_under_traffic},
    {"kill_and_adopt", test_kill_and_adopt},
    {"kill_and_detach", test_kill_and_detach},
    {"vanished", test_vanished},
    {"displaced_and_killed", test_displaced_and_killed},
};

int main(int argc, char **argv)
{
	together = kernel_at_least(5, 19);
	return run_tests(
	    "libxdp's dispatcher", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
