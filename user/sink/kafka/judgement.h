/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a message by the error of its delivery report, and that error in words. */
#ifndef CROSSTAP_SINK_KAFKA_JUDGEMENT_H
#define CROSSTAP_SINK_KAFKA_JUDGEMENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

enum fate {
	FATE_WAITS,     /* nobody said anything yet */
	FATE_STORED,    /* all replicas in sync have it */
	FATE_TOO_LARGE, /* it, or what it was sent together with */
	FATE_REFUSED,   /* a judgement of what is in it: it will never be taken */
	FATE_FAILED,    /* an outage, of brokers, topic or rights: somebody may mend it */
};

enum fate kafka_fate(rd_kafka_resp_err_t error);
/* Whether an outage is one of the topic, its brokers or our rights, and so of all messages alike.
 */
bool kafka_is_away(rd_kafka_resp_err_t error);
/* One line for the log, with what mends it where that is known. */
void kafka_explain(rd_kafka_resp_err_t error, const char *topic, char *ret, size_t size);
/* The library's words without what differs each time, so that the same reason reads the same: as
 * many bytes of `text` as stay. */
size_t kafka_words(const char *text);

#endif
