/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one place where kernel side and user space differ. Everything else in include/crosstap is
 * compiled for both: no libc, no allocation, bytes are touched through the loads below only.
 */
#ifndef CROSSTAP_COMPAT_H
#define CROSSTAP_COMPAT_H

#define CT_UNUSED __attribute__((unused)) /* a parameter that one of the two sides needs */

#ifdef __bpf__
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
#define CT_INLINE static __always_inline
/* A function of numbers that is verified once, whatever the ways are that lead to it (5.6). */
#define CT_ONCE __noinline
/* Keeps what the verifier knows of a checked value: the compiler may not trade it for its origin.
 */
#define CT_OPAQUE(v) asm volatile("" : "+r"(v))
/* Makes the verifier forget a number's bounds, so that the turns of a loop look alike to it. */
#define CT_FORGET(v)        asm volatile("%0 ^= 0x5555\n%0 ^= 0x5555" : "+r"(v))
#define CT_PACKET_MAX       0x7fff /* the verifier tracks packet offsets up to 64 KiB */
#define CT_ADD_SHARED(p, n) __sync_fetch_and_add((p), (n))
#else
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#define CT_OPAQUE(v)
#define CT_FORGET(v)
#define CT_ADD_SHARED(p, n) (*(p) += (n)) /* one thread owns the plain-memory state */
#ifdef CT_COUNTED /* coverage: a function is there once, not once wherever it is called */
#define CT_INLINE static inline __attribute__((unused))
#else
#define CT_INLINE static inline __attribute__((always_inline, unused))
#endif
#define CT_ONCE CT_INLINE
#endif

/*
 * Wide loads: bytes in network order in, host order out. The caller has checked that they are
 * there. User space uses memcpy, which is one instruction; for BPF, where it would be one for each
 * byte, the access is made as it is: kernels of the machines that matter take it at any address.
 */
#ifdef __bpf__
typedef u16 ct_u16 __attribute__((may_alias)); /* on the cast itself, clang does not heed it */
typedef u32 ct_u32 __attribute__((may_alias));
typedef u64 ct_u64 __attribute__((may_alias));
#define CT_LOAD_(type, p) (*(const ct_##type *)(p))
#else
#define CT_LOAD_(type, p)                                                                          \
	({                                                                                         \
		type ct_value_;                                                                    \
		__builtin_memcpy(&ct_value_, (p), sizeof(ct_value_));                              \
		ct_value_;                                                                         \
	})
#endif

CT_INLINE u16 ct_load_be16(const u8 *p)
{
	const u16 v = CT_LOAD_(u16, p);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(v);
#else
	return v;
#endif
}

CT_INLINE u32 ct_load_be32(const u8 *p)
{
	const u32 v = CT_LOAD_(u32, p);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap32(v);
#else
	return v;
#endif
}

/* The first byte lowest, whatever the host's order. */
CT_INLINE u64 ct_load_le64(const u8 *p)
{
	const u64 v = CT_LOAD_(u64, p);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return v;
#else
	return __builtin_bswap64(v);
#endif
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CT_BE32(v) __builtin_bswap32(v)
#else
#define CT_BE32(v) (v)
#endif

/* An index below n, a power of two, as the verifier must see it: it forgets the bounds of a number
 * whose bytes were swapped, and before 6.8 those of one that is read from the stack again; and the
 * compiler drops a mask that it takes for needless. */
CT_INLINE u64 ct_index(u64 i, u64 n)
{
	CT_OPAQUE(i);
	return i & (n - 1);
}

/* Network order on both ends: for addresses, which are compared and stored but never computed with.
 */
CT_INLINE u32 ct_load_raw32(const u8 *p)
{
	return CT_LOAD_(u32, p);
}

/* A short copy, n a constant. */
CT_INLINE void ct_copy(u8 *to, const u8 *from, u64 n)
{
#ifdef __bpf__
	u64 at = 0;

	for (; at + 4 <= n; at += 4)
		*(ct_u32 *)(to + at) = CT_LOAD_(u32, from + at);
	for (; at < n; at++)
		to[at] = from[at];
#else
	__builtin_memcpy(to, from, n);
#endif
}

/*
 * Bytes in front of a reader: a packet (direct packet access in XDP and tc, a plain pointer in user
 * space) or a scratch buffer of CT_SCRATCH_BYTES in a BPF map. Which one is a compile-time constant
 * after inlining.
 */
#define CT_SCRATCH_BYTES 512 /* readable; the buffer has CT_SCRATCH_SLACK more */
#define CT_SCRATCH_SLACK 64

struct ct_view {
	const u8 *data;
	const u8 *end; /* packet: behind the last readable byte */
	u64 scratch;   /* scratch: readable bytes */
	bool copied;   /* which of them: a constant, whatever the compiler knows of `scratch` */
};

/* n bytes at offset `at`, NULL if they are not all there. n: a constant of at most
 * CT_SCRATCH_SLACK. */
CT_INLINE const u8 *ct_bytes(const struct ct_view *view, u64 at, u64 n)
{
	const u8 *p;

	if (view->copied) {
		if (at + n > view->scratch)
			return 0;
		at &= CT_SCRATCH_BYTES - 1;
		CT_OPAQUE(at);
		return view->data + at;
	}
#ifdef __bpf__
	if (!__builtin_constant_p(at))
		CT_OPAQUE(at);
	if (at > CT_PACKET_MAX)
		return 0;
	p = view->data + at;
	return p + n > view->end ? 0 : p;
#else
	p = view->data + at;
	return at + n > (u64)(view->end - view->data) ? 0 : p;
#endif
}

/* The same for a packet, where the verifier knows by itself how great `at` can be. */
CT_INLINE const u8 *ct_bytes_near(const struct ct_view *view, u64 at, u64 n)
{
#ifdef __bpf__
	const u8 *p = view->data + at;

	return p + n > view->end ? 0 : p;
#else
	return ct_bytes(view, at, n);
#endif
}

#endif
