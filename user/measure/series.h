/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many time series a configuration can make. A series is a measurement with one set of tag
 * values; tags and their bounds are those of measurement.h. Bounds are those of one UTC day,
 * since unassigned query types and ASes are admitted by the day. Interfaces `auto` count as those
 * this host has now.
 */
#ifndef CROSSTAP_MEASURE_SERIES_H
#define CROSSTAP_MEASURE_SERIES_H

#include "config/config.h"
#include "measure/measurement.h"

struct config_series_row {
	const char *measurement;
	uint64_t bound;
	bool unbounded; /* `top.key: value`: bound counts one window only */
};

struct config_series {
	struct config_series_row rows[MEASUREMENT_COUNT];
	size_t n;
	uint64_t total;
	bool unbounded;
};

int config_series_bound(const struct config *config, struct config_series *ret);

#endif
