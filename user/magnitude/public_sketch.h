/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A HyperLogLog as DNS Magnitude's datasets hold it: 16,384 registers of 5 bits, in the storage
 * format of Aggregate Knowledge (HLL Storage Specification, version 1: empty, sparse and full).
 *
 * The hash is public: XXH3-64 of the client's network. Who knows it chooses addresses that fill the
 * registers, so that no figure but the dataset, whose readers ask for this one, is made of it.
 */
#ifndef CROSSTAP_MAGNITUDE_PUBLIC_SKETCH_H
#define CROSSTAP_MAGNITUDE_PUBLIC_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLIC_SKETCH_LOG2      14
#define PUBLIC_SKETCH_REGISTERS (1u << PUBLIC_SKETCH_LOG2)
#define PUBLIC_SKETCH_MAX       31 /* value of a register */
#define PUBLIC_SKETCH_BYTES                                                                        \
	(3 + PUBLIC_SKETCH_REGISTERS * 5 / 8) /* the most that it takes as stored */

/* A client: /24 of an IPv4 address (the first 4 bytes), /48 of an IPv6 address. */
uint64_t public_sketch_hash(const uint8_t address[16], bool is_ipv4);

/* register << 5 | value; 0: the hash changes no register. */
static inline uint32_t public_sketch_entry(uint64_t hash)
{
	const uint64_t rest = hash >> PUBLIC_SKETCH_LOG2;
	const uint32_t value = rest ? (uint32_t)__builtin_ctzll(rest) + 1 : 0;

	if (!value)
		return 0;
	return (uint32_t)(hash & (PUBLIC_SKETCH_REGISTERS - 1)) << 5 |
	    (value < PUBLIC_SKETCH_MAX ? value : PUBLIC_SKETCH_MAX);
}

struct public_sketch {
	uint32_t *sparse;    /* entries, open addressing; 0: free; NULL: none, or full */
	uint8_t *full;       /* a byte a register; NULL: sparse */
	uint32_t mask, used; /* of `sparse` */
	uint64_t count;
	bool counted; /* `count` holds */
};

/* Begins as zeros. */
void public_sketch_done(struct public_sketch *sketch);
/* -ENOMEM: nothing has changed. */
int public_sketch_add(struct public_sketch *sketch, uint32_t entry);
/* Estimated distinct clients, rounded up. */
uint64_t public_sketch_count(struct public_sketch *sketch);
size_t public_sketch_memory(const struct public_sketch *sketch);

/* As stored. */
size_t public_sketch_write(const struct public_sketch *sketch, uint8_t ret[PUBLIC_SKETCH_BYTES]);
/* Adds one that is stored. -EBADMSG: it is none of these parameters; -ENOMEM. */
int public_sketch_read(struct public_sketch *sketch, const uint8_t *data, size_t length);

#endif
