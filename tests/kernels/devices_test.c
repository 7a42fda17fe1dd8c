/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices upon devices: VLAN, bond and bridge over a veth. A packet that two chosen devices see
 * counts once. And a handshake over a link with a known delay.
 */
#include "../bpf/wire_agent.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "../bpf/kernel.h"

#define N 20

static const char *both[2] = {"va"};

/* `upper` and va are chosen; one of them counts. */
static void start_on_both(struct agent *agent, const char *upper)
{
	both[1] = upper;
	agent_configure(agent);
	agent->config.wire.interfaces = (struct config_strings){both, 2};
	expect(agent_start(agent) == 0, "start");
	expect(strstr(agent->lines, "another one sees its packets"), "says so:\n%s", agent->lines);
}

static void ask_tagged(u32 n, u8 tags)
{
	const struct frame_spec spec = {
	    .tags = tags, .payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1};

	send_frames("vb", &spec, n);
}

static void answer_on(const char *device)
{
	const struct frame_spec spec = {
	    .direction = WIRE_OUT, .payload = (const u8 *)ANSWER, .length = sizeof(ANSWER) - 1};

	send_frames(device, &spec, N);
}

static void finish(struct agent *agent, u64 in, u64 out)
{
	agent_window(agent);
	expect_sums(agent, in, out);
	agent_stop(agent);
	expect_nothing();
}

/* The device under a VLAN sees all of it: untagged, tagged and tagged twice. */
static void test_vlan_under(void)
{
	struct agent agent;

	shell("ip link add link va name va.5 type vlan id 5 && ip link set va.5 up");
	start_on_both(&agent, "va.5");
	expect_mode(&agent, "native");
	ask(N);
	ask_tagged(N, 1);
	ask_tagged(N, 2);
	answer_on("va.5");
	finish(&agent, 3 * N, N);
}

static void test_vlan_alone(void)
{
	static const char *only[] = {"va.5"};
	struct agent agent;

	shell("ip link add link va name va.5 type vlan id 5 && ip link set va.5 up");
	agent_configure(&agent);
	agent.config.wire.interfaces = (struct config_strings){only, 1};
	agent_start(&agent);
	expect_mode(&agent, "tc");
	ask(N);
	ask_tagged(N, 1);
	answer_on("va.5");
	answer_on("va");
	finish(&agent, N, N);
	shell("ip link delete va.5");
}

/* A bond hands XDP programs on to its ports since Linux 5.15. */
static void test_bond(void)
{
	struct agent agent;

	shell("ip link add bond9 type bond mode active-backup && ip link set va down && "
	      "ip link set va master bond9 && ip link set bond9 up");
	start_on_both(&agent, "bond9");
	expect_mode(&agent, kernel_at_least(5, 15) ? "native" : "tc");
	ask(N);
	answer_on("bond9");
	finish(&agent, N, N);
	shell("ip link delete bond9");
}

static void test_bridge(void)
{
	struct agent agent;

	shell("ip link add br9 type bridge && ip link set br9 address 02:00:00:00:00:01 up && "
	      "ip link set va master br9");
	start_on_both(&agent, "br9");
	expect_mode(&agent, "tc");
	ask(N);
	answer_on("br9");
	finish(&agent, N, N);
	shell("ip link delete br9");
}

/* -- a link with a delay */

#define DELAY_US 50000

static const u8 server_address[] = {192, 0, 2, 1};

static struct sockaddr_in server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};

	memcpy(&address.sin_addr, server_address, sizeof(server_address));
	return address;
}

static int listen_here(void)
{
	const struct sockaddr_in address = server();
	const struct timeval patience = {.tv_sec = 20};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		listen(fd, N) == 0,
	    "listen");
	return fd;
}

/* One connection after the other; each ends when the server has taken it, so that no handshake is
 * half done. */
static void connect_all(void)
{
	const struct sockaddr_in address = server();
	char byte;

	for (int i = 0; i < N; i++) {
		const int fd = socket(AF_INET, SOCK_STREAM, 0);

		must(fd >= 0 &&
			connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
			read(fd, &byte, 1) == 0,
		    "connect");
		close(fd);
	}
}

/* In a namespace of its own, with vb as long as it takes: it would go with the namespace. */
static void client(int parent)
{
	char byte, command[64];

	must(
	    unshare(CLONE_NEWNET) == 0 && write(parent, "u", 1) == 1 && read(parent, &byte, 1) == 1,
	    "namespace");
	shell("ip address add 192.0.2.2/24 dev vb && ip link set vb up && "
	      "tc qdisc add dev vb root netem delay 50ms limit 1000");
	connect_all();
	snprintf(command, sizeof(command), "ip link set vb netns %d", (int)getppid());
	shell(command);
	_exit(0);
}

static void accept_all(int listener)
{
	for (int i = 0; i < N; i++) {
		const int fd = accept(listener, NULL, NULL);

		must(fd >= 0, "accept");
		close(fd);
	}
}

static void run_client(int listener)
{
	char byte, command[64];
	int pair[2], status;
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
	pid = fork();
	if (pid == 0)
		client(pair[1]);
	must(read(pair[0], &byte, 1) == 1, "client");
	snprintf(command, sizeof(command), "ip link set vb netns %d", (int)pid);
	shell(command);
	must(write(pair[0], "g", 1) == 1, "client");
	accept_all(listener);
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the client failed");
	close(pair[0]);
	close(pair[1]);
}

/* From SYN-ACK to ACK: never less than the link takes. How much more is the machine's matter. */
static void test_delay(void)
{
	const int listener = listen_here();
	u64 early = 0, all = 0;
	struct agent agent;

	agent_configure(&agent);
	agent_start(&agent);
	run_client(listener);
	agent_window(&agent);
	for (u32 bin = 0; agent.window.rtt && bin < WIRE_RTT_BINS; bin++) {
		all += agent.window.rtt->bins[0][bin];
		if (wire_rtt_bin_us(bin + 1) <= DELAY_US)
			early += agent.window.rtt->bins[0][bin];
	}
	expect(all == N && early == 0, "%llu handshakes, %llu under %d us", (unsigned long long)all,
	    (unsigned long long)early, DELAY_US);
	expect(agent.window.n_client_rtts == 1 && agent.window.client_rtts[0].count == N &&
		agent.window.client_rtts[0].min_us >= DELAY_US,
	    "%zu clients", agent.window.n_client_rtts);
	agent_stop(&agent);
	close(listener);
}

static const struct test tests[] = {
    {"vlan_under", test_vlan_under},
    {"vlan_alone", test_vlan_alone},
    {"bond", test_bond},
    {"bridge", test_bridge},
    {"delay", test_delay},
};

int main(int argc, char **argv)
{
	return run_tests("devices", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
