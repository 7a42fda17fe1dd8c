/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/not_logged.h"

#include "base/clock.h"
#include "wire/window/sum.h"

#include <string.h>
#include <strings.h>

#define CLASS(id) (1u << WIRE_CLASS_##id)
/* So many answers that one tap in two would have shown some by now. */
#define REFUSED_ENOUGH 8

static const struct trait {
	const char *prefix;  /* of the version */
	uint32_t not_logged; /* 1 << enum wire_class */
	unsigned lag_ms;
} traits[PRODUCERS] = {
    [PRODUCER_OTHER] = {NULL, 0, 5},
    /* Logs the response alone where it finds fault with the query, and does not answer one without
     * a question or with several. */
    [PRODUCER_KNOT] = {"knot dns",
	CLASS(QUESTIONS) | CLASS(FAULT) | CLASS(FAULT_CHAOS) | CLASS(FAULT_OTHER) |
	    CLASS(FORMERR_META),
	5},
    [PRODUCER_KNOT_ZONES] = {NULL,
	CLASS(QUESTIONS) | CLASS(CHAOS) | CLASS(OTHER) | CLASS(REFUSED) | CLASS(NOTIMP) |
	    CLASS(FAULT),
	5},
    [PRODUCER_NSD] = {"nsd", 0, 5},
    /* Logs nothing of what it refuses before it looks for the name, but a meta type. Its clock
     * ticks at 4 ms. */
    [PRODUCER_BIND] = {"bind",
	CLASS(QUESTIONS) | CLASS(OTHER) | CLASS(NOTAUTH) | CLASS(FAULT) | CLASS(FAULT_CHAOS), 10},
    [PRODUCER_UNBOUND] = {"unbound", 0, 5},
    [PRODUCER_DNSDIST] = {"dnsdist", 0, 5},
    [PRODUCER_RECURSOR] = {"pdns-recursor", 0, 5},
};

static const struct trait *trait_of(enum producer producer)
{
	return &traits[producer < PRODUCERS ? producer : PRODUCER_OTHER];
}

static bool begins(const char *version, size_t length, const char *prefix)
{
	const size_t n = strlen(prefix);

	return length >= n && strncasecmp(version, prefix, n) == 0;
}

enum producer producer_recognise(const char *version, size_t length)
{
	for (unsigned i = 0; version && i < PRODUCERS; i++) {
		if (traits[i].prefix && begins(version, length, traits[i].prefix))
			return (enum producer)i;
	}
	return PRODUCER_OTHER;
}

uint64_t producer_lag_ns(enum producer producer)
{
	return (uint64_t)trait_of(producer)->lag_ms * NS_PER_MS;
}

static uint64_t sum(const uint64_t classes[WIRE_CLASSES], uint32_t which)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < WIRE_CLASSES; i++)
		count += which >> i & 1 ? classes[i] : 0;
	return count;
}

/* Answers over UDP that were compared, of both families. */
static uint64_t answers(const struct wire_window *wire)
{
	uint64_t count = 0;

	for (unsigned family = 0; family < 2; family++) {
		struct wire_cell cell;

		wire_sum_cell(wire, WIRE_OUT, WIRE_UDP, family, &cell);
		count += wire_cell_compared(&cell);
	}
	return count;
}

static void learn(struct not_logged *known, const struct not_logged_window *window,
    const uint64_t classes[WIRE_CLASSES])
{
	const uint64_t all = answers(window->wire);
	const uint64_t unlogged = sum(classes, traits[PRODUCER_KNOT_ZONES].not_logged);

	known->wire_refused += classes[WIRE_CLASS_REFUSED];
	known->dnstap_refused += window->dnstap_refused;
	known->wire_others += all > unlogged ? all - unlogged : 0;
	known->dnstap_others += window->dnstap_responses - window->dnstap_refused;
	if (known->dnstap_refused)
		known->zones = false;
	else if (known->wire_refused >= REFUSED_ENOUGH && known->dnstap_others &&
	    known->dnstap_others >= known->wire_others / 2)
		known->zones = true;
}

static uint32_t unlogged_by_all(
    const struct not_logged *known, const struct not_logged_window *window)
{
	uint32_t classes = window->n_producers ? UINT32_MAX : 0;

	for (size_t i = 0; i < window->n_producers; i++) {
		enum producer producer = window->producers[i];

		if (producer == PRODUCER_KNOT && known->zones)
			producer = PRODUCER_KNOT_ZONES;
		classes &= trait_of(producer)->not_logged;
	}
	return classes;
}

static void forget(struct not_logged *known, bool zones)
{
	*known = (struct not_logged){.zones = zones};
}

int64_t not_logged_add(struct not_logged *known, const struct not_logged_window *window)
{
	uint64_t classes[WIRE_CLASSES];
	uint32_t unlogged;
	int64_t before;

	/* A producer that comes again is taken for what it was until it shows otherwise. */
	if (window->changed || window->connected)
		forget(known, known->zones && !window->changed);
	wire_sum_classes(window->wire, classes);
	learn(known, window, classes);
	unlogged = unlogged_by_all(known, window);
	if (!window->balanced)
		return (int64_t)sum(classes, unlogged);
	for (unsigned i = 0; i < WIRE_CLASSES; i++)
		known->classes[i] += classes[i];
	before = known->told;
	known->told = (int64_t)sum(known->classes, unlogged);
	return known->told - before;
}
