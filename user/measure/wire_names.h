/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the wire's own numbers, made of the tables that define them. */
#ifndef CROSSTAP_MEASURE_WIRE_NAMES_H
#define CROSSTAP_MEASURE_WIRE_NAMES_H

#include "crosstap/wire_abi.h"

#define WIRE_NAME_(id, name) name,

/* enum wire_transport: not in the order of dnstap's. */
static inline const char *wire_name_transport(unsigned transport)
{
	static const char *const names[] = {WIRE_TRANSPORTS_(WIRE_NAME_)};

	return transport < WIRE_TRANSPORTS ? names[transport] : "udp";
}

/* enum dns_malformed. */
static inline const char *wire_name_malformed(unsigned reason)
{
	static const char *const names[] = {DNS_MALFORMED(WIRE_NAME_)};

	return reason < DNS_MALFORMED_COUNT ? names[reason] : "none";
}

#undef WIRE_NAME_

#endif
