/* SPDX-License-Identifier: BSD-2-Clause */
/* What attacks were over all windows that named them. */
#include "base/clock.h"
#include "base/unused.h"
#include "replay/replay_attacks.h"
#include "zones/name_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW_NS (60 * (int64_t)NS_PER_S)
#define START_NS  (1700000000 * (int64_t)NS_PER_S)

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};
static const struct config config = {.attacks = {.names = 5000,
					 .nxdomain_share = 0.9,
					 .response_bytes = 1000000,
					 .amplification = 10,
					 .question_share = 0.8,
					 .query_share = 0.2,
					 .queries = 6000,
					 .times = 10}};

/* So many queries for as many names below a domain, none of which exists. */
static void ask(struct domains *domains, unsigned number, uint32_t n)
{
	uint8_t wire[16];
	const size_t length =
	    (size_t)snprintf((char *)wire, sizeof(wire), "%cd%03u%cnl", 4, number, 2) + 1;
	struct domain *domain =
	    domains_at(domains, name_hash(&seed, wire, length), DOMAIN_NOWHERE, 0, wire, length);

	assert_non_null(domain);
	domain->queries += n;
	domain->nxdomain += n;
	for (uint32_t i = 0; i < n; i++)
		sketch_add(&domain->names, &domains->budget,
		    (uint32_t)(hash_u64x3(&seed, number, 0, i) >> 32));
}

static void play(struct replay_attacks *attacks, unsigned window, const unsigned *numbers,
    const uint32_t *queries, size_t n)
{
	struct shard shard = {0};
	const struct window_span span = {.start_ns = START_NS + window * WINDOW_NS,
	    .end_ns = START_NS + (window + 1) * WINDOW_NS};

	assert_int_equal(domains_new(&shard.domains, 256, 4 << 20), 0);
	for (size_t i = 0; i < n; i++)
		ask(shard.domains, numbers[i], queries[i]);
	replay_attacks_window(attacks, &config, n ? &shard : NULL, &span);
	domains_free(shard.domains);
}

static void one_attack_is_one_row(void **state UNUSED)
{
	const unsigned one = 1, two[] = {1, 2};
	struct replay_attacks attacks = {0};

	assert_int_equal(replay_attacks_init(&attacks, &seed), 0);
	play(&attacks, 0, &one, (const uint32_t[]){100}, 1);
	assert_int_equal(attacks.n, 0);
	play(&attacks, 1, &one, (const uint32_t[]){20000}, 1);
	assert_int_equal(attacks.n, 1);
	play(&attacks, 2, two, (const uint32_t[]){30000, 30000}, 2);
	assert_int_equal(attacks.n, 2);
	/* A window without a frame, then one below half of the limits: it went on no more. */
	play(&attacks, 3, NULL, NULL, 0);
	play(&attacks, 4, two, (const uint32_t[]){10, 10}, 2);
	assert_int_equal(attacks.n, 2);
	assert_int_equal(attacks.list[0].kind, ATTACK_RANDOM_SUBDOMAIN);
	assert_int_equal(attacks.list[0].queries, 50000);
	assert_true(attacks.list[0].since_ns == START_NS + WINDOW_NS);
	assert_true(attacks.end_ns[0] == START_NS + 3 * WINDOW_NS);
	assert_int_equal(attacks.list[1].queries, 30000);
	assert_true(attacks.list[1].since_ns == START_NS + 2 * WINDOW_NS);
	replay_attacks_done(&attacks);
}

static void no_more_of_a_kind_than_there_is_room_for(void **state UNUSED)
{
	struct replay_attacks attacks = {0};

	assert_int_equal(replay_attacks_init(&attacks, &seed), 0);
	/* One after the other, so that each window names few. */
	for (unsigned i = 0; i < 2 * ATTACKS_MAX; i++)
		play(&attacks, i, &i, (const uint32_t[]){8000}, 1);
	assert_int_equal(attacks.n, ATTACKS_MAX);
	replay_attacks_done(&attacks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_attack_is_one_row),
	    cmocka_unit_test(no_more_of_a_kind_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
