/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture holds that is no DNS, in words. */
#include "base/unused.h"
#include "capture/link.h"
#include "replay/others.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct others *others, uint8_t kind, uint32_t number, unsigned packets)
{
	while (packets--)
		others_add(others, kind, number);
}

static void must_print(const struct others *others, const char *text)
{
	char out[512];

	others_print(others, out, sizeof(out));
	assert_string_equal(out, text);
}

static void the_most_frequent_first(void **state UNUSED)
{
	struct others others = {0};

	must_print(&others, "");
	add(&others, PACKET_KIND_ETHERTYPE, 0x0806, 2);
	add(&others, PACKET_KIND_PROTOCOL, 50, 7);
	/* As many as the first, behind it. */
	add(&others, PACKET_KIND_PROTOCOL, 1, 2);
	must_print(
	    &others, "IP protocol 50 (ESP)=7 EtherType 0x0806 (ARP)=2 IP protocol 1 (ICMP)=2");
}

static void each_kind_by_its_name(void **state UNUSED)
{
	const struct {
		uint8_t kind;
		uint32_t number;
		const char *text;
	} all[] = {{PACKET_KIND_ETHERTYPE, 0x88cc, "EtherType 0x88cc (LLDP)=1"},
	    {PACKET_KIND_ETHERTYPE, 0x0026, "EtherType 0x0026 (802.3)=1"},
	    {PACKET_KIND_ETHERTYPE, 0x9999, "EtherType 0x9999=1"},
	    {PACKET_KIND_PROTOCOL, 132, "IP protocol 132 (SCTP)=1"},
	    {PACKET_KIND_PROTOCOL, 200, "IP protocol 200=1"},
	    {PACKET_KIND_LINK, 147, "link type 147=1"}, {PACKET_KIND_SHORT, 0, "no IP header=1"}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct others others = {0};

		add(&others, all[i].kind, all[i].number, 1);
		must_print(&others, all[i].text);
	}
}

static void no_more_kinds_than_there_is_room_for(void **state UNUSED)
{
	struct others others = {0};
	char out[4096];

	for (uint32_t i = 0; i < OTHERS_MAX + 5; i++)
		add(&others, PACKET_KIND_LINK, i, 1);
	add(&others, PACKET_KIND_LINK, 0, 1);
	assert_int_equal(others.n, OTHERS_MAX);
	others_print(&others, out, sizeof(out));
	assert_int_equal(strncmp(out, "link type 0=2 link type 1=1", 27), 0);
	assert_non_null(strstr(out, " others=5"));
	for (size_t size = 1; size < sizeof(out); size += 7) {
		memset(out, 'x', sizeof(out));
		others_print(&others, out, size);
		assert_in_range(strnlen(out, sizeof(out)), 0, size - 1);
	}
}

/* None is left out in silence: as many packets as there are. */
static void rows_without_room_are_among_the_others(void **state UNUSED)
{
	struct others others = {0};
	char out[4096];

	for (uint32_t i = 0; i < OTHERS_MAX; i++)
		add(&others, PACKET_KIND_ETHERTYPE, 0x8860 + i, 1 + i);
	for (size_t size = 40; size < 1024; size += 13) {
		unsigned long long sum = 0;

		others_print(&others, out, size);
		for (const char *at = out; (at = strchr(at, '=')); at++)
			sum += strtoull(at + 1, NULL, 10);
		assert_int_equal(sum, OTHERS_MAX * (OTHERS_MAX + 1) / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_most_frequent_first),
	    cmocka_unit_test(each_kind_by_its_name),
	    cmocka_unit_test(no_more_kinds_than_there_is_room_for),
	    cmocka_unit_test(rows_without_room_are_among_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
