/* SPDX-License-Identifier: BSD-2-Clause */
/* A veth pair, an agent on it, and a look at what the kernel has attached there. */
#ifndef CROSSTAP_TESTS_WIRE_AGENT_H
#define CROSSTAP_TESTS_WIRE_AGENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "base/unused.h"
#include "frames.h"
#include "judge.h"
#include "wire/bpf/bpf.h"
#include "wire/bpf/detach.h"
#include "wire/bpf/dispatcher.h"
#include "wire/bpf/object.h"
#include "wire/netlink/netlink.h"
#include "wire/watch.h"

#define HEADER "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define QUERY  HEADER "\7example\0\0\1\0\1"
#define ANSWER "\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\7example\0\0\1\0\1"
#define RARE   HEADER "\7example\0\xff\xfe\0\1" /* TYPE65534 */

static int home; /* the namespace we came from */

static inline void shell(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "%s: failed: %s\n", running, command);
		exit(1);
	}
}

/* -- the wire */

static inline void make_veth(void)
{
	shell("ip link add va type veth peer name vb && ip address add 192.0.2.1/24 dev va && "
	      "ip address add 2001:db8:5::1/64 dev va nodad && ip link set va up && "
	      "ip link set vb up");
}

static inline void remove_veth(void)
{
	shell("ip link delete va");
}

/* A queue that is full empties itself: a slow machine sends faster than it takes. */
static inline void send_frame(int fd, const struct sockaddr_ll *address, const struct frame *frame)
{
	const struct sockaddr *to = (const struct sockaddr *)address;
	u32 turns = 0;

	while (sendto(fd, frame->bytes, frame->length, 0, to, sizeof(*address)) < 0) {
		must(errno == ENOBUFS && turns++ < 10000, "sendto");
		usleep(1000);
	}
}

#define ARRIVE_TURNS 10000 /* of a millisecond */

/* Sees what comes to va, behind XDP; and behind tc, but for tagged frames, which no protocol's
 * receiver is given. */
static inline int watch_arrivals(const struct frame_spec *spec)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(spec->tags ? ETH_P_ALL
		    : spec->ipv6             ? ETH_P_IPV6
					     : ETH_P_IP),
	    .sll_ifindex = (int)if_nametoindex("va")};
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), yes = 1;

	must(fd >= 0, "socket");
	must(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) == 0,
	    "PACKET_IGNORE_OUTGOING");
	must(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	return fd;
}

/* Until all are there: a veth's receiver may run later, on another CPU. What is not there in the
 * end is the test's to see. */
static inline void await_arrivals(int fd, u32 n)
{
	u32 arrived = 0;

	for (u32 turn = 0; arrived < n && turn < ARRIVE_TURNS; turn++) {
		struct tpacket_stats seen = {0}; /* since the last call, those without room too */
		socklen_t length = sizeof(seen);

		must(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &seen, &length) == 0,
		    "PACKET_STATISTICS");
		arrived += seen.tp_packets;
		if (arrived < n)
			usleep(1000);
	}
	close(fd);
}

static inline void send_frames(const char *device, const struct frame_spec *spec, u32 n)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const int arrivals = spec->direction == WIRE_IN ? watch_arrivals(spec) : -1;
	struct sockaddr_ll address = {
	    .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device), .sll_halen = 6};
	static struct frames frames;

	frames.n = 0;
	frames_add(&frames, *spec);
	must(fd >= 0, "socket");
	for (u32 i = 0; i < n; i++)
		send_frame(fd, &address, &frames.frames[0]);
	close(fd);
	if (arrivals >= 0)
		await_arrivals(arrivals, n);
}

static inline void ask(u32 n)
{
	const struct frame_spec spec = {.payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1};

	send_frames("vb", &spec, n);
}

static inline void ask_rare(u32 n)
{
	const struct frame_spec spec = {
	    .ipv6 = 1, .payload = (const u8 *)RARE, .length = sizeof(RARE) - 1};

	send_frames("vb", &spec, n);
}

static inline void answer(u32 n)
{
	const struct frame_spec spec = {
	    .direction = WIRE_OUT, .payload = (const u8 *)ANSWER, .length = sizeof(ANSWER) - 1};

	send_frames("va", &spec, n);
}

/* -- an agent */

static const char *interfaces[] = {"va"};

struct agent {
	struct config config;
	struct watch *wire;
	struct arena *arena;
	char lines[4096];
	struct wire_window window;
	u64 in, out, rare, clients; /* sums over windows */
};

static inline void say(void *context, enum log_level level UNUSED, const char *text)
{
	struct agent *agent = context;
	const size_t used = strlen(agent->lines);

	snprintf(agent->lines + used, sizeof(agent->lines) - used, "%s\n", text);
}

static inline void agent_configure(struct agent *agent)
{
	*agent = (struct agent){
	    .config =
		{
		    .references = 1, /* ours: nobody frees it */
		    .server = "wire-test",
		    .wire =
			{
			    .interfaces = {interfaces, 1},
			    .ports = {{53}, 1},
			    .rtt = true,
			    .per_source = true,
			    .netns = "",
			},
		},
	};
}

static inline int agent_start(struct agent *agent)
{
	const struct watch_options options = {
	    .config = &agent->config, .clock = &clock_system, .say = say, .say_context = agent};

	must(arena_new(&agent->arena) == 0 && watch_new(&agent->wire, &options) == 0, "watch_new");
	return watch_start(agent->wire);
}

static inline void agent_flip(struct agent *agent)
{
	const int64_t now_ns = clock_wall_ns(&clock_system);

	watch_flip(agent->wire, now_ns, now_ns);
}

static inline void agent_window(struct agent *agent)
{
	const struct wire_interface *interface;

	agent_flip(agent);
	usleep(WIRE_SETTLE_NS / 1000);
	arena_reset(agent->arena);
	must(watch_collect(agent->wire, &agent->window, agent->arena) == 0, "watch_collect");
	wire_bpf_reported(watch_bpf(agent->wire), agent->window.mark);
	for (size_t i = 0; i < agent->window.n_interfaces; i++) {
		interface = &agent->window.interfaces[i];
		for (u32 family = 0; family < 2; family++) {
			agent->in += interface->counters[WIRE_IN].cells[WIRE_UDP][family].messages;
			agent->out +=
			    interface->counters[WIRE_OUT].cells[WIRE_UDP][family].messages;
		}
		for (size_t j = 0; j < interface->qtypes.n; j++)
			agent->rare += interface->qtypes.items[j].messages;
	}
	for (size_t i = 0; i < agent->window.n_clients; i++)
		agent->clients += agent->window.clients[i].messages;
}

static inline void agent_stop(struct agent *agent)
{
	watch_stop(agent->wire);
	watch_free(agent->wire);
	arena_free(agent->arena);
}

static inline const char *mode_of(const struct agent *agent)
{
	const struct watch_mode *modes;

	return watch_modes(agent->wire, &modes) == 1 ? modes[0].mode : "none";
}

static inline void expect_mode(const struct agent *agent, const char *mode)
{
	expect(strcmp(mode_of(agent), mode) == 0, "mode %s, expected %s:\n%s", mode_of(agent), mode,
	    agent->lines);
}

static inline void expect_sums(const struct agent *agent, u64 in, u64 out)
{
	expect(agent->in == in && agent->out == out,
	    "in %llu out %llu, expected %llu and %llu:\n%s", (unsigned long long)agent->in,
	    (unsigned long long)agent->out, (unsigned long long)in, (unsigned long long)out,
	    agent->lines);
}

/* -- an agent that is killed */

/* Memory that a killed agent's sums survive in. */
struct report {
	u64 in, out, rare;
	u32 go;
};

static inline struct report *share_report(void)
{
	struct report *report =
	    mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(report != MAP_FAILED, "mmap");
	return report;
}

/* An agent that closes a window, stops between flip and reading of the next, and is killed. */
static inline pid_t doomed_agent(struct report *report)
{
	const pid_t pid = fork();
	struct agent agent;
	int status;

	if (pid == 0) {
		agent_configure(&agent);
		agent_start(&agent);
		ask(10);
		answer(5);
		ask_rare(2);
		agent_window(&agent);
		report->in = agent.in;
		report->out = agent.out;
		report->rare = agent.rare;
		ask(20);
		ask_rare(3);
		agent_flip(&agent);
		raise(SIGSTOP);
		_exit(1);
	}
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "agent");
	return pid;
}

static inline void kill_agent(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline void say_detached(void *context, bool failed, const char *text)
{
	char *lines = context;
	const size_t used = strlen(lines);

	snprintf(lines + used, 2048 - used, "%s%s\n", failed ? "FAILED " : "", text);
}

/* -- what the kernel has */

struct attached {
	u32 main; /* the XDP program that the interface has */
	u32 xdp;  /* the same, or ours behind it if that is libxdp's dispatcher */
	size_t ingress, egress;
	size_t pins; /* of libxdp's dispatchers, of any interface */
	bool clsact;
};

static struct netlink *netlink;

static inline void look_at(struct attached *found, const struct wire_link *link)
{
	struct wire_running ours;

	found->main = link->xdp_native ? link->xdp_native : link->xdp_generic;
	found->xdp = found->main;
	if (link->xdp_native && wire_dispatcher_find(-1, link->index, 0, true, &ours) == 0) {
		found->xdp = ours.id;
		wire_running_close(&ours);
	}
	netlink_filters(netlink, link->index, WIRE_HOOK_INGRESS, NULL, 0, &found->ingress);
	netlink_filters(netlink, link->index, WIRE_HOOK_EGRESS, NULL, 0, &found->egress);
}

static inline struct attached look(void)
{
	struct attached found = {0};
	struct wire_link *links;
	struct wire_pin pins[16];
	size_t n;

	must(netlink_links(netlink, &links, &n) == 0, "links");
	for (size_t i = 0; i < n; i++) {
		if (strcmp(links[i].name, "va") == 0)
			look_at(&found, &links[i]);
	}
	free(links);
	found.pins = wire_dispatcher_pins(pins, 16);
	found.clsact = system("tc qdisc show dev va | grep -q clsact") == 0;
	return found;
}

static inline void expect_nothing(void)
{
	const struct attached found = look();

	expect(!found.main && !found.ingress && !found.egress && !found.pins && !found.clsact,
	    "left behind: xdp %u, %zu pins, %zu ingress and %zu egress filters, clsact %d",
	    found.main, found.pins, found.ingress, found.egress, found.clsact);
}

/* Somebody else's program: returns a constant. */
static inline int foreign(enum bpf_prog_type type, int verdict)
{
	const struct bpf_insn code[] = {
	    {.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	const int fd = bpf_prog_load(type, "foreign", "GPL", code, 2, NULL);

	must(fd >= 0, "bpf_prog_load");
	return fd;
}

/* -- a program of tests */

/* Each with a veth pair of its own, in a network namespace of the program's; an argument chooses
 * one. */
static inline int run_tests(
    const char *what, const struct test *tests, size_t n, int argc, char **argv)
{
	int status;

	running = "setup";
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	must(home >= 0 && unshare(CLONE_NEWNET) == 0, "network namespace");
	must(netlink_open(&netlink, -1) == 0, "netlink");
	wire_bpf_quiet();
	status = judge_between(what, tests, n, argc, argv, make_veth, remove_veth);
	netlink_close(netlink);
	return status;
}

#endif
