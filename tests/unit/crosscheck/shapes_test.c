/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic of any shape, seen by two witnesses whose clocks differ by up to the producer's lag. The
 * verdict names no loss where there was none, and names each that is beyond the threshold and what
 * may be next door. A case that fails says its seed: CROSSTAP_SEED=n runs that one alone.
 */
#include "../crosscheck_fixture.h"
#include "../random.h"

#include <stdio.h>

#define MS          ((int64_t)NS_PER_MS)
#define CASES       3000
#define MAX_WINDOWS 48
#define MAX_PARTS   5
#define MAX_HORIZON 10
#define FAMILIES    CROSSCHECK_FAMILIES

/* Of query_time - arrival. */
enum lag {
	LAG_NONE,
	LAG_CONSTANT,
	LAG_JITTER, /* anything from one extreme to the other */
	LAG_TURNS,  /* another one in each window */
	LAG_EDGES,  /* what can cross an edge does, all of it one way, by chance at each edge */
	LAGS
};

enum shape { BURST, EDGE_BURST, EVERY_EDGE, STEADY, RAMP_UP, RAMP_DOWN, SHAPES };

/* What happens to a window besides. */
enum kind { PLAIN, CHANGED, CLOCK_SET, WIRE_LOST };

struct part {
	enum shape shape;
	int64_t start_ns, length_ns;
	uint32_t messages, weight; /* so many at a time */
};

struct window {
	uint64_t wire[FAMILIES], logged[FAMILIES], late[FAMILIES];
	uint64_t near;    /* messages that can be told to be on either side of its start */
	uint64_t waiting; /* came in, and were logged after its end */
	uint64_t queued_bytes;
	int64_t turn_ns; /* of the lag */
	int64_t flip_ns; /* at its start */
	enum kind kind;
	struct pace pace;
};

struct world {
	uint64_t random, traffic;
	int64_t interval_ns, lag_ns;
	size_t n, horizon; /* windows */
	enum lag lag;
	enum producer producers[2];
	int64_t constant_ns;
	uint32_t late; /* frames of a million that come when their window is closed */
	bool queues;   /* some of those that wait at an edge do so in a socket */
	bool started;  /* the first window is that of the agent's start */
	bool flips_late;
	bool exact; /* every window adds to the balance */
	struct part parts[MAX_PARTS];
	size_t n_parts;
	/* Lost frames: of every window from `lose_from` on, before `lose_to`, up to so many. */
	size_t lose_from, lose_to;
	uint64_t to_lose, lost;
	struct window windows[MAX_WINDOWS + 1];
};

static int64_t below(struct world *world, int64_t n)
{
	return n > 0 ? (int64_t)(random_next(&world->random) % (uint64_t)n) : 0;
}

static bool one_in(struct world *world, uint32_t n)
{
	return random_below(&world->random, n) == 0;
}

static int64_t signed_below(struct world *world, int64_t n)
{
	return below(world, 2 * n + 1) - n;
}

static int64_t end_ns(const struct world *world)
{
	return (int64_t)world->n * world->interval_ns;
}

static size_t window_of(const struct world *world, int64_t time_ns)
{
	if (time_ns < 0)
		return 0;
	return time_ns < end_ns(world) ? (size_t)(time_ns / world->interval_ns) : world->n - 1;
}

static size_t wire_window_of(const struct world *world, int64_t time_ns)
{
	const size_t w = window_of(world, time_ns);
	const int64_t since_ns = time_ns - (int64_t)w * world->interval_ns;

	return w && since_ns < world->windows[w].flip_ns ? w - 1 : w;
}

static int64_t lag_of(struct world *world, int64_t at_ns)
{
	const int64_t since_ns = at_ns % world->interval_ns,
		      left_ns = world->interval_ns - since_ns;
	const size_t w = window_of(world, at_ns);

	switch (world->lag) {
	case LAG_CONSTANT:
		return world->constant_ns;
	case LAG_JITTER:
		return signed_below(world, world->lag_ns);
	case LAG_TURNS:
		return world->windows[w].turn_ns;
	case LAG_EDGES:
		if (since_ns < world->lag_ns && world->windows[w].turn_ns < 0)
			return -world->lag_ns;
		return left_ns < world->lag_ns && world->windows[w + 1].turn_ns >= 0 ? world->lag_ns
										     : 0;
	default:
		return 0;
	}
}

static bool is_lost(struct world *world, size_t w)
{
	if (w < world->lose_from || w >= world->lose_to || world->lost >= world->to_lose)
		return false;
	/* Spread over its windows, but for the last of them, which has the rest. */
	return w + 1 == world->lose_to || one_in(world, 3);
}

static void log_message(struct world *world, int64_t at_ns, unsigned family, size_t wire_window)
{
	const int64_t stamp_ns = at_ns + lag_of(world, at_ns);
	const size_t w = window_of(world, stamp_ns);
	struct window *window = &world->windows[w];

	for (size_t i = wire_window; i < w; i++)
		world->windows[i].waiting++;
	if (world->late && w + 1 < world->n &&
	    random_below(&world->random, 1000000) < world->late) {
		window[1].logged[family]++;
		window[1].late[family]++;
		return;
	}
	window->logged[family]++;
	pace_add(&window->pace, pace_row(DIR_QUERY, TRANSPORT_UDP, family),
	    stamp_ns - (int64_t)w * world->interval_ns, (uint64_t)world->interval_ns,
	    pace_shift((uint64_t)world->interval_ns));
}

/* Counted for the promise that a loss is named: all that an edge can blur. */
static void note_near(struct world *world, int64_t at_ns)
{
	const size_t w = window_of(world, at_ns);
	const int64_t since_ns = at_ns - (int64_t)w * world->interval_ns;
	const int64_t reach_ns = 2 * world->lag_ns + 2 * MS;
	const int64_t flip_ns = world->windows[w].flip_ns;
	/* After a late flip in whole slices. */
	const int64_t slice_ns = world->lag_ns + flip_ns < (int64_t)PACE_NEAR_NS
	    ? 0
	    : INT64_C(1) << pace_shift((uint64_t)world->interval_ns);

	if (since_ns <= reach_ns + flip_ns + slice_ns)
		world->windows[w].near++;
	if (world->interval_ns - since_ns <= reach_ns)
		world->windows[w + 1].near++;
}

static void arrive(struct world *world, int64_t at_ns, uint32_t weight)
{
	const unsigned family = random_below(&world->random, FAMILIES);
	size_t w;

	if (at_ns < 0 || at_ns >= end_ns(world))
		return;
	w = wire_window_of(world, at_ns);
	for (uint32_t i = 0; i < weight; i++) {
		world->windows[w].wire[family]++;
		note_near(world, at_ns);
		if (is_lost(world, w))
			world->lost++;
		else
			log_message(world, at_ns, family, w);
	}
}

static double square_root(double x)
{
	double root = x > 1 ? x : 1;

	for (int i = 0; i < 24; i++)
		root = (root + x / root) / 2;
	return root;
}

static int64_t time_in(struct world *world, const struct part *part)
{
	const double where = (double)random_below(&world->random, 1000000) / 1e6;
	const size_t edge = 1 + random_below(&world->random, (uint32_t)world->n - 1);

	switch (part->shape) {
	case RAMP_UP:
		return part->start_ns + (int64_t)((double)part->length_ns * square_root(where));
	case RAMP_DOWN:
		return part->start_ns +
		    (int64_t)((double)part->length_ns * (1 - square_root(where)));
	case EVERY_EDGE:
		return (int64_t)edge * world->interval_ns + part->start_ns % (5 * MS) - 5 * MS / 2 +
		    (int64_t)(where * (double)(part->length_ns % MS));
	default:
		return part->start_ns + (int64_t)((double)part->length_ns * where);
	}
}

static void make_part(struct world *world, struct part *part)
{
	const int64_t end = end_ns(world);

	part->shape = (enum shape)random_below(&world->random, SHAPES);
	part->messages = 1 + random_below(&world->random, one_in(world, 4) ? 3000 : 400);
	part->weight = one_in(world, 3) ? 1 + random_below(&world->random, 20) : 1;
	part->start_ns = below(world, end);
	switch (part->shape) {
	case EDGE_BURST:
		part->start_ns =
		    part->start_ns / world->interval_ns * world->interval_ns - below(world, 8 * MS);
		part->length_ns = 1 + below(world, 10 * MS);
		break;
	case BURST:
	case EVERY_EDGE:
		part->length_ns = 1 + below(world, 100 * MS);
		break;
	default:
		part->length_ns = 1 + below(world, end - part->start_ns);
	}
}

static void make_windows(struct world *world, bool plain)
{
	const int64_t latest_flip = one_in(world, 3) ? world->interval_ns / 2
	    : one_in(world, 2)                       ? 4 * MS
						     : 0;

	world->flips_late = latest_flip != 0;
	world->exact = true;
	for (size_t w = 0; w <= world->n; w++) {
		struct window *window = &world->windows[w];

		memset(window, 0, sizeof(*window));
		window->turn_ns = signed_below(world, world->lag_ns);
		window->flip_ns = w > 1 && one_in(world, 2) ? below(world, latest_flip) : 0;
		window->kind = plain || !one_in(world, 12)
		    ? PLAIN
		    : (enum kind)(1 + random_below(&world->random, 3));
		world->exact &= window->kind == PLAIN || window->kind == CLOCK_SET;
	}
}

static void make_world(struct world *world, uint64_t seed, bool plain)
{
	static const int64_t intervals[] = {1000 * MS, 2000 * MS, 10000 * MS, 60000 * MS};
	static const enum producer producers[] = {
	    PRODUCER_OTHER, PRODUCER_NSD, PRODUCER_UNBOUND, PRODUCER_BIND};

	*world = (struct world){
	    .random = seed * 0x9e3779b97f4a7c15 + 1, .traffic = seed * 0xd1342543de82ef95};
	(void)random_next(&world->random);
	world->interval_ns = intervals[random_below(&world->random, 4)];
	world->horizon = 1 + random_below(&world->random, MAX_HORIZON);
	world->n = 8 + random_below(&world->random, MAX_WINDOWS - 8);
	for (size_t i = 0; i < 2; i++)
		world->producers[i] = producers[random_below(&world->random, 4)];
	world->lag_ns =
	    (int64_t)(producer_lag_ns(world->producers[0]) > producer_lag_ns(world->producers[1])
		    ? producer_lag_ns(world->producers[0])
		    : producer_lag_ns(world->producers[1]));
	world->lag = (enum lag)random_below(&world->random, LAGS);
	world->constant_ns = one_in(world, 2) ? signed_below(world, world->lag_ns)
	    : one_in(world, 2)                ? -world->lag_ns
					      : world->lag_ns;
	world->started = one_in(world, 2);
	/* What waits at the very first edge is learned in the agent's first window. */
	world->queues = world->started && one_in(world, 2);
	make_windows(world, plain);
	/* Not together with what moves a message over an edge: it would cross two. */
	if (world->lag == LAG_NONE && !world->flips_late)
		world->late = random_below(&world->random, 300000);
	world->n_parts = 1 + random_below(&world->random, MAX_PARTS);
	for (size_t i = 0; i < world->n_parts; i++)
		make_part(world, &world->parts[i]);
}

static void play(struct world *world)
{
	static const uint32_t bytes[] = {768, 1280, 2304, 4608};
	const uint64_t random = world->random;
	uint64_t number = world->traffic;

	for (size_t i = 0; i < world->n_parts; i++) {
		const struct part *part = &world->parts[i];

		/* Each has its own chances, whatever became of those before it. */
		for (uint32_t m = 0; m < part->messages; m++) {
			world->random = (number += 0x9e3779b97f4a7c15) | 1;
			(void)random_next(&world->random);
			arrive(world, time_in(world, part), part->weight);
		}
	}
	for (size_t w = 0; w < world->n; w++) {
		struct window *window = &world->windows[w];

		if (world->queues)
			window->queued_bytes =
			    (uint64_t)below(world, (int64_t)window->waiting + 1) *
			    bytes[random_below(&world->random, 4)];
	}
	world->random = random;
}

/* The same traffic once more. */
static void rewind_world(struct world *world)
{
	for (size_t w = 0; w <= world->n; w++) {
		struct window *window = &world->windows[w];

		*window = (struct window){
		    .turn_ns = window->turn_ns, .flip_ns = window->flip_ns, .kind = window->kind};
	}
	world->lost = 0;
}

static enum verdict close_window(struct fixture *f, const struct world *world, size_t w)
{
	const struct window *window = &world->windows[w];

	fixture_quiet(f);
	for (unsigned a = 0; a < FAMILIES; a++) {
		fixture_cell(f, WIRE_IN, WIRE_UDP, a)->messages = window->wire[a];
		fixture_cell(f, WIRE_OUT, WIRE_UDP, a)->messages = window->wire[a];
		f->dnstap.messages[DIR_QUERY][TRANSPORT_UDP][a] = window->logged[a];
		f->dnstap.late[DIR_QUERY][TRANSPORT_UDP][a] = window->late[a];
		f->dnstap.displaced += window->late[a];
	}
	f->dnstap.pace = &window->pace;
	f->wire.queued_bytes = window->queued_bytes;
	f->wire.flip_start_ns = (uint64_t)window->flip_ns;
	f->wire.flip_end_ns = (uint64_t)window[1].flip_ns;
	f->wire.whole = window->kind != WIRE_LOST;
	f->inputs.producers = world->producers;
	f->inputs.n_producers = 2;
	f->inputs.started = world->started && w == 0;
	f->inputs.changed = window->kind == CHANGED;
	f->inputs.clock_set = window->kind == CLOCK_SET;
	assert_int_equal(crosscheck_window(f->crosscheck, (uint64_t)world->interval_ns, &f->wire,
			     &f->dnstap, &f->inputs, f->arena, &f->result),
	    0);
	return f->result.verdict;
}

static void begin(struct fixture *f, const struct world *world)
{
	fixture_options(
	    f, (uint64_t)world->interval_ns, (uint64_t)world->interval_ns * world->horizon, false);
}

static void expect_at(const struct fixture *f, uint64_t seed, size_t w, bool good)
{
	if (!good)
		fail_msg(
		    "seed %llu: window %zu: verdict %s, balance %lld, horizon %lld unexplained",
		    (unsigned long long)seed, w, verdict_name(f->result.verdict),
		    (long long)f->result.funnel.balance, (long long)f->result.horizon.unexplained);
}

/* As many cases as there are, or the one that failed. */
static void for_each_seed(
    struct fixture *f, void (*run)(struct fixture *f, struct world *world, uint64_t seed))
{
	const char *only = getenv("CROSSTAP_SEED");
	struct world *world = malloc(sizeof(*world));

	assert_non_null(world);
	for (uint64_t seed = 1; seed <= CASES && !only; seed++)
		run(f, world, seed);
	if (only)
		run(f, world, strtoull(only, NULL, 10));
	free(world);
}

/* Up to 20 lost messages are within the threshold. */
static void without_loss(struct fixture *f, struct world *world, uint64_t seed)
{
	make_world(world, seed, false);
	world->lose_to = world->n;
	world->to_lose = one_in(world, 4) ? random_below(&world->random, 21) : 0;
	play(world);
	begin(f, world);
	for (size_t w = 0; w < world->n; w++)
		expect_at(f, seed, w, close_window(f, world, w) == VERDICT_OK);
	arena_reset(f->arena);
}

static void no_shape_makes_a_verdict(void **state)
{
	for_each_seed(*state, without_loss);
}

/* What the threshold is at most, of the horizons that end in windows `from` to `to`, and what all
 * their edges can blur. */
static uint64_t enough(const struct world *world, size_t horizon, size_t from, size_t to)
{
	uint64_t most = 0, near = 0;

	for (size_t last = from; last <= to; last++) {
		const size_t first = last + 1 > horizon ? last + 1 - horizon : world->started;
		uint64_t queries = 0;

		for (size_t w = first; w <= last; w++)
			queries += world->windows[w].wire[0] + world->windows[w].wire[1];
		most = queries / VERDICT_SHARE > most ? queries / VERDICT_SHARE : most;
		near += world->windows[first].near + world->windows[last + 1].near;
	}
	return (most > VERDICT_LEAST ? most : VERDICT_LEAST) + 2 * near;
}

/* A window with enough to lose, the last of those in which some are lost; 0: there is none. */
static size_t find_busy(struct world *world, size_t horizon)
{
	const size_t from = random_below(&world->random, (uint32_t)world->n);

	for (size_t i = 0; i < world->n; i++) {
		const size_t w = (from + i) % world->n;

		if (w > 0 && w + 1 < world->n &&
		    world->windows[w].wire[0] + world->windows[w].wire[1] >
			enough(world, horizon, w, w + 1))
			return w;
	}
	return 0;
}

static unsigned judged;

/* Frames are lost in up to as many windows as the horizon has, less one. */
static void with_loss(struct fixture *f, struct world *world, uint64_t seed)
{
	size_t horizon, named, before;

	make_world(world, seed, true);
	world->queues = false;
	world->late = 0;
	horizon = world->horizon < VERDICT_WINDOWS ? VERDICT_WINDOWS : world->horizon;
	play(world);
	named = find_busy(world, horizon) + 1;
	if (named == 1)
		return;
	before = random_below(&world->random, (uint32_t)horizon - 1);
	world->lose_to = named;
	world->lose_from = named - 1 > before ? named - 1 - before : 1;
	world->to_lose = enough(world, horizon, named - 1, named) + 1;
	rewind_world(world);
	play(world);
	assert_int_equal(world->lost, world->to_lose);
	begin(f, world);
	for (size_t w = 0; w < world->n; w++) {
		const enum verdict verdict = close_window(f, world, w);
		const bool loss = verdict == VERDICT_DNSTAP_LOSS || verdict == VERDICT_DNSTAP_BLIND;

		if (w < world->lose_from || w >= world->lose_to + horizon)
			expect_at(f, seed, w, verdict == VERDICT_OK);
		else
			expect_at(f, seed, w, w == named ? loss : loss || verdict == VERDICT_OK);
	}
	judged++;
	arena_reset(f->arena);
}

static void a_loss_is_named_and_ceases(void **state)
{
	judged = 0;
	for_each_seed(*state, with_loss);
	if (!getenv("CROSSTAP_SEED"))
		assert_true(judged > CASES / 4);
}

/* From some traffic to two quiet windows after it. */
static void balances(struct fixture *f, struct world *world, uint64_t seed)
{
	make_world(world, seed, false);
	if (!world->exact)
		return;
	world->started = false;
	world->lose_to = world->n;
	world->to_lose = random_below(&world->random, 100);
	world->n -= 3;
	play(world);
	world->n += 3;
	begin(f, world);
	fixture_quiet(f);
	fixture_close(f); /* complete: here the balance begins */
	for (size_t w = 0; w < world->n; w++)
		(void)close_window(f, world, w);
	expect_at(f, seed, world->n, f->result.funnel.balance == (int64_t)world->lost);
	arena_reset(f->arena);
}

static void the_balance_is_what_was_lost(void **state)
{
	for_each_seed(*state, balances);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(no_shape_makes_a_verdict),
	    TEST(a_loss_is_named_and_ceases),
	    TEST(the_balance_is_what_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
