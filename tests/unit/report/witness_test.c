/* SPDX-License-Identifier: BSD-2-Clause */
/* From frames to the cross-check's dnstap side: what is compared, and what of it came late. */
#include "report/witness.h"

#include "../stats/counting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW (T0_NS + SECONDS(12))

struct fixture {
	struct collector *collector;
	struct zone_registry *registry;
	struct arena *arena;
	struct shard *total;
	struct crosscheck_dnstap dnstap;
};

static const struct compare_filter filter = {.ports = {53}, .n_ports = 1};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct collector_config config = test_config();

	config.traits.compared = true;
	config.traits.filter = &filter;
	assert_int_equal(collector_new(&f->collector, &config), 0);
	collector_reopen(f->collector, T0_NS / config.interval_ns);
	assert_int_equal(zone_registry_new(&f->registry), 0);
	assert_int_equal(zone_registry_ref(f->registry, "default"), 0);
	assert_int_equal(arena_new(&f->arena), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	collector_free(f->collector);
	shard_free(f->total);
	zone_registry_free(f->registry);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void take_query(struct fixture *f, uint16_t qtype, int64_t time_ns)
{
	struct sample s;

	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, time_ns);
	if (qtype)
		sample_question(&s, "\1a", qtype);
	take_one(f->collector, &s, NOW);
}

static void finish(struct fixture *f)
{
	static const struct view_limits limits = {0};
	const struct window_span span = {0};
	struct window_view view;

	f->total = collect(f->collector);
	assert_int_equal(
	    view_make(&view, f->total, &span, f->registry, &test_seed, NULL, 0, &limits, f->arena),
	    0);
	assert_int_equal(witness_of(&f->dnstap, &view, f->arena), 0);
}

static void compared_messages_by_row_and_type(void **state)
{
	struct fixture *f = *state;
	struct sample s;

	for (int i = 0; i < 3; i++)
		take_query(f, 28, NOW);
	take_query(f, 1, NOW);
	take_query(f, 252, NOW); /* AXFR: left out */
	take_query(f, 0, NOW);   /* no question */
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, NOW);
	s.record.query_length = 11; /* shorter than a header */
	take_one(f->collector, &s, NOW);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, NOW);
	s.message[2] = 5 << 3; /* UPDATE: left out */
	take_one(f->collector, &s, NOW);
	sample_init(&s, RECORD_AUTH_RESPONSE, 1, 1, NOW);
	s.record.protocol = 2;
	sample_question(&s, "\1a", 1);
	take_one(f->collector, &s, NOW);
	finish(f);
	assert_int_equal(f->dnstap.messages[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4], 6);
	assert_int_equal(f->dnstap.malformed[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4], 1);
	assert_int_equal(f->dnstap.messages[DIR_RESPONSE][TRANSPORT_TCP][FAMILY_IPV4], 1);
	assert_int_equal(f->dnstap.displaced, 0);
	assert_int_equal(f->dnstap.n_qtypes, 2);
	assert_int_equal(f->dnstap.qtypes[0].code, 1);
	assert_int_equal(f->dnstap.qtypes[0].count, 1);
	assert_int_equal(f->dnstap.qtypes[1].code, 28);
	assert_int_equal(f->dnstap.qtypes[1].count, 3);
	assert_ptr_equal(f->dnstap.sources, &f->total->sources);
}

static void late_frames_are_in_their_row(void **state)
{
	struct fixture *f = *state;

	take_query(f, 28, T0_NS); /* this window is still open */
	take_query(f, 28, T0_NS - SECONDS(1));
	take_query(f, 1, T0_NS - SECONDS(60));
	take_query(f, 252, T0_NS - SECONDS(1)); /* late, but not compared */
	take_query(f, 1, T0_NS + SECONDS(90));  /* from the future */
	finish(f);
	assert_int_equal(f->dnstap.messages[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4], 4);
	assert_int_equal(f->dnstap.late[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4], 2);
	assert_int_equal(f->dnstap.late[DIR_QUERY][TRANSPORT_TCP][FAMILY_IPV4], 0);
	assert_int_equal(f->dnstap.displaced, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(compared_messages_by_row_and_type, setup, teardown),
	    cmocka_unit_test_setup_teardown(late_frames_are_in_their_row, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
