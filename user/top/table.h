/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows with a name and figures, of which the heavier half is kept whenever it is full: however many
 * names come, memory is the table's own and each costs about as much as the one before. What was
 * left out is counted.
 */
#ifndef CROSSTAP_TOP_TABLE_H
#define CROSSTAP_TOP_TABLE_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_TABLE_ROWS 2048
#define TOP_NAME_BYTES 256 /* the longest label of a zone, with its NUL */
#define TOP_NOTE_BYTES 64

/* Of each kind of row; the first is what a row weighs. */
enum top_figure {
	TOP_QUERIES = 0,
	TOP_RESPONSES,
	TOP_SOURCES,
	TOP_NXDOMAIN, /* responses */
	TOP_P50_US,
	TOP_P99_US,
	TOP_MALFORMED,
	TOP_ICMP_MS = TOP_P50_US,
	TOP_TCP_MS = TOP_P99_US,
	TOP_AS_NUMBER = TOP_MALFORMED,
	TOP_RESPONSE_BYTES = TOP_SOURCES, /* of a subnet */
	/* of an input */
	TOP_FRAMES = 0,
	TOP_PRODUCERS,
	TOP_BAD,
	TOP_LATE,
	TOP_AGE_S,
	/* of an output */
	TOP_POINTS = 0,
	TOP_DROPPED,
	TOP_REJECTED,
	TOP_QUEUED,
	TOP_FAILING,
	TOP_FIGURES = 7
};

struct table_row {
	char name[TOP_NAME_BYTES]; /* text of strangers, as are all that follow */
	char note[TOP_NOTE_BYTES];
	double figures[TOP_FIGURES];
	uint32_t known; /* 1 << enum top_figure */
};

struct top_table {
	struct hash_seed seed;
	size_t n;
	uint64_t left_out; /* rows */
	double left_out_weight;
	uint16_t slots[2 * TOP_TABLE_ROWS]; /* row + 1, by hash of the name; 0: free */
	struct table_row rows[TOP_TABLE_ROWS];
};

void top_table_clear(struct top_table *table);
/* A row that `name` has or gets. Stays where it is until the next call. */
struct table_row *top_table_find(struct top_table *table, const char *name);

void table_row_set(struct table_row *row, enum top_figure figure, double value);
void table_row_add(struct table_row *row, enum top_figure figure, double value);
/* False: it is not known. */
static inline bool table_row_knows(const struct table_row *row, enum top_figure figure)
{
	return row->known >> figure & 1;
}

#endif
