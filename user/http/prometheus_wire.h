/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire and cross-check in Prometheus' text format. */
#ifndef CROSSTAP_HTTP_PROMETHEUS_WIRE_H
#define CROSSTAP_HTTP_PROMETHEUS_WIRE_H

#include "http/exposition.h"
#include "measure/measurement.h"
#include "measure/wire_totals.h"

/* A measurement whose metrics are written here. */
bool prometheus_is_wire(const struct measurement *measurement);
/* What was not measured has no sample; nothing at all before the first window. */
void prometheus_wire(struct exposition *to, const struct wire_totals_data *data);

#endif
