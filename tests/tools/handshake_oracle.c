/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own measurements of TCP handshakes, by a sockops program on a cgroup: what the
 * wire's are held against.
 *
 *   handshake_oracle CGROUP
 *
 * Says "ready", and at the end of stdin one line for each connection that processes of the cgroup
 * accepted at port 53: address, port, first round-trip time in microseconds (0: the kernel took
 * none), when it was established (CLOCK_MONOTONIC, ns). A last line has how many there were. The
 * program goes with the process.
 */
#include "handshake_oracle.h"

#include "handshake_oracle.skel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int print_all(const struct bpf_object *oracle)
{
	const int fd = bpf_object__find_map_fd_by_name(oracle, "handshakes");
	const int sums_fd = bpf_object__find_map_fd_by_name(oracle, "sums");
	const __u32 zero = 0;
	struct oracle_handshake handshake;
	struct oracle_sums sums;
	struct oracle_peer peer, *previous = NULL;
	char text[INET6_ADDRSTRLEN];

	while (bpf_map_get_next_key(fd, previous, &peer) == 0) {
		previous = &peer;
		if (bpf_map_lookup_elem(fd, &peer, &handshake) < 0 ||
		    !inet_ntop((int)peer.family, peer.address, text, sizeof(text)))
			return -EIO;
		printf("%s %u %u %llu\n", text, peer.port, handshake.rtt_us,
		    (unsigned long long)handshake.established_ns);
	}
	if (bpf_map_lookup_elem(sums_fd, &zero, &sums) < 0)
		return -errno;
	if (sums.refused)
		return -ENOSPC;
	printf("established %llu\n", (unsigned long long)sums.established);
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int attach(struct bpf_object **ret, struct bpf_link **ret_link, const char *cgroup)
{
	size_t size;
	const void *bytes = handshake_oracle_bpf__elf_bytes(&size);
	struct bpf_object *oracle = bpf_object__open_mem(bytes, size, NULL);
	int fd = -1, r;

	if (!oracle)
		return -errno;
	r = bpf_object__load(oracle);
	if (r == 0) {
		fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (r == 0) {
		*ret_link = bpf_program__attach_cgroup(
		    bpf_object__find_program_by_name(oracle, "on_socket"), fd);
		r = *ret_link ? 0 : -errno;
	}
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		bpf_object__close(oracle);
		return r;
	}
	*ret = oracle;
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_object *oracle = NULL;
	struct bpf_link *link = NULL;
	char line[64];
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: handshake_oracle CGROUP\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = attach(&oracle, &link, argv[1]);
	if (r < 0) {
		fprintf(stderr, "handshake_oracle: %s\n", strerror(-r));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		continue;
	r = print_all(oracle);
	if (r < 0)
		fprintf(stderr, "handshake_oracle: %s\n", strerror(-r));
	bpf_link__destroy(link);
	bpf_object__close(oracle);
	return r < 0;
}
