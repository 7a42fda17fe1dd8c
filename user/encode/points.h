/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A batch of points, encoded while it is written: InfluxDB line protocol or one JSON object a line.
 * Values are hostile (names, addresses, version strings of peers): escaping is done here and
 * nowhere else. Sources: the InfluxDB line protocol reference for v1 and v2 (escapes of
 * measurement, tag and field keys, tag values, field strings; no way to write a newline in a tag
 * value, so control characters become \xNN).
 *
 * Calls in order: begin, tags, fields, end. A point without a field is left out, as is a tag or a
 * field with an empty key and a tag with an empty value. Tags are written sorted by key, whatever
 * the order of the calls; of two with one key the point's own, then the later one counts. Strings
 * are cut at 65,535 bytes.
 *
 * A point that does not fit below the limit (or whose tags are too long for InfluxDB) is left out
 * whole and counted; after one that did not fit, so is every later one: what is kept is a clean
 * beginning. That is no error. Errors (-ENOMEM; -EINVAL: a call out of order) stick until
 * points_reset: later calls do nothing and points_finish returns the first one.
 */
#ifndef CROSSTAP_ENCODE_POINTS_H
#define CROSSTAP_ENCODE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last two are JSON lines for encode/running.h, which makes points of OpenTelemetry of them:
 * they have histograms, and count what is a text elsewhere. */
enum points_format { POINTS_LINE, POINTS_JSON, POINTS_CUMULATIVE, POINTS_DELTA };
#define POINTS_FORMATS 4

struct points;

/* `limit` bounds the encoded size in bytes; points past it are counted in points_dropped().
 * -EINVAL: 0 or absurd. */
int points_new(struct points **ret, enum points_format format, size_t limit);
void points_free(struct points *points);
/* A tag of every point that begins from now on (server, site, ...). */
void points_common_tag(struct points *points, const char *key, const char *value);

/* Time in milliseconds since 1970; written as nanoseconds in line protocol (the default precision
 * everywhere), as "time" in milliseconds in JSON. */
void points_begin(struct points *points, const char *measurement, int64_t time_ms);
void points_tag(struct points *points, const char *key, const char *value);
void points_uint(
    struct points *points, const char *key, uint64_t value); /* integer, saturates at INT64_MAX */
void points_int(struct points *points, const char *key, int64_t value);
/* Always written so that InfluxDB takes it for a float; NaN and infinities are left out. */
void points_float(struct points *points, const char *key, double value);
void points_string(struct points *points, const char *key, const char *value, size_t length);
void points_bool(struct points *points, const char *key, int value);
/* Of durations in seconds (encode/histogram.h); left out of the formats that have none. */
struct histogram;
void points_histogram(struct points *points, const char *key, const struct histogram *histogram);
void points_end(struct points *points);
/* Whether the format is one of encode/running.h. */
bool points_are_running(const struct points *points);

/* As if a call had met this error: what was to be written is not there. */
void points_fail(struct points *points, int error);
/* The first error since points_reset(), or 0. */
int points_error(const struct points *points);

/* The text so far, valid until the next call; *ret_length without the terminating NUL. 0 or the
 * first error. */
int points_finish(struct points *points, const char **ret_text, size_t *ret_length);
/* The same, but the text is the caller's from then on: free() it. What is asked next is of this
 * text until points_reset(). */
int points_take(struct points *points, char **ret_text, size_t *ret_length);
size_t points_count(const struct points *points);
size_t points_dropped(const struct points *points);
/* Empties the batch, keeps common tags and memory. */
void points_reset(struct points *points);

#endif
