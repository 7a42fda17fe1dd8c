/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One seed's world: which of all troubles there are, when each comes, and what must hold. A seed
 * has only some kinds of trouble, so that one does not hide what another one does; every sixth is
 * judged: it has losses that the cross-check must name, and nothing that excuses it.
 */
#include "simulation.h"

#include "agent/agent.h"
#include "crosscheck/crosscheck.h"
#include "report/report.h"
#include "sink/worker.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_A_WINDOW 10
#define STOP_NS        (10 * (uint64_t)NS_PER_S) /* as `crosstap run` */
#define MAX_TICKS      16
#define MEMORY_BYTES   (16u << 20) /* limits.memory */
#define MEMORY_BESIDE                                                                              \
	(32u << 20)          /* what has bounds of its own: code, stacks, the largest batch        \
			      */
#define HISTORY         4096 /* steps that are remembered */
#define LOOKS_AHEAD     400
#define LOOKS_OF_RELOAD 6
/* A frame that was handed over has come to a sink after an interval, its grace, and so long. */
#define SLACK_NS (4 * (uint64_t)NS_PER_S)
#define DRAIN_NS (900 * (uint64_t)NS_PER_S)

enum trouble {
	FAR = 1,
	DISK = 2,
	KILLS = 4,
	POWER = 8,
	STEPS = 16,
	STALLS = 32,
	RELOADS = 64,
	MEMORY = 128,
	LATE = 256,
	SMALL = 512,   /* queues and spools */
	DAMAGE = 1024, /* of files, between two lives */
	LOOKS = 2048,  /* the clock is set between two looks of the process */
	TROUBLES = 4096
};

static struct plan {
	unsigned troubles; /* enum trouble */
	bool judged;
	enum sim_loss loss;
	uint64_t rate; /* queries a step, at most */
	/* The configuration that is wanted now. */
	unsigned interval_s, windows;
	bool second_input, second_output;
	unsigned top; /* something that changes nothing of interest */
	bool wire_off;
	struct sim_kept kept;
	bool memory;    /* some of it fails in this seed */
	bool streams;   /* somebody reads the events */
	bool tees, tee; /* a second reader is wanted in this seed, and now */
} plan;

static struct daemon {
	struct agent *agent; /* NULL: not up */
	bool begun, ended, stop, reload, reloading, wire_off;
	struct sink_stats sums; /* at its end */
} process;

static struct {
	uint64_t at_ns, queries;
} history[HISTORY];
static size_t n_history;
static unsigned kills_seen;
static bool disturbed, starved, healing, was_killed, was_disturbed, power_gone, wire_gone;
static uint64_t longest_ns; /* interval, its grace and a stall: the most there was */
static uint64_t stall_ns, stalled_until_ns, interval_ns;
static struct sim_fed fed_before; /* when this life began */
static struct sim_made made_before;
static struct crosscheck_result last;
static bool quiet;                       /* judged: no verdict but ok is right */
static uint64_t memory_before, began_ns; /* of this life */
static int64_t newest_wall_ns;
/* The process's own looks at the wall clock until it is set; 0: it is not. */
static unsigned looks_left;

static bool has(enum trouble trouble)
{
	return (plan.troubles & trouble) != 0;
}

/* -- the process */

static struct config *configure(void)
{
	char text[2048], *errors = NULL;
	struct config *config;
	size_t size;
	FILE *out = open_memstream(&errors, &size);
	int r,
	    n = snprintf(text, sizeof(text),
		"server: sim\n"
		"interval: %us\n"
		"grace: %us\n"
		"inputs:\n"
		"  - {unix: /sim/0.sock, zone: z0%s}\n"
		"%s"
		"wire: {interfaces: [eth0], on_exit: keep, mode: %s}\n"
		"crosscheck: {horizon: %us}\n"
		"ping: {enabled: false}\n"
		"datasets: []\n"
		"top: {resolvers: %u, names: 0, nxdomain: 0, asns: 1}\n"
		"outputs:\n"
		"  - influxdb: {url: \"http://db0:8086\", token: secret}\n"
		"%s"
		"spool: {path: /sim/spool}\n"
		"http: {listen: \"off\"}\n"
		"rssac002: {dir: \"%s\", source: %s}\n"
		"magnitude: {dir: \"%s\", domains: 16}\n"
		"state: \"%s\"\n"
		"limits: {memory: 16MiB, spool: %s, history: %s, asns: 1, resolvers: 100}\n",
		plan.interval_s, plan.interval_s > 1 ? 2 : 1,
		plan.tee ? ", tee: \"unix:/sim/tee0\"" : "",
		!plan.second_input ? ""
		    : plan.tee     ? "  - {unix: /sim/1.sock, zone: z1, tee: \"unix:/sim/tee1\"}\n"
				   : "  - {unix: /sim/1.sock, zone: z1}\n",
		plan.wire_off ? "\"off\"" : "auto", 3 * plan.interval_s, plan.top,
		plan.second_output ? "  - influxdb: {url: \"http://db1:8086\", token: secret}\n"
				   : "",
		plan.kept.rssac002 ? SIM_ROOT "/rssac002" : "",
		plan.kept.from_dnstap ? "dnstap" : "wire",
		plan.kept.magnitude ? SIM_ROOT "/magnitude" : "",
		plan.kept.history ? SIM_ROOT "/state" : "", has(SMALL) ? "1MiB" : "64MiB",
		plan.kept.history ? "8MiB" : "0");

	sim_peek(true); /* the world's doing: it takes no time */
	r = config_parse("world", text, (size_t)n, out, &config);
	sim_peek(false);
	fclose(out);
	if (r < 0 && !has(MEMORY))
		sim_fail("configuration: %s", errors);
	free(errors);
	return r < 0 ? NULL : config;
}

static void note_set(uint64_t *sets)
{
	*sets = sim_clock_sets();
	agent_clock_set(process.agent);
}

/* As user/command/run.c. Returns when the timer is due, on CLOCK_MONOTONIC. */
static uint64_t tick(uint64_t *sets)
{
	int64_t due_ns = 0, left_ns;

	for (int i = 0; i < MAX_TICKS; i++) {
		due_ns = agent_tick(process.agent);
		if (sim_clock_sets() == *sets)
			break;
		note_set(sets);
	}
	left_ns = due_ns - sim_wall_ns();
	return sim_now_ns() + (left_ns > 0 ? (uint64_t)left_ns : 0);
}

static void reload(void)
{
	struct config *config = configure();
	struct config_diff diff;
	char error[512];
	int r;

	process.reload = false;
	if (!config)
		return;
	process.reloading = true;
	r = agent_reload(process.agent, config, &diff, error, sizeof(error));
	process.reloading = false;
	sim_trace("reload: %s", r < 0 ? error : "taken");
}

static void check_memory(void)
{
	const struct mallinfo2 info = mallinfo2();
	const uint64_t used = info.uordblks + info.hblkhd;

	if (used > memory_before + MEMORY_BYTES + MEMORY_BESIDE)
		sim_fail(
		    "%llu bytes of memory are in use", (unsigned long long)(used - memory_before));
}

static void live(struct agent *agent)
{
	uint64_t sets = sim_clock_sets(), due_ns;

	process.agent = agent;
	if (plan.streams)
		sim_streams_begin(agent_report(agent));
	for (;;) {
		due_ns = tick(&sets);
		check_memory();
		if (!process.stop && !process.reload)
			sim_wait(&process, due_ns);
		if (sets != sim_clock_sets())
			note_set(&sets);
		if (process.stop)
			break;
		if (process.reload)
			reload();
	}
	process.wire_off = agent_config(agent)->wire.mode == WIRE_OFF;
	sim_streams_end();
	agent_stop(agent, STOP_NS);
	report_sum_outputs(agent_report(agent), &process.sums);
	sim_kept_check_history(report_history(agent_report(agent)), was_disturbed || plan.memory);
	process.agent = NULL;
}

static void *run_process(void *argument)
{
	struct agent_options options = {.config = configure(), .clock = &clock_system};
	char error[512] = "";
	struct agent *agent;

	(void)argument;
	if (options.config && agent_new(&agent, &options, error, sizeof(error)) == 0) {
		if (agent_start(agent, error, sizeof(error)) == 0)
			live(agent);
		else
			sim_trace("does not start: %s", error);
		agent_free(agent);
	}
	process.ended = true;
	return NULL;
}

bool sim_reloading(void)
{
	return process.reloading;
}

/* Queues of usual size are never full here. */
int __real_worker_new(
    struct worker **ret, const struct worker_options *options, const void *settings);
int __wrap_worker_new(
    struct worker **ret, const struct worker_options *options, const void *settings);
int __wrap_worker_new(
    struct worker **ret, const struct worker_options *options, const void *settings)
{
	struct worker_options own = *options;

	if (has(SMALL))
		own.tuning.queue_batches = 3;
	return __real_worker_new(ret, &own, settings);
}

/* -- lives */

static void begin_life(void)
{
	const struct mallinfo2 info = mallinfo2();

	memory_before = info.uordblks + info.hblkhd;
	process = (struct daemon){.begun = true};
	began_ns = sim_now_ns();
	disturbed = starved = false;
	fed_before = sim_fed;
	made_before = sim_made;
	n_history = 0;
	sim_disk_write_back();
	if (has(DAMAGE) && sim_disk_damage())
		sim_trace("a file of the spool is damaged");
	sim_ledger_new_life();
	sim_spawn(run_process, NULL);
}

static bool alive(void)
{
	return process.begun && !process.ended && sim_kills() == kills_seen;
}

/* Frames that came so long ago are in points. */
static uint64_t fed_until(uint64_t at_ns)
{
	uint64_t queries = fed_before.queries;

	for (size_t i = 0; i < n_history && history[i].at_ns <= at_ns; i++)
		queries = history[i].queries;
	return queries;
}

/* `early`: in the middle of a life. */
static void check_frames(bool early)
{
	const uint64_t fed = sim_fed.queries - fed_before.queries;
	const uint64_t made = sim_made.queries - made_before.queries;
	const uint64_t lost = sim_made.lost - made_before.lost;
	const uint64_t margin_ns = longest_ns + SLACK_NS;
	uint64_t least = fed;

	if (early && sim_now_ns() > margin_ns)
		least = fed_until(sim_now_ns() - margin_ns) - fed_before.queries;
	else if (early)
		least = 0;
	/* Frames that found no memory, or no table while all of them were being reported, are
	 * counted in the next window, as are points. */
	if (starved && !healing)
		least = 0;
	else if (starved && (lost || process.sums.points_dropped))
		least = 0;
	else
		least -= lost < least ? lost : least;
	if (made > fed)
		sim_fail(
		    "%llu queries became %llu", (unsigned long long)fed, (unsigned long long)made);
	if (made < least)
		sim_fail("of %llu queries only %llu are in points", (unsigned long long)least,
		    (unsigned long long)made);
}

/* At an orderly end every packet so far is in a point. */
static void check_wire(void)
{
	if (was_disturbed || power_gone || !process.begun || process.wire_off)
		return;
	if ((sim_made.wire_in < sim_wire.in && !wire_gone) ||
	    (!was_killed && sim_made.wire_in > sim_wire.in))
		sim_fail("%llu packets became %llu", (unsigned long long)sim_wire.in,
		    (unsigned long long)sim_made.wire_in);
}

/* What outlives it. */
static void end_kept(bool killed, bool power)
{
	const struct sim_kept_truth truth = {.killed = killed,
	    .power = power,
	    .disturbed =
		was_disturbed || (!plan.kept.from_dnstap && plan.kept.rssac002 && process.wire_off),
	    .lost = power_gone || wire_gone,
	    .counted = plan.kept.from_dnstap ? sim_made.queries : sim_wire.in,
	    .made = sim_made.queries,
	    .began_ns = began_ns,
	    .slack_ns = longest_ns + SLACK_NS};

	sim_kept_end(&truth);
}

static void end_life(bool killed, bool power)
{
	struct sim_end end = {.killed = killed, .power = power};

	if (killed && process.agent) {
		sim_peek(true);
		report_sum_outputs(agent_report(process.agent), &process.sums);
		sim_peek(false);
		sim_kept_check_history(
		    report_history(agent_report(process.agent)), was_disturbed || plan.memory);
	}
	starved = sim_memory_failed();
	disturbed = sim_disk_failed() | starved;
	was_disturbed |= disturbed;
	was_killed |= killed;
	power_gone |= power;
	/* What was switched off and not reported yet. */
	wire_gone |= killed && process.agent && agent_config(process.agent)->wire.mode == WIRE_OFF;
	/* Killed between putting a damaged file aside and counting it. */
	end.disturbed = disturbed || (killed && has(DAMAGE));
	end.accepted = process.sums.points;
	end.dropped = process.sums.points_dropped;
	end.rejected = process.sums.points_rejected;
	if (power)
		sim_disk_power_cut();
	sim_ledger_end(&end);
	check_frames(killed);
	if (!killed)
		check_wire();
	end_kept(killed, power);
	sim_disk_close_all();
	if (killed) {
		sim_witnesses_killed(power);
		sim_far_end_killed();
		sim_streams_killed();
		sim_relay_killed();
	}
	kills_seen = sim_kills();
	process = (struct daemon){0};
}

static void kill_process(bool power)
{
	sim_trace("%s", power ? "power cut" : "kill");
	sim_kill();
	end_life(true, power);
	if (power) /* the machine needs its time, and its clock is right again */
		sim_set_wall(newest_wall_ns + 10 * NS_PER_S);
}

static void stop_process(void)
{
	process.stop = true;
	sim_wake(&process);
	while (!process.ended && sim_kills() == kills_seen)
		sim_sleep_ns((uint64_t)(100 * NS_PER_MS));
	end_life(sim_kills() != kills_seen, false);
}

/* -- what happens */

static void change_far_ends(void)
{
	const unsigned database = (unsigned)sim_random(SIM_DATABASES);
	const enum sim_answer answer =
	    sim_once_in(2) ? (enum sim_answer)sim_random(SIM_ANSWERS) : SIM_ANSWER_GOOD;

	sim_trace("db%u answers %d from now on", database, answer);
	sim_far_end_set(database, answer);
}

static void change_reader(void)
{
	const unsigned reader = (unsigned)sim_random(SIM_INPUTS);
	const enum sim_mood mood =
	    sim_once_in(2) ? (enum sim_mood)sim_random(SIM_MOODS) : SIM_MOOD_GOOD;

	sim_trace("second reader %u is in mood %d from now on", reader, mood);
	sim_relay_set(reader, mood);
}

static void change_disk(void)
{
	const unsigned faults = sim_once_in(2) ? 0 : (unsigned)sim_random(64);

	sim_trace("the disk fails in ways %#x", faults);
	sim_disk_fail(faults);
	if (faults)
		sim_ledger_excuse();
}

static void set_clock(void)
{
	static const int64_t most_ns[] = {
	    NS_PER_MS, NS_PER_S, 10 * NS_PER_S, 60 * NS_PER_S, 3600 * NS_PER_S};
	const int64_t most = most_ns[sim_random(sizeof(most_ns) / sizeof(most_ns[0]))];
	const int64_t by = (int64_t)sim_random((uint64_t)(2 * most)) - most;

	/* What was written before is known by the kernel's side, which a loss of power ends. */
	if (power_gone && by < 0)
		return;
	sim_trace("the clock is set by %.6f s", (double)by / NS_PER_S);
	sim_set_wall(sim_wall_ns() + by);
	sim_wake(&process);
}

void sim_looked(void)
{
	if (process.agent && looks_left && (process.reloading || !process.reload) &&
	    --looks_left == 0)
		set_clock();
}

static void stall(void)
{
	const uint64_t ns = sim_random(4 * interval_ns);

	/* One after the other would be a longer one than anybody is told of. */
	if (sim_now_ns() < stalled_until_ns)
		return;
	stalled_until_ns = sim_now_ns() + ns;
	sim_trace("the process stands still for %.3f s", (double)ns / NS_PER_S);
	if (ns > stall_ns) {
		longest_ns += ns - stall_ns;
		stall_ns = ns;
	}
	sim_ledger_stalled(ns);
	sim_stop_process(sim_now_ns() + ns);
}

/* Which times were written outlives the agent with the wire's programs. Without them its successor
 * cannot know, and where the clock was set back it writes them again. */
static bool may_switch_wire(void)
{
	/* RSSAC002 of a wire that is off is no configuration. */
	if (plan.kept.rssac002 && !plan.kept.from_dnstap)
		return false;
	return !(has(KILLS) || has(POWER)) || !(has(STEPS) || has(LOOKS));
}

static void change_configuration(void)
{
	static const unsigned intervals_s[] = {1, 2, 5, 10};

	if (plan.judged || sim_once_in(2)) {
		plan.second_output = !plan.second_output;
		plan.top = 1 + (unsigned)sim_random(3);
	} else if (plan.tees && sim_once_in(2)) {
		plan.tee = !plan.tee;
	} else if (sim_once_in(2)) {
		plan.second_input = !plan.second_input;
	} else {
		/* Sometimes both at once. */
		const bool both = sim_once_in(4), wire = may_switch_wire() && sim_once_in(3);

		plan.wire_off ^= wire;
		if (!wire || both)
			plan.interval_s = intervals_s[sim_random(4)];
	}
	sim_trace("reload wanted: interval %u s, %d inputs, %d outputs%s", plan.interval_s,
	    1 + plan.second_input, 1 + plan.second_output, plan.wire_off ? ", no wire" : "");
	looks_left = has(LOOKS) ? 1 + (unsigned)sim_random(LOOKS_OF_RELOAD) : 0;
	process.reload = true;
	sim_wake(&process);
}

static void change_memory(void)
{
	if (sim_every)
		return;
	sim_memory_fail(sim_once_in(2) ? 0 : 20 + sim_random(2000));
}

static void end_process(void)
{
	const uint64_t how = sim_random(4);

	if (has(POWER) && (how == 0 || !has(KILLS)))
		kill_process(true);
	else if (how <= 1)
		stop_process();
	else if (how == 2)
		kill_process(false);
	else
		sim_disk_kill_at(1 + (unsigned)sim_random(40));
}

static void make_trouble(void)
{
	if (has(FAR) && sim_once_in(20))
		change_far_ends();
	if (has(FAR) && plan.tees && sim_once_in(20))
		change_reader();
	if (has(DISK) && sim_once_in(25))
		change_disk();
	if (has(MEMORY) && sim_once_in(25))
		change_memory();
	if (has(STEPS) && sim_once_in(60))
		set_clock();
	if (has(LOOKS) && !looks_left && sim_once_in(60))
		looks_left = 1 + (unsigned)sim_random(LOOKS_AHEAD);
	if (has(STALLS) && sim_once_in(60))
		stall();
	if (has(RELOADS) && alive() && sim_once_in(40))
		change_configuration();
	if ((has(KILLS) || has(POWER)) && alive() && sim_once_in(60))
		end_process();
}

static void send_queries(enum sim_loss loss)
{
	const uint64_t n = sim_random(plan.rate + 1);

	for (uint64_t i = 0; i < n; i++) {
		const unsigned input = plan.second_input && sim_listens(1) && sim_once_in(2);

		sim_query(input, loss && sim_once_in(2) ? loss : SIM_LOSS_NONE,
		    sim_random((uint64_t)(3 * NS_PER_MS)));
	}
}

static void remember(void)
{
	if (n_history < HISTORY) {
		history[n_history].at_ns = sim_now_ns();
		history[n_history++].queries = sim_fed.queries;
	}
}

static void step(enum sim_loss loss)
{
	remember();
	if (newest_wall_ns < sim_wall_ns())
		newest_wall_ns = sim_wall_ns();
	if (!has(LATE) || sim_once_in(30))
		sim_flush();
	send_queries(loss);
	if (sim_kills() != kills_seen)
		end_life(true, false);
	if (process.begun && process.ended)
		end_life(false, false); /* it did not start */
	if (!process.begun && sim_once_in(10))
		begin_life();
	if (alive() && process.agent && !healing && !has(MEMORY) && sim_once_in(4))
		check_frames(true); /* they come in time, too */
	sim_streams_check();
	make_trouble();
	sim_sleep_ns(interval_ns / STEPS_A_WINDOW);
}

static void pass(uint64_t ns, enum sim_loss loss)
{
	const uint64_t until_ns = sim_now_ns() + ns;

	while (sim_now_ns() < until_ns)
		step(loss);
}

/* -- what the cross-check says */

void sim_judged(const struct crosscheck_result *result)
{
	last = *result;
	sim_trace("%llu queries, %llu in points; verdict %s, balance %lld, unexplained %lld%s",
	    (unsigned long long)sim_fed.queries, (unsigned long long)sim_made.queries,
	    verdict_name(result->verdict), (long long)result->funnel.balance,
	    (long long)result->funnel.unexplained, result->incomplete ? ", incomplete" : "");
	if (quiet && result->verdict != VERDICT_OK)
		sim_fail("the verdict is %s, and nothing is lost", verdict_name(result->verdict));
}

static enum verdict verdict_of(enum sim_loss loss)
{
	switch (loss) {
	case SIM_LOSS_DNSTAP:
		return VERDICT_DNSTAP_LOSS;
	case SIM_LOSS_SOCKET:
		return VERDICT_SOCKET_LOSS;
	case SIM_LOSS_STACK:
		return VERDICT_STACK_LOSS;
	default:
		return VERDICT_OK;
	}
}

static void expect_verdict(enum verdict verdict)
{
	if (last.verdict != verdict)
		sim_fail(
		    "the verdict is %s, not %s", verdict_name(last.verdict), verdict_name(verdict));
}

/* A horizon of three windows without loss, with it, and without it. Traffic begins behind the first
 * window, which is in no balance. */
static void play_judged(void)
{
	const uint64_t rate = plan.rate;

	plan.rate = 0;
	pass(2 * interval_ns + SLACK_NS, SIM_LOSS_NONE);
	quiet = true;
	plan.rate = rate;
	pass(5 * interval_ns, SIM_LOSS_NONE);
	quiet = plan.loss == SIM_LOSS_NONE;
	pass(6 * interval_ns, plan.loss);
	expect_verdict(verdict_of(plan.loss));
	pass(8 * interval_ns, SIM_LOSS_NONE);
	expect_verdict(VERDICT_OK);
	plan.rate = 0;
	pass(2 * interval_ns + SLACK_NS, SIM_LOSS_NONE);
	if (last.funnel.balance != (int64_t)sim_wire.lost_dnstap)
		sim_fail("the balance is %lld, and %llu frames are lost",
		    (long long)last.funnel.balance, (unsigned long long)sim_wire.lost_dnstap);
	quiet = false;
}

/* Points that nobody waits for: some of them this life has dropped, which is counted. */
static bool is_drained(void)
{
	const uint64_t waiting = sim_ledger_undelivered((uint64_t)(20 * NS_PER_S));
	struct sink_stats sums = {0};

	if (!alive() || !process.agent)
		return false;
	sim_peek(true);
	report_sum_outputs(agent_report(process.agent), &sums);
	sim_peek(false);
	return waiting <= sums.points_dropped;
}

/* All is well again: everything that can be delivered is, within some time. */
static void heal(void)
{
	const uint64_t until_ns = sim_now_ns() + DRAIN_NS;

	sim_trace("all is well from now on");
	healing = true;
	plan.troubles &= SMALL;
	plan.rate = 0;
	plan.second_output = true;
	plan.wire_off = false;
	looks_left = 0;
	sim_memory_fail(0);
	sim_disk_fail(0);
	sim_disk_kill_at(0);
	sim_every_end();
	for (unsigned i = 0; i < SIM_DATABASES; i++)
		sim_far_end_set(i, SIM_ANSWER_GOOD);
	for (unsigned i = 0; i < SIM_INPUTS; i++)
		sim_relay_set(i, SIM_MOOD_GOOD);
	while (!alive() || !process.agent)
		step(SIM_LOSS_NONE);
	process.reload = true;
	sim_wake(&process);
	pass(3 * interval_ns, SIM_LOSS_NONE);
	while (!is_drained() && sim_now_ns() < until_ns)
		pass(interval_ns, SIM_LOSS_NONE);
	if (!is_drained())
		sim_fail("%llu points are neither delivered nor in a counter",
		    (unsigned long long)sim_ledger_undelivered((uint64_t)(20 * NS_PER_S)));
	stop_process();
}

/* What happens once is to be the only one of its kind. */
static void leave_alone(void)
{
	plan.judged = false;
	plan.windows = 4;
	plan.troubles &= FAR | SMALL | RELOADS | LATE | DAMAGE;
	if (sim_every == SIM_EVERY_ALLOCATION)
		plan.troubles |= MEMORY;
	/* So that there is something on the disk. */
	plan.troubles |= FAR;
	sim_far_end_set(0, (enum sim_answer)(1 + sim_random(SIM_ANSWERS - 1)));
}

static void make_plan(void)
{
	static const unsigned intervals_s[] = {1, 2, 5, 10};

	plan = (struct plan){.judged = sim_once_in(6),
	    .interval_s = intervals_s[sim_random(4)],
	    .windows = 4 + (unsigned)sim_random(9),
	    .second_input = sim_once_in(2),
	    .second_output = sim_once_in(2),
	    .top = 2,
	    .streams = sim_once_in(3),
	    .tees = sim_once_in(4),
	    .kept = {.rssac002 = sim_once_in(4),
		.from_dnstap = sim_once_in(2),
		.magnitude = sim_once_in(4),
		.history = sim_once_in(3)}};
	for (unsigned trouble = 1; trouble < TROUBLES; trouble <<= 1)
		plan.troubles |= sim_once_in(3) ? trouble : 0;
	if (plan.judged) {
		plan.troubles &= FAR | DISK | RELOADS;
		plan.loss = (enum sim_loss)sim_random(4);
	}
	if (sim_every)
		leave_alone();
	plan.memory = has(MEMORY);
	plan.tee = plan.tees;
	plan.kept.fails = has(MEMORY) || has(DISK) || sim_every == SIM_EVERY_DISK;
	interval_ns = plan.interval_s * (uint64_t)NS_PER_S;
	longest_ns = 3 * (uint64_t)(10 * NS_PER_S); /* a reload may make it ten seconds */
	plan.rate = plan.judged ? 16 : 8;
	sim_trace("troubles %#x, interval %u s, windows %u%s", plan.troubles, plan.interval_s,
	    plan.windows, plan.judged ? ", judged" : "");
}

/* Seeds before this one were played in the same process. */
static void begin_world(void)
{
	process = (struct daemon){0};
	kills_seen = 0;
	disturbed = starved = healing = was_killed = was_disturbed = power_gone = wire_gone =
	    quiet = false;
	stall_ns = stalled_until_ns = 0;
	looks_left = 0;
	newest_wall_ns = 0;
	last = (struct crosscheck_result){.verdict = VERDICT_OK};
	make_plan();
	sim_kept_init(&plan.kept);
	sim_streams_init();
	sim_relay_init();
	/* A stop gives a tee a second. */
	sim_relay_good(!has(FAR) && !has(STALLS) && !has(LATE));
}

void sim_world(void)
{
	begin_world();
	begin_life();
	while (!process.agent) {
		if (sim_kills() != kills_seen)
			end_life(true, false);
		else if (process.ended)
			end_life(false, false); /* it did not start */
		if (!process.begun)
			begin_life();
		sim_sleep_ns((uint64_t)(100 * NS_PER_MS));
	}
	if (plan.judged)
		play_judged();
	else
		pass(plan.windows * interval_ns, SIM_LOSS_NONE);
	heal();
}
