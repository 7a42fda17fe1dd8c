/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the lines of a batch (POINTS_JSON) to one INSERT a measurement: its statement and rows of
 * JSONEachRow, in the columns that document/document_clickhouse.c declares. Tags of the
 * configuration that a measurement does not have itself go into the column `tags`. The same lines
 * give the same bytes, by which ClickHouse knows a block that is sent again.
 */
#ifndef CROSSTAP_SINK_CLICKHOUSE_INSERTS_H
#define CROSSTAP_SINK_CLICKHOUSE_INSERTS_H

#include "measure/measurement.h"
#include "text/buffer.h"
#include "text/json_read.h"

struct insert {
	struct buffer body; /* the statement, then a line a row */
	size_t statement;   /* bytes of it */
	size_t rows;
};

struct inserts {
	struct insert of[MEASUREMENT_COUNT];
	size_t unreadable; /* lines that are no points of this version */
	size_t bytes;      /* of the text that was taken, whole lines */
	struct json_reserve reserve;
};

/* Takes the first lines of `text`, `max_bytes` of it at most, but one at least. -ENOMEM. */
int inserts_make(struct inserts *inserts, const char *text, size_t length, size_t max_bytes);
void inserts_free(struct inserts *inserts);

#endif
