// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets that the kernel drops, with its reason: raw tracepoint kfree_skb, which gives one
 * since 5.17. An object of its own, so that a kernel without it loads the rest. Counts the queries
 * over UDP that the cross-check compares, by the same headers that count them on the wire: the
 * hooks of wire_message.h, wire_read and wire_walk, are here, over the memory of an skb.
 *
 * The map `config` is crosstap.bpf.c's; user space puts it in place before loading. The numbers of
 * the reasons differ from kernel to kernel, and user space takes their names from the kernel's BTF:
 * which reason means what is decided there (user/wire/host/stack_drops.c).
 */
#include "crosstap/compat.h"

CT_INLINE u64 packet_follow(const struct ct_view *view, const void *reader, u64 chain);
#define PACKET_FOLLOW packet_follow
#include "crosstap/wire_message.h"
#include <bpf/bpf_core_read.h>

/* Set before loading: the inode of the network namespace that is watched; 0: any. */
const volatile __u32 drop_netns = 0;

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

__noinline u64 drop_headers(u64 chain, u64 readable)
{
	for (u32 i = 0; i < PACKET_MAX_EXTENSIONS && !(chain & PACKET_CHAIN_END); i++)
		chain = drop_next_header(chain, readable);
	return chain;
}

/* `used` is 0: a datagram's name is never cut in two. */
CT_INLINE u64 wire_walk(const struct wire_env *env, u64 at, u64 end, u64 used CT_UNUSED)
{
	return drop_walk(at, end, env->view.scratch);
}

CT_INLINE u64 packet_follow(const struct ct_view *view, const void *reader CT_UNUSED, u64 chain)
{
	return drop_headers(chain, view->scratch);
}

/* How many bytes are in front of the IP header: of a VLAN in another one, which is not here, the
 * kernel takes no more than the first tag off. */
CT_INLINE u64 tag_bytes(const struct sk_buff *skb, const unsigned char *network)
{
	u16 type = BPF_CORE_READ(skb, protocol);
	u64 n = 0;

#pragma GCC unroll 2
	for (u32 i = 0; i < PACKET_MAX_TAGS && packet_is_tag(bpf_ntohs(type)); i++) {
		if (bpf_probe_read_kernel(&type, sizeof(type), network + n + 2))
			break;
		n += 4;
	}
	return n;
}

/* The packet from its IP header on, as far as it is linear. */
CT_INLINE bool read_packet(const struct sk_buff *skb, struct ct_view *view)
{
	const __u32 zero = 0;
	struct drop_scratch *copy = bpf_map_lookup_elem(&drop_scratch, &zero);
	const unsigned char *head = BPF_CORE_READ(skb, head);
	const u64 end = BPF_CORE_READ(skb, tail);
	u64 begin = BPF_CORE_READ(skb, network_header), n;

	if (!begin) /* not set yet: on its way from the driver, where the data begins with it */
		begin = (u64)(BPF_CORE_READ(skb, data) - head);
	begin += tag_bytes(skb, head + begin);
	CT_FORGET(begin);
	n = end - begin;
	if (!copy || end <= begin)
		return false;
	if (n > CT_SCRATCH_BYTES)
		n = CT_SCRATCH_BYTES;
	CT_OPAQUE(n);
	if (n - 1 > CT_SCRATCH_BYTES - 1) /* for the verifier: 1 .. CT_SCRATCH_BYTES */
		return false;
	if (bpf_probe_read_kernel(copy->bytes, (u32)n, head + begin))
		return false;
	view->data = copy->bytes;
	view->scratch = n;
	return true;
}

enum drop_place { DROP_ELSEWHERE, DROP_BEFORE_SOCKET, DROP_FROM_SOCKET, DROP_FROM_ANY_SOCKET };

/*
 * Where the packet was; elsewhere: not in the namespace that is watched. A UDP socket that queues a
 * packet overwrites its device by numbers whose upper bytes are 0 or 1: who frees it then is the
 * one who reads, and is in the socket's namespace; or the socket was closed, and RCU frees what was
 * in it, on top of whatever task runs there: then nothing says which namespace it was. A function
 * of its own as above; kernel addresses come in as numbers.
 */
__noinline u32 drop_place(u64 address)
{
	const struct sk_buff *skb = (const struct sk_buff *)address;
	const struct net_device *device = BPF_CORE_READ(skb, dev);
	const bool queued = (u64)device >> 56 <= 1;
	const struct task_struct *task;
	u32 netns;

	if (!device) /* a copy in a packet socket, or on its way out */
		return DROP_ELSEWHERE;
	if (queued) {
		task = (const struct task_struct *)bpf_get_current_task();
		netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	} else {
		netns = BPF_CORE_READ(device, nd_net.net, ns.inum);
	}
	if (drop_netns && netns != drop_netns)
		return queued ? DROP_FROM_ANY_SOCKET : DROP_ELSEWHERE;
	return queued ? DROP_FROM_SOCKET : DROP_BEFORE_SOCKET;
}

/* What it is to the cross-check, wherever it was dropped. */
enum drop_message { DROP_NOT_OURS, DROP_COMPARED, DROP_OTHER, DROP_UNREADABLE };

CT_INLINE u32 message_of(struct wire_env *env, const struct packet *packet)
{
	struct packet_address server;
	struct wire_message message;
	struct wire_peer peer;

	if (!(wire_port_uses(env->config, packet->destination_port) & WIRE_PORT_DNS) ||
	    !wire_find_peer(env, packet, &server, &peer))
		return DROP_NOT_OURS;
	if (!wire_udp_message(env, packet, &message))
		return DROP_UNREADABLE;
	if (message.word >> 15 || message.malformed || wire_left_out(&message, &peer))
		return DROP_OTHER;
	return DROP_COMPARED;
}

CT_INLINE void count_drop(struct wire_drops *counts, u32 message, u32 place, u64 reason)
{
	u64 kind = message == DROP_OTHER ? WIRE_DROP_OTHER : WIRE_DROP_COMPARED;

	if (place == DROP_FROM_SOCKET)
		kind = message == DROP_OTHER ? WIRE_DROP_QUEUED_OTHER : WIRE_DROP_QUEUED;
	if (place == DROP_FROM_ANY_SOCKET)
		kind = WIRE_DROP_CLOSED;
	if (kind == WIRE_DROP_CLOSED && message == DROP_OTHER)
		return; /* neither in the wire's figure nor in any socket's drops */
	if (reason >= WIRE_DROP_REASONS || message == DROP_UNREADABLE)
		reason = WIRE_DROP_REASONS - 1;
	CT_OPAQUE(kind);
	if (kind < WIRE_DROP_KINDS)
		counts->messages[kind][reason]++;
}

SEC("raw_tracepoint/kfree_skb")
int drop_reason(struct bpf_raw_tracepoint_args *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx->args[0];
	struct wire_env env = {
	    .access = WIRE_ACCESS_MEMORY, .view.copied = true, .direction = WIRE_IN};
	const u32 place = drop_place(ctx->args[0]);
	struct packet packet = {0};
	struct wire_drops *counts;
	const __u32 zero = 0;
	u64 message;

	env.config = bpf_map_lookup_elem(&config, &zero);
	if (!env.config || place == DROP_ELSEWHERE || !read_packet(skb, &env.view))
		return 0;
	if (packet_parse(&env.view, 0, true, BPF_CORE_READ(skb, len), &packet) ||
	    packet.protocol != PACKET_UDP || packet.fragment == PACKET_LATER)
		return 0;
	message = message_of(&env, &packet);
	CT_FORGET(message);
	if (message == DROP_NOT_OURS)
		return 0;
	env.slot = env.config->slot & 1;
	counts = bpf_map_lookup_elem(&drops, &env.slot);
	if (counts)
		count_drop(counts, (u32)message, place, (u32)ctx->args[2]);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
