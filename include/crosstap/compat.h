/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one place where kernel side and user space differ. Everything else in include/crosstap is
 * compiled for both: no libc, no allocation, bytes are touched through the loads below only.
 */
#ifndef CROSSTAP_COMPAT_H
#define CROSSTAP_COMPAT_H

#ifdef __bpf__
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#define CT_INLINE static __always_inline
#else
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#define CT_INLINE static inline __attribute__((always_inline, unused))
#endif

/* Wide loads by memcpy: unaligned access is legal on neither side otherwise. Network byte order in,
 * host order out. The caller has checked that the bytes are there. */
CT_INLINE u16 ct_load_be16(const u8 *p)
{
	u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap16(v);
#endif
	return v;
}

CT_INLINE u32 ct_load_be32(const u8 *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

#endif
