/* SPDX-License-Identifier: BSD-2-Clause */
/* Are there brokers, do they take the credentials, and do they have the topic? No message is sent.
 */
#ifndef CROSSTAP_SINK_KAFKA_PROBE_H
#define CROSSTAP_SINK_KAFKA_PROBE_H

#include "sink/kafka/settings.h"
#include "sink/sink.h"

void kafka_probe_ask(const struct kafka_settings *settings, struct sink_finding *ret);

#endif
