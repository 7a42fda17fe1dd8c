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

static int send_all(void)
{
	const struct message query = message_query(0, 1), notify = message_query(0x2000, 6);
	const struct message transfer = message_query(0, 251), response = message_query(0x8000, 1);
	const struct message shorter = {.length = 3};
	int error = 0;

	for (u32 i = 0; i < QUERIES && !error; i++) {
		error = send_message(53, &query);
		if (!error)
			error = send_message(54, &query);
		if (!error)
			error = send_message(53, &notify);
		if (!error)
			error = send_message(53, &transfer);
		if (!error)
			error = send_message(53, &response);
	}
	return error ? error : send_message(53, &shorter);
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
	u32 reasons = 0, none;

	if (!error)
		error = namespace_up();
	if (!error)
		error = drops_bpf__attach(skeleton);
	if (!error)
		error = send_all();
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
	printf("%llu drops in, %u reasons, %llu out\n", (unsigned long long)in, reasons,
	    (unsigned long long)out);
	return in == QUERIES + 1 && reasons == 1 && out == 0 ? 0 : 1;
}
