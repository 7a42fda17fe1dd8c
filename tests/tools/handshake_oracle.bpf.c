// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the kernel itself measured of each TCP handshake, for tests: its first round-trip time, at
 * the moment in which a connection to port 53 is established.
 */
#include "handshake_oracle.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ORACLE_CONNECTIONS);
	__type(key, struct oracle_peer);
	__type(value, struct oracle_handshake);
} handshakes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct oracle_sums);
} sums SEC(".maps");

SEC("sockops")
int on_socket(struct bpf_sock_ops *ctx)
{
	struct oracle_handshake handshake = {.established_ns = bpf_ktime_get_ns()};
	struct oracle_peer peer = {0};
	struct oracle_sums *sum;
	const __u32 zero = 0;

	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB || ctx->local_port != ORACLE_PORT)
		return 1;
	if (ctx->family == ORACLE_IPV4) {
		peer.address[0] = ctx->remote_ip4;
	} else {
		peer.address[0] = ctx->remote_ip6[0];
		peer.address[1] = ctx->remote_ip6[1];
		peer.address[2] = ctx->remote_ip6[2];
		peer.address[3] = ctx->remote_ip6[3];
	}
	peer.family = ctx->family;
	peer.port = bpf_ntohl(ctx->remote_port);
	handshake.rtt_us = ctx->srtt_us >> 3; /* <linux/tcp.h>: in eighths */
	sum = bpf_map_lookup_elem(&sums, &zero);
	if (!sum)
		return 1;
	__sync_fetch_and_add(&sum->established, 1);
	if (bpf_map_update_elem(&handshakes, &peer, &handshake, BPF_ANY))
		__sync_fetch_and_add(&sum->refused, 1);
	return 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
