/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/unassigned.h"

#define MS_PER_DAY (24LL * 3600 * 1000)

bool unassigned_keeps(struct unassigned *unassigned, int64_t time_ms, uint16_t type)
{
	const int64_t day = time_ms / MS_PER_DAY;

	if (mnemonic_qtype_assigned(type))
		return true;
	if (day != unassigned->day) {
		unassigned->day = day;
		unassigned->n = 0;
	}
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
