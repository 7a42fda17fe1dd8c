/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row of a measurement as a point or as members of a JSON object, by the table
 * (measure/measurement.h).
 */
#ifndef CROSSTAP_ENCODE_ROW_H
#define CROSSTAP_ENCODE_ROW_H

#include "encode/points.h"
#include "measure/measurement.h"
#include "text/json_build.h"

/* Begins a point; `tags`: values in the order of the measurement's tags (NULL or empty: absent),
 * may be NULL where it has none. */
void row_begin(struct points *points, const struct measurement *measurement, int64_t time_ms,
    const char *const *tags);
/* Its fields, where `known` says that the row has them. */
void row_fields(
    struct points *points, const struct measurement *measurement, const void *row, uint32_t known);
/* The whole point. */
void row_point(struct points *points, const struct measurement *measurement, int64_t time_ms,
    const char *const *tags, const void *row, uint32_t known);

/* The fields as members of `object`. */
void row_members(struct json_build *build, json_t *object, const struct measurement *measurement,
    const void *row, uint32_t known);

#endif
