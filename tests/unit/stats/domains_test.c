/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/domains.h"

#include "base/unused.h"
#include "stats/view.h"
#include "zones/name_hash.h"
#include "zones/suffixes.h"

#include "../random.h"
#include "counting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SLOTS        256
#define SKETCH_BYTES (256u << 10)

/* A label and `.example`, in wire format. */
static size_t name_of(uint8_t wire[64], const char *label)
{
	const size_t n = strlen(label);

	wire[0] = (uint8_t)n;
	memcpy(wire + 1, label, n);
	memcpy(wire + 1 + n, "\7example", 9);
	return n + 10;
}

static struct domain *add(struct domains *domains, uint16_t zone, const char *label)
{
	uint8_t wire[64];
	const size_t length = name_of(wire, label);

	return domains_at(domains,
	    name_hash(&test_seed, wire, length) ^ (uint64_t)zone * test_seed.a, (uint32_t)length,
	    zone, wire, length);
}

static void ask(struct domains *domains, uint16_t zone, const char *label, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct domain *domain = add(domains, zone, label);

		if (domain)
			saturating_add(&domain->queries, 1);
	}
}

static uint32_t queries_of(const struct domains *domains, uint16_t zone, const char *label)
{
	uint8_t wire[64];
	const size_t length = name_of(wire, label);
	const uint32_t place = domains_find(
	    domains, name_hash(&test_seed, wire, length) ^ (uint64_t)zone * test_seed.a);

	if (place == DOMAIN_NOWHERE)
		return 0;
	assert_int_equal(domains->entries[place].length, length);
	assert_memory_equal(domains->keys[place].bytes, wire, length);
	assert_int_equal(domains->entries[place].zone, zone);
	return domains->entries[place].queries;
}

static void is_exact_while_there_is_room(void **state UNUSED)
{
	struct domains *domains;
	char label[16];

	assert_int_equal(domains_new(&domains, SLOTS, SKETCH_BYTES), 0);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			snprintf(label, sizeof(label), "d%u", i / 2);
			ask(domains, (uint16_t)(i % 2), label, i % 7 + 1);
		}
	}
	assert_int_equal(domains->used, SLOTS);
	for (unsigned i = 0; i < SLOTS; i++) {
		snprintf(label, sizeof(label), "d%u", i / 2);
		assert_int_equal(queries_of(domains, (uint16_t)(i % 2), label), 3 * (i % 7 + 1));
	}
	domains_clear(domains);
	assert_int_equal(queries_of(domains, 0, "d1"), 0);
	ask(domains, 0, "d1", 1);
	assert_int_equal(queries_of(domains, 0, "d1"), 1);
	domains_free(domains);
}

/* A million domains with one NXDOMAIN each, and between them those that are really asked for: they
 * are there afterwards, and memory is bounded. */
static void a_dictionary_sweeps_nothing_out(void **state UNUSED)
{
	struct domains *domains;
	uint64_t random = 4711;
	char label[24];

	assert_int_equal(domains_new(&domains, SLOTS, SKETCH_BYTES), 0);
	for (unsigned i = 0; i < 1000000; i++) {
		struct domain *domain;

		snprintf(label, sizeof(label), "w%llx", (unsigned long long)random_next(&random));
		domain = add(domains, 0, label);
		if (domain) {
			saturating_add(&domain->queries, 1);
			sketch_add(&domain->sources, &domains->budget, (uint32_t)i);
			saturating_add(&domain->nxdomain, 1);
		}
		if (i % 50 == 0) {
			snprintf(label, sizeof(label), "real%u", i / 50 % 40);
			domain = add(domains, 0, label);
			if (!domain)
				continue; /* not yet let in */
			saturating_add(&domain->queries, 1);
			sketch_add(&domain->sources, &domains->budget,
			    (uint32_t)(random_next(&random) >> 32));
		}
	}
	for (unsigned i = 0; i < 40; i++) {
		snprintf(label, sizeof(label), "real%u", i);
		assert_in_range(queries_of(domains, 0, label), 490, 500);
	}
	for (size_t i = 0; i < domains->used; i++) {
		/* Of others nothing is counted that was not there. */
		assert_true(domains->entries[i].queries >= 490 ||
		    (domains->entries[i].queries == 1 && domains->entries[i].nxdomain == 1));
	}
	assert_true(domains_bytes(domains) <= domains_most_bytes(SLOTS, SKETCH_BYTES));
	domains_free(domains);
}

/* A name of each domain is new each time, and so is its client. */
static void sketches_share_a_budget(void **state UNUSED)
{
	struct domains *domains;
	uint64_t random = 99;
	char label[16];

	assert_int_equal(domains_new(&domains, SLOTS, SKETCH_BYTES), 0);
	for (unsigned i = 0; i < 2000000; i++) {
		struct domain *domain;

		snprintf(label, sizeof(label), "d%u", i % SLOTS);
		domain = add(domains, 0, label);
		assert_non_null(domain);
		sketch_add(
		    &domain->sources, &domains->budget, (uint32_t)(random_next(&random) >> 32));
		sketch_add(
		    &domain->names, &domains->budget, (uint32_t)(random_next(&random) >> 32));
	}
	assert_true(domains->budget.bytes <= SKETCH_BYTES);
	assert_true(domains_bytes(domains) <= domains_most_bytes(SLOTS, SKETCH_BYTES));
	domains_free(domains);
}

static void seats_merge(void **state UNUSED)
{
	struct domains *a, *b;

	assert_int_equal(domains_new(&a, SLOTS, SKETCH_BYTES), 0);
	assert_int_equal(domains_new(&b, SLOTS, SKETCH_BYTES), 0);
	ask(a, 0, "both", 5);
	ask(b, 0, "both", 7);
	ask(a, 0, "a", 1);
	ask(b, 0, "b", 2);
	ask(b, 3, "a", 4);
	for (uint32_t i = 1; i < 9; i++) {
		sketch_add(&add(a, 0, "both")->sources, &a->budget, i * 77);
		sketch_add(&add(b, 0, "both")->sources, &b->budget, i * 77 + 77);
	}
	domains_merge(a, b);
	assert_int_equal(queries_of(a, 0, "both"), 12);
	assert_int_equal(queries_of(a, 0, "a"), 1);
	assert_int_equal(queries_of(a, 3, "a"), 4);
	assert_int_equal(queries_of(a, 0, "b"), 2);
	assert_int_equal(sketch_count(&a->entries[0].sources), 9);
	domains_free(a);
	domains_free(b);
}

/* -- what a message's domain is */

static struct collector_config domain_config(void)
{
	struct collector_config config = test_config();

	config.limits.domain_slots = SLOTS;
	config.limits.domain_sketch_bytes = SKETCH_BYTES;
	config.traits.facts = FACTS_DOMAINS;
	config.traits.domains = (struct domain_rules){.labels = 1, .zone_labels = 1};
	return config;
}

static const struct view_domain *find(const struct zone_view *zone, const char *name)
{
	for (size_t i = 0; i < zone->n_domains[DOMAINS_QUERIES]; i++) {
		const struct view_domain *domain = &zone->domains[DOMAINS_QUERIES][i];

		if (domain->length == strlen(name) + 1 &&
		    memcmp(domain->name, name, domain->length) == 0)
			return domain;
	}
	return NULL;
}

struct counted {
	struct zone_registry *registry;
	struct zone_set *zones;
	struct collector *collector;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct arena *arena;
	struct window_view view;
};

static void begin(
    struct counted *c, struct collector_config *config, const char *const *zones, size_t n)
{
	memset(c, 0, sizeof(*c));
	assert_int_equal(zone_registry_new(&c->registry), 0);
	if (n) {
		assert_int_equal(zone_set_new(&c->zones, c->registry, zones, n, &test_seed), 0);
		config->traits.zones = c->zones;
		config->traits.zone = zone_set_other(c->zones);
	} else {
		config->traits.zone = (uint16_t)zone_registry_ref(c->registry, "default");
	}
	assert_int_equal(collector_new(&c->collector, config), 0);
}

static void take(struct counted *c, enum record_type type, uint32_t client, const char *name,
    uint16_t qtype, uint8_t rcode)
{
	static uint16_t id;
	struct sample s;

	sample_init(&s, type, client, id++, T0_NS);
	sample_question(&s, name, qtype);
	s.message[3] |= rcode;
	collector_take(c->collector, &s.record, 1, T0_NS);
}

static void end(struct counted *c)
{
	const struct view_limits limits = {.domains = {20, 20, 20}, .facts = FACTS_DOMAINS};
	const struct window_span span = {0};

	assert_int_equal(collector_close(c->collector, INT64_MAX, c->shards), 1);
	assert_int_equal(arena_new(&c->arena), 0);
	assert_int_equal(view_make(&c->view, c->shards[0], &span, c->registry, &test_seed, NULL, 0,
			     &limits, c->arena),
	    0);
}

static void done(struct counted *c)
{
	arena_free(c->arena);
	shard_free(c->shards[0]);
	collector_free(c->collector);
	zone_set_free(c->zones);
	zone_registry_free(c->registry);
}

static void a_domain_is_the_zone_and_a_label(void **state UNUSED)
{
	static const char *const zones[] = {"nl", "co.example", "."};
	struct collector_config config = domain_config();
	const struct zone_view *zone;
	struct counted c;

	begin(&c, &config, zones, 3);
	take(&c, RECORD_AUTH_QUERY, 1, "\3www\7Example\2nl", 1, 0);
	take(&c, RECORD_AUTH_QUERY, 2, "\1b\1a\7eXample\2NL", 1, 0);
	take(&c, RECORD_AUTH_RESPONSE, 2, "\1b\1a\7eXample\2NL", 1, 3);
	take(&c, RECORD_AUTH_RESPONSE, 2, "\3www\7example\2nl", 1, 0);
	take(&c, RECORD_AUTH_QUERY, 2, "\2nl", 6, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\1x\1y\2co\7example", 1, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\3www\7example\3com", 1, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "", 2, 0);
	end(&c);
	assert_int_equal(c.view.n_zones, 3);
	zone = &c.view.zones[0];
	assert_string_equal(zone->label, "nl");
	assert_int_equal(zone->n_domains[DOMAINS_QUERIES], 2);
	assert_int_equal(zone->n_domains[DOMAINS_NXDOMAIN], 1);
	assert_int_equal(find(zone, "\7example\2nl")->queries, 2);
	assert_int_equal(find(zone, "\7example\2nl")->nxdomain, 1);
	assert_int_equal(find(zone, "\7example\2nl")->sources, 2);
	assert_int_equal(find(zone, "\7example\2nl")->names, 2);
	assert_true(find(zone, "\7example\2nl")->magnitude == 10);
	assert_int_equal(find(zone, "\2nl")->sources, 1);
	assert_true(find(zone, "\2nl")->magnitude == 0);
	zone = &c.view.zones[1];
	assert_int_equal(find(zone, "\1y\2co\7example")->queries, 1);
	assert_true(isnan(find(zone, "\1y\2co\7example")->magnitude));
	zone = &c.view.zones[2];
	assert_int_equal(find(zone, "\3com")->queries, 1);
	assert_int_equal(find(zone, "")->queries, 1);
	done(&c);
}

static void of_the_root_it_is_the_tld(void **state UNUSED)
{
	static const char *const zones[] = {"."};
	struct collector_config config = domain_config();
	struct counted c;

	begin(&c, &config, zones, 1);
	take(&c, RECORD_AUTH_QUERY, 1, "\3www\7example\3COM", 1, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\3net", 2, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "", 2, 0);
	end(&c);
	assert_int_equal(c.view.zones[0].n_domains[DOMAINS_QUERIES], 3);
	assert_int_equal(find(&c.view.zones[0], "\3com")->queries, 1);
	assert_int_equal(find(&c.view.zones[0], "\3net")->queries, 1);
	assert_int_equal(find(&c.view.zones[0], "")->queries, 1);
	done(&c);
}

static void public_suffixes_lie_above(void **state UNUSED)
{
	static const char *const zones[] = {"uk"},
				 *const rules[] = {"co.uk", "*.sch.uk", "!x.sch.uk"};
	struct collector_config config = domain_config();
	struct suffixes *suffixes;
	struct counted c;

	assert_int_equal(suffixes_new(&suffixes, rules, 3, &test_seed), 0);
	config.traits.domains.suffixes = suffixes;
	begin(&c, &config, zones, 1);
	take(&c, RECORD_AUTH_QUERY, 1, "\3www\7example\2co\2uk", 1, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\2co\2uk", 2, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\3www\2ac\2uk", 2, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\1a\1b\1c\3sch\2uk", 2, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\1a\1b\1x\3sch\2uk", 2, 0);
	end(&c);
	assert_int_equal(c.view.zones[0].n_domains[DOMAINS_QUERIES], 5);
	assert_non_null(find(&c.view.zones[0], "\7example\2co\2uk"));
	assert_non_null(find(&c.view.zones[0], "\2co\2uk"));
	assert_non_null(find(&c.view.zones[0], "\2ac\2uk"));
	assert_non_null(find(&c.view.zones[0], "\1b\1c\3sch\2uk"));
	assert_non_null(find(&c.view.zones[0], "\1x\3sch\2uk"));
	done(&c);
	suffixes_free(suffixes);
}

static void without_the_dataset_there_are_none(void **state UNUSED)
{
	struct collector_config config = domain_config();
	struct counted c;

	config.traits.facts = 0;
	begin(&c, &config, NULL, 0);
	take(&c, RECORD_AUTH_QUERY, 1, "\3www\7example\2nl", 1, 0);
	end(&c);
	assert_int_equal(c.view.zones[0].n_domains[DOMAINS_QUERIES], 0);
	done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_exact_while_there_is_room),
	    cmocka_unit_test(a_dictionary_sweeps_nothing_out),
	    cmocka_unit_test(sketches_share_a_budget),
	    cmocka_unit_test(seats_merge),
	    cmocka_unit_test(a_domain_is_the_zone_and_a_label),
	    cmocka_unit_test(of_the_root_it_is_the_tld),
	    cmocka_unit_test(public_suffixes_lie_above),
	    cmocka_unit_test(without_the_dataset_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
