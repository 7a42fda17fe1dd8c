/* SPDX-License-Identifier: BSD-2-Clause */
/* A number as the first bytes of an address (struct source), which is bytes in order: on a
 * big-endian processor the number itself would be the last ones, where an IPv4 address has none. */
#ifndef CROSSTAP_TESTS_ADDRESS_H
#define CROSSTAP_TESTS_ADDRESS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t address_word(uint32_t number)
{
	uint64_t word = 0;

	memcpy(&word, &number, sizeof(number));
	return word;
}

/* The number of such a word. */
static inline uint32_t address_number(uint64_t word)
{
	uint32_t number;

	memcpy(&number, &word, sizeof(number));
	return number;
}

#endif
