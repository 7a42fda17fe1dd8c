/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/unassigned.h"

#define MS_PER_DAY (24LL * 3600 * 1000)

static void begin_day(struct unassigned *unassigned, int64_t time_ms)
{
	const int64_t day = time_ms / MS_PER_DAY;

	if (day != unassigned->day)
		*unassigned = (struct unassigned){.day = day};
}

/* One of the numbers of the day, of which there are at most `most`. */
static bool keep_number(uint16_t *numbers, unsigned *n, unsigned most, uint16_t number)
{
	for (unsigned i = 0; i < *n; i++) {
		if (numbers[i] == number)
			return true;
	}
	if (*n == most)
		return false;
	numbers[(*n)++] = number;
	return true;
}

bool unassigned_busy(struct unassigned *unassigned, int64_t time_ms, uint16_t zone, uint16_t type)
{
	struct busy_types *busy = &unassigned->busy[zone % BUSY_LISTS];

	begin_day(unassigned, time_ms);
	return keep_number(busy->types, &busy->n, BUSY_KEPT, type);
}

bool unassigned_keeps(struct unassigned *unassigned, int64_t time_ms, uint16_t type)
{
	if (mnemonic_qtype_assigned(type))
		return true;
	begin_day(unassigned, time_ms);
	return keep_number(unassigned->types, &unassigned->n, UNASSIGNED_KEPT, type);
}

bool unassigned_keeps_rcode(struct unassigned *unassigned, int64_t time_ms, uint16_t rcode)
{
	if (mnemonic_rcode_assigned(rcode))
		return true;
	begin_day(unassigned, time_ms);
	return keep_number(unassigned->rcodes, &unassigned->n_rcodes, RCODES_KEPT, rcode);
}

const char *unassigned_qtype(
    struct unassigned *unassigned, int64_t time_ms, uint16_t type, char buffer[MNEMONIC_BYTES])
{
	return unassigned_keeps(unassigned, time_ms, type) ? mnemonic_qtype(type, buffer)
							   : UNASSIGNED_OTHER;
}

const char *unassigned_rcode(
    struct unassigned *unassigned, int64_t time_ms, uint16_t rcode, char buffer[MNEMONIC_BYTES])
{
	return unassigned_keeps_rcode(unassigned, time_ms, rcode) ? mnemonic_rcode(rcode, buffer)
								  : UNASSIGNED_OTHER;
}
