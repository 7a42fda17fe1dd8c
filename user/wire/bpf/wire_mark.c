/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/wire_mark.h"

#include <errno.h>
#include <string.h>

struct rare_mark {
	uint32_t index;
	uint64_t value;
};

struct wire_tap_mark {
	uint64_t serial;
	struct rare_mark *rares;
	size_t n_rares;
	struct wire_read_sums sums;
};

struct wire_mark {
	size_t n;
	struct wire_tap_mark *taps[];
};

int wire_mark_new(struct wire_mark **ret, const struct wire *wire, struct arena *arena)
{
	struct wire_mark *mark =
	    arena_alloc(arena, sizeof(*mark) + wire->n_taps * sizeof(mark->taps[0]));

	if (!mark)
		return -ENOMEM;
	mark->n = 0;
	*ret = mark;
	return 0;
}

int wire_mark_tap(struct wire_mark *mark, const struct wire_tap *tap, struct arena *arena,
    struct wire_tap_mark **ret)
{
	struct wire_tap_mark *taken = arena_alloc(arena, sizeof(*taken));

	if (!taken)
		return -ENOMEM;
	taken->serial = tap->serial;
	taken->rares = NULL;
	taken->n_rares = 0;
	taken->sums = *tap->now;
	mark->taps[mark->n++] = taken;
	*ret = taken;
	return 0;
}

int wire_mark_rare(struct wire_tap_mark *mark, uint32_t index, uint64_t value, struct arena *arena)
{
	const size_t n = mark->n_rares;

	/* Full at powers of two. */
	if ((n & (n - 1)) == 0) {
		struct rare_mark *rares = arena_alloc(arena, (n ? 2 * n : 1) * sizeof(*rares));

		if (!rares)
			return -ENOMEM;
		if (n)
			memcpy(rares, mark->rares, n * sizeof(*rares));
		mark->rares = rares;
	}
	mark->rares[mark->n_rares++] = (struct rare_mark){index, value};
	return 0;
}

static struct wire_tap *find_tap(const struct wire *wire, uint64_t serial)
{
	for (size_t i = 0; i < wire->n_taps; i++) {
		if (wire->taps[i]->serial == serial && wire->taps[i]->now)
			return wire->taps[i];
	}
	return NULL;
}

void wire_mark_advance(const struct wire_mark *mark, struct wire *wire)
{
	for (size_t i = 0; i < mark->n; i++) {
		const struct wire_tap_mark *taken = mark->taps[i];
		struct wire_tap *tap = find_tap(wire, taken->serial);

		if (!tap)
			continue;
		*tap->before = taken->sums;
		for (size_t j = 0; j < taken->n_rares; j++)
			tap->rare_before[taken->rares[j].index] = taken->rares[j].value;
	}
}

void wire_commit(struct wire *wire, const struct wire_mark *mark)
{
	for (size_t i = 0; mark && i < mark->n; i++) {
		const struct wire_tap_mark *taken = mark->taps[i];
		struct wire_tap *tap = find_tap(wire, taken->serial);
		uint32_t next;

		if (!tap)
			continue; /* its maps went with it */
		for (size_t j = 0; j < taken->n_rares; j++)
			tap->rare[WIRE_RARE_READ + taken->rares[j].index] = taken->rares[j].value;
		/* One store, so that a successor finds all of it or nothing. */
		next = !(tap->reading->active & 1);
		tap->reading->sums[next] = taken->sums;
		__atomic_store_n(&tap->reading->active, next, __ATOMIC_RELEASE);
	}
}

void wire_note(struct wire *wire, const void *note, size_t size)
{
	for (size_t i = 0; i < wire->n_taps && size <= WIRE_NOTE_BYTES; i++) {
		struct wire_reading *reading = wire->taps[i]->reading;
		uint32_t next;

		if (!reading)
			continue;
		next = !(reading->note_active & 1);
		memcpy(reading->notes[next], note, size);
		__atomic_store_n(&reading->note_active, next, __ATOMIC_RELEASE);
		__atomic_store_n(&reading->note_bytes, (uint32_t)size, __ATOMIC_RELEASE);
	}
}

bool wire_noted(const struct wire *wire, void *ret, size_t size)
{
	for (size_t i = 0; i < wire->n_taps; i++) {
		const struct wire_tap *tap = wire->taps[i];
		const struct wire_reading *reading = tap->reading;

		if (!tap->adopted || !reading || reading->note_bytes != size)
			continue;
		memcpy(ret, reading->notes[reading->note_active & 1], size);
		return true;
	}
	return false;
}
