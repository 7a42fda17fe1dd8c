/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON mapping of Protocol Buffers 3 for a message of protobuf-c, by its descriptor: what
 * OTLP/HTTP takes as `application/json` (lowerCamelCase names, 64-bit integers as strings, enums as
 * numbers). */
#ifndef CROSSTAP_SINK_OTLP_PROTO_JSON_H
#define CROSSTAP_SINK_OTLP_PROTO_JSON_H

#include "text/buffer.h"

#include <protobuf-c/protobuf-c.h>

/* A failure is the buffer's. Members that have their default value are left out, but those of a
 * oneof. Types that OTLP's metrics do not use (bytes, groups) are left out, too. */
void proto_json_write(struct buffer *buffer, const ProtobufCMessage *message);

#endif
