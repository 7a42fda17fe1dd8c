// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Somebody else's XDP program: counts what it is shown, and passes it on. */
#include "crosstap/compat.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} foreign_seen SEC(".maps");

SEC("xdp")
int foreign_count(struct xdp_md *ctx CT_UNUSED)
{
	const __u32 zero = 0;
	__u64 *seen = bpf_map_lookup_elem(&foreign_seen, &zero);

	if (seen)
		CT_ADD_SHARED(seen, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
