// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the kernel itself measured of each TCP handshake, for tests: its first round-trip time, at
 * the moment in which a connection to `server_port` is established.
 */
#include "handshake_oracle.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 server_port = 53;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ORACLE_CONNECTIONS);
	__type(key, struct oracle_peer);
	__type(value, __u32);
} handshakes SEC(".maps");

__u64 established, refused;

SEC("sockops")
int on_socket(struct bpf_sock_ops *ctx)
{
	struct oracle_peer peer = {0};
	__u32 rtt_us;

	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB || ctx->local_port != server_port)
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
	rtt_us = ctx->srtt_us >> 3; /* <linux/tcp.h>: in eighths */
	__sync_fetch_and_add(&established, 1);
	if (bpf_map_update_elem(&handshakes, &peer, &rtt_us, BPF_ANY))
		__sync_fetch_and_add(&refused, 1);
	return 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
