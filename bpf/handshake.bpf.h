/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel side's hooks of wire_handshake.h, which calls them: hints, clock, histogram, clients.
 */
#ifndef CROSSTAP_HANDSHAKE_BPF_H
#define CROSSTAP_HANDSHAKE_BPF_H

#include "maps.bpf.h"

CT_INLINE volatile u64 *wire_hint(const struct wire_env *env CT_UNUSED, u32 index)
{
	return bpf_map_lookup_elem(&hints, &index);
}

CT_INLINE u64 wire_now_ns(const struct wire_env *env CT_UNUSED)
{
	return bpf_ktime_get_ns();
}

/* Global, for the verifier's sake: the number comes back without its history. */
__noinline u32 rtt_bin(u64 us)
{
	return wire_rtt_bin(us);
}

CT_INLINE void wire_add_rtt(const struct wire_env *env, u32 family, u64 us)
{
	const u32 slot = env->slot;
	struct wire_rtt *histogram = bpf_map_lookup_elem(&rtt, &slot);
	u64 index = rtt_bin(us);

	CT_OPAQUE(index);
	if (!histogram || index >= WIRE_RTT_BINS)
		return;
	if (family == PACKET_IPV4)
		CT_ADD_SHARED(&histogram->bins[PACKET_IPV4][index], 1);
	else
		CT_ADD_SHARED(&histogram->bins[PACKET_IPV6][index], 1);
}

CT_INLINE void wire_add_source_rtt(
    const struct wire_env *env, const struct packet_address *client, u64 us)
{
	struct wire_source_rtt *source = bpf_map_lookup_elem(&source_rtt, client);

	if (!source) {
		const struct wire_source_rtt none = {.min_us = ~0ull};

		bpf_map_update_elem(&source_rtt, client, &none, BPF_NOEXIST);
		source = bpf_map_lookup_elem(&source_rtt, client);
		if (!source)
			return;
	}
	CT_ADD_SHARED(&source->count[env->slot & 1], 1);
	CT_ADD_SHARED(&source->sum_us[env->slot & 1], us);
	if (us < source->min_us)
		source->min_us = us;
}

#endif
