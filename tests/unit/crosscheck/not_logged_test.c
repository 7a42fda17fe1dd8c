/* SPDX-License-Identifier: BSD-2-Clause */
#include "../crosscheck_fixture.h"
#include "base/unused.h"

#include "crosscheck/not_logged.h"

static enum producer recognise(const char *version)
{
	return producer_recognise(version, strlen(version));
}

static void producers_are_known_by_their_versions(void **state UNUSED)
{
	assert_int_equal(recognise("Knot DNS 3.2.6"), PRODUCER_KNOT);
	assert_int_equal(recognise("NSD 4.6.1"), PRODUCER_NSD);
	assert_int_equal(recognise("BIND 9.18.33-1~deb12u2-Debian"), PRODUCER_BIND);
	assert_int_equal(recognise("unbound 1.17.1"), PRODUCER_UNBOUND);
	assert_int_equal(recognise("dnsdist 1.7.3"), PRODUCER_DNSDIST);
	assert_int_equal(recognise("pdns-recursor 4.8.8"), PRODUCER_RECURSOR);
	assert_int_equal(recognise("Knot Resolver 5.7.4"), PRODUCER_OTHER);
	assert_int_equal(recognise("9.18.33"), PRODUCER_OTHER);
	assert_int_equal(recognise(""), PRODUCER_OTHER);
	assert_int_equal(producer_recognise(NULL, 0), PRODUCER_OTHER);
	/* Not terminated: the length counts. */
	assert_int_equal(producer_recognise("knot dns", 7), PRODUCER_OTHER);
}

static void clocks_of_producers(void **state UNUSED)
{
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(
		    producer_lag_ns((enum producer)i), (i == PRODUCER_BIND ? 10 : 5) * NS_PER_MS);
}

struct world {
	struct not_logged known;
	struct wire_interface interfaces[2];
	struct wire_window wire;
	struct not_logged_window window;
	enum producer producers[2];
};

static void world_init(struct world *world, enum producer producer)
{
	memset(world, 0, sizeof(*world));
	for (int i = 0; i < 2; i++) {
		world->interfaces[i].mode = "native";
		world->interfaces[i].egress = true;
	}
	world->wire = (struct wire_window){.interfaces = world->interfaces, .n_interfaces = 2};
	world->producers[0] = producer;
	world->window = (struct not_logged_window){.producers = world->producers,
	    .n_producers = 1,
	    .wire = &world->wire,
	    .balanced = true};
}

static uint64_t *class_of(struct world *world, enum wire_class class)
{
	const bool out = class >= WIRE_CLASS_REFUSED;

	/* Both interfaces count. */
	return &world->interfaces[class & 1].counters[out ? WIRE_OUT : WIRE_IN].classes[class];
}

/* Each class counts with a power of two. */
static int64_t classes_of(enum producer producer)
{
	struct world world;

	world_init(&world, producer);
	for (int i = 0; i < WIRE_CLASSES; i++)
		*class_of(&world, (enum wire_class)i) = (uint64_t)1 << i;
	return not_logged_add(&world.known, &world.window);
}

#define CLASS(id) (1 << WIRE_CLASS_##id)

static void each_producer_has_its_classes(void **state UNUSED)
{
	assert_int_equal(classes_of(PRODUCER_OTHER), 0);
	assert_int_equal(classes_of(PRODUCER_NSD), 0);
	assert_int_equal(classes_of(PRODUCER_KNOT),
	    CLASS(QUESTIONS) | CLASS(FAULT) | CLASS(FAULT_CHAOS) | CLASS(FAULT_OTHER) |
		CLASS(FORMERR_META));
	assert_int_equal(classes_of(PRODUCER_KNOT_ZONES),
	    CLASS(QUESTIONS) | CLASS(CHAOS) | CLASS(OTHER) | CLASS(REFUSED) | CLASS(NOTIMP) |
		CLASS(FAULT));
	assert_int_equal(classes_of(PRODUCER_BIND),
	    CLASS(QUESTIONS) | CLASS(OTHER) | CLASS(NOTAUTH) | CLASS(FAULT) | CLASS(FAULT_CHAOS));
}

static void classes_count_if_no_producer_logs_them(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_KNOT_ZONES);
	*class_of(&world, WIRE_CLASS_CHAOS) = 1;
	*class_of(&world, WIRE_CLASS_FAULT) = 10;
	world.window.n_producers = 0;
	assert_int_equal(not_logged_add(&world.known, &world.window), 0);
	world_init(&world, PRODUCER_KNOT_ZONES);
	*class_of(&world, WIRE_CLASS_CHAOS) = 1;
	*class_of(&world, WIRE_CLASS_FAULT) = 10;
	world.producers[1] = PRODUCER_BIND;
	world.window.n_producers = 2;
	assert_int_equal(
	    not_logged_add(&world.known, &world.window), 10); /* Knot's CHAOS may be BIND's */
	world.producers[1] = PRODUCER_NSD;
	*class_of(&world, WIRE_CLASS_FAULT) = 0;
	assert_int_equal(not_logged_add(&world.known, &world.window), -10); /* taken back */
}

/* Names outside, answered with REFUSED; others; and what dnstap has of both. */
static int64_t add(struct world *world, uint64_t refused, uint64_t others, uint64_t dnstap_refused,
    uint64_t dnstap_others)
{
	*class_of(world, WIRE_CLASS_REFUSED) = refused;
	world->interfaces[0].counters[WIRE_OUT].cells[WIRE_UDP][PACKET_IPV6].messages =
	    refused + others + *class_of(world, WIRE_CLASS_CHAOS);
	world->window.dnstap_responses = dnstap_refused + dnstap_others;
	world->window.dnstap_refused = dnstap_refused;
	return not_logged_add(&world->known, &world->window);
}

static void knot_at_zones_shows_by_what_it_refuses(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_KNOT);
	/* Too few to tell; then all are made up for. */
	assert_int_equal(add(&world, 7, 100, 0, 100), 0);
	assert_int_equal(add(&world, 0, 100, 0, 100), 0);
	assert_int_equal(add(&world, 5, 100, 0, 100), 12);
	assert_int_equal(add(&world, 3, 100, 0, 100), 3);
	/* CHAOS is answered, too, and says nothing of how good the tap is. */
	*class_of(&world, WIRE_CLASS_CHAOS) = 5000;
	assert_int_equal(add(&world, 3, 100, 0, 100), 5003);
	assert_true(world.known.zones);
}

static void knot_that_logs_everything_shows_at_once(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_KNOT);
	assert_int_equal(add(&world, 1000, 100, 990, 100), 0);
	assert_int_equal(add(&world, 1000, 100, 0, 100), 0); /* known for good */
	assert_false(world.known.zones);
	/* The other way round: what was said is taken back, once. */
	world_init(&world, PRODUCER_KNOT);
	assert_int_equal(add(&world, 20, 100, 0, 100), 20);
	assert_int_equal(add(&world, 5, 100, 1, 100), -20);
	assert_int_equal(add(&world, 20, 100, 0, 100), 0);
}

static void a_tap_that_shows_nothing_is_no_evidence(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_KNOT);
	assert_int_equal(add(&world, 1000, 0, 0, 0), 0);
	assert_int_equal(add(&world, 1000, 1000, 0, 0), 0);
	assert_int_equal(add(&world, 1000, 1000, 0, 400), 0); /* loses most */
	assert_int_equal(add(&world, 0, 1000, 0, 1400), 3000);
}

static void another_nameserver_is_what_its_version_says(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_NSD);
	assert_int_equal(add(&world, 100, 100, 0, 100), 0);
	world_init(&world, PRODUCER_BIND);
	assert_int_equal(add(&world, 100, 100, 0, 100), 0);
}

static void a_new_connection_is_learned_anew(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_KNOT);
	assert_int_equal(add(&world, 20, 100, 0, 100), 20);
	world.window.connected = true;
	assert_int_equal(add(&world, 1, 10, 0, 10), 1); /* taken for what it was */
	world.window.connected = false;
	assert_int_equal(add(&world, 4, 10, 4, 10), -1); /* but now it logs all */
	world.window.connected = true;
	assert_int_equal(add(&world, 4, 10, 0, 10), 0);
	world.window.connected = false;
	assert_int_equal(add(&world, 4, 10, 0, 10), 8); /* and now it does not */
	world.window.changed = true;
	assert_int_equal(add(&world, 4, 10, 0, 10), 0); /* who knows who that is */
}

/* What the balance does not hold is not made up for. */
static void windows_out_of_the_balance_stand_alone(void **state UNUSED)
{
	struct world world;

	world_init(&world, PRODUCER_KNOT);
	world.window.balanced = false;
	assert_int_equal(add(&world, 5, 100, 0, 100), 0);
	assert_int_equal(add(&world, 4, 100, 0, 100), 4);
	world.window.balanced = true;
	assert_int_equal(add(&world, 2, 100, 0, 100), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(producers_are_known_by_their_versions),
	    cmocka_unit_test(clocks_of_producers),
	    cmocka_unit_test(each_producer_has_its_classes),
	    cmocka_unit_test(classes_count_if_no_producer_logs_them),
	    cmocka_unit_test(knot_at_zones_shows_by_what_it_refuses),
	    cmocka_unit_test(knot_that_logs_everything_shows_at_once),
	    cmocka_unit_test(a_tap_that_shows_nothing_is_no_evidence),
	    cmocka_unit_test(another_nameserver_is_what_its_version_says),
	    cmocka_unit_test(a_new_connection_is_learned_anew),
	    cmocka_unit_test(windows_out_of_the_balance_stand_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
