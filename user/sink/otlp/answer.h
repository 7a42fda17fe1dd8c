/* SPDX-License-Identifier: BSD-2-Clause */
/* What a receiver answers: an ExportMetricsServiceResponse, or a Status when it refuses, each in
 * the media type that it names. */
#ifndef CROSSTAP_SINK_OTLP_ANSWER_H
#define CROSSTAP_SINK_OTLP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define OTLP_PROTOBUF "application/x-protobuf"
#define OTLP_JSON     "application/json"

struct otlp_answer {
	unsigned long long rejected; /* data points */
	char words[512];             /* as they came, cut; empty: none */
};

/* Of a 2xx; what cannot be read says nothing. `media` may be NULL. */
void otlp_answer_read(struct otlp_answer *ret, const char *media, const char *body, size_t length);
/* Of a refusal; false: the body is no Status in Protocol Buffers. */
bool otlp_answer_status(
    struct otlp_answer *ret, const char *media, const char *body, size_t length);

#endif
