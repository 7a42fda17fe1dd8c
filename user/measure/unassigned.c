/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/unassigned.h"

#define MS_PER_DAY (24LL * 3600 * 1000)

static void begin_day(struct unassigned *unassigned, int64_t time_ms)
{
	const int64_t day = time_ms / MS_PER_DAY;

	if (day != unassigned->day)
		*unassigned = (struct unassigned){.day = day};
}

bool unassigned_busy(struct unassigned *unassigned, int64_t time_ms, uint16_t zone, uint16_t type)
{
	struct busy_types *busy = &unassigned->busy[zone % BUSY_LISTS];

	begin_day(unassigned, time_ms);
	for (unsigned i = 0; i < busy->n; i++) {
		if (busy->types[i] == type)
			return true;
	}
	if (busy->n == BUSY_KEPT)
		return false;
	busy->types[busy->n++] = type;
	return true;
}

bool unassigned_keeps(struct unassigned *unassigned, int64_t time_ms, uint16_t type)
{
	if (mnemonic_qtype_assigned(type))
		return true;
	begin_day(unassigned, time_ms);
	for (unsigned i = 0; i < unassigned->n; i++) {
		if (unassigned->types[i] == type)
			return true;
	}
	if (unassigned->n == UNASSIGNED_KEPT)
		return false;
	unassigned->types[unassigned->n++] = type;
	return true;
}

const char *unassigned_qtype(
    struct unassigned *unassigned, int64_t time_ms, uint16_t type, char buffer[MNEMONIC_BYTES])
{
	return unassigned_keeps(unassigned, time_ms, type) ? mnemonic_qtype(type, buffer)
							   : UNASSIGNED_OTHER;
}
