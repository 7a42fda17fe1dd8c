/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients of a zone and family as the registers of a HyperLogLog, so that whoever holds those
 * of several windows, zones or nodes can count their union: the greater one of each two registers
 * (scripts/fleet-sources; crosstap-fleet(7) has the query for ClickHouse). Hash and registers are
 * those of base/distinct.h under rssac002.key_file, as in the .hll files of RSSAC002: equal clients
 * make equal registers on all nodes that have this key, and who lacks it can choose no addresses
 * that fill them.
 *
 * As text, base64 (RFC 4648 section 4, without padding) of one of two forms, whichever is shorter:
 * - each register in 6 bits, the first one first: DISTINCT_REGISTERS characters, one a register;
 * - for each register that is not 0 three bytes, big-endian: its index << 6 | its value, by index:
 *   four characters each, and in all less than DISTINCT_REGISTERS.
 *
 * Sources that found the window's table full are not in it. The report's thread makes one for each
 * window and format that has texts.
 */
#ifndef CROSSTAP_ENCODE_REGISTERS_H
#define CROSSTAP_ENCODE_REGISTERS_H

#include "privacy/source_key.h"
#include "stats/key.h"
#include "stats/sources.h"

struct registers;

/* -ENOMEM. */
int registers_new(
    struct registers **ret, const struct sources *sources, const struct source_key *key);
void registers_free(struct registers *registers); /* takes NULL */
/* Valid until the next call; NULL: there are no clients. `family`: enum family. */
const char *registers_text(struct registers *registers, uint32_t zone, unsigned family);
/* Tells the key: 16 hexadecimal digits of its identifier. */
const char *registers_key(const struct registers *registers);

#endif
