/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays seeds, some in a process of their own, so that one that crashes harms no other.
 *
 *   simulation [--fault NAME] FIRST COUNT     COUNT seeds from FIRST on
 *   simulation [--fault NAME] --trace SEED    one, with all that happens
 *   simulation --every KIND STEP FIRST COUNT  each seed once for every STEP-th place where a
 *                                             write is the last, a disk fails, an allocation fails
 *   simulation --faults                       the names of those that can be planted
 *
 * Exit 0 if all hold, 1 if not; the first seeds that do not are named.
 */
#include "simulation.h"

#include "base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEED_SECONDS 20 /* of processor time: then it goes round in circles */
#define SAID         20
#define BATCH        20

bool sim_verbose;
static uint64_t *seed; /* that is being played; shared with the process that plays it */

enum sim_every sim_every;
static const char *const every_names[] = {
    [SIM_EVERY_WRITE] = "write", [SIM_EVERY_DISK] = "disk", [SIM_EVERY_ALLOCATION] = "allocation"};
static struct {
	uint64_t step, place; /* the place at which it happens */
	uint64_t seen;
	bool ended;
} every;

bool sim_every_here(enum sim_every kind)
{
	if (kind != sim_every || every.ended || ++every.seen != every.place)
		return false;
	sim_trace("here: %s %llu", every_names[kind], (unsigned long long)every.place);
	return true;
}

void sim_every_end(void)
{
	every.ended = true;
}

void sim_trace(const char *format, ...)
{
	va_list args;

	if (!sim_verbose)
		return;
	printf("%12.6f %.3f ", (double)sim_now_ns() / NS_PER_S, (double)sim_wall_ns() / NS_PER_S);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

void sim_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	if (sim_every)
		fprintf(
		    stderr, "%s %llu: ", every_names[sim_every], (unsigned long long)every.place);
	fprintf(stderr, "SEED=%llu fails after %.3f s: ", (unsigned long long)*seed,
	    (double)sim_now_ns() / NS_PER_S - 1000);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	_exit(1);
}

/* The agent's own messages are a part of the trace. */
void __wrap_log_write(enum log_level level, const char *module, const char *format, ...);
void __wrap_log_write(enum log_level level, const char *module, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (!sim_verbose || level == LOG_LEVEL_DEBUG)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sim_trace("  %s: %s", module, text);
}

/* What the machine has of it, the seed does not know. */
uint64_t __wrap_agent_rss_bytes(void);
uint64_t __wrap_agent_rss_bytes(void)
{
	return 0;
}

static void play_once(void)
{
	const struct itimerval most = {.it_value = {.tv_sec = SEED_SECONDS}};

	setitimer(ITIMER_PROF, &most, NULL);
	sim_schedule_init(*seed);
	sim_disk_init();
	sim_memory_fail(0);
	(void)sim_memory_failed();
	sim_far_end_init();
	sim_ledger_init();
	sim_witnesses_init();
	sim_schedule_run(sim_world);
	fflush(stdout);
}

static void play(void)
{
	if (!sim_every) {
		play_once();
		return;
	}
	every.place = 0;
	do {
		every.place += every.step;
		every.seen = 0;
		every.ended = false;
		play_once();
	} while (every.seen >= every.place);
}

/* Seeds from *seed to before `end`, at most BATCH of them, in a process of its own; afterwards
 * *seed is the next one to be played. False: the one before that has failed. */
static bool play_some(uint64_t end)
{
	const uint64_t to = end - *seed < BATCH ? end : *seed + BATCH;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		for (; *seed < to; ++*seed)
			play();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("simulation");
		exit(2);
	}
	if (WIFSIGNALED(status))
		fprintf(stderr, "SEED=%llu fails: %s\n", (unsigned long long)*seed,
		    WTERMSIG(status) == SIGPROF ? "it does not come to an end"
						: strsignal(WTERMSIG(status)));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	++*seed;
	return false;
}

static bool take_fault(const char *name)
{
	for (int i = 1; i < SIM_FAULTS; i++) {
		if (strcmp(sim_fault_names[i], name) == 0)
			sim_fault = (enum sim_fault)i;
	}
	return sim_fault != SIM_FAULT_NONE;
}

static bool take_every(const char *name, const char *step)
{
	for (int i = SIM_EVERY_WRITE; i <= SIM_EVERY_ALLOCATION; i++) {
		if (strcmp(every_names[i], name) == 0)
			sim_every = (enum sim_every)i;
	}
	every.step = strtoull(step, NULL, 10);
	return sim_every && every.step;
}

static int usage(void)
{
	fprintf(stderr,
	    "usage: simulation [--fault NAME] FIRST COUNT | --trace SEED | --faults\n"
	    "       simulation --every write|disk|allocation STEP FIRST COUNT\n");
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t end;
	unsigned failed = 0;

	if (argc == 2 && strcmp(argv[1], "--faults") == 0) {
		for (int i = 1; i < SIM_FAULTS; i++)
			printf("%s\n", sim_fault_names[i]);
		return 0;
	}
	if (argc > 3 && strcmp(argv[1], "--fault") == 0) {
		if (!take_fault(argv[2]))
			return usage();
		argc -= 2;
		argv += 2;
	}
	if (argc == 6 && strcmp(argv[1], "--every") == 0) {
		if (!take_every(argv[2], argv[3]))
			return usage();
		argc -= 3;
		argv += 3;
	}
	if (argc != 3)
		return usage();
	curl_global_init(CURL_GLOBAL_DEFAULT); /* once for all of them */
	seed = mmap(NULL, sizeof(*seed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seed == MAP_FAILED)
		return 2;
	sim_verbose = strcmp(argv[1], "--trace") == 0;
	*seed = strtoull(argv[1 + sim_verbose], NULL, 10);
	end = *seed + (sim_verbose ? 1 : strtoull(argv[2], NULL, 10));
	while (*seed < end && failed < SAID)
		failed += !play_some(end);
	return failed ? 1 : 0;
}
