/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/margin_tag.h"

bool margin_tag_is_code(enum measure_tag tag)
{
	return tag == TAG_QTYPE || tag == TAG_RCODE || tag == TAG_OPCODE;
}

const char *margin_tag_text(enum measure_tag tag, uint64_t key, char buffer[MNEMONIC_BYTES])
{
	const uint16_t value = (uint16_t)margin_value(key);

	switch (tag) {
	case TAG_DIRECTION:
		return mnemonic_direction(margin_direction(key));
	case TAG_TRANSPORT:
		return mnemonic_transport(margin_transport(key));
	case TAG_FAMILY:
		return mnemonic_family(margin_family(key));
	case TAG_QTYPE:
		return mnemonic_qtype(value, buffer);
	case TAG_RCODE:
		return mnemonic_rcode(value, buffer);
	case TAG_OPCODE:
		return mnemonic_opcode(value, buffer);
	default:
		return NULL;
	}
}
