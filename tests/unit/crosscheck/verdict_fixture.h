/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the verdict share. */
#ifndef CROSSTAP_TESTS_VERDICT_FIXTURE_H
#define CROSSTAP_TESTS_VERDICT_FIXTURE_H

#include "../crosscheck_fixture.h"

static inline void expect(struct fixture *f, enum verdict verdict)
{
	assert_string_equal(verdict_name(f->result.verdict), verdict_name(verdict));
}

/* Two windows of the same kind fill the horizon of two, after a third; the fourth judgement is one
 * of two alike. */
static inline void steady(struct fixture *f, enum verdict verdict)
{
	for (int i = 0; i < 4; i++)
		fixture_close(f);
	expect(f, verdict);
}

static inline void fresh(struct fixture *f)
{
	fixture_options(f, WINDOW_NS, 2 * WINDOW_NS, false);
	fixture_quiet(f);
}

static inline void set_tc(struct fixture *f, uint64_t tc)
{
	fixture_cell(f, WIRE_OUT, WIRE_UDP, PACKET_IPV4)->tc = tc;
}

#endif
