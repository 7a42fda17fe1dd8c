/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of kinds: a new one is its file and a line here. Documents have this order. */
#ifndef CROSSTAP_SINK_KINDS_H
#define CROSSTAP_SINK_KINDS_H

#include "sink/backend.h"

/* Each X(name) is a `const struct sink_ops sink_name_ops` of the file name.c. */
#define SINK_KINDS(X)                                                                              \
	X(influxdb)                                                                                \
	X(file)                                                                                    \
	X(otlp)                                                                                    \
	X(clickhouse)                                                                              \
	X(kafka)

#define SINK_DECLARE_(name) extern const struct sink_ops sink_##name##_ops;
SINK_KINDS(SINK_DECLARE_)
#undef SINK_DECLARE_

#endif
