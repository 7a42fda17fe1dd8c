/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU time of the ping thread: RATE probes a second (default 500) to loopback addresses of a
 * network namespace of its own, with 60,000 resolvers in the table, for SECONDS (default 10).
 * Loopback makes the thread pay for the answers' way through the kernel, too.
 *
 *   ping_bench [RATE [SECONDS [lookup]]]
 *
 * With `lookup`, as on a host with service addresses: the source of each probe is looked up.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ping/ping.h"

#define RESOLVERS 60000
#define WARM_UP_S 2

static struct ping_candidate candidates[RESOLVERS];

static int enter_namespace(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, r = 0;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

static void offer_all(struct ping *ping)
{
	for (uint32_t i = 0; i < RESOLVERS; i++) {
		struct ping_candidate *candidate = &candidates[i];

		candidate->address.family = 4;
		candidate->address.bytes[0] = 127;
		candidate->address.bytes[1] = (uint8_t)(1 + (i >> 16));
		candidate->address.bytes[2] = (uint8_t)(i >> 8);
		candidate->address.bytes[3] = (uint8_t)i;
		candidate->answered = 10 + i % 1000;
	}
	for (int window = 0; window < PING_MIN_WINDOWS; window++)
		ping_offer(ping, candidates, RESOLVERS);
}

int main(int argc, char **argv)
{
	double rate = argc > 1 ? atof(argv[1]) : 500;
	unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	struct config config = {
	    .interval_ns = 10 * NS_PER_S,
	    .ping = {.enabled = true, .rate_per_s = rate, .every_ns = 600 * NS_PER_S},
	    .limits = {.resolvers = 1000000, .memory = 256 << 20},
	};
	struct config_network service = {.family = 4, .prefix = 32, .address = {192, 0, 2, 53}};
	struct ping_options options = {.allow_loopback = true};
	struct ping_stats before, after;
	uint64_t cpu_ns, wall_ns;
	struct ping *ping = NULL;
	int r = enter_namespace();

	config.wire.addresses = &service;
	config.wire.n_addresses = argc > 3;
	if (r == 0)
		r = ping_new(&ping, &config, &options);
	if (r < 0) {
		fprintf(stderr, "ping_bench: %s\n", strerror(-r));
		return 1;
	}
	offer_all(ping);
	sleep(WARM_UP_S);
	ping_stats(ping, &before);
	cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall_ns = clock_monotonic_ns();
	sleep(seconds);
	cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	wall_ns = clock_monotonic_ns() - wall_ns;
	ping_stats(ping, &after);
	printf("sent_per_s %.1f received %llu of %llu known %zu cpu_percent %.2f cpu_us_per_ping "
	       "%.1f memory_mib %.1f\n",
	    (double)(after.sent - before.sent) / ((double)wall_ns / NS_PER_S),
	    (unsigned long long)after.received, (unsigned long long)after.sent, after.known,
	    100.0 * (double)cpu_ns / (double)wall_ns,
	    (double)cpu_ns / 1000 / (double)(after.sent - before.sent),
	    (double)after.memory_bytes / (1 << 20));
	ping_free(ping);
	return after.received > 0 ? 0 : 1;
}
