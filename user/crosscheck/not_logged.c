/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/not_logged.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

#define CLASS(id) (1u << WIRE_CLASS_##id)

static const struct trait {
	const char *prefix;  /* of the version */
	uint32_t not_logged; /* 1 << enum wire_class */
	unsigned lag_ms;
} traits[PRODUCERS] = {
    [PRODUCER_OTHER] = {NULL, 0, 5},
    /* Logs the response alone where it finds fault with the query. */
    [PRODUCER_KNOT] = {"knot", CLASS(FORMERR), 5},
    [PRODUCER_KNOT_ZONES] = {NULL, CLASS(NOT_IN) | CLASS(REFUSED) | CLASS(FORMERR) | CLASS(NOTIMP),
	5},
    [PRODUCER_NSD] = {"nsd", 0, 5},
    /* Logs nothing that it finds malformed; its clock ticks at 4 ms. */
    [PRODUCER_BIND] = {"bind", CLASS(FORMERR), 10},
    [PRODUCER_UNBOUND] = {"unbound", 0, 5},
    [PRODUCER_DNSDIST] = {"dnsdist", 0, 5},
    [PRODUCER_RECURSOR] = {"pdns-recursor", 0, 5},
};

static bool begins(const char *version, size_t length, const char *prefix)
{
	const size_t n = strlen(prefix);

	return length >= n && strncasecmp(version, prefix, n) == 0;
}

enum producer producer_recognise(
    const char *version, size_t length, const struct producer_refused *refused)
{
	for (unsigned i = 0; version && i < PRODUCERS; i++) {
		if (!traits[i].prefix || !begins(version, length, traits[i].prefix))
			continue;
		return i == PRODUCER_KNOT && refused->wire && !refused->dnstap ? PRODUCER_KNOT_ZONES
									       : (enum producer)i;
	}
	return PRODUCER_OTHER;
}

uint64_t producer_lag_ns(enum producer producer)
{
	return (uint64_t)traits[producer < PRODUCERS ? producer : PRODUCER_OTHER].lag_ms *
	    NS_PER_MS;
}

uint64_t not_logged(const enum producer *producers, size_t n, const struct wire_window *wire)
{
	uint32_t classes = n ? UINT32_MAX : 0;
	uint64_t count = 0;

	if (!(wire->known & WIRE_KNOWS_CLASSES))
		return 0;
	for (size_t i = 0; i < n; i++)
		classes &=
		    traits[producers[i] < PRODUCERS ? producers[i] : PRODUCER_OTHER].not_logged;
	for (unsigned i = 0; i < WIRE_CLASSES; i++)
		count += classes >> i & 1 ? wire->classes[i] : 0;
	return count;
}
