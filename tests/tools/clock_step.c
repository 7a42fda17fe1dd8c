/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets the wall clock forward or back, by an amount, at once: as a time daemon steps it, without
 * losing what passes between a look at the clock and its setting. For machines that a test booted:
 * elsewhere it refuses.
 *
 *   clock_step [--at MS] MS...     steps of so many milliseconds, one right after the other; the
 *                                  first when the clock's fraction of a second is at MS
 *
 * Prints the wall clock before the first step and after the last, in milliseconds.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#define PERMISSION "/run/own-clock" /* made by the test's machine alone */

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "clock_step: %s: %s\n", what, why);
	exit(1);
}

static int64_t milliseconds(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end)
		die(text, "not a number of milliseconds");
	return value;
}

static int64_t now_ms(void)
{
	return clock_wall_ns(&clock_system) / NS_PER_MS;
}

static void wait_for(int64_t fraction_ms)
{
	const int64_t left_ms = (fraction_ms - now_ms() % 1000 + 1000) % 1000;

	usleep((useconds_t)(left_ms * 1000));
}

static void step(int64_t ms)
{
	/* Seconds round down, so that the fraction is positive. */
	const int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	struct timex change = {.modes = ADJ_SETOFFSET | ADJ_NANO,
	    .time = {.tv_sec = seconds, .tv_usec = (ms - seconds * 1000) * NS_PER_MS}};

	if (clock_adjtime(CLOCK_REALTIME, &change) < 0)
		die("clock_adjtime", strerror(errno));
}

int main(int argc, char **argv)
{
	int first = 1;
	int64_t before_ms;

	if (access(PERMISSION, F_OK) < 0)
		die(PERMISSION, "not there: this machine's clock is left alone");
	if (argc > 2 && strcmp(argv[1], "--at") == 0) {
		wait_for(milliseconds(argv[2]));
		first = 3;
	}
	before_ms = now_ms();
	for (int i = first; i < argc; i++)
		step(milliseconds(argv[i]));
	printf("%lld %lld\n", (long long)before_ms, (long long)now_ms());
	return 0;
}
