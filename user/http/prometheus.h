/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /metrics: what was counted since the start, in Prometheus' text format 0.0.4 or as OpenMetrics.
 * Each family has one HELP and one TYPE, each counter only grows, no series appears twice.
 */
#ifndef CROSSTAP_HTTP_PROMETHEUS_H
#define CROSSTAP_HTTP_PROMETHEUS_H

#include "report/report.h"

#define PROMETHEUS_TYPE      "text/plain; version=0.0.4; charset=utf-8"
#define PROMETHEUS_OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* To free(); -ENOMEM. */
int prometheus_text(struct report *report, bool open_metrics, char **ret, size_t *ret_length);

#endif
