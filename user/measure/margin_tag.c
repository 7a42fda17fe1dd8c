/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/margin_tag.h"

#include "measure/unassigned.h"

#include <stdio.h>

bool margin_tag_is_value(enum measure_tag tag)
{
	switch (tag) {
	case TAG_QTYPE:
	case TAG_BUSY_QTYPE:
	case TAG_RCODE:
	case TAG_OPCODE:
	case TAG_CLASS:
	case TAG_EDNS_VERSION:
	case TAG_EDNS_SIZE:
	case TAG_EDE:
	case TAG_ECS_FAMILY:
	case TAG_PREFIX:
	case TAG_QNAME_LENGTH:
	case TAG_QNAME_LABELS:
	case TAG_QNAME_TRAIT:
	case TAG_JUNK:
	case TAG_PORT_RANGE:
	case TAG_ADDRESS:
	case TAG_IDENTITY:
		return true;
	default:
		return false;
	}
}

/* Of a pair, where it has fewer bits. */
static uint32_t rcode_of(uint32_t rcode)
{
	return rcode == KEY_RCODE_OTHER ? KEY_OTHER : rcode;
}

/* The part of the value that the tag stands for. */
static uint32_t value_of(enum measure_tag tag, uint64_t key)
{
	const uint32_t value = margin_value(key);

	if (margin_kind(key) == MARGIN_RCODE_SIZE)
		return rcode_of(key_size_rcode(value));
	if (margin_kind(key) != MARGIN_QTYPE_RCODE)
		return value;
	return tag == TAG_BUSY_QTYPE ? key_qtype(value) : rcode_of(key_rcode(value));
}

static const char *number(const char *before, uint32_t value, char buffer[MNEMONIC_BYTES])
{
	snprintf(buffer, MNEMONIC_BYTES, "%s%u", before, value);
	return buffer;
}

const char *margin_tag_text(enum measure_tag tag, uint64_t key, const struct place_names *places,
    char buffer[MNEMONIC_BYTES])
{
	const uint32_t value = value_of(tag, key);

	if ((value == KEY_OTHER || value == KEY_NO_QUESTION) && margin_tag_is_value(tag))
		return UNASSIGNED_OTHER;
	switch (tag) {
	case TAG_DIRECTION:
		return mnemonic_direction(margin_direction(key));
	case TAG_TRANSPORT:
		return mnemonic_transport(margin_transport(key));
	case TAG_FAMILY:
	case TAG_ECS_FAMILY:
		return mnemonic_family(margin_family(key));
	case TAG_QTYPE:
	case TAG_BUSY_QTYPE:
		return mnemonic_qtype((uint16_t)value, buffer);
	case TAG_RCODE:
		return mnemonic_rcode((uint16_t)value, buffer);
	case TAG_OPCODE:
		return mnemonic_opcode((uint16_t)value, buffer);
	case TAG_CLASS:
		return mnemonic_class((uint16_t)value, buffer);
	case TAG_EDNS_VERSION:
		return mnemonic_edns_version(value);
	case TAG_EDNS_SIZE:
		return mnemonic_edns_size(value);
	case TAG_EDE:
	case TAG_PREFIX:
	case TAG_QNAME_LABELS:
		return number("", value, buffer);
	case TAG_QNAME_LENGTH:
		return number("b", value * KEY_QNAME_STEP, buffer);
	case TAG_QNAME_TRAIT:
		return mnemonic_qname_trait(value);
	case TAG_JUNK:
		return mnemonic_junk(value);
	case TAG_PORT_RANGE:
		return number("b", value * KEY_PORT_STEP, buffer);
	case TAG_ADDRESS:
		return place_names_address(places, value);
	case TAG_IDENTITY:
		return place_names_identity(places, value);
	default:
		return NULL;
	}
}
