/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From windows to the data model of OpenTelemetry's metrics (opentelemetry.io/docs/specs/otel,
 * "Metrics data model"): takes the lines of a window that points.h encodes in one of its two
 * formats for this, and gives lines of which each is a series with all of its fields at the
 * window's end. Counts run: in POINTS_CUMULATIVE from the first window on, so that a line that is
 * sent again, late or after another adds nothing; in POINTS_DELTA over the window. The kind and
 * unit of a field are the table's (measure/measurement.h).
 *
 *   {"measurement":"dns","tags":{...},"fields":{"queries":5,"f":0.5,"seconds":[sum,count,...]},
 *    "start":ms,"time":ms}
 *
 * Texts are left out: a client or a name makes no series. Series are bounded all the same; what
 * finds no place counts in one series a measurement, without tags of its own but
 * RUNNING_OVERFLOW (as the specification of the SDK has it), its gauges nowhere. A running count
 * that does not change is said again each minute, so that no reader takes it for stale.
 *
 * The report's thread has one of these for each format, as long as an output wants it: a reload
 * changes no count and no start, a restart begins anew with another start.
 */
#ifndef CROSSTAP_ENCODE_RUNNING_H
#define CROSSTAP_ENCODE_RUNNING_H

#include "encode/points.h"

#define RUNNING_SERIES_MAX 32768
#define RUNNING_OVERFLOW   "otel.metric.overflow"

struct running;

/* -ENOMEM. */
int running_new(struct running **ret, enum points_format format, size_t series_max);
void running_free(struct running *running);
/* Forgets all series, as when the tags of all points change: counts begin anew with the next
 * window. */
void running_restart(struct running *running);
/* The lines of the window from `start_ms` to `end_ms` (since 1970). *ret_text, with a NUL, is valid
 * until the next call; all three are set whatever is returned. -ENOMEM: some lines are not counted,
 * or nothing is to be sent now, and the next window's lines have it. -EINVAL: some lines are none
 * of points.h. */
int running_window(struct running *running, const char *text, size_t length, int64_t start_ms,
    int64_t end_ms, const char **ret_text, size_t *ret_length, size_t *ret_points);

/* Of the table, by the measurement's name, those that are not in points elsewhere included; NULL:
 * there is none. */
struct measurement;
const struct measurement *running_measurement(const char *name, size_t length);

#endif
