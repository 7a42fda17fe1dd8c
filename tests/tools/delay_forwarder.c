/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slow link between two network namespaces: a TUN device in each, and every packet waits DELAY_MS
 * on its way across, counted from when the kernel gave it to the device. For kernels without netem.
 *
 *   delay_forwarder DELAY_MS NETNS_A DEVICE_A NETNS_B DEVICE_B [RECORD]
 *
 * The namespaces are named as `ip netns` names them; addresses and "up" are the caller's business,
 * after the line "ready". Ends with its parent, or with SIGTERM.
 *
 * A busy machine lets packets out late, so the line tells what it did. The file RECORD, written at
 * the end, has a line for each TCP segment and each ICMP echo message that went across: "A" or "B",
 * from where it came; when the kernel gave it to the device, when the device had surely passed it
 * on (0: not known) and when it went out (CLOCK_MONOTONIC, ns); source and destination; "tcp", both
 * ports, flags, sequence and acknowledgement number, or "icmp", type, identifier, sequence number.
 * The last line is "packets" and how many there were, which are more than the lines of those if
 * there was no room.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/unused.h"

#define QUEUE_PACKETS  4096
#define PACKET_BYTES   2048
#define RECORDS        (1 << 17)
#define RECORD_BYTES   60 /* IPv6 and TCP without options */
#define RECEIVE_BYTES  (32 << 20)
#define CLOCKS_READ_NS (10 * 1000)

struct packet {
	uint64_t in_ns, passed_ns;
	size_t length;
	uint8_t data[PACKET_BYTES];
};

/* A TUN device, and a packet socket that sees what the kernel gives it: with the time. */
struct device {
	int tun, tap;
};

/* From one device to the other; a full queue drops, as a link does. */
struct direction {
	const struct device *from, *to;
	size_t first, n, n_passed; /* the first of the n have been passed on */
	struct packet *packets;
};

struct record {
	uint64_t in_ns, passed_ns, out_ns;
	uint8_t from, length;
	uint8_t data[RECORD_BYTES];
};

static struct packet packets[2][QUEUE_PACKETS];
static struct record records[RECORDS];
static uint64_t n_records;
static volatile sig_atomic_t stopping;

static void on_signal(int number UNUSED)
{
	stopping = 1;
}

/* ---- devices ---- */

static int open_tun(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : fd;
}

/* Checksums are complete and segments are small: the device can do neither. */
static int open_tap(const char *name)
{
	struct sock_filter outgoing[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, PACKET_BYTES), BPF_STMT(BPF_RET | BPF_K, 0)};
	const struct sock_fprog filter = {.len = 4, .filter = outgoing};
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = (int)if_nametoindex(name)};
	const int on = 1, room = RECEIVE_BYTES;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return fd;
}

static int open_device(struct device *device, const char *netns, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	close(fd);
	device->tun = open_tun(name);
	if (device->tun < 0)
		return device->tun;
	device->tap = open_tap(name);
	return device->tap < 0 ? device->tap : 0;
}

/* ---- the line ---- */

/* What CLOCK_REALTIME, in which the kernel gives times, is ahead: read when nothing came between.
 */
static int64_t ahead_ns(void)
{
	uint64_t before, wall, after;
	struct timespec ts;

	do {
		before = clock_monotonic_ns();
		clock_gettime(CLOCK_REALTIME, &ts);
		after = clock_monotonic_ns();
	} while (after - before > CLOCKS_READ_NS && !stopping);
	wall = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return (int64_t)(wall - after);
}

/* When the kernel gave the packet to the device; 0: it does not say. */
static uint64_t arrival_ns(struct msghdr *message)
{
	struct timespec ts;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec - (uint64_t)ahead_ns();
	}
	return 0;
}

static ssize_t receive(int fd, void *data, uint64_t *ret_in_ns)
{
	union {
		char bytes[128];
		struct cmsghdr align;
	} control;
	struct iovec part = {.iov_base = data, .iov_len = PACKET_BYTES};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(fd, &message, 0);

	if (length > 0)
		*ret_in_ns = arrival_ns(&message);
	return length;
}

static struct packet *packet_at(const struct direction *direction, size_t i)
{
	return &direction->packets[(direction->first + i) % QUEUE_PACKETS];
}

/* The device passed on this one, in the order in which it was given them; it may have lost some. */
static void passed(struct direction *direction, const uint8_t *data, size_t length)
{
	for (size_t i = direction->n_passed; i < direction->n; i++) {
		struct packet *packet = packet_at(direction, i);

		if (packet->length != length || memcmp(packet->data, data, length) != 0)
			continue;
		packet->passed_ns = clock_monotonic_ns();
		direction->n_passed = i + 1;
		return;
	}
}

static void take_in(struct direction *direction)
{
	static uint8_t dropped[PACKET_BYTES];
	ssize_t again;

	for (;;) {
		struct packet *packet = packet_at(direction, direction->n);
		uint8_t *data = direction->n < QUEUE_PACKETS ? packet->data : dropped;
		uint64_t in_ns;
		ssize_t length = receive(direction->from->tap, data, &in_ns);

		if (length <= 0)
			break;
		if (direction->n == QUEUE_PACKETS)
			continue;
		packet->length = (size_t)length;
		packet->in_ns = in_ns;
		packet->passed_ns = 0;
		direction->n++;
	}
	/* The same packets once more: the kernel stamps one for its sender before it passes it on.
	 */
	while ((again = read(direction->from->tun, dropped, sizeof(dropped))) > 0)
		passed(direction, dropped, (size_t)again);
}

static void note(const struct packet *packet, unsigned from, uint64_t now_ns)
{
	struct record *record = &records[n_records];

	if (n_records++ >= RECORDS)
		return;
	record->in_ns = packet->in_ns;
	record->passed_ns = packet->passed_ns;
	record->out_ns = now_ns;
	record->from = (uint8_t)from;
	record->length = packet->length < RECORD_BYTES ? (uint8_t)packet->length : RECORD_BYTES;
	memcpy(record->data, packet->data, record->length);
}

static void let_out(struct direction *direction, unsigned from, uint64_t delay_ns)
{
	while (direction->n) {
		const struct packet *packet = &direction->packets[direction->first];
		uint64_t now_ns = clock_monotonic_ns();

		if (packet->in_ns + delay_ns > now_ns)
			return;
		/* A device that is down takes nothing. */
		if (write(direction->to->tun, packet->data, packet->length) >= 0)
			note(packet, from, now_ns);
		else if (errno == EAGAIN)
			return;
		direction->first = (direction->first + 1) % QUEUE_PACKETS;
		direction->n--;
		direction->n_passed -= direction->n_passed > 0;
	}
}

static uint64_t next_ns(const struct direction *directions, uint64_t delay_ns)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		const struct direction *direction = &directions[i];
		uint64_t due_ns = direction->packets[direction->first].in_ns + delay_ns;

		if (direction->n && due_ns < next)
			next = due_ns;
	}
	return next;
}

static int forward(struct direction *directions, uint64_t delay_ns)
{
	struct pollfd polled[2] = {{.fd = directions[0].from->tap, .events = POLLIN},
	    {.fd = directions[1].from->tap, .events = POLLIN}};
	sigset_t open;

	sigemptyset(&open);
	while (!stopping) {
		uint64_t next = next_ns(directions, delay_ns), now = clock_monotonic_ns();
		uint64_t wait = next > now ? next - now : 0;
		struct timespec ts = {
		    .tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};

		if (ppoll(polled, 2, next == UINT64_MAX ? NULL : &ts, &open) < 0 && errno != EINTR)
			return -errno;
		for (unsigned i = 0; i < 2; i++) {
			take_in(&directions[i]);
			let_out(&directions[i], i, delay_ns);
		}
	}
	return 0;
}

/* ---- what it did ---- */

static uint32_t load32(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static unsigned load16(const uint8_t *data)
{
	return (unsigned)data[0] << 8 | data[1];
}

static void print_record(FILE *file, const struct record *record)
{
	const uint8_t *data = record->data, *ports;
	const bool v6 = record->length && data[0] >> 4 == 6;
	const size_t head = v6 ? 40 : 20, at = v6 ? 8 : 12, size = v6 ? 16 : 4;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	uint8_t protocol;

	if (record->length < head + 8 || (!v6 && data[0] != 0x45))
		return;
	protocol = data[v6 ? 6 : 9];
	ports = data + head;
	if (protocol != IPPROTO_TCP && protocol != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return;
	inet_ntop(v6 ? AF_INET6 : AF_INET, data + at, source, sizeof(source));
	inet_ntop(v6 ? AF_INET6 : AF_INET, data + at + size, destination, sizeof(destination));
	fprintf(file, "%c %llu %llu %llu %s %s ", "AB"[record->from],
	    (unsigned long long)record -> in_ns, (unsigned long long)record -> passed_ns,
	    (unsigned long long)record -> out_ns, source, destination);
	if (protocol == IPPROTO_TCP && record->length >= head + 20)
		fprintf(file, "tcp %u %u %u %u %u\n", load16(ports), load16(ports + 2), ports[13],
		    load32(ports + 4), load32(ports + 8));
	else
		fprintf(file, "icmp %u %u %u\n", ports[0], load16(ports + 4), load16(ports + 6));
}

static int write_records(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	for (uint64_t i = 0; i < n_records && i < RECORDS; i++)
		print_record(file, &records[i]);
	fprintf(file, "packets %llu\n", (unsigned long long)n_records);
	return fclose(file) == 0 ? 0 : -errno;
}

/* Signals come while it waits. Nothing else keeps it from letting packets out in time. */
static void prepare(void)
{
	const struct sched_param priority = {.sched_priority = 10};
	const struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1UL);
	if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0 || mlockall(MCL_CURRENT) < 0)
		fprintf(
		    stderr, "delay_forwarder: without real-time priority: %s\n", strerror(errno));
}

int main(int argc, char **argv)
{
	struct device a, b;
	struct direction directions[2] = {{.from = &a, .to = &b, .packets = packets[0]},
	    {.from = &b, .to = &a, .packets = packets[1]}};
	int r;

	if (argc != 6 && argc != 7) {
		fprintf(stderr,
		    "usage: delay_forwarder DELAY_MS NETNS_A DEVICE_A NETNS_B DEVICE_B [RECORD]\n");
		return 2;
	}
	prepare();
	r = open_device(&a, argv[2], argv[3]);
	if (r == 0)
		r = open_device(&b, argv[4], argv[5]);
	if (r == 0) {
		puts("ready");
		fflush(stdout);
		r = forward(directions, (uint64_t)(atof(argv[1]) * NS_PER_MS));
	}
	if (r == 0 && argc == 7)
		r = write_records(argv[6]);
	if (r < 0)
		fprintf(stderr, "delay_forwarder: %s\n", strerror(-r));
	return r < 0;
}
