/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queries to a closed port of a network namespace of its own: drops.bpf.c counts each compared one,
 * with its reason, and no other. Needs root, BPF and kernel 5.17.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drops.skel.h"
#include "fixtures.h"
#include "host.h"

#define QUERIES 50

static int namespace_up(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, error;

	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return -errno;
	error = ioctl(fd, SIOCSIFFLAGS, &lo) ? -errno : 0;
	close(fd);
	return error;
}

/* 127.0.0.1 is the server's, but as a client it counts like any other. */
static int configure(const struct drops_bpf *skeleton)
{
	const struct wire_local server = {
	    {{0, 0, CT_BE32(0xffff), htonl(INADDR_LOOPBACK)}}, PACKET_IPV4, WIRE_ADDRESS_SERVER};
	struct wire_config *config = calloc(1, sizeof(*config));
	const u32 zero = 0;
	int error = -ENOMEM;

	if (config) {
		config->ports[53] = WIRE_PORT_DNS;
		error = wire_config_addresses(config, &server, 1) ? 0 : -ENOSPC;
	}
	if (!error)
		error =
		    bpf_map_update_elem(bpf_map__fd(skeleton->maps.config), &zero, config, BPF_ANY);
	free(config);
	return error;
}

static int send_message(u16 port, const struct message *message)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ssize_t sent;

	if (fd < 0)
		return -errno;
	sent = sendto(
	    fd, message->bytes, message->length, 0, (const struct sockaddr *)&to, sizeof(to));
	close(fd);
	return sent == (ssize_t)message->length ? 0 : -EIO;
}

/* 127 labels: what comes behind them is read only by who walks over all of them. */
static struct message long_query(u32 qtype)
{
	u8 name[DNS_MAX_NAME_BYTES] = {0};

	for (u32 i = 0; i + 1 < sizeof(name); i += 2) {
		name[i] = 1;
		name[i + 1] = 'x';
	}
	return message_named(0, name, sizeof(name), qtype, 0);
}

/* Returns how many are compared with dnstap. */
static int send_all(u32 *compared)
{
	const struct {
		u16 port;
		bool is_compared;
		struct message message;
	} kinds[] = {
	    {53, true, message_query(0, 1)},
	    {54, false, message_query(0, 1)},
	    {53, false, message_query(0x2000, 6)}, /* NOTIFY */
	    {53, false, message_query(0, DNS_TYPE_AXFR)},
	    {53, false, message_query(0x8000, 1)}, /* a response */
	    {53, true, long_query(1)},
	    {53, false, long_query(DNS_TYPE_AXFR)},
	    {53, true, {.length = 3}},
	};
	int error = 0;

	*compared = 0;
	for (u32 i = 0; i < QUERIES * (sizeof(kinds) / sizeof(*kinds)) && !error; i++) {
		const u32 kind = i / QUERIES;

		error = send_message(kinds[kind].port, &kinds[kind].message);
		*compared += kinds[kind].is_compared;
	}
	return error;
}

static u64 read_total(const struct drops_bpf *skeleton, u32 direction, u32 *reasons)
{
	const int cpus = libbpf_num_possible_cpus();
	struct wire_drops *values = calloc((size_t)cpus, sizeof(*values));
	u64 total = 0, by_reason[WIRE_DROP_REASONS] = {0};

	for (u32 slot = 0; values && slot < WIRE_SLOTS; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.drops), &slot, values))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			for (u32 i = 0; i < WIRE_DROP_REASONS; i++)
				by_reason[i] += values[cpu].messages[direction][i];
	}
	*reasons = 0;
	for (u32 i = 0; i < WIRE_DROP_REASONS; i++) {
		total += by_reason[i];
		*reasons += by_reason[i] > 0;
	}
	free(values);
	return total;
}

int main(void)
{
	struct drops_bpf *skeleton = drops_bpf__open_and_load();
	int error = skeleton ? configure(skeleton) : -errno;
	u64 in = 0, out = 0;
	u32 reasons = 0, none, compared = 0;

	if (!error)
		error = namespace_up();
	if (!error)
		error = drops_bpf__attach(skeleton);
	if (!error)
		error = send_all(&compared);
	if (!error) {
		usleep(100000);
		in = read_total(skeleton, WIRE_IN, &reasons);
		out = read_total(skeleton, WIRE_OUT, &none);
	}
	drops_bpf__destroy(skeleton);
	if (error) {
		fprintf(stderr, "drops_test: %s\n", strerror(-error));
		return 1;
	}
	printf("%llu drops in of %u sent, %u reasons, %llu out\n", (unsigned long long)in, compared,
	    reasons, (unsigned long long)out);
	return in == compared && reasons == 1 && out == 0 ? 0 : 1;
}
