/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile text made safe for line protocol and JSON.
 *
 * First every text becomes printable UTF-8: control characters (C0, DEL, C1) and bytes that are no
 * UTF-8 (RFC 3629) are written as the four characters \xNN, and a backslash before an `x` as \x5c,
 * so that two texts never look the same. Then comes the escaping that the place asks for. Outside
 * of strings line protocol has no escape for a backslash: InfluxDB keeps `\\` as two,
 * VictoriaMetrics makes it one, and at the end of a value it would escape the separator. So there a
 * backslash that could be taken for an escape is \x5c as well.
 */
#ifndef CROSSTAP_TEXT_ESCAPE_H
#define CROSSTAP_TEXT_ESCAPE_H

#include <stddef.h>

enum escape_place { ESCAPE_MEASUREMENT, ESCAPE_KEY, ESCAPE_STRING, ESCAPE_JSON, ESCAPE_PLAIN };

/* The most that escape_write writes for `length` bytes, of which at most `max` may come back. */
size_t escape_bound(size_t length, size_t max);

/* Writes `text` to `out`; what the reader gets back has at most `max` bytes and is never cut within
 * a character. ESCAPE_KEY serves tag keys, tag values and field keys, ESCAPE_STRING the inside of a
 * quoted field, ESCAPE_PLAIN does the first step only (messages). Returns the bytes written; no
 * NUL. */
size_t escape_write(
    char *out, enum escape_place place, const char *text, size_t length, size_t max);

#endif
