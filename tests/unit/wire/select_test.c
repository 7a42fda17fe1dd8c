/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "wire/rules/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LO, ETH0, ETH1, BOND, VLAN, UPPER_VLAN, BRIDGE, VETH, PEER, VXLAN, LINKS };

static const struct wire_link links[LINKS] = {
    [LO] = {.index = 1, .name = "lo", .flags = IFF_UP | IFF_LOOPBACK},
    [ETH0] = {.index = 2, .name = "eth0", .master = 4},
    [ETH1] = {.index = 3, .name = "eth1", .master = 4},
    [BOND] = {.index = 4, .name = "bond0", .kind = "bond"},
    [VLAN] = {.index = 5, .name = "bond0.5", .kind = "vlan", .lower = 4},
    [UPPER_VLAN] = {.index = 6, .name = "bond0.5.7", .kind = "vlan", .lower = 5},
    [BRIDGE] = {.index = 7, .name = "br0", .kind = "bridge"},
    [VETH] = {.index = 8, .name = "veth0", .kind = "veth", .lower = 9, .master = 7},
    [PEER] = {.index = 9, .name = "veth1", .kind = "veth", .lower = 8},
    [VXLAN] = {.index = 10, .name = "vxlan0", .kind = "vxlan", .lower = 4},
};

/* One bit for each link, in and out. */
static unsigned chosen_of(unsigned wanted)
{
	bool chosen[LINKS];
	unsigned left = 0;

	for (int i = 0; i < LINKS; i++)
		chosen[i] = wanted >> i & 1;
	wire_select_once(links, LINKS, chosen);
	for (int i = 0; i < LINKS; i++)
		left |= (unsigned)chosen[i] << i;
	return left;
}

#define BIT(link) (1u << (link))

static void test_nothing_twice(void **state UNUSED)
{
	static const struct {
		unsigned wanted, left;
	} cases[] = {
	    {0, 0},
	    {BIT(LO) | BIT(ETH0), BIT(ETH0)},
	    {BIT(ETH0) | BIT(ETH1), BIT(ETH0) | BIT(ETH1)},
	    {BIT(ETH0) | BIT(ETH1) | BIT(BOND), BIT(BOND)},
	    {BIT(BOND) | BIT(VLAN), BIT(BOND)},
	    {BIT(VLAN) | BIT(UPPER_VLAN), BIT(VLAN)},
	    {BIT(BOND) | BIT(UPPER_VLAN), BIT(BOND)},
	    {BIT(ETH0) | BIT(BOND) | BIT(UPPER_VLAN), BIT(BOND)},
	    {BIT(VETH) | BIT(PEER), BIT(VETH) | BIT(PEER)},
	    {BIT(VETH) | BIT(BRIDGE), BIT(BRIDGE)},
	    {BIT(BOND) | BIT(VXLAN), BIT(BOND) | BIT(VXLAN)},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(chosen_of(cases[i].wanted), cases[i].left);
}

/* Devices that name each other in a circle, as no kernel should. */
static void test_circles_end(void **state UNUSED)
{
	const struct wire_link circle[2] = {
	    {.index = 1, .kind = "vlan", .lower = 2, .master = 2},
	    {.index = 2, .kind = "vlan", .lower = 1, .master = 1},
	};
	bool chosen[2] = {true, true};

	wire_select_once(circle, 2, chosen);
	assert_int_equal(chosen[0] + chosen[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_twice),
	    cmocka_unit_test(test_circles_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
