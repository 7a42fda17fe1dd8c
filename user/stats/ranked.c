/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/ranked.h"

#include <stdlib.h>
#include <string.h>

/* For qsort(): the one that comes first. */
static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return memcmp(x->address, y->address, sizeof(x->address));
}

void ranked_offer(struct ranked *heap, size_t *n, size_t limit, const struct ranked *item)
{
	size_t at;

	if (*n < limit) {
		for (at = (*n)++; at > 0 && compare(&heap[(at - 1) / 2], item) < 0;
		     at = (at - 1) / 2)
			heap[at] = heap[(at - 1) / 2];
		heap[at] = *item;
		return;
	}
	if (compare(&heap[0], item) <= 0)
		return;
	for (at = 0;;) {
		size_t child = at * 2 + 1;

		if (child + 1 < *n && compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (child >= *n || compare(&heap[child], item) <= 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = *item;
}

void ranked_sort(struct ranked *heap, size_t n)
{
	if (n)
		qsort(heap, n, sizeof(*heap), compare);
}
