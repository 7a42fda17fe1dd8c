/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire over reloads, as the agent drives it: prepared, then committed or not; every mode to
 * every other, off and on again. The windows that it reports have every packet once, whatever
 * becomes of the configurations before. Needs root and BPF.
 */
#include "wire_agent.h"

#include "base/clock.h"
#include "wire/wire.h"

#define N(array)    (sizeof(array) / sizeof((array)[0]))
#define INTERVAL_NS (200 * NS_PER_MS)

struct rig {
	struct wire *wire;
	u64 in, out, wholes, last_in; /* of the windows reported */
	int64_t last_ns;
};

static void take(void *context, const struct wire_window *window, int64_t start_ns)
{
	struct rig *rig = context;

	expect(start_ns >= rig->last_ns, "windows in their order");
	rig->last_ns = start_ns;
	rig->wholes += window->watched && window->whole;
	rig->last_in = 0;
	for (size_t i = 0; i < window->n_interfaces; i++) {
		const struct wire_counters *counters = window->interfaces[i].counters;

		rig->last_in += counters[WIRE_IN].cells[WIRE_UDP][0].messages;
		rig->out += counters[WIRE_OUT].cells[WIRE_UDP][0].messages;
	}
	rig->in += rig->last_in;
}

static enum wire_on_exit on_exit_is;

static struct config *make_config(enum wire_mode mode)
{
	struct config *config = malloc(sizeof(*config));
	static struct agent agent;

	must(config != NULL, "config");
	agent_configure(&agent);
	*config = agent.config;
	config->references = 2; /* one is kept, to see that all others are given back */
	config->interval_ns = INTERVAL_NS;
	config->limits.cpu = 1.0;
	config->wire.mode = mode;
	config->wire.on_exit = on_exit_is;
	return config;
}

/* Nobody has it any more, or a part of it. */
static void forget_config(struct config *config)
{
	expect(config->references == 1, "%u references are left", config->references);
	memset(config, 0xa5, sizeof(*config));
	free(config);
}

/* Windows go on until so many are over, or `ns` are. */
static void let_pass(struct rig *rig, int64_t windows)
{
	const int64_t end_ns =
	    (clock_wall_ns(&clock_system) / (int64_t)INTERVAL_NS + windows) * (int64_t)INTERVAL_NS +
	    (int64_t)(INTERVAL_NS * 3 / 4);

	while (clock_wall_ns(&clock_system) < end_ns) {
		wire_process(rig->wire);
		wire_tick(rig->wire, clock_wall_ns(&clock_system));
		if (wire_newest(rig->wire) != INT64_MIN &&
		    wire_get(rig->wire, wire_newest(rig->wire)))
			wire_done(rig->wire, wire_newest(rig->wire) - 1);
		usleep(2000);
	}
}

/* All that was counted until now. */
static void finish(struct rig *rig)
{
	wire_cut(rig->wire, clock_wall_ns(&clock_system), false);
	wire_done(rig->wire, INT64_MAX);
}

static void reload(struct rig *rig, struct config **config, enum wire_mode mode, bool commit)
{
	struct config *next = make_config(mode), *old = *config;
	struct wire_next *prepared;
	char error[256];

	must(wire_prepare(rig->wire, next, &prepared, error, sizeof(error)) == 0, error);
	config_unref(next); /* the wire has its own */
	if (!commit) {
		wire_next_free(prepared);
		forget_config(next);
		return;
	}
	wire_commit(rig->wire, prepared, clock_wall_ns(&clock_system));
	forget_config(old);
	*config = next;
}

static struct rig *start(struct config **config, enum wire_mode mode)
{
	static struct rig rig;
	const struct wire_listener listener = {take, &rig};

	rig = (struct rig){.last_ns = INT64_MIN};
	*config = make_config(mode);
	must(wire_new(&rig.wire, *config, &clock_system, NULL, &listener) == 0, "wire_new");
	config_unref(*config);
	wire_start(rig.wire, clock_wall_ns(&clock_system));
	return &rig;
}

static void stop(struct rig *rig, struct config *config)
{
	wire_stop(rig->wire);
	wire_free(rig->wire);
	forget_config(config);
	expect_nothing();
}

static void expect_all(const struct rig *rig, u64 n)
{
	expect(rig->in == n && rig->out == n, "in %llu out %llu, sent %llu each",
	    (unsigned long long)rig->in, (unsigned long long)rig->out, (unsigned long long)n);
}

static void test_modes(void)
{
	static const enum wire_mode modes[] = {WIRE_PACKET, WIRE_NATIVE, WIRE_OFF, WIRE_PACKET,
	    WIRE_OFF, WIRE_TC, WIRE_PACKET, WIRE_GENERIC, WIRE_AUTO, WIRE_PACKET, WIRE_TC};
	struct config *config;
	struct rig *rig = start(&config, WIRE_NATIVE);
	u64 sent = 0;

	for (size_t i = 0; i < N(modes); i++) {
		ask(10);
		answer(10);
		sent += config->wire.mode == WIRE_OFF ? 0 : 10;
		reload(rig, &config, WIRE_OFF, false);
		reload(rig, &config, modes[i], true);
		let_pass(rig, (int64_t)i % 3);
	}
	finish(rig);
	expect_all(rig, sent);
	stop(rig, config);
}

/* Off and on within one window: it is one, with both parts. */
static void test_two_parts(void)
{
	struct config *config;
	struct rig *rig = start(&config, WIRE_NATIVE);

	let_pass(rig, 1);
	wire_cut(rig->wire, clock_wall_ns(&clock_system), false);
	wire_done(rig->wire, INT64_MAX);
	rig->in = rig->out = 0;
	while (clock_wall_ns(&clock_system) % (int64_t)INTERVAL_NS > (int64_t)INTERVAL_NS / 10)
		usleep(500);
	wire_tick(rig->wire, clock_wall_ns(&clock_system));
	ask(7);
	answer(7);
	reload(rig, &config, WIRE_OFF, true);
	expect(wire_fd(rig->wire) == -1, "nothing to wait for");
	reload(rig, &config, WIRE_TC, true);
	ask(5);
	answer(5);
	finish(rig);
	expect_all(rig, 12);
	stop(rig, config);
}

/* Programs that are kept count on while the wire is off, and a watch adopts what was not reported:
 * not what waits for its report since before. */
static void test_kept(void)
{
	struct config *config;
	struct rig *rig;

	on_exit_is = WIRE_KEEP;
	rig = start(&config, WIRE_NATIVE);
	let_pass(rig, 1);
	ask(7);
	answer(7);
	reload(rig, &config, WIRE_OFF, true);
	ask(3);
	answer(3);
	on_exit_is = WIRE_DETACH;
	reload(rig, &config, WIRE_NATIVE, true);
	ask(5);
	answer(5);
	finish(rig);
	expect_all(rig, 15);
	stop(rig, config);
}

/* A reload that changes nothing leaves windows whole. */
static void test_same(void)
{
	static const enum wire_mode modes[] = {WIRE_NATIVE, WIRE_PACKET};

	for (size_t m = 0; m < N(modes); m++) {
		struct config *config;
		struct rig *rig = start(&config, modes[m]);

		let_pass(rig, 2);
		rig->wholes = 0;
		ask(10);
		answer(10);
		reload(rig, &config, modes[m], true);
		let_pass(rig, 2);
		expect(rig->wholes >= 1, "windows are whole");
		finish(rig);
		expect_all(rig, 10);
		stop(rig, config);
	}
}

static const struct test tests[] = {
    {"modes", test_modes},
    {"two_parts", test_two_parts},
    {"kept", test_kept},
    {"same", test_same},
};

int main(int argc, char **argv)
{
	return run_tests("reloads", tests, N(tests), argc, argv);
}
