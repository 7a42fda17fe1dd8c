/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "dnstap/decode.h"

#include "../guard.h"
#include "../random.h"

#include "base/clock.h"
#include "proto/dnstap.pb-c.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_bytes(const uint8_t *a, uint32_t a_length, const uint8_t *b, uint32_t b_length)
{
	assert_int_equal(a_length, b_length);
	if (a_length)
		assert_memory_equal(a, b, a_length);
}

static void assert_same(const struct record *a, const struct record *b)
{
	assert_bytes(a->query_message, a->query_length, b->query_message, b->query_length);
	assert_bytes(
	    a->response_message, a->response_length, b->response_message, b->response_length);
	assert_bytes(
	    a->query_address, a->query_address_length, b->query_address, b->query_address_length);
	assert_bytes(a->response_address, a->response_address_length, b->response_address,
	    b->response_address_length);
	assert_bytes(a->identity, a->identity_length, b->identity, b->identity_length);
	assert_true(a->query_time_ns == b->query_time_ns);
	assert_true(a->response_time_ns == b->response_time_ns);
	assert_int_equal(a->has, b->has);
	assert_int_equal(a->query_port, b->query_port);
	assert_int_equal(a->response_port, b->response_port);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->family, b->family);
	assert_int_equal(a->protocol, b->protocol);
}

/* Whether the walker takes it; if so, as protobuf-c does. */
static bool check(struct decode_cache *cache, const uint8_t *frame, size_t length)
{
	const uint8_t *copy = guard_put(frame, length);
	struct record walked, decoded;
	bool taken = dnstap_walk(cache, copy, (uint32_t)length, &walked);

	if (!taken)
		return false;
	assert_null(walked.owner);
	assert_int_equal(dnstap_authority(copy, (uint32_t)length, &decoded), 0);
	assert_same(&walked, &decoded);
	dnstap_release(&decoded);
	assert_null(decoded.owner);
	return true;
}

/* One field as it stands on the wire. */
struct field {
	uint8_t bytes[80];
	size_t length;
};

static void add_varint(struct field *field, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		field->bytes[field->length++] = (uint8_t)(value | 0x80);
	field->bytes[field->length++] = (uint8_t)value;
}

static struct field varint_field(uint32_t number, uint64_t value)
{
	struct field field = {.length = 0};

	add_varint(&field, number << 3);
	add_varint(&field, value);
	return field;
}

static struct field bytes_field(uint32_t number, const void *data, size_t length)
{
	struct field field = {.length = 0};

	add_varint(&field, number << 3 | 2);
	add_varint(&field, length);
	memcpy(field.bytes + field.length, data, length);
	field.length += length;
	return field;
}

static struct field fixed_field(uint32_t number, uint32_t value)
{
	struct field field = {.length = 0};

	add_varint(&field, number << 3 | 5);
	for (int i = 0; i < 4; i++)
		field.bytes[field.length++] = (uint8_t)(value >> (8 * i));
	return field;
}

static size_t join(uint8_t *out, const struct field *fields, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		memcpy(out + used, fields[i].bytes, fields[i].length);
		used += fields[i].length;
	}
	return used;
}

/* A dnstap frame around a message, with its own fields before or behind. */
static size_t wrap(uint8_t *out, const uint8_t *message, size_t length, uint64_t *random)
{
	struct field parts[4] = {bytes_field(1, "ns1", 3), bytes_field(2, "knot 3", 6),
	    {.length = 0}, varint_field(15, 1)};
	uint8_t body[2048];
	struct field head = {.length = 0};
	size_t used = 0, order[5] = {0, 1, 2, 3, 4};

	add_varint(&head, 14 << 3 | 2);
	add_varint(&head, length);
	memcpy(body, head.bytes, head.length);
	memcpy(body + head.length, message, length);
	for (size_t i = 5; random && random_below(random, 3) == 0 && i > 1; i--) {
		size_t k = random_below(random, (uint32_t)i), swap = order[i - 1];

		order[i - 1] = order[k];
		order[k] = swap;
	}
	for (size_t i = 0; i < 5; i++) {
		if (order[i] == 4) {
			memcpy(out + used, body, head.length + length);
			used += head.length + length;
		} else {
			memcpy(out + used, parts[order[i]].bytes, parts[order[i]].length);
			used += parts[order[i]].length;
		}
	}
	return used;
}

#define KINDS 13

static struct field known_field(size_t kind, uint64_t *random)
{
	static const uint32_t bytes_numbers[] = {4, 5, 10, 14, 11};
	static const uint32_t sizes[] = {0, 4, 16, 5, 12, 40, 64};
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t data[64];
	uint64_t value = random_next(random) >> (random_below(random, 60) + 4);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)random_next(random);
	if (random_below(random, 4) == 0)
		memcpy(data, mapped, sizeof(mapped));
	switch (kind) {
	case 0:
		return varint_field(1, 1 + random_below(random, 14));
	case 1:
		return varint_field(2, random_below(random, 4));
	case 2:
		return varint_field(3, random_below(random, 10));
	case 3:
		return varint_field(6, random_below(random, 65536));
	case 4:
		return varint_field(7, random_below(random, 20) ? 53 : value & UINT32_MAX);
	case 5:
		return varint_field(8, random_below(random, 8) ? 1700000000 : value);
	case 6:
		return varint_field(12, random_below(random, 8) ? 1700000000 : value);
	case 7:
		return fixed_field(9, random_below(random, 8) ? 5 : (uint32_t)value);
	case 8:
		return fixed_field(13, (uint32_t)value);
	default:
		return bytes_field(bytes_numbers[kind - 9], data, sizes[random_below(random, 7)]);
	}
}

/* Some of the known fields, in the order of their numbers or in any, now and then twice. */
static size_t random_message(uint8_t *out, uint64_t *random)
{
	struct field fields[2 * KINDS];
	size_t n = 0;

	for (size_t kind = 0; kind < KINDS; kind++) {
		if (kind == 0 || random_below(random, 4))
			fields[n++] = known_field(kind, random);
		if (random_below(random, 40) == 0)
			fields[n++] = known_field(kind, random);
	}
	for (size_t i = n; random_below(random, 3) && i > 1; i--) {
		size_t k = random_below(random, (uint32_t)i);
		struct field swap = fields[i - 1];

		fields[i - 1] = fields[k];
		fields[k] = swap;
	}
	return join(out, fields, n);
}

static void test_agrees_with_protobuf_on_generated_frames(void **state UNUSED)
{
	struct decode_cache cache = {.prefix_length = 0};
	uint64_t random = 4;
	size_t taken = 0;

	for (int i = 0; i < 60000; i++) {
		uint8_t message[1024], frame[2048];
		size_t length = random_message(message, &random);
		size_t n = wrap(frame, message, length, &random);

		taken += check(&cache, frame, n);
	}
	/* What it refuses are times past the year 3058 and ports over 21 bits. */
	assert_true(taken > 45000);
}

/* Frames that some bits were changed in: whatever the walker still takes is the same. */
static void test_agrees_with_protobuf_on_broken_frames(void **state UNUSED)
{
	struct decode_cache cache = {.prefix_length = 0};
	uint64_t random = 5;
	size_t taken = 0;

	for (int i = 0; i < 100000; i++) {
		uint8_t message[1024], frame[2048];
		size_t length = random_message(message, &random);
		size_t n = wrap(frame, message, length, &random);

		for (uint32_t k = random_below(&random, 4) + 1; k > 0; k--)
			frame[random_below(&random, (uint32_t)n)] ^=
			    (uint8_t)(1u << random_below(&random, 8));
		if (random_below(&random, 4) == 0)
			n = random_below(&random, (uint32_t)n);
		taken += check(&cache, frame, n);
	}
	assert_true(taken > 1000);
}

static void test_every_cut_is_refused_or_the_same(void **state UNUSED)
{
	struct decode_cache cache = {.prefix_length = 0};
	uint64_t random = 6;
	uint8_t message[1024], frame[2048];

	for (int i = 0; i < 200; i++) {
		size_t n = wrap(frame, message, random_message(message, &random), NULL);

		for (size_t cut = 0; cut <= n; cut++)
			check(&cache, frame, cut);
	}
}

/* Frames that must be read, by whomever; `walks`: the walker does it alone. */
static void expect(const struct field *fields, size_t n, bool walks, struct record *ret)
{
	struct decode_cache cache = {.prefix_length = 0};
	uint8_t message[1024], frame[2048];
	size_t length = wrap(frame, message, join(message, fields, n), NULL);

	assert_int_equal(check(&cache, frame, length), walks);
	assert_int_equal(dnstap_decode(&cache, guard_put(frame, length), (uint32_t)length, ret), 0);
	assert_int_equal(ret->owner == NULL, walks);
}

static void test_policy_unknown_and_http_fields(void **state UNUSED)
{
	const struct field type = varint_field(1, 5), policy = bytes_field(15, "\x0a\x03zzz", 5);
	const struct field unknown = varint_field(99, 1), http = varint_field(16, 2);
	const struct field port = varint_field(6, 4711);
	struct record record;

	expect((struct field[]){type, policy, port}, 3, false, &record);
	assert_int_equal(record.query_port, 4711);
	dnstap_release(&record);
	expect((struct field[]){unknown, type, port}, 3, false, &record);
	assert_int_equal(record.type, RECORD_CLIENT_QUERY);
	dnstap_release(&record);
	expect((struct field[]){type, port, http}, 3, true, &record);
	expect((struct field[]){http, port, type}, 3, true, &record);
	assert_int_equal(record.query_port, 4711);
}

static void test_long_varints(void **state UNUSED)
{
	struct field type = {.bytes = {8, 0x85, 0x80, 0x80, 0x80, 0x00}, .length = 6};
	struct field port = {
	    .bytes = {6 << 3, 0xe7, 0xa4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00},
	    .length = 11};
	struct record record;

	expect((struct field[]){type, port}, 2, false, &record);
	assert_int_equal(record.type, RECORD_CLIENT_QUERY);
	assert_int_equal(record.query_port, 4711);
	dnstap_release(&record);
}

static void test_repeated_fields_take_the_last(void **state UNUSED)
{
	struct record record;

	expect((struct field[]){varint_field(1, 5), varint_field(6, 1), varint_field(6, 2),
		   varint_field(1, 6), bytes_field(14, "abc", 3), bytes_field(14, "", 0)},
	    6, true, &record);
	assert_int_equal(record.type, RECORD_CLIENT_RESPONSE);
	assert_int_equal(record.query_port, 2);
	assert_int_equal(record.has, RECORD_QUERY_PORT | RECORD_RESPONSE_MESSAGE);
	assert_int_equal(record.response_length, 0);
}

static void test_times(void **state UNUSED)
{
	struct record record;

	expect((struct field[]){varint_field(1, 1), varint_field(8, 1700000000),
		   fixed_field(9, 123456789)},
	    3, true, &record);
	assert_true(record.query_time_ns == 1700000000123456789);
	assert_int_equal(record.has, RECORD_QUERY_TIME);
	/* Nanoseconds alone are no time. */
	expect((struct field[]){varint_field(1, 1), fixed_field(13, 5)}, 2, true, &record);
	assert_int_equal(record.has, 0);
	/* Past what 64 bits of nanoseconds can say. */
	expect((struct field[]){varint_field(1, 1), varint_field(8, UINT64_MAX),
		   fixed_field(9, UINT32_MAX)},
	    3, false, &record);
	assert_true(record.query_time_ns == INT64_MAX);
	dnstap_release(&record);
	/* What is left is the longest window with its grace: 1 h, 2 h. */
	expect((struct field[]){varint_field(1, 1),
		   varint_field(8, INT64_MAX / NS_PER_S - 4 * 3600), fixed_field(9, UINT32_MAX)},
	    3, true, &record);
	assert_true(record.query_time_ns > 0);
	assert_true(record.query_time_ns < INT64_MAX - 3 * 3600 * NS_PER_S);
	expect((struct field[]){varint_field(1, 1),
		   varint_field(8, INT64_MAX / NS_PER_S - 4 * 3600 + 1), fixed_field(9, 0)},
	    3, true, &record);
	assert_true(record.query_time_ns == INT64_MAX);
}

static void test_odd_addresses_families_protocols(void **state UNUSED)
{
	struct record record;

	expect((struct field[]){varint_field(1, 1), varint_field(2, 3), varint_field(3, 8),
		   bytes_field(4, "12345", 5), bytes_field(5, "1234567890123456", 16)},
	    5, true, &record);
	assert_int_equal(record.family, 2); /* the server's address tells */
	assert_int_equal(record.protocol, RECORD_PROTOCOL_OTHER);
	assert_int_equal(record.query_address_length, 0);
	assert_int_equal(record.response_address_length, 16);
	expect((struct field[]){varint_field(1, 1), varint_field(2, 3)}, 2, true, &record);
	assert_int_equal(record.family, 0);
}

/* What dnstap.proto does not know yet is not UDP; nor is what only protobuf-c reads. 0 is what a
 * producer writes that has nothing to say. */
static void test_protocols(void **state UNUSED)
{
	static const struct {
		uint64_t value;
		uint8_t protocol;
		bool walks;
	} rows[] = {{0, 0, true}, {1, 1, true}, {7, 7, true}, {8, 8, true}, {9, 8, true},
	    {300, 8, true}, {1u << 20, 8, true}, {1u << 21, 8, false}, {UINT32_MAX, 8, false},
	    {UINT64_MAX, 8, false} /* -1 */, {(uint64_t)1 << 32 | 2, 2, false}};
	struct record record;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect((struct field[]){varint_field(1, 1), varint_field(3, rows[i].value)}, 2,
		    rows[i].walks, &record);
		assert_int_equal(record.protocol, rows[i].protocol);
		dnstap_release(&record);
	}
	expect((struct field[]){varint_field(1, 1)}, 1, true, &record);
	assert_int_equal(record.protocol, 0);
}

#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff"

/* A dual-stack socket's IPv4 clients, whatever the producer calls them. */
static void test_mapped_addresses_are_ipv4(void **state UNUSED)
{
	static const char mapped[] = MAPPED "\xc0\0\2\1", other[] = MAPPED "\xc0\0\2\2";
	static const char compatible[] = "\0\0\0\0\0\0\0\0\0\0\0\0\xc0\0\2\1";
	struct record record;

	for (uint64_t family = 0; family <= 2; family++) {
		expect((struct field[]){varint_field(1, 1), varint_field(2, family),
			   bytes_field(4, mapped, 16), bytes_field(5, other, 16)},
		    4, true, &record);
		assert_int_equal(record.family, 1);
		assert_bytes(record.query_address, record.query_address_length,
		    (const uint8_t *)"\xc0\0\2\1", 4);
		assert_bytes(record.response_address, record.response_address_length,
		    (const uint8_t *)"\xc0\0\2\2", 4);
	}
	/* The server's address alone. */
	expect((struct field[]){varint_field(1, 1), varint_field(2, 2), bytes_field(5, other, 16)},
	    3, true, &record);
	assert_int_equal(record.family, 1);
	/* The client's decides. */
	expect((struct field[]){varint_field(1, 1), varint_field(2, 2),
		   bytes_field(4, "1234567890123456", 16), bytes_field(5, other, 16)},
	    4, true, &record);
	assert_int_equal(record.family, 2);
	assert_int_equal(record.query_address_length, 16);
	/* An address of four bytes is IPv4 whatever the producer says, and one of 16 IPv6. */
	expect((struct field[]){varint_field(1, 1), varint_field(2, 2),
		   bytes_field(4, "\xc0\0\2\1", 4)},
	    3, true, &record);
	assert_int_equal(record.family, 1);
	expect((struct field[]){varint_field(1, 1), varint_field(2, 1),
		   bytes_field(4, compatible, 16)},
	    3, true, &record);
	assert_int_equal(record.family, 2);
	expect(
	    (struct field[]){varint_field(1, 1), bytes_field(5, compatible, 16)}, 2, true, &record);
	assert_int_equal(record.family, 2);
	/* ::a.b.c.d is an IPv6 address, as is a 4-byte one none of 16. */
	expect((struct field[]){varint_field(1, 1), varint_field(2, 2),
		   bytes_field(4, compatible, 16)},
	    3, true, &record);
	assert_int_equal(record.family, 2);
	assert_int_equal(record.query_address_length, 16);
}

/* What is no dnstap message, to walker and authority alike. */
static void refuse(const uint8_t *frame, size_t length)
{
	struct decode_cache cache = {.prefix_length = 0};
	struct record record;

	assert_int_equal(
	    dnstap_decode(&cache, guard_put(frame, length), (uint32_t)length, &record), -EBADMSG);
}

static void test_refuses_what_is_none(void **state UNUSED)
{
	static const uint64_t types[] = {0, 15, 16, 300, UINT32_MAX};
	uint8_t message[64], frame[256];
	size_t n;

	refuse((const uint8_t *)"", 0);
	refuse((const uint8_t *)"\xff", 1);
	refuse((const uint8_t *)"not a message at all", 20);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct field type = varint_field(1, types[i]);

		refuse(frame, wrap(frame, message, join(message, &type, 1), NULL));
	}
	refuse(frame, wrap(frame, message, 0, NULL)); /* no type */
	/* A type of the wrong wire type. */
	n = join(message, (struct field[]){bytes_field(1, "x", 1)}, 1);
	refuse(frame, wrap(frame, message, n, NULL));
	/* No message; no type outside; another type outside. */
	n = join(frame, (struct field[]){varint_field(15, 1)}, 1);
	refuse(frame, n);
	n = join(frame, (struct field[]){bytes_field(14, "\x08\x01", 2)}, 1);
	refuse(frame, n);
	n = join(frame, (struct field[]){bytes_field(14, "\x08\x01", 2), varint_field(15, 2)}, 2);
	refuse(frame, n);
}

/* The remembered beginning is only a short cut. */
static void test_cache_follows_changes(void **state UNUSED)
{
	struct decode_cache cache = {.prefix_length = 0};
	const struct field type = varint_field(1, 1);
	char name[400];

	memset(name, 'n', sizeof(name));
	for (int round = 0; round < 3; round++) {
		for (size_t length = 0; length < 60; length += 5) {
			struct field parts[4] = {bytes_field(1, name, length),
			    bytes_field(2, name, round ? 9 : 3), varint_field(15, 1),
			    bytes_field(14, type.bytes, type.length)};
			uint8_t frame[512];
			size_t n = join(frame, parts, 4);

			assert_true(check(&cache, frame, n));
			assert_true(check(&cache, frame, n));
			assert_true(check(&cache, frame, n) && cache.prefix_length > 0);
			/* Nothing but the prefix. */
			assert_false(check(&cache, frame, parts[0].length + parts[1].length));
		}
	}
}

/* Identity and version of any length. */
static void test_long_prefix_is_not_cached(void **state UNUSED)
{
	struct decode_cache cache = {.prefix_length = 0};
	uint8_t frame[1024] = {0x0a, 0xac, 0x02}; /* identity of 300 bytes */
	size_t n = 303;

	memset(frame + 3, 'i', 300);
	n += join(
	    frame + n, (struct field[]){bytes_field(14, "\x08\x01", 2), varint_field(15, 1)}, 2);
	for (int i = 0; i < 3; i++)
		assert_true(check(&cache, frame, n));
	assert_int_equal(cache.prefix_length, 0);
}

static void test_repeated_messages_are_merged(void **state UNUSED)
{
	struct decode_cache cache = {.prefix_length = 0};
	struct record record;
	uint8_t frame[64];
	size_t n = join(frame,
	    (struct field[]){bytes_field(14, "\x08\x01", 2), bytes_field(14, "\x08\x02\x30\x07", 4),
		varint_field(15, 1)},
	    3);

	assert_false(check(&cache, frame, n));
	assert_int_equal(dnstap_decode(&cache, frame, (uint32_t)n, &record), 0);
	assert_int_equal(record.type, RECORD_AUTH_RESPONSE);
	assert_int_equal(record.query_port, 7);
	dnstap_release(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_agrees_with_protobuf_on_generated_frames),
	    cmocka_unit_test(test_agrees_with_protobuf_on_broken_frames),
	    cmocka_unit_test(test_every_cut_is_refused_or_the_same),
	    cmocka_unit_test(test_policy_unknown_and_http_fields),
	    cmocka_unit_test(test_long_varints),
	    cmocka_unit_test(test_repeated_fields_take_the_last),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_odd_addresses_families_protocols),
	    cmocka_unit_test(test_protocols),
	    cmocka_unit_test(test_mapped_addresses_are_ipv4),
	    cmocka_unit_test(test_refuses_what_is_none),
	    cmocka_unit_test(test_cache_follows_changes),
	    cmocka_unit_test(test_long_prefix_is_not_cached),
	    cmocka_unit_test(test_repeated_messages_are_merged),
	};

	return cmocka_run_group_tests(tests, guard_setup, guard_teardown);
}
