/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/otlp/proto_json.h"

#include <ctype.h>

static const void *member(const ProtobufCMessage *message, unsigned offset)
{
	return (const char *)message + offset;
}

static void put_name(struct buffer *to, const char *name)
{
	buffer_text(to, "\"");
	for (; *name; name++) {
		if (*name == '_' && name[1]) {
			const char upper = (char)toupper((unsigned char)*++name);

			buffer_put(to, &upper, 1);
		} else {
			buffer_put(to, name, 1);
		}
	}
	buffer_text(to, "\":");
}

static size_t size_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int32_t);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return sizeof(int64_t);
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(double);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	default:
		return 0;
	}
}

#define LOAD(type, at)                                                                             \
	({                                                                                         \
		type value_;                                                                       \
		memcpy(&value_, (at), sizeof(value_));                                             \
		value_;                                                                            \
	})

static void put_value(struct buffer *to, ProtobufCType type, const void *at)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		buffer_integer(to, LOAD(int32_t, at));
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		buffer_text(to, "\"");
		buffer_integer(to, LOAD(int64_t, at));
		buffer_text(to, "\"");
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		buffer_text(to, "\"");
		buffer_count(to, LOAD(uint64_t, at));
		buffer_text(to, "\"");
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		buffer_real(to, LOAD(double, at));
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buffer_text(to, LOAD(protobuf_c_boolean, at) ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_STRING:
		buffer_json_string(to, LOAD(const char *, at));
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		proto_json_write(to, LOAD(const ProtobufCMessage *, at));
		break;
	default:
		break;
	}
}

static void put_list(
    struct buffer *to, const ProtobufCFieldDescriptor *field, const char *items, size_t n)
{
	const size_t size = size_of(field->type);

	buffer_text(to, "[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buffer_text(to, ",");
		put_value(to, field->type, items + i * size);
	}
	buffer_text(to, "]");
}

static bool is_default(ProtobufCType type, const void *at)
{
	static const char zeros[8];
	const char *text;

	if (type != PROTOBUF_C_TYPE_STRING)
		return memcmp(at, zeros, size_of(type)) == 0;
	text = LOAD(const char *, at);
	return !text || !*text;
}

static bool is_left_out(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	if (!size_of(field->type))
		return true;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return LOAD(size_t, member(message, field->quantifier_offset)) == 0;
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return LOAD(uint32_t, member(message, field->quantifier_offset)) != field->id;
	return is_default(field->type, member(message, field->offset));
}

void proto_json_write(struct buffer *to, const ProtobufCMessage *message)
{
	bool first = true;

	buffer_text(to, "{");
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

		if (is_left_out(message, field))
			continue;
		if (!first)
			buffer_text(to, ",");
		first = false;
		put_name(to, field->name);
		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			put_list(to, field, LOAD(const char *, member(message, field->offset)),
			    LOAD(size_t, member(message, field->quantifier_offset)));
		else
			put_value(to, field->type, member(message, field->offset));
	}
	buffer_text(to, "}");
}
