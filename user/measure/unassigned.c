/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/unassigned.h"

#define MS_PER_DAY (24LL * 3600 * 1000)

const char *unassigned_qtype(
    struct unassigned *unassigned, int64_t time_ms, uint16_t type, char buffer[MNEMONIC_BYTES])
{
	const int64_t day = time_ms / MS_PER_DAY;

	if (mnemonic_qtype_assigned(type))
		return mnemonic_qtype(type, buffer);
	if (day != unassigned->day) {
		unassigned->day = day;
		unassigned->n = 0;
	}
	for (unsigned i = 0; i < unassigned->n; i++) {
		if (unassigned->types[i] == type)
			return mnemonic_qtype(type, buffer);
	}
	if (unassigned->n == UNASSIGNED_KEPT)
		return UNASSIGNED_OTHER;
	unassigned->types[unassigned->n++] = type;
	return mnemonic_qtype(type, buffer);
}
