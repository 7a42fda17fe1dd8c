/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one thread knows of a window for DNS Magnitude: which client asked for which domain, as
 * registers of sketches. Domains are the last labels of names, folded to lower case. Only a TLD
 * that looks like one counts (^[a-z][a-z0-9-]*[a-z0-9]$), other queries count nowhere, not even in
 * what is counted of all: so ICANN's toolkit has it. Bounded: domains and registers that find no
 * room are counted as lost.
 */
#ifndef CROSSTAP_MAGNITUDE_TALLY_H
#define CROSSTAP_MAGNITUDE_TALLY_H

#include "magnitude/public_sketch.h"

#define TALLY_DOMAINS    8191
#define TALLY_MAX_SLOTS  (1u << 20) /* of registers: 4 MiB */
#define TALLY_MAX_LABELS 3
#define TALLY_NAME_BYTES (TALLY_MAX_LABELS * 64) /* text, with its NUL */

struct tally;

/* `seed` keys the tables: clients choose names. -ENOMEM. */
int tally_new(struct tally **ret, uint64_t seed);
void tally_free(struct tally *tally);
void tally_clear(struct tally *tally);
/* A query of the client with this public_sketch_hash() for a name in wire format, root label
 * included, of so many labels without it. */
void tally_add(struct tally *tally, const uint8_t *name, size_t length, unsigned name_labels,
    unsigned labels, uint64_t hash);
/* Of the same seed. */
void tally_merge(struct tally *into, const struct tally *from);

uint64_t tally_queries(const struct tally *tally);
uint64_t tally_lost(const struct tally *tally);
/* Entries of the sketch of all clients; 0: none at this register. */
uint32_t tally_all(const struct tally *tally, uint32_t at);
/* By number, from 0 on; NULL: there is none. */
const char *tally_domain(const struct tally *tally, uint32_t number, uint64_t *ret_queries);
/* Calls back for each entry of a domain's sketch. */
void tally_each(const struct tally *tally,
    void (*take)(void *context, uint32_t number, uint32_t entry), void *context);

#endif
