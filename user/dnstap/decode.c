/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/decode.h"

#include "base/clock.h"

#include "proto/dnstap.pb-c.h"

#include <errno.h>
#include <string.h>

/* With nanoseconds of up to 2^32, and the end of a window of an hour with a grace of two, no
 * overflow. */
#define MAX_TIME_S (INT64_MAX / NS_PER_S - 4 * 3600)

/* Tags that fit one byte: field number << 3 | wire type. */
enum {
	TAG_IDENTITY = 1 << 3 | 2,
	TAG_VERSION = 2 << 3 | 2,
	TAG_EXTRA = 3 << 3 | 2,
	TAG_MESSAGE = 14 << 3 | 2,
	TAG_DNSTAP_TYPE = 15 << 3,

	TAG_TYPE = 1 << 3,
	TAG_FAMILY = 2 << 3,
	TAG_PROTOCOL = 3 << 3,
	TAG_QUERY_ADDRESS = 4 << 3 | 2,
	TAG_RESPONSE_ADDRESS = 5 << 3 | 2,
	TAG_QUERY_PORT = 6 << 3,
	TAG_RESPONSE_PORT = 7 << 3,
	TAG_QUERY_SEC = 8 << 3,
	TAG_QUERY_NSEC = 9 << 3 | 5,
	TAG_QUERY_MESSAGE = 10 << 3 | 2,
	TAG_QUERY_ZONE = 11 << 3 | 2,
	TAG_RESPONSE_SEC = 12 << 3,
	TAG_RESPONSE_NSEC = 13 << 3 | 5,
	TAG_RESPONSE_MESSAGE = 14 << 3 | 2,
};
#define TAG_HTTP_PROTOCOL_0 0x80 /* field 16, varint: two bytes, 0x80 0x01 */
#define TAG_HTTP_PROTOCOL_1 0x01

/* Fields as they stand on the wire, before they are judged. */
struct raw {
	const uint8_t *query_address, *response_address, *query_message, *response_message;
	uint32_t query_address_length, response_address_length, query_length, response_length;
	uint64_t query_sec, response_sec;
	uint32_t query_nsec, response_nsec;
	uint32_t type, family, protocol, query_port, response_port;
	uint16_t has;
};

/* What stands around the message. */
struct outer {
	const uint8_t *identity, *message;
	uint32_t identity_length, message_length, type;
};

static int64_t to_ns(uint64_t sec, uint32_t nsec)
{
	return sec > (uint64_t)MAX_TIME_S ? INT64_MAX : (int64_t)sec * NS_PER_S + nsec;
}

static uint8_t address_length(uint32_t length)
{
	return length == 4 || length == 16 ? (uint8_t)length : 0;
}

/* The IPv4 address of a mapped one. */
static inline void unmap(const uint8_t **address, uint8_t *length)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (*length == 16 && memcmp(*address, prefix, sizeof(prefix)) == 0) {
		*address += sizeof(prefix);
		*length = 4;
	}
}

/* An address is what was on the wire: a dual-stack socket's producer may call every client IPv6. */
static inline uint8_t family_of(const struct raw *raw, const struct record *record)
{
	const uint8_t length = record->query_address_length ? record->query_address_length
							    : record->response_address_length;

	if (length)
		return length == 4 ? DNSTAP__SOCKET_FAMILY__INET : DNSTAP__SOCKET_FAMILY__INET6;
	return raw->family <= DNSTAP__SOCKET_FAMILY__INET6 ? (uint8_t)raw->family : 0;
}

static inline void set_identity(struct record *record, const uint8_t *identity, size_t length)
{
	record->identity = identity;
	record->identity_length =
	    (uint8_t)(length < RECORD_IDENTITY_BYTES ? length : RECORD_IDENTITY_BYTES);
}

/* False where the message's type is none that dnstap.proto knows. */
static inline bool judge(const struct raw *raw, struct record *record)
{
	if (raw->type < 1 || raw->type > RECORD_TYPE_MAX)
		return false;
	record->query_message = raw->query_message;
	record->response_message = raw->response_message;
	record->query_length = raw->query_length;
	record->response_length = raw->response_length;
	record->query_time_ns = to_ns(raw->query_sec, raw->query_nsec);
	record->response_time_ns = to_ns(raw->response_sec, raw->response_nsec);
	record->query_address = raw->query_address;
	record->response_address = raw->response_address;
	record->query_address_length = address_length(raw->query_address_length);
	record->response_address_length = address_length(raw->response_address_length);
	unmap(&record->query_address, &record->query_address_length);
	unmap(&record->response_address, &record->response_address_length);
	record->has = raw->has;
	record->query_port = (uint16_t)raw->query_port;
	record->response_port = (uint16_t)raw->response_port;
	record->type = (uint8_t)raw->type;
	record->family = family_of(raw, record);
	/* protobuf-c keeps a value of an enum that it does not know, as the walker does. */
	record->protocol =
	    raw->protocol < RECORD_PROTOCOL_OTHER ? (uint8_t)raw->protocol : RECORD_PROTOCOL_OTHER;
	record->owner = NULL;
	return true;
}

/* Reads a varint of at most 32 bits; NULL where it is longer, or runs past `end`. */
static inline const uint8_t *read_u32(const uint8_t *p, const uint8_t *end, uint32_t *value)
{
	uint32_t v;

	if (p < end && p[0] < 0x80) {
		*value = p[0];
		return p + 1;
	}
	if (end - p < 2)
		return NULL;
	v = (p[0] & 0x7fu) | (uint32_t)(p[1] & 0x7f) << 7;
	if (p[1] < 0x80) {
		*value = v;
		return p + 2;
	}
	if (end - p < 3)
		return NULL;
	v |= (uint32_t)(p[2] & 0x7f) << 14;
	if (p[2] < 0x80) {
		*value = v;
		return p + 3;
	}
	return NULL; /* none of our fields needs more: protobuf-c knows what to make of it */
}

/* A time in seconds: five bytes until the year 3058. */
static inline const uint8_t *read_time(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
	uint64_t v = 0;

	for (int i = 0; i < 5 && p + i < end; i++) {
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80) {
			*value = v;
			return p + i + 1;
		}
	}
	return NULL;
}

static inline const uint8_t *read_bytes(
    const uint8_t *p, const uint8_t *end, const uint8_t **data, uint32_t *length)
{
	uint32_t n;

	p = read_u32(p, end, &n);
	if (!p || n > (size_t)(end - p))
		return NULL;
	*data = p;
	*length = n;
	return p + n;
}

static inline const uint8_t *read_fixed32(const uint8_t *p, const uint8_t *end, uint32_t *value)
{
	if (end - p < 4)
		return NULL;
	*value = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return p + 4;
}

/* One field, whatever its place. NULL: unknown, repeated submessage, or broken. */
static const uint8_t *walk_field(const uint8_t *p, const uint8_t *end, struct raw *raw)
{
	const uint8_t *unused;
	uint32_t number;

	switch (*p++) {
	case TAG_TYPE:
		return read_u32(p, end, &raw->type);
	case TAG_FAMILY:
		return read_u32(p, end, &raw->family);
	case TAG_PROTOCOL:
		return read_u32(p, end, &raw->protocol);
	case TAG_QUERY_ADDRESS:
		return read_bytes(p, end, &raw->query_address, &raw->query_address_length);
	case TAG_RESPONSE_ADDRESS:
		return read_bytes(p, end, &raw->response_address, &raw->response_address_length);
	case TAG_QUERY_PORT:
		raw->has |= RECORD_QUERY_PORT;
		return read_u32(p, end, &raw->query_port);
	case TAG_RESPONSE_PORT:
		raw->has |= RECORD_RESPONSE_PORT;
		return read_u32(p, end, &raw->response_port);
	case TAG_QUERY_SEC:
		raw->has |= RECORD_QUERY_TIME;
		return read_time(p, end, &raw->query_sec);
	case TAG_QUERY_NSEC:
		return read_fixed32(p, end, &raw->query_nsec);
	case TAG_QUERY_MESSAGE:
		raw->has |= RECORD_QUERY_MESSAGE;
		return read_bytes(p, end, &raw->query_message, &raw->query_length);
	case TAG_QUERY_ZONE:
		return read_bytes(p, end, &unused, &number);
	case TAG_RESPONSE_SEC:
		raw->has |= RECORD_RESPONSE_TIME;
		return read_time(p, end, &raw->response_sec);
	case TAG_RESPONSE_NSEC:
		return read_fixed32(p, end, &raw->response_nsec);
	case TAG_RESPONSE_MESSAGE:
		raw->has |= RECORD_RESPONSE_MESSAGE;
		return read_bytes(p, end, &raw->response_message, &raw->response_length);
	case TAG_HTTP_PROTOCOL_0:
		return p < end && *p == TAG_HTTP_PROTOCOL_1 ? read_u32(p + 1, end, &number) : NULL;
	default:
		return NULL;
	}
}

/* Fields in the order of their numbers, as every known producer but one writes them; what is left
 * goes field by field. */
static bool walk_message(const uint8_t *p, const uint8_t *end, struct raw *raw)
{
#define EXPECT(tag, read)                                                                          \
	do {                                                                                       \
		if (p < end && *p == (tag)) {                                                      \
			p++;                                                                       \
			p = (read);                                                                \
			if (!p)                                                                    \
				return false;                                                      \
		}                                                                                  \
	} while (0)
	EXPECT(TAG_TYPE, read_u32(p, end, &raw->type));
	EXPECT(TAG_FAMILY, read_u32(p, end, &raw->family));
	EXPECT(TAG_PROTOCOL, read_u32(p, end, &raw->protocol));
	EXPECT(
	    TAG_QUERY_ADDRESS, read_bytes(p, end, &raw->query_address, &raw->query_address_length));
	EXPECT(TAG_RESPONSE_ADDRESS,
	    read_bytes(p, end, &raw->response_address, &raw->response_address_length));
	EXPECT(TAG_QUERY_PORT, (raw->has |= RECORD_QUERY_PORT, read_u32(p, end, &raw->query_port)));
	EXPECT(TAG_RESPONSE_PORT,
	    (raw->has |= RECORD_RESPONSE_PORT, read_u32(p, end, &raw->response_port)));
	EXPECT(TAG_QUERY_SEC, (raw->has |= RECORD_QUERY_TIME, read_time(p, end, &raw->query_sec)));
	EXPECT(TAG_QUERY_NSEC, read_fixed32(p, end, &raw->query_nsec));
	EXPECT(TAG_QUERY_MESSAGE,
	    (raw->has |= RECORD_QUERY_MESSAGE,
		read_bytes(p, end, &raw->query_message, &raw->query_length)));
	EXPECT(TAG_RESPONSE_SEC,
	    (raw->has |= RECORD_RESPONSE_TIME, read_time(p, end, &raw->response_sec)));
	EXPECT(TAG_RESPONSE_NSEC, read_fixed32(p, end, &raw->response_nsec));
	EXPECT(TAG_RESPONSE_MESSAGE,
	    (raw->has |= RECORD_RESPONSE_MESSAGE,
		read_bytes(p, end, &raw->response_message, &raw->response_length)));
#undef EXPECT
	while (p < end) {
		p = walk_field(p, end, raw);
		if (!p)
			return false;
	}
	return true;
}

/* Behind identity, version and extra; remembered as long as a connection sends the same. */
static inline const uint8_t *skip_prefix(
    struct decode_cache *cache, const uint8_t *p, const uint8_t *end, struct outer *outer)
{
	const uint8_t *start = p, *data;
	uint32_t length;

	if (cache->prefix_length && (size_t)(end - p) > cache->prefix_length &&
	    memcmp(p, cache->prefix, cache->prefix_length) == 0) {
		outer->identity = p + cache->identity_at;
		outer->identity_length = cache->identity_length;
		return p + cache->prefix_length;
	}
	while (p < end && (*p == TAG_IDENTITY || *p == TAG_VERSION || *p == TAG_EXTRA)) {
		const uint8_t tag = *p;

		p = read_bytes(p + 1, end, &data, &length);
		if (!p)
			return NULL;
		if (tag == TAG_IDENTITY) {
			outer->identity = data;
			outer->identity_length = length;
		}
	}
	cache->identity_at = outer->identity ? (uint32_t)(outer->identity - start) : 0;
	cache->identity_length = outer->identity_length;
	cache->prefix_length = 0;
	if ((size_t)(p - start) <= sizeof(cache->prefix)) {
		cache->prefix_length = (uint32_t)(p - start);
		memcpy(cache->prefix, start, cache->prefix_length);
	}
	return p;
}

bool decode_cache_version(const struct decode_cache *cache, char *text, size_t size)
{
	const uint8_t *p = cache->prefix, *end = p + cache->prefix_length, *data = NULL;
	uint32_t length = 0;

	while (p && p < end) {
		const uint8_t tag = *p;

		p = read_bytes(p + 1, end, &data, &length);
		if (p && tag == TAG_VERSION)
			break;
		data = NULL;
	}
	if (!p || !data)
		return false;
	if (length > size - 1)
		length = (uint32_t)size - 1;
	for (uint32_t i = 0; i < length; i++)
		text[i] = (char)(data[i] < 0x20 || data[i] >= 0x7f ? '?' : data[i]);
	memset(text + length, 0, size - length);
	return true;
}

/* One field of the outer message that is not its first run of strings. */
static const uint8_t *walk_outer(const uint8_t *p, const uint8_t *end, struct outer *outer)
{
	const uint8_t *unused;
	uint32_t length;

	switch (*p++) {
	case TAG_IDENTITY:
		return read_bytes(p, end, &outer->identity, &outer->identity_length);
	case TAG_VERSION:
	case TAG_EXTRA:
		return read_bytes(p, end, &unused, &length);
	case TAG_MESSAGE:
		/* Repeated submessages are merged: protobuf-c knows how. */
		return outer->message ? NULL
				      : read_bytes(p, end, &outer->message, &outer->message_length);
	case TAG_DNSTAP_TYPE:
		return read_u32(p, end, &outer->type);
	default:
		return NULL;
	}
}

bool dnstap_walk(
    struct decode_cache *cache, const uint8_t *frame, uint32_t length, struct record *record)
{
	struct outer outer = {0};
	const uint8_t *end = frame + length, *p = skip_prefix(cache, frame, end, &outer);
	struct raw raw = {0};

	while (p && p < end)
		p = walk_outer(p, end, &outer);
	if (!p || !outer.message || outer.type != DNSTAP__DNSTAP__TYPE__MESSAGE)
		return false;
	set_identity(record, outer.identity, outer.identity_length);
	return walk_message(outer.message, outer.message + outer.message_length, &raw) &&
	    judge(&raw, record);
}

int dnstap_authority(const uint8_t *frame, uint32_t length, struct record *record)
{
	Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, length, frame);
	const Dnstap__Message *m = dnstap ? dnstap->message : NULL;
	struct raw raw;

	if (!m || dnstap->type != DNSTAP__DNSTAP__TYPE__MESSAGE)
		goto bad;
	raw = (struct raw){
	    .query_address = m->query_address.data,
	    .query_address_length = (uint32_t)m->query_address.len,
	    .response_address = m->response_address.data,
	    .response_address_length = (uint32_t)m->response_address.len,
	    .query_message = m->query_message.data,
	    .query_length = (uint32_t)m->query_message.len,
	    .response_message = m->response_message.data,
	    .response_length = (uint32_t)m->response_message.len,
	    .query_sec = m->query_time_sec,
	    .query_nsec = m->query_time_nsec,
	    .response_sec = m->response_time_sec,
	    .response_nsec = m->response_time_nsec,
	    .type = (uint32_t)m->type,
	    .family = m->has_socket_family ? (uint32_t)m->socket_family : 0,
	    .protocol = m->has_socket_protocol ? (uint32_t)m->socket_protocol : 0,
	    .query_port = m->query_port,
	    .response_port = m->response_port,
	    .has = (uint16_t)((m->has_query_time_sec ? RECORD_QUERY_TIME : 0) |
		(m->has_response_time_sec ? RECORD_RESPONSE_TIME : 0) |
		(m->has_query_message ? RECORD_QUERY_MESSAGE : 0) |
		(m->has_response_message ? RECORD_RESPONSE_MESSAGE : 0) |
		(m->has_query_port ? RECORD_QUERY_PORT : 0) |
		(m->has_response_port ? RECORD_RESPONSE_PORT : 0)),
	};
	if (!judge(&raw, record))
		goto bad;
	set_identity(record, dnstap->identity.data, dnstap->identity.len);
	record->owner = dnstap;
	return 0;
bad:
	if (dnstap)
		dnstap__dnstap__free_unpacked(dnstap, NULL);
	return -EBADMSG;
}

int dnstap_decode(
    struct decode_cache *cache, const uint8_t *frame, uint32_t length, struct record *record)
{
	if (dnstap_walk(cache, frame, length, record))
		return 0;
	return dnstap_authority(frame, length, record);
}

void dnstap_release(struct record *record)
{
	if (record->owner)
		dnstap__dnstap__free_unpacked(record->owner, NULL);
	record->owner = NULL;
}
