/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "crosstap/dns.h"

#include "../guard.h"
#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct message {
	uint8_t bytes[2048];
	size_t length;
};

static void be16(struct message *m, unsigned value)
{
	m->bytes[m->length++] = (uint8_t)(value >> 8);
	m->bytes[m->length++] = (uint8_t)value;
}

static struct message header(unsigned word, unsigned qd, unsigned an, unsigned ns, unsigned ar)
{
	struct message m = {.length = 0};

	be16(&m, 0x1234);
	be16(&m, word);
	be16(&m, qd);
	be16(&m, an);
	be16(&m, ns);
	be16(&m, ar);
	return m;
}

static void raw(struct message *m, const void *data, size_t length)
{
	memcpy(m->bytes + m->length, data, length);
	m->length += length;
}

static void question(struct message *m, unsigned type)
{
	raw(m, "\3www\7example\0", 13);
	be16(m, type);
	be16(m, 1);
}

static void record(struct message *m, const char *owner, size_t owner_length, unsigned type,
    unsigned class, uint32_t ttl, const void *data, size_t length)
{
	raw(m, owner, owner_length);
	be16(m, type);
	be16(m, class);
	be16(m, ttl >> 16);
	be16(m, ttl & 0xffff);
	be16(m, (unsigned)length);
	raw(m, data, length);
}

static struct dns_facts parse(const struct message *m)
{
	struct dns_facts facts;

	dns_parse(guard_put(m->bytes, m->length), (u32)m->length, &facts);
	return facts;
}

static void test_header_and_question(void **state UNUSED)
{
	struct message m = header(0x2f77, 1, 0, 0, 0);
	struct dns_facts facts;

	question(&m, 28);
	facts = parse(&m);
	assert_int_equal(facts.malformed, DNS_MALFORMED_NONE);
	assert_int_equal(facts.id, 0x1234);
	assert_int_equal(facts.qr, 0);
	assert_int_equal(facts.opcode, 5);
	assert_int_equal(facts.rcode, 7);
	assert_int_equal(facts.has_question, 1);
	assert_int_equal(facts.qtype, 28);
	assert_int_equal(facts.qname_length, 13);
	assert_int_equal(
	    facts.flags, DNS_FLAG_AA | DNS_FLAG_TC | DNS_FLAG_RD | DNS_FLAG_AD | DNS_FLAG_CD);
}

static void test_each_header_flag(void **state UNUSED)
{
	static const struct {
		unsigned bit;
		u16 flag;
	} flags[] = {{10, DNS_FLAG_AA}, {9, DNS_FLAG_TC}, {8, DNS_FLAG_RD}, {7, DNS_FLAG_RA},
	    {6, 0}, {5, DNS_FLAG_AD}, {4, DNS_FLAG_CD}};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct message m = header(1u << flags[i].bit, 0, 0, 0, 0);

		assert_int_equal(parse(&m).flags, flags[i].flag);
	}
	for (unsigned opcode = 0; opcode < 16; opcode++) {
		struct message m = header(0x8000 | opcode << 11 | opcode, 0, 0, 0, 0);
		struct dns_facts facts = parse(&m);

		assert_int_equal(facts.qr, 1);
		assert_int_equal(facts.opcode, opcode);
		assert_int_equal(facts.rcode, opcode);
		assert_int_equal(facts.has_question, 0);
	}
}

static void test_short(void **state UNUSED)
{
	struct message m = header(0x8100, 0, 0, 0, 0);

	for (m.length = 0; m.length < 12; m.length++) {
		assert_int_equal(parse(&m).malformed, DNS_MALFORMED_SHORT);
		assert_int_equal(parse(&m).qr, 0);
	}
	assert_int_equal(parse(&m).malformed, DNS_MALFORMED_NONE);
}

/* A name of `length` wire bytes: labels of 63 as far as they go. */
static void long_name(struct message *m, size_t length)
{
	size_t left = length - 1;

	while (left) {
		size_t label = left > 64 ? 63 : left - 1;

		if (left - 1 - label == 1) /* a label has at least one byte */
			label--;
		m->bytes[m->length++] = (uint8_t)label;
		memset(m->bytes + m->length, 'a', label);
		m->length += label;
		left -= 1 + label;
	}
	m->bytes[m->length++] = 0;
}

static void test_names_at_their_limits(void **state UNUSED)
{
	for (size_t length = 3; length <= 258; length++) {
		struct message m = header(0, 1, 0, 0, 0);
		struct dns_facts facts;

		long_name(&m, length);
		assert_int_equal(m.length, 12 + length);
		be16(&m, 16);
		be16(&m, 1);
		facts = parse(&m);
		assert_int_equal(facts.malformed,
		    length <= 255 ? DNS_MALFORMED_NONE : DNS_MALFORMED_NAME_LENGTH);
		if (length <= 255) {
			assert_int_equal(facts.qname_length, length);
			assert_int_equal(facts.qtype, 16);
		}
		/* Every cut of it. */
		for (size_t cut = m.length - 1; length == 255 && cut >= 12; cut--) {
			m.length = cut;
			assert_int_equal(parse(&m).malformed,
			    cut < 12 + length ? DNS_MALFORMED_QNAME_OVERRUN
					      : DNS_MALFORMED_QUESTION_OVERRUN);
		}
	}
}

static void test_one_byte_labels(void **state UNUSED)
{
	for (size_t labels = 0; labels <= 130; labels++) {
		struct message m = header(0, 1, 0, 0, 0);
		struct dns_facts facts;

		for (size_t i = 0; i < labels; i++)
			raw(&m, "\1x", 2);
		raw(&m, "\0\0\1\0\1", 5);
		facts = parse(&m);
		assert_int_equal(facts.malformed,
		    labels <= 127 ? DNS_MALFORMED_NONE : DNS_MALFORMED_NAME_LENGTH);
		if (labels <= 127)
			assert_int_equal(facts.qname_length, labels * 2 + 1);
	}
}

static void test_label_types(void **state UNUSED)
{
	for (unsigned type = 64; type < 256; type++) {
		struct message m = header(0, 1, 0, 0, 0);
		const uint8_t label = (uint8_t)type;

		raw(&m, "\1x", 2);
		raw(&m, &label, 1);
		memset(m.bytes + m.length, 0, 300);
		m.length += 300;
		assert_int_equal(parse(&m).malformed,
		    type >= 0xc0 ? DNS_MALFORMED_POINTER : DNS_MALFORMED_LABEL);
		/* id, qr, opcode are valid all the same; nothing else is. */
		assert_int_equal(parse(&m).id, 0x1234);
		assert_int_equal(parse(&m).has_question, 0);
	}
}

static void test_question_overrun(void **state UNUSED)
{
	struct message m = header(0, 1, 0, 0, 0);

	raw(&m, "\0\0\1\0", 4);
	assert_int_equal(parse(&m).malformed, DNS_MALFORMED_QUESTION_OVERRUN);
	raw(&m, "\1", 1);
	assert_int_equal(parse(&m).malformed, DNS_MALFORMED_NONE);
	m = header(0, 1, 0, 0, 0);
	assert_int_equal(parse(&m).malformed, DNS_MALFORMED_QNAME_OVERRUN);
}

static void test_malformed_keeps_opcode(void **state UNUSED)
{
	struct message m = header(0xa000, 1, 0, 0, 0);

	assert_int_equal(parse(&m).malformed, DNS_MALFORMED_QNAME_OVERRUN);
	assert_int_equal(parse(&m).qr, 1);
	assert_int_equal(parse(&m).opcode, 4);
}

#define EDNS_TTL(rcode, flags) ((uint32_t)(rcode) << 24 | (flags))

static void test_opt_alone(void **state UNUSED)
{
	struct message m = header(0x0100, 1, 0, 0, 1);
	struct dns_facts facts;

	question(&m, 1);
	record(&m, "", 1, 41, 1232, EDNS_TTL(0, 0x8000), "\0\12\0\2xy\0\3\0\0\0\10\0\1z", 15);
	facts = parse(&m);
	assert_int_equal(facts.flags,
	    DNS_FLAG_RD | DNS_FLAG_EDNS | DNS_FLAG_DO | DNS_FLAG_COOKIE | DNS_FLAG_NSID |
		DNS_FLAG_ECS);
	/* Every cut: never malformed, and no OPT unless all of it is there. */
	for (size_t cut = m.length - 1; cut >= 29; cut--) {
		m.length = cut;
		assert_int_equal(parse(&m).malformed, DNS_MALFORMED_NONE);
		assert_int_equal(parse(&m).flags, DNS_FLAG_RD);
	}
}

static void test_extended_rcode(void **state UNUSED)
{
	for (unsigned upper = 0; upper < 256; upper += 5) {
		struct message m = header(0x8003, 0, 0, 0, 1);

		record(&m, "", 1, 41, 512, EDNS_TTL(upper, 0), "", 0);
		assert_int_equal(parse(&m).rcode, upper << 4 | 3);
		assert_int_equal(parse(&m).flags, DNS_FLAG_EDNS);
	}
}

static void test_opt_behind_records(void **state UNUSED)
{
	struct message m = header(0x8000, 1, 2, 1, 3);

	question(&m, 1);
	record(&m, "\xc0\x0c", 2, 5, 1, 60, "\1a\0", 3);
	record(&m, "\1a\xc0\x0c", 4, 1, 1, 60, "1234", 4);
	record(&m, "", 1, 41, 1, 0x8000, "", 0);    /* in the wrong section */
	record(&m, "\1x", 3, 41, 1, 0x8000, "", 0); /* with a name */
	record(&m, "\xc0\x0c", 2, 41, 1, 0x8000, "", 0);
	record(&m, "", 1, 41, 1, EDNS_TTL(1, 0), "\0\3\0\0", 4);
	assert_int_equal(parse(&m).flags, DNS_FLAG_EDNS | DNS_FLAG_NSID);
	assert_int_equal(parse(&m).rcode, 16);
}

static void test_only_the_first_opt_counts(void **state UNUSED)
{
	struct message m = header(0x8000, 0, 0, 0, 2);

	record(&m, "", 1, 41, 1, EDNS_TTL(1, 0), "", 0);
	record(&m, "", 1, 41, 1, EDNS_TTL(2, 0x8000), "\0\3\0\0", 4);
	assert_int_equal(parse(&m).flags, DNS_FLAG_EDNS);
	assert_int_equal(parse(&m).rcode, 16);
}

static void test_opt_behind_the_counted_records_is_none(void **state UNUSED)
{
	struct message m = header(0, 0, 0, 0, 0);

	record(&m, "", 1, 41, 1, 0x8000, "", 0);
	assert_int_equal(parse(&m).flags, 0);
}

/* An unreadable record ends the walk; what came before it counts. */
static void test_opt_and_bad_records(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t length;
	} bad[] = {{"\x40", 1}, {"\x80\0\0\0\0\0\0\0\0\0\0\0", 12}, {"\xc0", 1}, {"\3ab", 3},
	    {"\0\0\1\0\1\0\0\0\0\xff\xff", 11}, {"\0\0\1", 3}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct message m = header(0x0100, 1, 0, 0, 2);

		question(&m, 1);
		raw(&m, bad[i].bytes, bad[i].length);
		assert_int_equal(parse(&m).malformed, DNS_MALFORMED_NONE);
		assert_int_equal(parse(&m).flags, DNS_FLAG_RD);
		m = header(0x0100, 1, 0, 0, 2);
		question(&m, 1);
		record(&m, "", 1, 41, 1, 0x8000, "", 0);
		raw(&m, bad[i].bytes, bad[i].length);
		assert_int_equal(parse(&m).flags, DNS_FLAG_RD | DNS_FLAG_EDNS | DNS_FLAG_DO);
	}
}

static void test_options_that_overrun(void **state UNUSED)
{
	struct message m = header(0, 0, 0, 0, 1);

	record(&m, "", 1, 41, 1, 0, "\0\3\0\0\0\12\0\5abcd", 12);
	assert_int_equal(parse(&m).flags, DNS_FLAG_EDNS | DNS_FLAG_NSID);
	m = header(0, 0, 0, 0, 1);
	record(&m, "", 1, 41, 1, 0, "\0\12\xff\xff\0\3\0\0", 8);
	assert_int_equal(parse(&m).flags, DNS_FLAG_EDNS);
	m = header(0, 0, 0, 0, 1);
	record(&m, "", 1, 41, 1, 0, "\0\3\0", 3);
	assert_int_equal(parse(&m).flags, DNS_FLAG_EDNS);
}

static void test_several_questions(void **state UNUSED)
{
	struct message m = header(0, 3, 0, 0, 1);
	struct dns_facts facts;

	question(&m, 15);
	raw(&m, "\xc0\x0c\0\1\0\1", 6);
	question(&m, 2);
	record(&m, "", 1, 41, 1, 0x8000, "", 0);
	facts = parse(&m);
	assert_int_equal(facts.qtype, 15);
	assert_int_equal(facts.flags, DNS_FLAG_EDNS | DNS_FLAG_DO);
	/* A second question that cannot be read makes nothing malformed. */
	m = header(0, 2, 0, 0, 1);
	question(&m, 15);
	raw(&m, "\x41", 1);
	facts = parse(&m);
	assert_int_equal(facts.malformed, DNS_MALFORMED_NONE);
	assert_int_equal(facts.qtype, 15);
	assert_int_equal(facts.flags, 0);
}

/* Counts of 65535 with nothing behind them, and random bytes. */
static void test_reads_nothing_outside(void **state UNUSED)
{
	struct message m = header(0, 65535, 65535, 65535, 65535);
	uint64_t random = 21;

	question(&m, 1);
	assert_int_equal(parse(&m).malformed, DNS_MALFORMED_NONE);
	for (int i = 0; i < 300000; i++) {
		m = header((unsigned)random_next(&random), random_below(&random, 4),
		    random_below(&random, 3), random_below(&random, 3), random_below(&random, 4));
		while (m.length < 200 && random_below(&random, 12)) {
			static const uint8_t likely[] = {0, 0, 0, 1, 3, 41, 0xc0, 12};

			m.bytes[m.length++] = random_below(&random, 4)
			    ? likely[random_below(&random, 8)]
			    : (uint8_t)random_next(&random);
		}
		parse(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header_and_question),
	    cmocka_unit_test(test_each_header_flag),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_names_at_their_limits),
	    cmocka_unit_test(test_one_byte_labels),
	    cmocka_unit_test(test_label_types),
	    cmocka_unit_test(test_question_overrun),
	    cmocka_unit_test(test_malformed_keeps_opcode),
	    cmocka_unit_test(test_opt_alone),
	    cmocka_unit_test(test_extended_rcode),
	    cmocka_unit_test(test_opt_behind_records),
	    cmocka_unit_test(test_only_the_first_opt_counts),
	    cmocka_unit_test(test_opt_behind_the_counted_records_is_none),
	    cmocka_unit_test(test_opt_and_bad_records),
	    cmocka_unit_test(test_options_that_overrun),
	    cmocka_unit_test(test_several_questions),
	    cmocka_unit_test(test_reads_nothing_outside),
	};

	return cmocka_run_group_tests(tests, guard_setup, guard_teardown);
}
