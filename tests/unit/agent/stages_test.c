/* SPDX-License-Identifier: BSD-2-Clause */
/* No option changes without a stage that takes it over. */
#include "agent/agent_internal.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void every_taker_is_a_stage(void **state UNUSED)
{
	/* The page is its own stage, in the command; the other is nobody. */
	const uint32_t others = 1u << TAKER_RESTART | 1u << TAKER_HTTP;

	assert_int_equal(agent_takers() & others, 0);
	assert_int_equal(agent_takers() | others, (1u << TAKERS) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_taker_is_a_stage)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
