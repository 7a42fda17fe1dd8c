/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each way of watching counts the same of the same traffic by the same configuration: native,
 * generic, tc, packet sockets and a capture, with and without wire.addresses; and a reload to a
 * configuration counts what a start with it does. Needs root and BPF.
 */
#include "wire_agent.h"

#include "capture/pcap_file.h"
#include "config/network.h"
#include "replay/replay_wire.h"
#include "wire/window/mode.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* -- traffic */

/* A query over TCP, with its length. */
#define TCP_QUERY "\0\x19" QUERY

static u16 round_port = 40000; /* a stream that is sent again is none */

static const struct flow {
	struct frame_spec spec;
	u32 n;
} traffic[] = {
    {{.payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1}, 20},
    {{.server = 2, .payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1}, 7},
    {{.ipv6 = 1, .payload = (const u8 *)RARE, .length = sizeof(RARE) - 1}, 11},
    {{.ipv6 = 1, .server = 2, .payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1}, 5},
    {{.tcp = 1, .flags = 0x18, .payload = (const u8 *)TCP_QUERY, .length = sizeof(TCP_QUERY) - 1},
	1},
    {{.server_port = 5300, .payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1}, 40},
    {{.direction = WIRE_OUT, .payload = (const u8 *)ANSWER, .length = sizeof(ANSWER) - 1}, 13},
    {{.direction = WIRE_OUT,
	 .server_port = 5300,
	 .payload = (const u8 *)ANSWER,
	 .length = sizeof(ANSWER) - 1},
	17},
    {{.direction = WIRE_OUT,
	 .server = 2,
	 .payload = (const u8 *)ANSWER,
	 .length = sizeof(ANSWER) - 1},
	3},
    {{.direction = WIRE_OUT,
	 .ipv6 = 1,
	 .payload = (const u8 *)ANSWER,
	 .length = sizeof(ANSWER) - 1},
	9},
    {{.direction = WIRE_OUT,
	 .ipv6 = 1,
	 .server = 2,
	 .payload = (const u8 *)ANSWER,
	 .length = sizeof(ANSWER) - 1},
	2},
};

static void send_traffic(void)
{
	round_port++;
	for (size_t i = 0; i < N(traffic); i++) {
		struct frame_spec spec = traffic[i].spec;

		spec.client_port = round_port;
		send_frames(spec.direction ? "va" : "vb", &spec, traffic[i].n);
	}
}

/* In the classic format of pcap-savefile(5): <pcap/bpf.h> and <linux/bpf.h> exclude each other. */
static void write_capture(const char *path)
{
	const u32 header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
	FILE *file = fopen(path, "w");
	static struct frames frames;

	must(file != NULL, path);
	fwrite(header, sizeof(header), 1, file);
	for (size_t i = 0; i < N(traffic); i++) {
		const struct frame *frame = frames.frames;

		frames.n = 0;
		frames_add(&frames, traffic[i].spec);
		for (u32 k = 0; k < traffic[i].n; k++) {
			const u32 record[] = {1000, 0, frame->length, frame->length};

			fwrite(record, sizeof(record), 1, file);
			fwrite(frame->bytes, frame->length, 1, file);
		}
	}
	must(fclose(file) == 0, path);
}

/* -- configurations */

static struct config_network none[] = {{.family = 0}};
static struct config_network address4[] = {{.address = {192, 0, 2, 1}, .family = 4, .prefix = 32}};
static struct config_network prefix4[] = {{.address = {192, 0, 2}, .family = 4, .prefix = 24}};
static struct config_network prefix4_one[] = {
    {.address = {192, 0, 2, 2}, .family = 4, .prefix = 31}};
static struct config_network address6[] = {
    {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 5, [15] = 1}, .family = 6, .prefix = 128}};
static struct config_network prefix6[] = {
    {.address = {0x20, 0x01, 0x0d, 0xb8}, .family = 6, .prefix = 32}};
static struct config_network both[] = {{.address = {192, 0, 2, 0}, .family = 4, .prefix = 31},
    {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 5, [15] = 2}, .family = 6, .prefix = 127}};

static const struct choice {
	const char *name;
	struct config_network *addresses;
	size_t n;
	u16 port;
} choices[] = {
    {"all addresses", none, 0, 53},
    {"an IPv4 address", address4, 1, 53},
    {"an IPv4 prefix", prefix4, 1, 53},
    {"an IPv4 prefix of one of them", prefix4_one, 1, 53},
    {"an IPv6 address", address6, 1, 53},
    {"an IPv6 prefix", prefix6, 1, 53},
    {"prefixes of both", both, 2, 53},
    {"another port", none, 0, 5300},
};

static const enum wire_mode modes[] = {WIRE_NATIVE, WIRE_GENERIC, WIRE_TC, WIRE_PACKET};

static void choose(struct config *config, const struct choice *choice, enum wire_mode mode)
{
	config->wire.addresses = choice->addresses;
	config->wire.n_addresses = choice->n;
	config->wire.ports = (struct config_ports){{choice->port}, 1};
	config->wire.mode = mode;
	config->limits.cpu = 1.0;
}

/* -- what is to be counted */

static bool is_chosen(const struct choice *choice, const struct frame_spec *spec)
{
	const u8 server = (u8)(spec->server ? spec->server : 1);
	const u8 ipv4[16] = {192, 0, 2, server};
	const u8 ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 5, [15] = server};

	if ((spec->server_port ? spec->server_port : 53) != choice->port)
		return false;
	return !choice->n ||
	    networks_have(
		choice->addresses, choice->n, spec->ipv6 ? 6 : 4, spec->ipv6 ? ipv6 : ipv4);
}

static void expect_counts(const char *way, const struct choice *choice,
    const struct wire_counters counters[WIRE_DIRECTIONS])
{
	u64 expected[WIRE_DIRECTIONS][2][2] = {0};

	for (size_t i = 0; i < N(traffic); i++) {
		const struct frame_spec *spec = &traffic[i].spec;

		if (is_chosen(choice, spec))
			expected[spec->direction][spec->tcp][spec->ipv6] += traffic[i].n;
	}
	for (u32 i = 0; i < 8; i++) {
		const u32 direction = i >> 2, tcp = i >> 1 & 1, family = i & 1;
		const u64 seen =
		    counters[direction].cells[tcp ? WIRE_TCP : WIRE_UDP][family].messages;

		expect(seen == expected[direction][tcp][family],
		    "%s, %s: direction %u, tcp %u, family %u: %llu messages, expected %llu", way,
		    choice->name, direction, tcp, family, (unsigned long long)seen,
		    (unsigned long long)expected[direction][tcp][family]);
	}
}

/* -- counting it */

static struct wire_counters firsts[N(choices)][WIRE_DIRECTIONS]; /* by the first mode */

static void take_window(struct agent *agent)
{
	agent_flip(agent);
	usleep((useconds_t)(2 * watch_settle_ns(agent->wire) / 1000));
	arena_reset(agent->arena);
	must(watch_collect(agent->wire, &agent->window, agent->arena) == 0, "collect");
	wire_bpf_reported(watch_bpf(agent->wire), agent->window.mark);
}

/* What the agent counts of the traffic, from now on. */
static void count(struct agent *agent, struct wire_counters counters[WIRE_DIRECTIONS])
{
	take_window(agent);
	send_traffic();
	take_window(agent);
	must(agent->window.n_interfaces == 1 && agent->window.watched, "one interface is watched");
	expect(agent->window.whole, "the window is whole: %s", agent->lines);
	memcpy(
	    counters, agent->window.interfaces[0].counters, WIRE_DIRECTIONS * sizeof(counters[0]));
}

/* Calls for each packet of the capture. */
static void read_capture(const char *path, struct replay_wire *wire,
    int (*take)(struct replay_wire *wire, const struct pcap_packet *packet))
{
	char error[PCAP_FILE_ERROR_BYTES];
	struct pcap_packet packet;
	struct pcap_file *file;

	must(pcap_file_open(&file, path, error) == 0, error);
	while (pcap_file_next(file, &packet, error) > 0)
		must(take(wire, &packet) == 0, "a packet of the capture");
	pcap_file_close(file);
}

static int count_packet(struct replay_wire *wire, const struct pcap_packet *packet)
{
	return replay_wire_count(wire, 0, packet);
}

static void count_capture(
    const char *path, const struct choice *choice, struct wire_counters counters[WIRE_DIRECTIONS])
{
	struct wire_window window;
	struct counter_window *counted;
	struct replay_wire *wire;
	struct arena *arena;
	struct agent agent;

	agent_configure(&agent);
	choose(&agent.config, choice, WIRE_OFF);
	must(arena_new(&arena) == 0, "arena");
	must(replay_wire_new(&wire, &agent.config.wire) == 0, "replay_wire_new");
	if (replay_wire_must_learn(wire))
		read_capture(path, wire, replay_wire_learn);
	read_capture(path, wire, count_packet);
	must(replay_wire_end(wire, 0) == 0, "replay_wire_end");
	counted = replay_wire_take(wire, 0);
	must(replay_wire_fill(wire, counted, arena, &window) == 0, "replay_wire_fill");
	memcpy(counters, window.interfaces[0].counters, WIRE_DIRECTIONS * sizeof(counters[0]));
	/* Streams of a capture are followed otherwise, in no table of flows. */
	counters[WIRE_IN].flows_new = firsts[choice - choices][WIRE_IN].flows_new;
	replay_wire_give(wire, counted);
	replay_wire_free(wire);
	arena_free(arena);
}

static void expect_same(const char *way, const struct choice *choice,
    const struct wire_counters *counters, const struct wire_counters *first)
{
	const u64 *seen = (const u64 *)counters, *expected = (const u64 *)first;
	const size_t words = WIRE_DIRECTIONS * sizeof(*counters) / sizeof(u64);
	size_t i = 0;

	while (i < words && seen[i] == expected[i])
		i++;
	expect(i == words,
	    "%s, %s: other counters than %s has, the first is word %zu: %llu, not %llu", way,
	    choice->name, wire_mode_name(modes[0]), i, (unsigned long long)(seen[i % words]),
	    (unsigned long long)expected[i % words]);
}

static void add_addresses(void)
{
	shell("ip address add 192.0.2.2/24 dev va && "
	      "ip address add 2001:db8:5::2/64 dev va nodad");
}

/* The name of the only device that is watched. */
static const char *watched(struct agent *agent)
{
	const struct watch_mode *found;

	return watch_modes(agent->wire, &found) == 1 ? found[0].interface : "not one";
}

/* -- tests */

static void test_start(void)
{
	static const char path[] = "/tmp/crosstap-wire-same.pcap";
	static struct wire_counters counters[WIRE_DIRECTIONS];
	struct agent agent;

	add_addresses();
	write_capture(path);
	for (size_t i = 0; i < N(choices); i++) {
		for (size_t m = 0; m < N(modes); m++) {
			agent_configure(&agent);
			choose(&agent.config, &choices[i], modes[m]);
			agent_start(&agent);
			expect_mode(&agent, wire_mode_name(modes[m]));
			count(&agent, counters);
			agent_stop(&agent);
			expect_counts(wire_mode_name(modes[m]), &choices[i], counters);
			if (m == 0)
				memcpy(firsts[i], counters, sizeof(counters));
			expect_same(wire_mode_name(modes[m]), &choices[i], counters, firsts[i]);
		}
		count_capture(path, &choices[i], counters);
		expect_counts("pcap", &choices[i], counters);
		expect_same("pcap", &choices[i], counters, firsts[i]);
	}
	unlink(path);
	expect_nothing();
}

/* One agent from one to the next, in an order in which each mode and choice follows others. */
static void test_reload(void)
{
	static struct config configs[2 * N(choices) * N(modes)];
	static struct wire_counters counters[WIRE_DIRECTIONS];
	struct agent agent;

	add_addresses();
	agent_configure(&agent);
	choose(&agent.config, &choices[0], WIRE_NATIVE);
	agent_start(&agent);
	for (size_t i = 0; i < N(choices) * N(modes); i++) {
		const struct choice *choice = &choices[i % N(choices)];
		const enum wire_mode mode = modes[(i + i / N(choices)) % N(modes)];

		configs[i] = agent.config;
		configs[i].references = 1;
		choose(&configs[i], choice, mode);
		watch_configure(agent.wire, &configs[i]);
		/* Whoever keeps a part of the one before it shows. */
		if (i)
			memset(&configs[i - 1], 0xa5, sizeof(configs[0]));
		expect_mode(&agent, wire_mode_name(mode));
		agent.lines[0] = 0;
		count(&agent, counters);
		expect_counts(wire_mode_name(mode), choice, counters);
		expect_same(wire_mode_name(mode), choice, counters, firsts[i % N(choices)]);
	}
	agent_stop(&agent);
	expect_nothing();
}

/* Options that say what is counted of a packet, in each mode. */
static void test_reload_options(void)
{
	static struct config configs[2 * N(modes)];
	struct agent agent;

	add_addresses();
	for (size_t m = 0; m < N(modes); m++) {
		static struct wire_counters counters[WIRE_DIRECTIONS];
		struct config *on = &configs[2 * m], *off = on + 1;

		agent_configure(&agent);
		choose(&agent.config, &choices[0], modes[m]);
		agent.config.wire.rtt = agent.config.wire.per_source = false;
		agent_start(&agent);
		count(&agent, counters);
		expect(!agent.window.n_clients && !agent.window.rtt &&
			!(agent.window.known & WIRE_KNOWS_SOURCES),
		    "%s: neither clients nor handshakes", wire_mode_name(modes[m]));
		*on = agent.config;
		on->wire.rtt = on->wire.per_source = true;
		watch_configure(agent.wire, on);
		count(&agent, counters);
		expect(agent.window.n_clients == 2 && agent.window.rtt &&
			agent.window.known & WIRE_KNOWS_SOURCES,
		    "%s: both, %zu clients", wire_mode_name(modes[m]), agent.window.n_clients);
		*off = *on;
		off->wire.rtt = off->wire.per_source = false;
		watch_configure(agent.wire, off);
		count(&agent, counters);
		expect(!agent.window.n_clients && !agent.window.rtt, "%s: neither again",
		    wire_mode_name(modes[m]));
		agent_stop(&agent);
	}
}

/* Interfaces by name, by routes, and by another name. */
static void test_reload_interfaces(void)
{
	static const char *const lists[] = {"vb", "va"};
	static struct config configs[3];
	struct agent agent;

	for (size_t m = 0; m < N(modes); m++) {
		agent_configure(&agent);
		choose(&agent.config, &choices[0], modes[m]);
		agent_start(&agent);
		expect(strcmp(watched(&agent), "va") == 0, "va is watched");
		for (size_t i = 0; i < 3; i++) {
			configs[i] = agent.config;
			configs[i].references = 1;
			configs[i].wire.interfaces_auto = i == 1;
			configs[i].wire.interfaces.items = (const char **)&lists[i == 2];
			configs[i].wire.interfaces.n = i == 1 ? 0 : 1;
			watch_configure(agent.wire, &configs[i]);
			/* The only route leads out of va. */
			expect(strcmp(watched(&agent), i == 0 ? "vb" : "va") == 0,
			    "%s, step %zu: %s is watched", wire_mode_name(modes[m]), i,
			    watched(&agent));
		}
		agent_stop(&agent);
		expect_nothing();
	}
}

/* A socket's thread that takes too much of the processor stops, and is no longer said to watch. */
static void test_too_slow(void)
{
	const struct watch_mode *found;
	struct config more;
	struct agent agent;

	agent_configure(&agent);
	choose(&agent.config, &choices[0], WIRE_PACKET);
	agent.config.limits.cpu = 1e-9;
	agent_start(&agent);
	for (int i = 0; i < 100 && watch_modes(agent.wire, &found) == 1 &&
	     strcmp(found[0].mode, "packet") == 0;
	     i++) {
		send_traffic();
		take_window(&agent);
	}
	expect_mode(&agent, "off");
	watch_modes(agent.wire, &found);
	expect(strstr(found[0].reason, "limits.cpu"), "the reason: %s", found[0].reason);
	/* The window that it stopped in was watched at its beginning, and says that it is not
	 * whole. */
	take_window(&agent);
	expect(!agent.window.watched || !agent.window.whole, "the last window is not whole");
	take_window(&agent);
	expect(!agent.window.watched, "nothing is watched");
	/* As the reason suggests. */
	more = agent.config;
	more.limits.cpu = 1;
	watch_configure(agent.wire, &more);
	expect_mode(&agent, "packet");
	take_window(&agent);
	expect(agent.window.watched, "it is watched again");
	agent_stop(&agent);
}

static const struct test tests[] = {
    {"start", test_start},
    {"reload", test_reload},
    {"reload_options", test_reload_options},
    {"reload_interfaces", test_reload_interfaces},
    {"too_slow", test_too_slow},
};

int main(int argc, char **argv)
{
	return run_tests("equal counts", tests, N(tests), argc, argv);
}
