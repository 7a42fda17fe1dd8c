/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/cube.h"

#include "base/pages.h"

#include <errno.h>
#include <string.h>

#define KEPT_BYTES (2u << 20) /* of so many the first messages of a window would wait for pages */

static size_t bytes_of(const struct cube *cube)
{
	return ((size_t)cube->mask + 1) * sizeof(struct cube_cell);
}

int cube_init(struct cube *cube, size_t slots, const struct hash_seed *seed)
{
	*cube = (struct cube){
	    .mask = (uint32_t)(slots - 1), .limit = (uint32_t)(slots / 8 * 5), .seed = *seed};
	cube->cells = pages_reserve(bytes_of(cube));
	return cube->cells ? 0 : -ENOMEM;
}

void cube_done(struct cube *cube)
{
	pages_free(cube->cells, bytes_of(cube));
	cube->cells = NULL;
	cube->used = 0;
}

void cube_restart(struct cube *cube)
{
	memset(cube->cells, 0, bytes_of(cube));
	if (cube->most < cube->used)
		cube->most = cube->used;
	cube->used = 0;
}

/* For as many as this time. */
static size_t wanted_slots(const struct cube *cube, size_t max_slots)
{
	const size_t slots = (size_t)cube->mask + 1;
	const uint32_t used = cube->used > cube->most ? cube->used : cube->most;

	if (used >= cube->limit && slots * 2 <= max_slots)
		return slots * 2;
	return used < cube->limit / 8 && slots > CUBE_LEAST_SLOTS ? slots / 2 : slots;
}

void cube_clear(struct cube *cube, size_t max_slots)
{
	const size_t slots = wanted_slots(cube, max_slots);
	struct cube other;

	if (slots != (size_t)cube->mask + 1 && cube_init(&other, slots, &cube->seed) == 0) {
		cube_done(cube);
		*cube = other;
	}
	if (bytes_of(cube) < KEPT_BYTES)
		pages_clear(cube->cells, bytes_of(cube));
	else
		pages_renew(cube->cells, bytes_of(cube));
	cube->used = cube->most = 0;
}

int cube_grow(struct cube *cube)
{
	struct cube other;
	int r = cube_init(&other, ((size_t)cube->mask + 1) * 2, &cube->seed);

	if (r < 0)
		return r;
	for (size_t i = 0; i <= cube->mask; i++) {
		const struct cube_cell *cell = &cube->cells[i];

		if (cell->key)
			*cube_at(&other, cube_hash(&other, cell->key), cell->key) = *cell;
	}
	cube_done(cube);
	*cube = other;
	return 0;
}
