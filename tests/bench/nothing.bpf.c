// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Programs that do nothing: what the kernel's statistics read of these is their own clock. */
#include "crosstap/compat.h"
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int nothing_xdp(struct xdp_md *ctx CT_UNUSED)
{
	return XDP_PASS;
}

SEC("tc")
int nothing_tc(struct __sk_buff *ctx CT_UNUSED)
{
	return TC_ACT_OK;
}
