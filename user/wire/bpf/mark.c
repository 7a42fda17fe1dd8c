/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/mark.h"

#include <errno.h>
#include <string.h>

struct rare_mark {
	uint32_t index;
	uint64_t value;
};

struct attachment_mark {
	uint64_t serial;
	struct rare_mark *rares;
	size_t n_rares;
	struct wire_read_sums sums;
};

struct wire_mark {
	size_t n;
	struct attachment_mark *attachments[];
};

int wire_mark_new(struct wire_mark **ret, const struct wire_bpf *wire, struct arena *arena)
{
	struct wire_mark *mark =
	    arena_alloc(arena, sizeof(*mark) + wire->n_attachments * sizeof(mark->attachments[0]));

	if (!mark)
		return -ENOMEM;
	mark->n = 0;
	*ret = mark;
	return 0;
}

int wire_mark_attachment(struct wire_mark *mark, const struct attachment *attachment,
    struct arena *arena, struct attachment_mark **ret)
{
	struct attachment_mark *taken = arena_alloc(arena, sizeof(*taken));

	if (!taken)
		return -ENOMEM;
	taken->serial = attachment->serial;
	taken->rares = NULL;
	taken->n_rares = 0;
	taken->sums = *attachment->now;
	mark->attachments[mark->n++] = taken;
	*ret = taken;
	return 0;
}

int wire_mark_rare(
    struct attachment_mark *mark, uint32_t index, uint64_t value, struct arena *arena)
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

static struct attachment *find_attachment(const struct wire_bpf *wire, uint64_t serial)
{
	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (wire->attachments[i]->serial == serial && wire->attachments[i]->now)
			return wire->attachments[i];
	}
	return NULL;
}

void wire_mark_advance(const struct wire_mark *mark, struct wire_bpf *wire)
{
	for (size_t i = 0; i < mark->n; i++) {
		const struct attachment_mark *taken = mark->attachments[i];
		struct attachment *attachment = find_attachment(wire, taken->serial);

		if (!attachment)
			continue;
		*attachment->before = taken->sums;
		for (size_t j = 0; j < taken->n_rares; j++)
			attachment->rare_before[taken->rares[j].index] = taken->rares[j].value;
	}
}

void wire_bpf_reported(struct wire_bpf *wire, const struct wire_mark *mark)
{
	for (size_t i = 0; mark && i < mark->n; i++) {
		const struct attachment_mark *taken = mark->attachments[i];
		struct attachment *attachment = find_attachment(wire, taken->serial);
		uint32_t next;

		if (!attachment)
			continue; /* its maps went with it */
		for (size_t j = 0; j < taken->n_rares; j++)
			attachment->rare[WIRE_RARE_READ + taken->rares[j].index] =
			    taken->rares[j].value;
		/* One store, so that a successor finds all of it or nothing. */
		next = !(attachment->reading->active & 1);
		attachment->reading->sums[next] = taken->sums;
		__atomic_store_n(&attachment->reading->active, next, __ATOMIC_RELEASE);
	}
}

void wire_bpf_note(struct wire_bpf *wire, const void *note, size_t size)
{
	for (size_t i = 0; i < wire->n_attachments && size <= WIRE_NOTE_BYTES; i++) {
		struct wire_reading *reading = wire->attachments[i]->reading;
		uint32_t next;

		if (!reading)
			continue;
		next = !(reading->note_active & 1);
		memcpy(reading->notes[next], note, size);
		__atomic_store_n(&reading->note_active, next, __ATOMIC_RELEASE);
		__atomic_store_n(&reading->note_bytes, (uint32_t)size, __ATOMIC_RELEASE);
	}
}

bool wire_bpf_noted(const struct wire_bpf *wire, void *ret, size_t size)
{
	for (size_t i = 0; i < wire->n_attachments; i++) {
		const struct attachment *attachment = wire->attachments[i];
		const struct wire_reading *reading = attachment->reading;

		if (!attachment->adopted || !reading || reading->note_bytes != size)
			continue;
		memcpy(ret, reading->notes[reading->note_active & 1], size);
		return true;
	}
	return false;
}
