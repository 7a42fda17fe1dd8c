/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A nameserver in numbers: queries arrive, are lost at a stage of their way, wait in the socket of
 * a server that stalls, and are logged with the clock of their producer. Both witnesses look at the
 * same messages through windows of their own. What the cross-check makes of it is known exactly.
 */
#include "../crosscheck_fixture.h"
#include "../random.h"

#define MS         NS_PER_MS
#define INTERVAL   NS_PER_S
#define WINDOWS    20
#define BUSY_FIRST 1 /* quiet before, and two quiet windows at least after the traffic */
#define BUSY_LAST  15
#define QUERIES    15000
#define RUNS       60

/* How often of a million. */
struct world {
	uint32_t stack, malformed, unlogged, dnstap, unanswered;
	int64_t producer_ns, jitter_ns; /* query_time - reading, at least and more */
	uint32_t flip_late_ns;          /* at most */
	int64_t stall_start, stall_end; /* of the server */
	uint32_t socket_room;           /* messages */
	uint32_t message_bytes;         /* what one is charged with in it */
	uint32_t late;                  /* frames that come when their window is closed */
	enum producer producer;
};

/* From the smallest buffers to a page. */
static const uint32_t message_bytes[] = {768, 1077, 2304, 4352};

struct counts {
	uint64_t wire, logged, responses, malformed, malformed_logged, stack, socket, unlogged;
	uint64_t displaced;
	int64_t waiting; /* in the socket at the end */
};

struct lost {
	uint64_t stack, socket, unlogged, malformed, dnstap;
};

static bool chance(uint64_t *random, uint32_t per_million)
{
	return random_below(random, 1000000) < per_million;
}

static size_t window_of(int64_t time_ns)
{
	const int64_t window = time_ns / INTERVAL;

	return window < 0 ? 0 : window >= WINDOWS ? WINDOWS - 1 : (size_t)window;
}

/* The slot is flipped late: what came meanwhile counts in the window before. */
static size_t wire_window_of(int64_t time_ns, const int64_t *flip_late_ns)
{
	size_t window = window_of(time_ns);

	return window && time_ns < (int64_t)window * INTERVAL + flip_late_ns[window] ? window - 1
										     : window;
}

/* From the socket on. The frame counts at its own time, or, late, in the window after. */
static void serve(const struct world *world, struct counts *counts, struct lost *lost,
    uint64_t *random, int64_t read_ns, bool malformed)
{
	int64_t logged_ns =
	    read_ns + world->producer_ns + random_below(random, (uint32_t)world->jitter_ns + 1);
	size_t window = window_of(logged_ns);

	if (malformed && world->producer == PRODUCER_BIND) {
		lost->malformed++;
		return;
	}
	if (chance(random, world->dnstap)) {
		/* A malformed one that is not logged is explained as such. */
		lost->malformed += malformed;
		lost->dnstap += !malformed;
		return;
	}
	if (chance(random, world->late) && window + 1 < WINDOWS) {
		window++;
		counts[window].displaced++;
	}
	counts[window].logged++;
	counts[window].malformed_logged += malformed;
}

static void arrive(const struct world *world, struct counts *counts, struct lost *lost,
    uint64_t *random, int64_t at_ns, const int64_t *flip_late_ns, uint32_t *waiting)
{
	struct counts *seen = &counts[wire_window_of(at_ns, flip_late_ns)];
	const bool malformed = chance(random, world->malformed);
	const bool stalled = at_ns >= world->stall_start && at_ns < world->stall_end;

	seen->wire++;
	seen->malformed += malformed;
	if (chance(random, world->stack)) {
		/* Drops are counted of well-formed messages: nothing is explained twice. */
		seen->malformed -= malformed;
		seen->stack++;
		lost->stack++;
		return;
	}
	if (stalled && *waiting >= world->socket_room) {
		seen->malformed -= malformed;
		seen->socket++;
		lost->socket++;
		return;
	}
	if (stalled) {
		(*waiting)++;
		for (size_t w = window_of(at_ns); w < window_of(world->stall_end); w++)
			counts[w].waiting++;
	}
	if (!malformed && chance(random, world->unlogged)) {
		seen->unlogged++;
		lost->unlogged++;
		return;
	}
	if (!chance(random, world->unanswered))
		seen->responses++;
	serve(world, counts, lost, random, stalled ? world->stall_end : at_ns, malformed);
}

/* Traffic begins and ends in the middle of a window. */
static void simulate(const struct world *world, uint64_t *random, struct counts *counts,
    struct lost *lost, int64_t *flip_late_ns)
{
	uint32_t waiting = 0;

	memset(counts, 0, WINDOWS * sizeof(*counts));
	memset(lost, 0, sizeof(*lost));
	/* The first window is complete: there the balance begins. */
	flip_late_ns[0] = flip_late_ns[1] = 0;
	for (size_t w = 2; w < WINDOWS; w++)
		flip_late_ns[w] = random_below(random, world->flip_late_ns + 1);
	for (uint32_t i = 0; i < QUERIES; i++)
		arrive(world, counts, lost, random,
		    BUSY_FIRST * INTERVAL + INTERVAL / 2 +
			(BUSY_LAST - BUSY_FIRST) * INTERVAL / QUERIES * (int64_t)i +
			random_below(random, 900000),
		    flip_late_ns, &waiting);
}

static void close_window(struct fixture *f, const struct world *world, const struct counts *counts,
    size_t w, const int64_t *flip_late_ns)
{
	static struct wire_drop drop;
	const struct counts *now = &counts[w];

	fixture_quiet(f);
	fixture_udp(f, now->wire, now->logged, now->responses);
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4)->malformed = now->malformed;
	f->dnstap.malformed[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4] = now->malformed_logged;
	f->dnstap.displaced = now->displaced;
	drop = (struct wire_drop){"NO_SOCKET", now->stack, false};
	f->wire.stack_drops = &drop;
	f->wire.n_stack_drops = 1;
	f->wire.socket_drops = now->socket;
	f->wire.queued_bytes = (uint64_t)now->waiting * world->message_bytes;
	f->interface.counters[WIRE_OUT].classes[WIRE_CLASS_REFUSED] = now->unlogged;
	f->wire.flip_start_ns = (uint64_t)flip_late_ns[w];
	f->wire.flip_end_ns = w + 1 < WINDOWS ? (uint64_t)flip_late_ns[w + 1] : 0;
	f->inputs.producers = &world->producer;
	f->inputs.n_producers = 1;
	assert_int_equal(crosscheck_window(f->crosscheck, INTERVAL, &f->wire, &f->dnstap,
			     &f->inputs, f->arena, &f->result),
	    0);
}

/* Runs a world; in every window |unexplained| is within `slack` of its boundary (< 0: not looked
 * at). */
static void run(struct fixture *f, const struct world *world, uint64_t seed, struct lost *lost,
    int64_t slack, uint32_t *verdicts)
{
	struct counts counts[WINDOWS];
	int64_t flip_late_ns[WINDOWS];
	uint64_t random = seed * 0x9e3779b97f4a7c15 + 1;

	fixture_options(f, INTERVAL, 5 * INTERVAL, false);
	simulate(world, &random, counts, lost, flip_late_ns);
	*verdicts = 0;
	for (size_t w = 0; w < WINDOWS; w++) {
		close_window(f, world, counts, w, flip_late_ns);
		*verdicts |= 1u << f->result.verdict;
		if (slack >= 0)
			assert_true(llabs(f->result.funnel.unexplained) <=
			    (int64_t)f->result.funnel.boundary + slack);
	}
	arena_reset(f->arena);
}

#define SAID(verdicts, id) (((verdicts) >> VERDICT_##id & 1) == 1)

/* Delays and late flips move messages next door and back; nothing else happens. */
static void nothing_lost_ends_at_zero(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const bool bind = seed & 1;
		const struct world world = {
		    .producer_ns = bind ? -5 * MS : 10000,
		    .jitter_ns = bind ? 4 * MS : 300000,
		    .flip_late_ns = 4 * MS,
		    .malformed = bind ? 0 : 1000,
		    .producer = bind ? PRODUCER_BIND : PRODUCER_NSD,
		};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, 0, &verdicts);
		assert_int_equal(verdicts, 1u << VERDICT_OK);
		assert_int_equal(f->result.funnel.balance, 0);
		assert_true(f->result.funnel.balanced);
	}
}

/* Late frames unbalance two windows, and no sum. */
static void late_frames_end_at_zero(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const struct world world = {
		    .producer_ns = 10000, .late = 300000, .producer = PRODUCER_KNOT};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, -1, &verdicts);
		assert_int_equal(f->result.funnel.balance, 0);
	}
}

/* The server stands still for up to three seconds, and its socket holds everything. */
static void a_harmless_stall_ends_at_zero(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const int64_t start = (int64_t)(4 + seed % 7) * INTERVAL + (int64_t)seed * 7 * MS;
		const struct world world = {
		    .producer_ns = 10000,
		    .flip_late_ns = 1 * MS,
		    .stall_start = start,
		    .stall_end = start + (int64_t)(seed % 3 + 1) * INTERVAL + 3 * MS,
		    .message_bytes = message_bytes[seed % 4],
		    .socket_room = QUERIES,
		    .producer = PRODUCER_NSD,
		};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, 0, &verdicts);
		assert_int_equal(lost.socket, 0);
		assert_int_equal(verdicts, 1u << VERDICT_OK);
		assert_int_equal(f->result.funnel.balance, 0);
	}
}

/* The socket of a stalled server overflows: named, to the packet, and nothing is unexplained. */
static void an_overflow_is_named(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const struct world world = {
		    .producer_ns = 10000,
		    .flip_late_ns = 1 * MS,
		    .stall_start = 6 * INTERVAL + (int64_t)seed * 3 * MS,
		    .stall_end = 8 * INTERVAL,
		    .message_bytes = message_bytes[seed % 4],
		    .socket_room = 200 + random_below(&(uint64_t){seed}, 100),
		    .producer = PRODUCER_KNOT,
		};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, 0, &verdicts);
		assert_true(lost.socket > 500);
		assert_true(SAID(verdicts, SOCKET_LOSS));
		assert_false(SAID(verdicts, DNSTAP_LOSS));
		assert_int_equal(f->result.verdict, VERDICT_OK); /* it is over */
		assert_int_equal(f->result.funnel.balance, 0);
	}
}

static void drops_in_the_stack_are_named(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const struct world world = {.producer_ns = 10000,
		    .stack = 30000,
		    .malformed = 20000,
		    .producer = PRODUCER_NSD};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, 0, &verdicts);
		assert_true(lost.stack > 200);
		assert_true(SAID(verdicts, STACK_LOSS));
		assert_false(SAID(verdicts, DNSTAP_LOSS));
		assert_int_equal(f->result.funnel.balance, 0);
	}
}

/* What the producer never logs is no loss. */
static void what_is_never_logged_is_explained(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const struct world knot = {
		    .producer_ns = 10000, .unlogged = 200000, .producer = PRODUCER_KNOT_ZONES};
		const struct world bind = {
		    .producer_ns = -5 * MS, .malformed = 50000, .producer = PRODUCER_BIND};
		struct lost lost;
		uint32_t verdicts;

		run(f, &knot, seed, &lost, 0, &verdicts);
		assert_true(lost.unlogged > 1000);
		assert_int_equal(verdicts, 1u << VERDICT_OK);
		assert_int_equal(f->result.funnel.balance, 0);
		run(f, &bind, seed, &lost, 0, &verdicts);
		assert_true(lost.malformed > 300);
		assert_int_equal(verdicts, 1u << VERDICT_OK);
		assert_int_equal(f->result.funnel.balance, 0);
	}
}

/* Frames lost between server and collector: the balance is their number, whatever else happens. */
static void lost_frames_are_the_balance(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const struct world world = {
		    .producer_ns = 10000,
		    .jitter_ns = 500000,
		    .flip_late_ns = 8 * MS,
		    .dnstap = 20000,
		    .malformed = 5000,
		    .unlogged = 10000,
		    .late = 100000,
		    .stall_start = 9 * INTERVAL,
		    .stall_end = 11 * INTERVAL,
		    .message_bytes = message_bytes[seed % 4],
		    .socket_room = QUERIES,
		    .producer = PRODUCER_KNOT_ZONES,
		};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, -1, &verdicts);
		assert_true(lost.dnstap > 100);
		assert_int_equal(f->result.funnel.balance, lost.dnstap);
		assert_true(SAID(verdicts, DNSTAP_LOSS));
	}
}

/* Every stage at once, with chances that nobody chose. */
static void any_world_balances(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= 2 * RUNS; seed++) {
		uint64_t random = seed * 0xd1342543de82ef95;
		const int64_t stall = (int64_t)(2 + random_below(&random, 8)) * INTERVAL +
		    random_below(&random, 900) * MS;
		const struct world world = {
		    .stack = random_below(&random, 50000),
		    .malformed = random_below(&random, 50000),
		    .dnstap = random_below(&random, 3) ? random_below(&random, 50000) : 0,
		    .unlogged = random_below(&random, 50000),
		    .unanswered = random_below(&random, 50000),
		    .late = random_below(&random, 200000),
		    .producer_ns = (int64_t)random_below(&random, 10 * MS) - 5 * MS,
		    .jitter_ns = random_below(&random, 5 * MS),
		    .flip_late_ns = random_below(&random, 50 * MS),
		    .stall_start = stall,
		    .stall_end = stall + random_below(&random, 3000) * MS,
		    .message_bytes = message_bytes[seed % 4],
		    .socket_room = random_below(&random, 2000),
		    .producer = PRODUCER_KNOT_ZONES,
		};
		struct lost lost;
		uint32_t verdicts;

		run(f, &world, seed, &lost, -1, &verdicts);
		assert_int_equal(f->result.funnel.balance, lost.dnstap);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_lost_ends_at_zero),
	    TEST(late_frames_end_at_zero),
	    TEST(a_harmless_stall_ends_at_zero),
	    TEST(an_overflow_is_named),
	    TEST(drops_in_the_stack_are_named),
	    TEST(what_is_never_logged_is_explained),
	    TEST(lost_frames_are_the_balance),
	    TEST(any_world_balances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
