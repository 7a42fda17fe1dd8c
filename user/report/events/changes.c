/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	char kind[16], name[256], state[128];
	bool noted;
};

struct changes {
	struct thing *things;
	size_t n, size;
	char gone[256];
};

int changes_new(struct changes **ret)
{
	struct changes *changes = calloc(1, sizeof(*changes));

	if (!changes)
		return -ENOMEM;
	*ret = changes;
	return 0;
}

void changes_free(struct changes *changes)
{
	if (!changes)
		return;
	free(changes->things);
	free(changes);
}

void changes_begin(struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		changes->things[i].noted = false;
}

static struct thing *find(struct changes *changes, const char *kind, const char *name)
{
	for (size_t i = 0; i < changes->n; i++) {
		struct thing *thing = &changes->things[i];

		if (strcmp(thing->kind, kind) == 0 &&
		    strncmp(thing->name, name, sizeof(thing->name) - 1) == 0)
			return thing;
	}
	return NULL;
}

/* NULL: no room. */
static struct thing *add(struct changes *changes, const char *kind, const char *name)
{
	struct thing *thing;

	if (changes->n == CHANGES_MAX)
		return NULL;
	if (changes->n == changes->size) {
		const size_t size = changes->size ? 2 * changes->size : 8;
		struct thing *things = reallocarray(changes->things, size, sizeof(*things));

		if (!things)
			return NULL;
		changes->things = things;
		changes->size = size;
	}
	thing = &changes->things[changes->n++];
	snprintf(thing->kind, sizeof(thing->kind), "%s", kind);
	snprintf(thing->name, sizeof(thing->name), "%s", name);
	return thing;
}

bool changes_note(struct changes *changes, const char *kind, const char *name, const char *state,
    const char *usual)
{
	struct thing *thing = find(changes, kind, name);
	bool changed;

	if (thing) {
		changed = strcmp(thing->state, state) != 0;
	} else {
		thing = add(changes, kind, name);
		changed = strcmp(usual, state) != 0;
	}
	if (!thing)
		return false;
	snprintf(thing->state, sizeof(thing->state), "%s", state);
	thing->noted = true;
	return changed;
}

const char *changes_gone(struct changes *changes, const char *kind)
{
	for (size_t i = 0; i < changes->n; i++) {
		struct thing *thing = &changes->things[i];

		if (thing->noted || strcmp(thing->kind, kind) != 0)
			continue;
		snprintf(changes->gone, sizeof(changes->gone), "%s", thing->name);
		*thing = changes->things[--changes->n];
		return changes->gone;
	}
	return NULL;
}
