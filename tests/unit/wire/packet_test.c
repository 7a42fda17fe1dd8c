/* SPDX-License-Identifier: BSD-2-Clause */
/* The fixtures of the packet path by three ways: straight into the counters, over a veth through
 * AF_PACKET, through a capture file. All must count the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../bpf/table.h"
#include "base/unused.h"

#include "../refuse.h"
#include "../skip.h"
#include "base/clock.h"
#include "replay/replay_wire.h"
#include "wire/counter/fill.h"
#include "wire/netlink/netlink.h"
#include "wire/packet/devices.h"
#include "wire/packet/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETTLE_US (2 * PACKET_SETTLE_NS / 1000) /* other tests run beside */
#define GROUPS    10
#define LONGEST   120 /* frames of a fixture */

static struct frames frames;
static bool namespace_ready;
static struct config_network networks[4] = {
    {.address = {192, 0, 2, 1}, .family = 4, .prefix = 32},
    {.address = {192, 0, 2, 2}, .family = 4, .prefix = 32},
    {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 5, [15] = 1}, .family = 6, .prefix = 128},
    {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 5, [15] = 2}, .family = 6, .prefix = 128},
};
static const struct config config = {
    .wire = {.ports = {{53}, 1},
	.dot_ports = {{853}, 1},
	.doh_ports = {{443}, 1},
	.doq_ports = {{853}, 1},
	.addresses = networks,
	.n_addresses = 4,
	.per_source = true,
	.netns = ""},
    .limits.cpu = 1.0,
};

static struct wire_rules rules;

static int make_rules(void)
{
	bool changed;

	wire_rules_configure(&rules, &config);
	return wire_rules_addresses(&rules, &config.wire, NULL, 0, &changed);
}

static int clear_rules(void **state UNUSED)
{
	wire_rules_clear(&rules);
	return 0;
}

/* What an interface can carry as it is: neither merged segments nor frames without a link header.
 */
static bool is_sendable(const struct frame *frame)
{
	return !frame->raw && frame->segments == 1 && frame->length >= ETH_HLEN &&
	    frame->length <= ETH_FRAME_LEN;
}

/* --- the ways --------------------------------------------------------------------------------- */

static struct counter_window *count_straight(void)
{
	struct counter_window *window;
	struct counter *counter;

	assert_int_equal(counter_new(&counter, &rules, 1), 0);
	assert_int_equal(counter_window_new(&window, counter), 0);
	for (uint32_t i = 0; i < frames.n; i++) {
		const struct counter_packet packet = {.data = frames.frames[i].bytes,
		    .length = frames.frames[i].length,
		    .frame_bytes = frames.frames[i].length,
		    .segments = 1,
		    .direction = frames.frames[i].direction};

		if (is_sendable(&frames.frames[i]))
			counter_add_packet(counter, window, &packet);
	}
	counter_free(counter);
	return window;
}

static int raw_socket(const char *interface)
{
	const struct sockaddr_ll address = {
	    .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* What the server's host receives is sent at the other end; what it sends, at its own. */
static void send_frames(void)
{
	int fds[WIRE_DIRECTIONS] = {
	    [WIRE_IN] = raw_socket("client"), [WIRE_OUT] = raw_socket("server")};

	for (uint32_t i = 0; i < frames.n; i++) {
		struct frame frame = frames.frames[i];

		if (!is_sendable(&frame))
			continue;
		memset(frame.bytes, 0xff, ETH_ALEN); /* for everybody, so for the server's host */
		assert_int_equal(
		    send(fds[frame.direction], frame.bytes, frame.length, 0), frame.length);
	}
	close(fds[WIRE_IN]);
	close(fds[WIRE_OUT]);
}

static void take(struct packet_source *source, struct arena *arena, struct wire_window *ret)
{
	assert_int_equal(packet_flip(source, clock_wall_ns(&clock_system)), 0);
	assert_int_equal(packet_flip(source, clock_wall_ns(&clock_system)), -EBUSY);
	usleep(SETTLE_US);
	assert_int_equal(packet_take(source, arena, ret), 0);
	assert_null(packet_problem(source));
	assert_true(ret->watched);
	assert_int_equal(ret->missed, 0);
	assert_int_equal(ret->n_interfaces, 1);
	assert_string_equal(ret->interfaces[0].name, "server");
	assert_string_equal(ret->interfaces[0].mode, "packet");
}

static struct counter_window *empty_window(void)
{
	struct counter_window *window;
	struct counter *counter;

	assert_int_equal(counter_new(&counter, &rules, 1), 0);
	assert_int_equal(counter_window_new(&window, counter), 0);
	counter_free(counter);
	return window;
}

static struct counter_window *count_capture(const char *path)
{
	char error[PCAP_FILE_ERROR_BYTES];
	struct replay_wire *wire;
	struct pcap_packet packet;
	struct counter_window *window;
	struct pcap_file *file;
	int r;

	assert_int_equal(replay_wire_new(&wire, &config.wire), 0);
	assert_false(replay_wire_must_learn(wire));
	assert_int_equal(pcap_file_open(&file, path, error), 0);
	while ((r = pcap_file_next(file, &packet, error)) > 0)
		assert_int_equal(replay_wire_count(wire, 7, &packet), 0);
	assert_int_equal(r, 0);
	pcap_file_close(file);
	assert_int_equal(replay_wire_end(wire, 7), 0);
	window = replay_wire_take(wire, 7);
	/* Nothing of it was the server's. */
	if (!window)
		window = empty_window();
	replay_wire_free(wire);
	return window;
}

/* --- comparing -------------------------------------------------------------------------------- */

static void assert_same(
    const char *name, const struct wire_window *seen, const struct wire_window *expected)
{
	const struct wire_interface *a = seen->interfaces, *b = expected->interfaces;

	for (int direction = 0; direction < WIRE_DIRECTIONS; direction++) {
		const u64 *x = (const u64 *)&a->counters[direction];
		const u64 *y = (const u64 *)&b->counters[direction];

		for (size_t i = 0; i < sizeof(struct wire_counters) / sizeof(u64); i++) {
			/* Of captures, whoever puts the segments in order makes the cursors. */
			if (i == offsetof(struct wire_counters, flows_new) / sizeof(u64))
				continue;
			if (x[i] != y[i])
				fail_msg("%s: direction %d, word %zu: counted %llu, expected %llu",
				    name, direction, i, (unsigned long long)x[i],
				    (unsigned long long)y[i]);
		}
	}
	assert_int_equal(a->qtypes.n, b->qtypes.n);
	assert_memory_equal(
	    a->qtypes.items, b->qtypes.items, a->qtypes.n * sizeof(*a->qtypes.items));
	assert_int_equal(a->rcodes.n, b->rcodes.n);
	assert_memory_equal(
	    a->rcodes.items, b->rcodes.items, a->rcodes.n * sizeof(*a->rcodes.items));
	assert_int_equal(seen->n_clients, expected->n_clients);
}

static struct wire_window filled(struct counter_window *tallied, struct arena *arena)
{
	struct wire_window window;

	assert_int_equal(counter_window_fill(tallied, rules.options, "test", arena, &window), 0);
	counter_window_free(tallied);
	return window;
}

static struct packet_source *open_source(void)
{
	static const char *const interfaces[] = {"server"};
	struct packet_source *source;
	char error[256];

	assert_int_equal(packet_new(&source, &rules, -1, interfaces, 1, error, sizeof(error)), 0);
	return source;
}

/* Some fixtures at a time: a ring takes a while to open and close. */
static void test_over_a_veth(void **state UNUSED)
{
	struct arena *arena;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	assert_int_equal(arena_new(&arena), 0);
	for (size_t group = 0; group < GROUPS; group++) {
		struct wire_window expected, seen;
		struct packet_source *source;

		frames.n = 0;
		for (size_t i = group; i < FIXTURES && frames.n + LONGEST < FRAMES_MAX; i += GROUPS)
			fixtures[i].make(&frames);
		expected = filled(count_straight(), arena);
		source = open_source();
		send_frames();
		take(source, arena, &seen);
		assert_same(fixtures[group].name, &seen, &expected);
		packet_free(source);
		arena_reset(arena);
	}
	arena_free(arena);
}

/* Each packet in one window, which is whole from the second on. */
static void test_windows(void **state UNUSED)
{
	struct packet_source *source;
	struct wire_window seen;
	struct arena *arena;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	frames.n = 0;
	make_udp_query(&frames);
	assert_int_equal(arena_new(&arena), 0);
	source = open_source();
	for (unsigned window = 0; window < 4; window++) {
		for (unsigned i = 0; i < window; i++)
			send_frames();
		take(source, arena, &seen);
		assert_int_equal(seen.whole, window != 0);
		assert_int_equal(
		    seen.interfaces[0].counters[WIRE_IN].cells[WIRE_UDP][0].messages, window);
		assert_int_equal(seen.n_clients, window ? 2 : 0);
	}
	packet_free(source);
	arena_free(arena);
}

static void test_gone(void **state UNUSED)
{
	static const char *const interfaces[] = {"passing"};
	struct packet_source *source;
	struct wire_window seen;
	struct arena *arena;
	char error[256];

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	assert_int_equal(
	    packet_new(&source, &rules, -1, interfaces, 1, error, sizeof(error)), -ENODEV);
	assert_string_equal(error, "passing: No such device");
	assert_int_equal(
	    system("ip link add passing type veth peer name away && ip link set passing up"), 0);
	assert_int_equal(packet_new(&source, &rules, -1, interfaces, 1, error, sizeof(error)), 0);
	assert_int_equal(system("ip link del passing"), 0);
	for (int i = 0; i < 200 && !packet_problem(source); i++)
		usleep(10000);
	assert_string_equal(packet_problem(source), "passing is down or gone");
	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(packet_take(source, arena, &seen), -EINVAL);
	assert_int_equal(packet_flip(source, clock_wall_ns(&clock_system)), 0);
	assert_int_equal(packet_take(source, arena, &seen), 0);
	assert_true(seen.watched && !seen.whole); /* until it went */
	assert_int_equal(packet_flip(source, clock_wall_ns(&clock_system)), 0);
	assert_int_equal(packet_take(source, arena, &seen), 0);
	assert_false(seen.watched);
	arena_free(arena);
	packet_free(source);
}

static void take_down(const char *interface)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static void send_fifty(const char *interface)
{
	const int fd = raw_socket(interface);

	frames.n = 0;
	make_udp_query(&frames);
	memset(frames.frames[0].bytes, 0xff, ETH_ALEN);
	for (int i = 0; i < 50; i++)
		assert_int_equal(send(fd, frames.frames[0].bytes, frames.frames[0].length, 0),
		    frames.frames[0].length);
	close(fd);
}

/* It goes while the last packets lie in a block that is not full. */
static void test_gone_at_once(void **state UNUSED)
{
	static const char *const interfaces[] = {"brief"};
	struct packet_source *source;
	struct wire_window seen;
	struct arena *arena;
	char error[256];

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	assert_int_equal(system("ip link add brief type veth peer name shortly && "
				"ip link set brief up && ip link set shortly up"),
	    0);
	assert_int_equal(packet_new(&source, &rules, -1, interfaces, 1, error, sizeof(error)), 0);
	send_fifty("shortly");
	take_down("brief");
	for (int i = 0; i < 200 && !packet_problem(source); i++)
		usleep(10000);
	assert_string_equal(packet_problem(source), "brief is down or gone");
	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(packet_flip(source, clock_wall_ns(&clock_system)), 0);
	assert_int_equal(packet_take(source, arena, &seen), 0);
	assert_int_equal(seen.interfaces[0].counters[WIRE_IN].cells[WIRE_UDP][0].messages, 50);
	arena_free(arena);
	packet_free(source);
	assert_int_equal(system("ip link del brief"), 0);
}

/* In a thread of its own, for the refusal stays with it. */
static void *configure_refused(void *source)
{
	const struct refusal filter = {.call = SCMP_SYS(setsockopt),
	    .error = ENOMEM,
	    .argument = 2,
	    .value = SO_ATTACH_FILTER};

	if (refuse(&filter) < 0)
		return NULL;
	packet_configure(source, &rules);
	return source;
}

/* The kernel has no memory for other ports beside those that it still has. */
static void test_filter_refused(void **state UNUSED)
{
	struct packet_source *source;
	struct wire_window seen;
	struct arena *arena;
	pthread_t thread;
	void *done;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	source = open_source();
	assert_int_equal(pthread_create(&thread, NULL, configure_refused, source), 0);
	assert_int_equal(pthread_join(thread, &done), 0);
	assert_ptr_equal(done, source);
	assert_string_equal(
	    packet_problem(source), "server: the kernel does not take the filter of ports");
	usleep(1500000); /* whoever still reads the ring looks at it each second */
	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(packet_flip(source, clock_wall_ns(&clock_system)), 0);
	assert_int_equal(packet_take(source, arena, &seen), 0);
	assert_true(seen.watched && !seen.whole);
	arena_free(arena);
	packet_free(source);
}

/* Its addresses go with it, and are no longer this host's before its last packets are read. */
static void test_gone_with_its_addresses(void **state UNUSED)
{
	const struct config elsewhere = {
	    .wire = {.ports = config.wire.ports, .addresses = &networks[3], .n_addresses = 1},
	    .limits.cpu = 1.0};
	struct wire_link link = {.name = "fleeting", .flags = IFF_UP};
	struct wire_rules without = {0};
	struct packet_devices *devices;
	struct wire_window seen = {0};
	struct wire_watched watched;
	struct arena *arena;
	bool changed;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	assert_int_equal(system("ip link add fleeting type veth peer name stays && "
				"ip link set fleeting up && ip link set stays up"),
	    0);
	wire_rules_configure(&without, &elsewhere);
	assert_int_equal(wire_rules_addresses(&without, &elsewhere.wire, NULL, 0, &changed), 0);
	without.version = rules.version + 1;
	link.index = (int)if_nametoindex(link.name);
	assert_int_equal(packet_devices_new(&devices, &rules, &clock_system), 0);
	packet_devices_ops.attach(devices, &link, WIRE_PACKET, &watched);
	packet_devices_ops.configure(devices, &rules);
	send_fifty("stays");
	packet_devices_ops.detach(devices, link.index, false);
	packet_devices_ops.configure(devices, &without);
	packet_devices_ops.flip(devices, clock_wall_ns(&clock_system), 0);
	usleep(SETTLE_US);
	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(packet_devices_ops.collect(devices, &seen, arena), 0);
	assert_int_equal(seen.n_interfaces, 1);
	assert_int_equal(seen.interfaces[0].counters[WIRE_IN].cells[WIRE_UDP][0].messages, 50);
	arena_free(arena);
	packet_devices_free(devices);
	wire_rules_clear(&without);
	assert_int_equal(system("ip link del fleeting"), 0);
}

/* The same frames in a file. */
static void write_capture(const char *path, uint32_t snaplen)
{
	const uint32_t header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, LINK_ETHERNET};
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(header, sizeof(header), 1, file), 1);
	for (uint32_t i = 0; i < frames.n; i++) {
		const struct frame *frame = &frames.frames[i];
		const uint32_t captured = frame->length < snaplen ? frame->length : snaplen;
		const uint32_t record[4] = {1000000000, i, captured, frame->length};

		if (!is_sendable(frame))
			continue;
		assert_int_equal(fwrite(record, sizeof(record), 1, file), 1);
		assert_int_equal(fwrite(frame->bytes, captured, 1, file), 1);
	}
	assert_int_equal(fclose(file), 0);
}

static void test_in_a_file(void **state UNUSED)
{
	char path[] = "/tmp/crosstap-packet-XXXXXX";
	struct wire_window expected, seen;
	struct arena *arena;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(arena_new(&arena), 0);
	for (size_t i = 0; i < FIXTURES; i++) {
		/* A file can wait for what comes late. */
		if (fixtures[i].make == make_tcp_hole)
			continue;
		frames.n = 0;
		fixtures[i].make(&frames);
		expected = filled(count_straight(), arena);
		write_capture(path, UINT32_MAX);
		seen = filled(count_capture(path), arena);
		assert_same(fixtures[i].name, &seen, &expected);
		arena_reset(arena);
	}
	unlink(path);
	arena_free(arena);
}

static void test_late_in_a_file(void **state UNUSED)
{
	char path[] = "/tmp/crosstap-packet-XXXXXX";
	struct wire_window seen;
	const struct wire_cell *cell;
	struct arena *arena;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	frames.n = 0;
	make_tcp_hole(&frames);
	assert_int_equal(arena_new(&arena), 0);
	write_capture(path, UINT32_MAX);
	seen = filled(count_capture(path), arena);
	cell = &seen.interfaces[0].counters[WIRE_IN].cells[WIRE_TCP][PACKET_IPV4];
	assert_int_equal(cell->messages, 5);
	assert_int_equal(cell->resync, 1);
	unlink(path);
	arena_free(arena);
}

/* Of packets that the capture cut: what their headers tell, and no message that is not there. */
static void test_cut_packets(void **state UNUSED)
{
	char path[] = "/tmp/crosstap-packet-XXXXXX";
	struct wire_window seen;
	const struct wire_cell *cell;
	struct arena *arena;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	frames.n = 0;
	make_udp_query(&frames);
	assert_int_equal(arena_new(&arena), 0);
	write_capture(path, 14 + 20 + 8 + 12);
	seen = filled(count_capture(path), arena);
	cell = &seen.interfaces[0].counters[WIRE_IN].cells[WIRE_UDP][PACKET_IPV4];
	assert_int_equal(cell->packets, 1);
	assert_int_equal(cell->bytes, 60);
	assert_int_equal(cell->messages, 1);
	assert_int_equal(cell->message_bytes, 32);
	assert_int_equal(cell->malformed, 0);
	write_capture(path, 14 + 20 + 8 + 11);
	seen = filled(count_capture(path), arena);
	cell = &seen.interfaces[0].counters[WIRE_IN].cells[WIRE_UDP][PACKET_IPV4];
	assert_int_equal(cell->packets, 1);
	assert_int_equal(cell->messages, 0);
	unlink(path);
	arena_free(arena);
}

/* The source's threads inherit it. Where it is not allowed, a busy machine may come too late. */
static void hurry(void)
{
	const struct sched_param priority = {.sched_priority = 1};

	sched_setscheduler(0, SCHED_RR, &priority);
}

static int enter_namespace(void **state UNUSED)
{
	hurry();
	namespace_ready =
	    (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
	    system("ip link add server type veth peer name client && ip link set server up && "
		   "ip link set client up") == 0;
	return 0;
}

static int set_up(void **state)
{
	return make_rules() == 0 ? enter_namespace(state) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_over_a_veth),
	    cmocka_unit_test(test_windows),
	    cmocka_unit_test(test_gone),
	    cmocka_unit_test(test_gone_at_once),
	    cmocka_unit_test(test_filter_refused),
	    cmocka_unit_test(test_gone_with_its_addresses),
	    cmocka_unit_test(test_in_a_file),
	    cmocka_unit_test(test_late_in_a_file),
	    cmocka_unit_test(test_cut_packets),
	};

	return cmocka_run_group_tests(tests, set_up, clear_rules);
}
