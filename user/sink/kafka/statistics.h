/* SPDX-License-Identifier: BSD-2-Clause */
/* What librdkafka says of itself (STATISTICS.md of its sources), in the few figures that we show.
 * Names of brokers and topics in it are theirs. */
#ifndef CROSSTAP_SINK_KAFKA_STATISTICS_H
#define CROSSTAP_SINK_KAFKA_STATISTICS_H

#include "sink/sink.h"

/* False: it is no such document. */
bool kafka_statistics_read(struct sink_client *ret, const char *json, size_t length);

#endif
