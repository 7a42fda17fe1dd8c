/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which fields of the table of what is measured the history keeps, by which tags, and of how many
 * values of these. Data only: to keep one more is a row in kept.c.
 */
#ifndef CROSSTAP_HISTORY_KEPT_H
#define CROSSTAP_HISTORY_KEPT_H

#include "measure/measurement.h"

#define KEPT_FIELDS 24
#define KEPT_TAGS   2

enum kept_id {
	KEPT_FUNNEL,
	KEPT_AGENT,
	KEPT_LATENCY,
	KEPT_TCP_RTT,
	KEPT_CROSSCHECK,
	KEPT_TRANSPORTS,
	KEPT_ZONES,
	KEPT_QTYPES,
	KEPT_RCODES,
	KEPT_ZONE_LATENCY,
	KEPT_COUNTRIES,
	KEPT_ASNS,
	KEPT_ZONE_QTYPES,
	KEPT_ZONE_RCODES,
	KEPT_COUNT
};

/* What windows come to that are shown as one. */
enum kept_fold {
	FOLD_SUM, /* what a window lacks counts as nothing */
	FOLD_MAX,
	FOLD_MIN,
	FOLD_LAST
};

struct kept_field {
	const char *name; /* of the measurement's field */
	enum kept_fold fold;
};

struct kept {
	enum measurement_id measurement;
	enum measure_tag tags[KEPT_TAGS];
	size_t n_tags;
	struct kept_field fields[KEPT_FIELDS];
	size_t n_fields;
	size_t most; /* sets of tag values, `other` included */
	/* Values come from the traffic: the busiest have series, the rest is summed as `other`, and
	 * small memory makes them fewer. Else `most` is all there can be. */
	bool busiest;
};
extern const struct kept history_kept[KEPT_COUNT];

/* Names each tag of the series that holds the rest. */
#define KEPT_OTHER "other"

const struct measure_field *kept_field(const struct kept *of, size_t field);
const char *kept_fold_name(enum kept_fold fold);
/* Values are kept as integers; measured quantities in thousandths. */
unsigned kept_scale(const struct measure_field *field);

#endif
