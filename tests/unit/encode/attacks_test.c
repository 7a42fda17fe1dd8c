/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks as points and JSON, and what may leave of whom they are about. */
#include "base/unused.h"
#include "encode/attacks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "points_text.h"

#define SECOND 1000000000ll

static const uint8_t network[16] = {192, 0, 2, 7};

static struct attack attack_of(enum attack_kind kind, enum attack_form form)
{
	struct attack attack = {
	    .subject = {.form = (uint8_t)form, .family = 4, .prefix = 24, .asn = 64500},
	    .since_ns = 100 * SECOND,
	    .queries = 900,
	    .response_bytes = 12345,
	    .share = 0.5,
	    .known = ATTACK_KNOWS_BYTES,
	    .kind = (uint8_t)kind};

	if (form == SUBJECT_DOMAIN) {
		memcpy(attack.subject.name, "\7Example\2nl", 12);
		attack.subject.length = 12;
	} else if (form != SUBJECT_ASN) {
		memcpy(attack.subject.address, network, sizeof(network));
	}
	return attack;
}

/* One at a time: it keeps the configuration. */
static struct privacy *privacy_of(enum privacy_addresses addresses, enum privacy_names names)
{
	static struct config config;
	struct privacy *privacy;
	char reason[128];

	config.privacy.addresses = addresses;
	config.privacy.names = names;
	assert_int_equal(privacy_new(&privacy, &config, reason, sizeof(reason)), 0);
	return privacy;
}

static void must_be(enum attack_form form, enum privacy_addresses addresses,
    enum privacy_names names, const char *expected)
{
	const struct attack attack = attack_of(ATTACK_FLOOD, form);
	struct privacy *privacy = privacy_of(addresses, names);
	char text[ATTACK_SUBJECT_BYTES];

	attack_subject_text(&attack.subject, privacy, text);
	assert_string_equal(text, expected);
	privacy_free(privacy);
}

static void what_may_leave_of_a_subject(void **state UNUSED)
{
	must_be(SUBJECT_DOMAIN, ADDRESSES_FULL, NAMES_FULL, "example.nl");
	must_be(SUBJECT_DOMAIN, ADDRESSES_FULL, NAMES_NONE, "");
	must_be(SUBJECT_ADDRESS, ADDRESSES_FULL, NAMES_FULL, "192.0.2.7");
	must_be(SUBJECT_ADDRESS, ADDRESSES_PREFIX, NAMES_FULL, "192.0.2.0/24");
	must_be(SUBJECT_ADDRESS, ADDRESSES_NONE, NAMES_FULL, "");
	/* A network has its length once. */
	must_be(SUBJECT_SUBNET, ADDRESSES_FULL, NAMES_FULL, "192.0.2.7/24");
	must_be(SUBJECT_SUBNET, ADDRESSES_PREFIX, NAMES_FULL, "192.0.2.0/24");
	must_be(SUBJECT_SUBNET, ADDRESSES_NONE, NAMES_FULL, "");
	must_be(SUBJECT_ASN, ADDRESSES_NONE, NAMES_NONE, "AS64500");
}

static void ranks_are_within_a_kind(void **state UNUSED)
{
	const struct attack list[] = {attack_of(ATTACK_RANDOM_SUBDOMAIN, SUBJECT_DOMAIN),
	    attack_of(ATTACK_FLOOD, SUBJECT_ASN), attack_of(ATTACK_FLOOD, SUBJECT_SUBNET),
	    attack_of(ATTACK_FLOOD, SUBJECT_SUBNET)};
	const struct attacks_now now = {.list = list, .n = 4};
	const unsigned expected[] = {1, 1, 2, 3};

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(attack_rank(&now, i), expected[i]);
}

static void limits_are_those_of_the_configuration(void **state UNUSED)
{
	const struct config config = {.attacks = {.names = 1,
					  .nxdomain_share = 0.2,
					  .response_bytes = 3,
					  .amplification = 4,
					  .question_share = 0.6,
					  .query_share = 0.7,
					  .queries = 8,
					  .times = 9}};
	const struct attack_limits limits = attack_limits_of(&config);

	assert_int_equal(limits.names, 1);
	assert_true(limits.nxdomain_share == 0.2);
	assert_int_equal(limits.response_bytes, 3);
	assert_true(limits.amplification == 4);
	assert_true(limits.question_share == 0.6);
	assert_true(limits.query_share == 0.7);
	assert_int_equal(limits.queries, 8);
	assert_true(limits.times == 9);
}

static void in_json(void **state UNUSED)
{
	struct attack list[] = {
	    attack_of(ATTACK_REFLECTION, SUBJECT_ADDRESS), attack_of(ATTACK_FLOOD, SUBJECT_ASN)};
	const struct attacks_now now = {.list = list, .n = 2};
	struct privacy *privacy = privacy_of(ADDRESSES_FULL, NAMES_FULL);
	struct json_build build = {0};
	json_t *document = json_object(), *first, *second;

	list[1].known = 0;
	json_put_attacks(&build, document, 130 * SECOND, &now, privacy);
	assert_int_equal(json_array_size(json_object_get(document, "attacks")), 2);
	first = json_array_get(json_object_get(document, "attacks"), 0);
	second = json_array_get(json_object_get(document, "attacks"), 1);
	assert_string_equal(json_string_value(json_object_get(first, "kind")), "reflection");
	assert_string_equal(json_string_value(json_object_get(first, "subject")), "192.0.2.7");
	assert_int_equal(json_integer_value(json_object_get(first, "rank")), 1);
	assert_int_equal(json_integer_value(json_object_get(first, "queries")), 900);
	assert_int_equal(json_integer_value(json_object_get(first, "response_bytes")), 12345);
	assert_int_equal(json_integer_value(json_object_get(first, "since_s")), 30);
	assert_string_equal(json_string_value(json_object_get(second, "subject")), "AS64500");
	assert_null(json_object_get(second, "response_bytes"));
	json_decref(document);
	privacy_free(privacy);
}

static void as_points(void **state UNUSED)
{
	const struct attack list[] = {
	    attack_of(ATTACK_FLOOD, SUBJECT_ASN), attack_of(ATTACK_FLOOD, SUBJECT_SUBNET)};
	const struct attacks_now now = {.list = list, .n = 2};
	const struct encode_context context = {.privacy = privacy_of(ADDRESSES_NONE, NAMES_FULL)};
	struct points *points;

	assert_int_equal(points_new(&points, POINTS_LINE, 1 << 20), 0);
	encode_attacks(points, 1000, 101 * SECOND, &now, &context);
	assert_int_equal(lines_equal(points_text(points),
			     "dns_attack,kind=flood,rank=1 subject=\"AS64500\",queries=900i,"
			     "response_bytes=12345i,share=0.5,since_s=1i",
			     1000),
	    1);
	/* Without whom it is about. */
	assert_int_equal(lines_equal(points_text(points),
			     "dns_attack,kind=flood,rank=2 queries=900i,response_bytes=12345i,"
			     "share=0.5,since_s=1i",
			     1000),
	    1);
	points_free(points);
	privacy_free(context.privacy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_may_leave_of_a_subject),
	    cmocka_unit_test(ranks_are_within_a_kind),
	    cmocka_unit_test(limits_are_those_of_the_configuration),
	    cmocka_unit_test(in_json),
	    cmocka_unit_test(as_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
