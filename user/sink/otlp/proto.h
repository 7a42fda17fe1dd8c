/* SPDX-License-Identifier: BSD-2-Clause */
/* Short names for what protobuf-c makes of proto/opentelemetry. */
#ifndef CROSSTAP_SINK_OTLP_PROTO_H
#define CROSSTAP_SINK_OTLP_PROTO_H

#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb-c.h"

#define OTLP_COMMON_(name)    Opentelemetry__Proto__Common__V1__##name
#define OTLP_METRICS_(name)   Opentelemetry__Proto__Metrics__V1__##name
#define OTLP_COLLECTOR_(name) Opentelemetry__Proto__Collector__Metrics__V1__##name

typedef OTLP_COMMON_(AnyValue) OtlpAnyValue;
typedef OTLP_COMMON_(KeyValue) OtlpKeyValue;
typedef OTLP_COMMON_(InstrumentationScope) OtlpScope;
typedef Opentelemetry__Proto__Resource__V1__Resource OtlpResource;
typedef OTLP_METRICS_(ResourceMetrics) OtlpResourceMetrics;
typedef OTLP_METRICS_(ScopeMetrics) OtlpScopeMetrics;
typedef OTLP_METRICS_(Metric) OtlpMetric;
typedef OTLP_METRICS_(Gauge) OtlpGauge;
typedef OTLP_METRICS_(Sum) OtlpSum;
typedef OTLP_METRICS_(Histogram) OtlpHistogram;
typedef OTLP_METRICS_(NumberDataPoint) OtlpNumber;
typedef OTLP_METRICS_(HistogramDataPoint) OtlpHistogramPoint;
typedef OTLP_METRICS_(AggregationTemporality) OtlpTemporality;
typedef OTLP_COLLECTOR_(ExportMetricsServiceRequest) OtlpRequest;
typedef OTLP_COLLECTOR_(ExportMetricsServiceResponse) OtlpResponse;
typedef OTLP_COLLECTOR_(ExportMetricsPartialSuccess) OtlpPartialSuccess;

#endif
