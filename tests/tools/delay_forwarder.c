/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slow link between two network namespaces: a TUN device in each, and every packet waits DELAY_MS
 * on its way across. For kernels without netem.
 *
 *   delay_forwarder DELAY_MS NETNS_A DEVICE_A NETNS_B DEVICE_B
 *
 * The namespaces are named as `ip netns` names them; addresses and "up" are the caller's business,
 * after the line "ready". Ends with its parent, or with SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"

#define QUEUE_PACKETS 4096
#define PACKET_BYTES  2048

struct packet {
	uint64_t due_ns;
	size_t length;
	uint8_t data[PACKET_BYTES];
};

/* From one device to the other; a full queue drops, as a link does. */
struct direction {
	int from, to;
	size_t first, n;
	struct packet *packets;
};

static int open_device(const char *netns, const char *device)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	close(fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : fd;
}

static void take_in(struct direction *direction, uint64_t delay_ns)
{
	static uint8_t dropped[PACKET_BYTES];

	for (;;) {
		struct packet *packet =
		    &direction->packets[(direction->first + direction->n) % QUEUE_PACKETS];
		uint8_t *data = direction->n < QUEUE_PACKETS ? packet->data : dropped;
		ssize_t length = read(direction->from, data, PACKET_BYTES);

		if (length <= 0)
			return;
		if (direction->n == QUEUE_PACKETS)
			continue;
		packet->length = (size_t)length;
		packet->due_ns = clock_monotonic_ns() + delay_ns;
		direction->n++;
	}
}

static void let_out(struct direction *direction)
{
	while (direction->n) {
		const struct packet *packet = &direction->packets[direction->first];

		if (packet->due_ns > clock_monotonic_ns())
			return;
		/* A device that is down takes nothing. */
		if (write(direction->to, packet->data, packet->length) < 0 && errno == EAGAIN)
			return;
		direction->first = (direction->first + 1) % QUEUE_PACKETS;
		direction->n--;
	}
}

static uint64_t next_ns(const struct direction *directions)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		const struct direction *direction = &directions[i];

		if (direction->n && direction->packets[direction->first].due_ns < next)
			next = direction->packets[direction->first].due_ns;
	}
	return next;
}

static int forward(struct direction *directions, uint64_t delay_ns)
{
	struct pollfd polled[2] = {{.fd = directions[0].from, .events = POLLIN},
	    {.fd = directions[1].from, .events = POLLIN}};

	for (;;) {
		uint64_t next = next_ns(directions), now = clock_monotonic_ns();
		uint64_t wait = next > now ? next - now : 0;
		struct timespec ts = {
		    .tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};

		if (ppoll(polled, 2, next == UINT64_MAX ? NULL : &ts, NULL) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			take_in(&directions[i], delay_ns);
			let_out(&directions[i]);
		}
	}
}

static struct packet packets[2][QUEUE_PACKETS];

int main(int argc, char **argv)
{
	/* Woken at once, even on a busy machine. */
	const struct sched_param priority = {.sched_priority = 10};
	struct direction directions[2] = {{0}};
	int a, b;

	if (argc != 6) {
		fprintf(
		    stderr, "usage: delay_forwarder DELAY_MS NETNS_A DEVICE_A NETNS_B DEVICE_B\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1UL);
	sched_setscheduler(0, SCHED_FIFO, &priority);
	a = open_device(argv[2], argv[3]);
	b = a < 0 ? a : open_device(argv[4], argv[5]);
	if (b < 0) {
		fprintf(stderr, "delay_forwarder: %s\n", strerror(-b));
		return 1;
	}
	directions[0] = (struct direction){.from = a, .to = b, .packets = packets[0]};
	directions[1] = (struct direction){.from = b, .to = a, .packets = packets[1]};
	puts("ready");
	fflush(stdout);
	return forward(directions, (uint64_t)(atof(argv[1]) * NS_PER_MS)) < 0;
}
