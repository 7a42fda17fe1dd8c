/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/otlp/answer.h"

#include "sink/otlp/proto.h"
#include "text/json_read.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_protobuf(const char *media)
{
	const size_t length = sizeof(OTLP_PROTOBUF) - 1;

	return media && strncasecmp(media, OTLP_PROTOBUF, length) == 0 &&
	    (!media[length] || media[length] == ';' || media[length] == ' ');
}

static void set(struct otlp_answer *ret, long long rejected, const char *words)
{
	ret->rejected = rejected > 0 ? (unsigned long long)rejected : 0;
	snprintf(ret->words, sizeof(ret->words), "%s", words ? words : "");
}

static void read_protobuf(struct otlp_answer *ret, const char *body, size_t length)
{
	OtlpResponse *response =
	    opentelemetry__proto__collector__metrics__v1__export_metrics_service_response__unpack(
		NULL, length, (const uint8_t *)body);

	if (!response)
		return;
	if (response->partial_success)
		set(ret, response->partial_success->rejected_data_points,
		    response->partial_success->error_message);
	opentelemetry__proto__collector__metrics__v1__export_metrics_service_response__free_unpacked(
	    response, NULL);
}

/* The JSON mapping of Protocol Buffers writes lowerCamelCase; its readers take both. */
static json_t *member(const json_t *object, const char *camel, const char *snake)
{
	json_t *value = json_object_get(object, camel);

	return value ? value : json_object_get(object, snake);
}

/* An int64 of that mapping: a string, or a number. */
static long long int64_of(const json_t *value)
{
	const double number = json_number_value(value);

	if (json_is_string(value))
		return strtoll(json_string_value(value), NULL, 10);
	if (json_is_integer(value))
		return json_integer_value(value);
	return number >= (double)LLONG_MAX ? LLONG_MAX : number > 0 ? (long long)number : 0;
}

static void read_json(struct otlp_answer *ret, const char *body, size_t length)
{
	json_t *root = NULL;
	const json_t *partial;

	json_read(&root, body, length);
	partial = member(root, "partialSuccess", "partial_success");
	set(ret, int64_of(member(partial, "rejectedDataPoints", "rejected_data_points")),
	    json_string_value(member(partial, "errorMessage", "error_message")));
	json_decref(root);
}

void otlp_answer_read(struct otlp_answer *ret, const char *media, const char *body, size_t length)
{
	*ret = (struct otlp_answer){0};
	if (is_protobuf(media))
		read_protobuf(ret, body, length);
	else
		read_json(ret, body, length);
}

/* google.rpc.Status has an int32 `code` as 1 and a string `message` as 2: the shape of
 * ExportMetricsPartialSuccess; what else it has is unknown there, and passed over. */
bool otlp_answer_status(struct otlp_answer *ret, const char *media, const char *body, size_t length)
{
	OtlpPartialSuccess *status;

	*ret = (struct otlp_answer){0};
	if (!is_protobuf(media))
		return false;
	status =
	    opentelemetry__proto__collector__metrics__v1__export_metrics_partial_success__unpack(
		NULL, length, (const uint8_t *)body);
	if (!status)
		return true;
	set(ret, 0, status->error_message);
	opentelemetry__proto__collector__metrics__v1__export_metrics_partial_success__free_unpacked(
	    status, NULL);
	return true;
}
