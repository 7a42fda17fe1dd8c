/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks inside a mix like that of a TLD's nameserver, and days of such a mix without any. */
#include "attack/attack.h"

#include "base/clock.h"
#include "base/unused.h"
#include "zones/name_hash.h"

#include "../random.h"

#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW_NS  (10 * (uint64_t)NS_PER_S)
#define A_DAY      8640 /* windows */
#define HALF_HOUR  180
#define RESOLVERS  400
#define DOMAINS    30
#define PUBLIC_ASN 64500

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

static const struct attack_limits limits = {.names = 5000,
    .nxdomain_share = 0.9,
    .response_bytes = 1000000,
    .amplification = 10,
    .question_share = 0.8,
    .query_share = 0.2,
    .queries = 6000,
    .times = 10};

struct mix {
	struct attacks *attacks;
	struct domains *domains;
	struct sources sources;
	struct attacks_now now;
	uint64_t random;
	int64_t start_ns;
	unsigned window;
	double busy; /* of all clients, times */
};

static void begin(struct mix *mix)
{
	*mix = (struct mix){.random = 4711, .start_ns = 1700000000 * NS_PER_S, .busy = 1};
	assert_int_equal(attacks_new(&mix->attacks, &seed), 0);
	assert_int_equal(domains_new(&mix->domains, 256, 4 << 20), 0);
	assert_int_equal(sources_init(&mix->sources, 4096), 0);
	assert_int_equal(sources_want_traits(&mix->sources, true), 0);
}

static void end(struct mix *mix)
{
	attacks_free(mix->attacks);
	domains_free(mix->domains);
	sources_done(&mix->sources);
}

static double random_share(struct mix *mix)
{
	return (double)random_below(&mix->random, 1000000) / 1e6;
}

/* Each address once a window. */
static void keep(struct mix *mix, const struct source *source, const struct source_traits *traits)
{
	struct source *slot =
	    sources_at(&mix->sources, source_hash(&seed, source->address, source->zone_family),
		source->address, source->zone_family);

	assert_non_null(slot);
	*slot = *source;
	*sources_traits(slot) = *traits;
}

/* n from an address of an AS, with so many bytes sent back for each byte, of so many questions. */
static void ask(struct mix *mix, uint32_t address, uint32_t asn, uint32_t n, uint32_t bytes,
    double amplification, unsigned questions)
{
	struct source source = {.zone_family = SOURCE_IPV4, .transports = 1, .queries = n};
	struct source_traits traits = {.query_bytes = n * bytes};

	memcpy(source.address, &(uint32_t){htonl(address)}, 4);
	source.responses = n;
	traits.response_bytes = (uint32_t)((double)traits.query_bytes * amplification);
	for (uint32_t i = 0; i < n; i++)
		traits_vote(&traits.question, &traits.votes,
		    (uint32_t)random_below(&mix->random, questions) + 1, 1);
	attacks_source(mix->attacks, &source, &traits, asn);
	keep(mix, &source, &traits);
}

/* n queries for a domain, with so many names, of which a share does not exist. */
static void want(struct mix *mix, unsigned number, uint32_t n, uint32_t names, double nxdomain)
{
	uint8_t wire[32];
	struct domain *domain;
	size_t length;

	length = (size_t)snprintf((char *)wire, sizeof(wire), "%cd%03u%cnl", 4, number, 2) + 1;
	domain = domains_at(
	    mix->domains, name_hash(&seed, wire, length), DOMAIN_NOWHERE, 0, wire, length);
	assert_non_null(domain);
	domain->queries += n;
	domain->nxdomain += (uint32_t)(n * nxdomain);
	for (uint32_t i = 0; i < names; i++)
		sketch_add(&domain->names, &mix->domains->budget,
		    (uint32_t)(hash_u64x3(&seed, number, mix->window, i) >> 32));
}

/*
 * Everybody asks more or less, by the time of day and for a second or for minutes; a resolver of a
 * quarter of all traffic, over many addresses of one subnet, and large signed answers.
 */
static void usual(struct mix *mix)
{
	const double day = 1 + 0.6 * sin(mix->window * 2 * M_PI / A_DAY);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < RESOLVERS; i++) {
		const double burst = random_below(&mix->random, 200) ? 1 : 8;
		const uint32_t n = (uint32_t)(20 * day * mix->busy * burst *
		    (0.5 + random_share(mix)) * (i % 7 ? 1 : 4));

		ask(mix, 0x0a000000 + i * 4096, 64600 + i % 60, n, 60, i % 3 ? 6 : 14, 40);
		sum += n;
	}
	for (uint32_t i = 0; i < 8; i++)
		ask(mix, 0x0b000000 + i, PUBLIC_ASN, sum / 24, 60, 12, 200);
	for (unsigned i = 0; i < DOMAINS; i++)
		want(mix, i, (uint32_t)((double)sum / (i + 2) * (0.7 + 0.6 * random_share(mix))),
		    10 + i * 8, i % 5 ? 0.2 : 0.95);
}

static void window_begin(struct mix *mix)
{
	attacks_begin(mix->attacks, mix->start_ns, WINDOW_NS, &limits);
	domains_clear(mix->domains);
	sources_clear(&mix->sources, 4096);
}

static void window_end(struct mix *mix)
{
	attacks_sum(mix->attacks, &mix->sources);
	attacks_domains(mix->attacks, mix->domains);
	attacks_finish(mix->attacks, &mix->now);
	mix->start_ns += (int64_t)WINDOW_NS;
	mix->window++;
}

static void quiet(struct mix *mix, unsigned windows)
{
	for (unsigned i = 0; i < windows; i++) {
		window_begin(mix);
		usual(mix);
		window_end(mix);
		if (mix->now.n)
			fail_msg("window %u: %s of %.2f", mix->window,
			    attack_kind_name((enum attack_kind)mix->now.list[0].kind),
			    mix->now.list[0].share);
	}
}

/* `attack` adds a part of what a whole window of it has. */
typedef void attack_function(struct mix *mix, double part);

/*
 * Begins and ends in the middle of windows, as none keeps to their edges; it is there within two
 * windows, all of the time, and gone within two.
 */
static const struct attack *play(struct mix *mix, attack_function *attack, unsigned windows)
{
	static struct attack named;

	window_begin(mix);
	usual(mix);
	attack(mix, 0.3);
	window_end(mix);
	for (unsigned i = 0; i < windows; i++) {
		window_begin(mix);
		usual(mix);
		attack(mix, 1);
		window_end(mix);
		assert_int_equal(mix->now.n, 1);
		assert_int_equal(mix->now.n_ended, 0);
	}
	named = mix->now.list[0];
	assert_true(mix->start_ns - named.since_ns >= (int64_t)(windows * WINDOW_NS));
	window_begin(mix);
	usual(mix);
	attack(mix, 0.3);
	window_end(mix);
	for (unsigned i = 0; i < 2; i++) {
		window_begin(mix);
		usual(mix);
		window_end(mix);
	}
	assert_int_equal(mix->now.n, 0);
	quiet(mix, 30);
	return &named;
}

static void random_names(struct mix *mix, double part)
{
	/* Through the resolvers that there are. */
	for (uint32_t i = 0; i < RESOLVERS; i++)
		ask(mix, 0x0a000000 + i * 4096, 64600 + i % 60, (uint32_t)(10 * part), 60, 2, 1000);
	want(mix, 28, (uint32_t)(4000 * part), (uint32_t)(4000 * part), 0.99);
}

static void random_subdomains_are_named(void **state UNUSED)
{
	const struct attack *attack;
	struct mix mix;

	begin(&mix);
	quiet(&mix, 3); /* needs no hour */
	attack = play(&mix, random_names, 60);
	assert_int_equal(attack->kind, ATTACK_RANDOM_SUBDOMAIN);
	assert_int_equal(attack->subject.form, SUBJECT_DOMAIN);
	assert_string_equal((const char *)attack->subject.name, "\4d028\2nl");
	end(&mix);
}

/* A wildcard answers: nothing is NXDOMAIN, but the domain never had so many names. */
static void wildcard_names(struct mix *mix, double part)
{
	want(mix, 29, (uint32_t)(5000 * part), (uint32_t)(5000 * part), 0);
}

static void random_names_below_a_wildcard_are_named(void **state UNUSED)
{
	const struct attack *attack;
	struct mix mix;

	begin(&mix);
	quiet(&mix, HALF_HOUR);
	attack = play(&mix, wildcard_names, 200);
	assert_int_equal(attack->kind, ATTACK_RANDOM_SUBDOMAIN);
	assert_string_equal((const char *)attack->subject.name, "\4d029\2nl");
	end(&mix);
}

/* Of a window of that length in which one client is sent so many answers of 1,200 bytes. */
static bool named_reflection(uint64_t length_ns, uint32_t answers)
{
	struct mix mix;
	bool named;

	begin(&mix);
	attacks_begin(mix.attacks, mix.start_ns, length_ns, &limits);
	ask(&mix, 0xc6336407, 0, answers, 30, 40, 1);
	window_end(&mix);
	named = mix.now.n == 1;
	end(&mix);
	return named;
}

/* 1,000,000 bytes a minute are 70 such answers in five seconds: no less is enough of a second, nor
 * of what is left of a window after a start. 17 KB are no attack. */
static void a_burst_is_not_the_rate_of_a_minute(void **state UNUSED)
{
	const uint64_t second_ns = NS_PER_S;

	assert_false(named_reflection(second_ns, 14));
	assert_false(named_reflection(second_ns / 10, 69));
	assert_false(named_reflection(second_ns, 69));
	assert_true(named_reflection(second_ns, 70));
	assert_false(named_reflection(5 * second_ns, 69));
	assert_true(named_reflection(5 * second_ns, 70));
	assert_false(named_reflection(60 * second_ns, 833));
	assert_true(named_reflection(60 * second_ns, 834));
}

static void reflect(struct mix *mix, double part)
{
	ask(mix, 0xc6336407, 0, (uint32_t)(400 * part), 30, 40, 1);
}

static void reflections_are_named(void **state UNUSED)
{
	const struct attack *attack;
	struct mix mix;

	begin(&mix);
	quiet(&mix, 3);
	attack = play(&mix, reflect, 60);
	assert_int_equal(attack->kind, ATTACK_REFLECTION);
	assert_int_equal(attack->subject.form, SUBJECT_ADDRESS);
	assert_memory_equal(attack->subject.address, "\xc6\x33\x64\x07", 4);
	assert_int_equal(attack->response_bytes, 400 * 30 * 40);
	end(&mix);
}

static void flood_from_a_subnet(struct mix *mix, double part)
{
	for (uint32_t i = 0; i < 250; i++)
		ask(mix, 0xcb007100 + i, 64700, (uint32_t)(40 * part), 60, 6, 100);
}

static void flood_from_an_as(struct mix *mix, double part)
{
	for (uint32_t i = 0; i < 200; i++)
		ask(mix, 0x50000000 + i * 65536, 64701, (uint32_t)(50 * part), 60, 6, 100);
}

static void floods_are_named(void **state UNUSED)
{
	const struct attack *attack;
	struct mix mix;

	begin(&mix);
	quiet(&mix, HALF_HOUR);
	/* Longer than the hour would take to learn it. */
	attack = play(&mix, flood_from_a_subnet, 400);
	assert_int_equal(attack->kind, ATTACK_FLOOD);
	assert_int_equal(attack->subject.form, SUBJECT_SUBNET);
	assert_int_equal(attack->subject.prefix, 24);
	assert_memory_equal(attack->subject.address, "\xcb\x00\x71\x00", 4);
	attack = play(&mix, flood_from_an_as, 60);
	assert_int_equal(attack->kind, ATTACK_FLOOD);
	assert_int_equal(attack->subject.form, SUBJECT_ASN);
	assert_int_equal(attack->subject.asn, 64701);
	end(&mix);
}

/* A day, with an hour in which all ask six times as much, and with the public resolver from the
 * first window on. */
static void a_day_gives_no_false_alarm(void **state UNUSED)
{
	struct mix mix;

	begin(&mix);
	quiet(&mix, A_DAY / 2);
	mix.busy = 6;
	quiet(&mix, 360);
	mix.busy = 1;
	quiet(&mix, A_DAY / 2 - 360);
	end(&mix);
}

/* As many as may be of a kind, and no more. */
static void of_a_kind_there_are_eight(void **state UNUSED)
{
	struct mix mix;

	begin(&mix);
	window_begin(&mix);
	for (uint32_t i = 0; i < 1000; i++)
		ask(&mix, 0xc6336400 + i, 0, 400, 30, 40, 1);
	for (unsigned i = 0; i < 100; i++)
		want(&mix, i, 2000, 2000, 1);
	window_end(&mix);
	assert_int_equal(mix.now.n, 2 * ATTACKS_MAX);
	assert_int_equal(mix.now.list[0].kind, ATTACK_RANDOM_SUBDOMAIN);
	assert_int_equal(mix.now.list[ATTACKS_MAX].kind, ATTACK_REFLECTION);
	end(&mix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_subdomains_are_named),
	    cmocka_unit_test(a_burst_is_not_the_rate_of_a_minute),
	    cmocka_unit_test(random_names_below_a_wildcard_are_named),
	    cmocka_unit_test(reflections_are_named),
	    cmocka_unit_test(floods_are_named),
	    cmocka_unit_test(a_day_gives_no_false_alarm),
	    cmocka_unit_test(of_a_kind_there_are_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
