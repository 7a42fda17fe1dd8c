/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "measure/mnemonic.h"
#include "measure/wire_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char buffer[MNEMONIC_BYTES];

static void test_types(void **state UNUSED)
{
	static const struct {
		uint16_t type;
		const char *name;
	} types[] = {{1, "A"}, {2, "NS"}, {6, "SOA"}, {12, "PTR"}, {16, "TXT"}, {28, "AAAA"},
	    {33, "SRV"}, {41, "OPT"}, {43, "DS"}, {48, "DNSKEY"}, {64, "SVCB"}, {65, "HTTPS"},
	    {251, "IXFR"}, {252, "AXFR"}, {255, "ANY"}, {257, "CAA"}, {0, "TYPE0"}, {54, "TYPE54"},
	    {65534, "TYPE65534"}, {65535, "TYPE65535"}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_string_equal(mnemonic_qtype(types[i].type, buffer), types[i].name);
		assert_int_equal(
		    mnemonic_qtype_assigned(types[i].type), strncmp(types[i].name, "TYPE", 4) != 0);
	}
	/* A name, or TYPE and the number; nothing else, and it fits. */
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		const char *name = mnemonic_qtype((uint16_t)type, buffer);

		assert_in_range(strlen(name), 1, MNEMONIC_BYTES - 1);
		assert_int_equal(name != buffer, mnemonic_qtype_assigned((uint16_t)type));
	}
}

static void test_opcodes_and_rcodes(void **state UNUSED)
{
	assert_string_equal(mnemonic_opcode(0, buffer), "QUERY");
	assert_string_equal(mnemonic_opcode(4, buffer), "NOTIFY");
	assert_string_equal(mnemonic_opcode(5, buffer), "UPDATE");
	assert_string_equal(mnemonic_opcode(7, buffer), "OPCODE7");
	assert_string_equal(mnemonic_rcode(0, buffer), "NOERROR");
	assert_string_equal(mnemonic_rcode(3, buffer), "NXDOMAIN");
	assert_string_equal(mnemonic_rcode(5, buffer), "REFUSED");
	assert_string_equal(mnemonic_rcode(16, buffer), "BADVERS");
	assert_string_equal(mnemonic_rcode(23, buffer), "BADCOOKIE");
	assert_string_equal(mnemonic_rcode(30, buffer), "RCODE30");
	assert_string_equal(mnemonic_rcode(4095, buffer), "RCODE4095");
}

static void test_our_own_words(void **state UNUSED)
{
	static const char *const transports[] = {
	    "udp", "tcp", "dot", "doh", "dnscrypt-udp", "dnscrypt-tcp", "doq"};
	static const char *const flags[] = {
	    "aa", "tc", "rd", "ra", "ad", "cd", "do", "edns", "cookie", "ecs", "nsid"};

	for (unsigned i = 0; i < 7; i++)
		assert_string_equal(mnemonic_transport(i), transports[i]);
	for (unsigned i = 0; i < 11; i++)
		assert_string_equal(mnemonic_flag(i), flags[i]);
	assert_string_equal(mnemonic_flag(11), "");
	assert_string_equal(mnemonic_family(0), "ipv4");
	assert_string_equal(mnemonic_family(1), "ipv6");
	assert_string_equal(mnemonic_direction(0), "query");
	assert_string_equal(mnemonic_direction(1), "response");
}

/* A number that a newer program on the kernel's side has counted reads nothing behind a table. */
static void test_names_of_the_wire(void **state UNUSED)
{
	assert_string_equal(wire_name_transport(WIRE_TCP), "tcp");
	assert_string_equal(wire_name_transport(WIRE_TRANSPORTS), "udp");
	assert_string_equal(wire_name_malformed(DNS_MALFORMED_NONE), "none");
	assert_string_equal(wire_name_malformed(DNS_MALFORMED_COUNT), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_opcodes_and_rcodes),
	    cmocka_unit_test(test_our_own_words),
	    cmocka_unit_test(test_names_of_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
