/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queries to a closed port of a network namespace of its own: drops.bpf.c counts each by what it
 * is, with its reason, and none of another namespace. Needs root, BPF and kernel 5.17.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

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

/* *sent: how many of each enum wire_drop_kind. */
static int send_all(u32 sent[WIRE_DROP_KINDS])
{
	const struct {
		u16 port;
		u32 kind; /* WIRE_DROP_KINDS: none */
		struct message message;
	} kinds[] = {
	    {53, WIRE_DROP_COMPARED, message_query(0, 1)},
	    {54, WIRE_DROP_KINDS, message_query(0, 1)},
	    {53, WIRE_DROP_OTHER, message_query(0x2000, 6)}, /* NOTIFY */
	    {53, WIRE_DROP_OTHER, message_query(0, DNS_TYPE_AXFR)},
	    {53, WIRE_DROP_OTHER, message_query(0x8000, 1)}, /* a response */
	    {53, WIRE_DROP_COMPARED, long_query(1)},
	    {53, WIRE_DROP_OTHER, long_query(DNS_TYPE_AXFR)},
	    {53, WIRE_DROP_OTHER, {.length = 3}}, /* malformed */
	};
	int error = 0;

	for (u32 i = 0; i < QUERIES * (sizeof(kinds) / sizeof(*kinds)) && !error; i++) {
		const u32 kind = i / QUERIES;

		error = send_message(kinds[kind].port, &kinds[kind].message);
		if (kinds[kind].kind < WIRE_DROP_KINDS)
			sent[kinds[kind].kind]++;
	}
	return error;
}

/* How many of each kind, and how many reasons they had. */
static int read_totals(
    const struct drops_bpf *skeleton, u64 totals[WIRE_DROP_KINDS], u32 reasons[WIRE_DROP_KINDS])
{
	const int cpus = libbpf_num_possible_cpus();
	struct wire_drops *values = calloc((size_t)cpus, sizeof(*values)), sum = {0};

	if (!values)
		return -ENOMEM;
	for (u32 slot = 0; slot < WIRE_SLOTS; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.drops), &slot, values))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			totals_add(&sum, &values[cpu], sizeof(sum));
	}
	free(values);
	for (u32 kind = 0; kind < WIRE_DROP_KINDS; kind++) {
		totals[kind] = reasons[kind] = 0;
		for (u32 i = 0; i < WIRE_DROP_REASONS; i++) {
			totals[kind] += sum.messages[kind][i];
			reasons[kind] += sum.messages[kind][i] > 0;
		}
	}
	return 0;
}

/* Counts what is sent in a namespace of its own; `watched`: that is the one to look at. */
static int run(bool watched)
{
	struct drops_bpf *skeleton = drops_bpf__open();
	u32 sent[WIRE_DROP_KINDS] = {0}, reasons[WIRE_DROP_KINDS];
	u64 totals[WIRE_DROP_KINDS] = {0};
	struct stat here = {0};
	int error = skeleton ? namespace_up() : -errno;

	if (!error)
		error = stat("/proc/self/ns/net", &here) ? -errno : 0;
	if (!error) {
		skeleton->rodata->drop_netns = (u32)here.st_ino + (watched ? 0 : 1);
		error = drops_bpf__load(skeleton);
	}
	if (!error)
		error = configure(skeleton);
	if (!error)
		error = drops_bpf__attach(skeleton);
	if (!error)
		error = send_all(sent);
	if (!error) {
		usleep(100000);
		error = read_totals(skeleton, totals, reasons);
	}
	drops_bpf__destroy(skeleton);
	if (error)
		return error;
	for (u32 kind = 0; kind < WIRE_DROP_KINDS; kind++) {
		const u64 expected = watched ? sent[kind] : 0;

		printf("kind %u: %llu drops of %u sent, %u reasons\n", kind,
		    (unsigned long long)totals[kind], sent[kind], reasons[kind]);
		if (totals[kind] != expected || reasons[kind] != (expected > 0))
			return -EBADMSG;
	}
	return 0;
}

int main(void)
{
	int error = run(true);

	if (!error)
		error = run(false);
	if (error)
		fprintf(stderr, "drops_test: %s\n", strerror(-error));
	return error ? 1 : 0;
}
