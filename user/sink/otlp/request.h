/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of encode/running.h as an ExportMetricsServiceRequest of protobuf-c's structs. The table of
 * what is measured gives each field its name (`crosstap.<measurement>.<field>`), kind, unit and
 * description: counts become monotonic Sums, histograms of times and of sizes Histograms, all
 * others Gauges. A measurement's own tags are the attributes of its points, and the tags of all
 * points those of the resource, beside the ones of the semantic conventions (service.name and so
 * on).
 */
#ifndef CROSSTAP_SINK_OTLP_REQUEST_H
#define CROSSTAP_SINK_OTLP_REQUEST_H

#include "base/arena.h"
#include "sink/otlp/proto.h"

#include <stdbool.h>
#include <stddef.h>

struct otlp_request_options {
	const char *host;    /* host.name; empty: not known */
	bool cumulative;     /* the lines are sums since their start; else of their window */
	size_t lines, bytes; /* of text in one request; at least one line is taken */
};

struct otlp_piece {
	size_t bytes, lines; /* of the text that are in the request, or that are unreadable */
	size_t points;       /* data points */
	size_t unreadable;   /* lines that are none of running.h (from a spool) */
};

/* The first lines of `text`; all memory is the arena's. -ENOMEM. */
int otlp_request_make(struct arena *arena, const struct otlp_request_options *options,
    const char *text, size_t length, struct otlp_piece *ret_piece, OtlpRequest **ret);

#endif
