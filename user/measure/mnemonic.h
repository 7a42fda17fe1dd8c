/* SPDX-License-Identifier: BSD-2-Clause */
/* IANA mnemonics of the DNS parameters registry (as of 2025); unassigned values by number. */
#ifndef CROSSTAP_MEASURE_MNEMONIC_H
#define CROSSTAP_MEASURE_MNEMONIC_H

#include <stdbool.h>
#include <stdint.h>

#define MNEMONIC_BYTES 16

/* The registry's name, or TYPE65534, OPCODE7, RCODE30 written to `buffer`. */
const char *mnemonic_qtype(uint16_t type, char buffer[MNEMONIC_BYTES]);
const char *mnemonic_opcode(uint16_t opcode, char buffer[MNEMONIC_BYTES]);
/* 12 bits; 16 is BADVERS (RFC 6891), since it comes from an OPT record. */
const char *mnemonic_rcode(uint16_t rcode, char buffer[MNEMONIC_BYTES]);
bool mnemonic_qtype_assigned(uint16_t type);
bool mnemonic_rcode_assigned(uint16_t rcode);
/* Or CLASS65280, as RFC 3597 writes it. */
const char *mnemonic_class(uint16_t class, char buffer[MNEMONIC_BYTES]);

const char *mnemonic_transport(unsigned transport);
const char *mnemonic_family(unsigned family);
const char *mnemonic_direction(unsigned direction);
const char *mnemonic_flag(unsigned bit);
const char *mnemonic_edns_version(unsigned version); /* enum edns_version */
const char *mnemonic_edns_size(unsigned size);       /* enum edns_size: b0 to b4097, none */
const char *mnemonic_qname_trait(unsigned trait);    /* enum qname_trait */
const char *mnemonic_junk(unsigned junk);            /* enum junk */

#endif
