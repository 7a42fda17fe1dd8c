/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mends it when an InfluxDB takes no points: a setting, or a command that can be pasted. Known
 * are the answers of 1.x (services/httpd/handler.go: /write, and from 1.8 /api/v2/write) and of 2.x
 * (/api/v2/write; /write as the legacy API, where a database is a mapping to a bucket).
 */
#ifndef CROSSTAP_SINK_INFLUX_REMEDY_H
#define CROSSTAP_SINK_INFLUX_REMEDY_H

#include <stddef.h>

struct influx_place {
	unsigned version; /* that we speak: 1 or 2 */
	const char *name; /* database, or bucket */
	const char *org;  /* may be empty */
};

/* `words` are those of the answer (influx_reply.h). Returns the length of the text; 0, and an empty
 * text: none is known, or it does not fit as a whole. `size` is at least 1. */
size_t influx_remedy(
    char *ret, size_t size, const struct influx_place *place, long status, const char *words);

#endif
