// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What xdp_bench measures against. `floor_udp` is the smallest program that counts UDP packets to
 * port
 * 53. The programs with `_random` rewrite the source address before they count, floor and crosstap
 * alike, so that their difference is what random sources cost the counting.
 */
#include "../../bpf/crosstap.bpf.c"
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} floor_count SEC(".maps");

CT_INLINE int floor_run(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct udphdr *udp = data + sizeof(*eth) + sizeof(*ip);
	const __u32 zero = 0;
	__u64 *count;

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != PACKET_UDP || udp->dest != bpf_htons(53))
		return XDP_PASS;
	count = bpf_map_lookup_elem(&floor_count, &zero);
	if (count)
		(*count)++;
	return XDP_PASS;
}

/* Which bits of a source address are random; a map, so that one loaded object serves all cases. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} random_mask SEC(".maps");

CT_INLINE void randomise(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	const __u32 zero = 0;
	const __u32 *mask = bpf_map_lookup_elem(&random_mask, &zero);

	if ((void *)(ip + 1) > end || !mask)
		return;
	ip->saddr = bpf_htonl(0x0a000000 | (bpf_get_prandom_u32() & *mask));
}

SEC("xdp")
int floor_udp(struct xdp_md *ctx)
{
	return floor_run(ctx);
}

SEC("xdp")
int floor_random(struct xdp_md *ctx)
{
	randomise(ctx);
	return floor_run(ctx);
}

SEC("xdp")
int xdp_random(struct xdp_md *ctx)
{
	struct wire_env env;

	randomise(ctx);
	env = xdp_env(ctx);
	count_packet(&env);
	return XDP_PASS;
}

SEC("xdp")
int pass_only(struct xdp_md *ctx CT_UNUSED)
{
	return XDP_PASS;
}
