// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets that the kernel drops, with its reason: raw tracepoint kfree_skb, which gives one
 * since 5.17. An object of its own, so that a kernel without it loads the rest. Counts the DNS
 * messages over UDP that the cross-check compares, by the same headers that count them on the wire.
 *
 * The map `config` is crosstap.bpf.c's; user space puts it in place before loading. The numbers of
 * the reasons differ from kernel to kernel, and user space takes their names from the kernel's BTF.
 * A copy that a packet socket could not take (PACKET_SOCK_ERROR) is dropped too, although the
 * packet lives on: user space leaves that reason out.
 */
#include "crosstap/compat.h"

CT_INLINE u64 packet_follow(const struct ct_view *view, const void *reader, u64 chain);
#define PACKET_FOLLOW packet_follow
#include "crosstap/wire_message.h"
#include <bpf/bpf_core_read.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_SLOTS);
	__type(key, __u32);
	__type(value, struct wire_drops);
} drops SEC(".maps");

struct drop_scratch {
	__u8 bytes[CT_SCRATCH_BYTES + CT_SCRATCH_SLACK];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct drop_scratch);
} drop_scratch SEC(".maps");

CT_INLINE int wire_read(const struct wire_env *env, u64 at, u8 *to, u64 n)
{
	const u8 *p = ct_bytes(&env->view, at, n);

	if (!p)
		return -1;
	ct_copy(to, p, n);
	return 0;
}

/* The first `readable` bytes of the packet, which read_packet has put there. */
CT_INLINE bool view_copy(struct ct_view *view, u64 readable)
{
	const __u32 zero = 0;
	const struct drop_scratch *copy = bpf_map_lookup_elem(&drop_scratch, &zero);

	if (!copy)
		return false;
	*view = (struct ct_view){.data = copy->bytes, .scratch = readable, .copied = true};
	return true;
}

/*
 * Global functions are verified once and on their own, whatever the paths are that lead to them
 * (5.6). Their loops would else count for each of these.
 */
__noinline u64 drop_walk(u64 at, u64 end, u64 readable)
{
	struct ct_view view;

	if (!view_copy(&view, readable))
		return (u64)DNS_WALK_VIEW << 32;
	return dns_walk(&view, at, end, 0, DNS_WALK_TURNS);
}

__noinline u64 drop_next_header(u64 chain, u64 readable)
{
	struct ct_view view;

	return view_copy(&view, readable) ? packet_next_header(&view, chain) : PACKET_CHAIN_CUT;
}

/* `used` is 0: a datagram's name is never cut in two. */
CT_INLINE u64 wire_walk(const struct wire_env *env, u64 at, u64 end, u64 used)
{
	return drop_walk(at, end, env->view.scratch);
}

CT_INLINE u64 packet_follow(const struct ct_view *view, const void *reader, u64 chain)
{
	return drop_next_header(chain, view->scratch);
}

/* The packet from its IP header on, as far as it is linear. */
CT_INLINE bool read_packet(const struct sk_buff *skb, struct ct_view *view)
{
	const __u32 zero = 0;
	struct drop_scratch *copy = bpf_map_lookup_elem(&drop_scratch, &zero);
	const u64 begin = BPF_CORE_READ(skb, network_header);
	const u64 end = BPF_CORE_READ(skb, tail);
	u64 n = end - begin;

	if (!copy || end <= begin)
		return false;
	if (n > CT_SCRATCH_BYTES)
		n = CT_SCRATCH_BYTES;
	CT_OPAQUE(n);
	if (n - 1 > CT_SCRATCH_BYTES - 1) /* for the verifier: 1 .. CT_SCRATCH_BYTES */
		return false;
	if (bpf_probe_read_kernel(copy->bytes, (u32)n, BPF_CORE_READ(skb, head) + begin))
		return false;
	view->data = copy->bytes;
	view->scratch = n;
	return true;
}

/* Is it a compared message to or from the server? */
CT_INLINE bool is_compared(struct wire_env *env, const struct packet *packet)
{
	const bool in = wire_port_uses(env->config, packet->destination_port) & WIRE_PORT_DNS;
	struct packet_address server;
	struct wire_message message;
	struct wire_peer peer;

	if (!in && !(wire_port_uses(env->config, packet->source_port) & WIRE_PORT_DNS))
		return false;
	env->direction = in ? WIRE_IN : WIRE_OUT;
	if (!wire_find_peer(env, packet, &server, &peer) ||
	    !wire_udp_message(env, packet, &message))
		return false;
	return message.word >> 15 == !in && !wire_left_out(&message, &peer);
}

SEC("raw_tracepoint/kfree_skb")
int drop_reason(struct bpf_raw_tracepoint_args *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx->args[0];
	u64 reason = (u32)ctx->args[2];
	struct wire_env env = {.access = WIRE_ACCESS_MEMORY, .view.copied = true};
	struct packet packet = {0};
	struct wire_drops *counts;
	const __u32 zero = 0;

	env.config = bpf_map_lookup_elem(&config, &zero);
	if (!env.config || !read_packet(skb, &env.view))
		return 0;
	if (packet_parse(&env.view, 0, true, BPF_CORE_READ(skb, len), &packet) ||
	    packet.protocol != PACKET_UDP || packet.fragment == PACKET_LATER ||
	    !is_compared(&env, &packet))
		return 0;
	env.slot = env.config->slot & 1;
	counts = bpf_map_lookup_elem(&drops, &env.slot);
	if (!counts)
		return 0;
	if (reason >= WIRE_DROP_REASONS)
		reason = WIRE_DROP_REASONS - 1;
	counts->messages[env.direction & 1][reason]++;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
