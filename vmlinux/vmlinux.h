/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel types that bpf/ needs. What is stable comes from the UAPI headers; of the internal
 * ones only the members that are read stand here, and libbpf relocates them against the running
 * kernel's BTF. See README.
 */
#ifndef CROSSTAP_VMLINUX_H
#define CROSSTAP_VMLINUX_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>

struct sk_buff {
	unsigned int len;
	unsigned int data_len;
	__u16 transport_header;
	__u16 network_header;
	unsigned int tail; /* sk_buff_data_t: an offset from head on 64-bit kernels */
	unsigned char *head;
} __attribute__((preserve_access_index));

#endif
