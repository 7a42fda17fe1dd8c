/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/verdict.h"

#include <errno.h>
#include <stdlib.h>

#define NAME(id, name) name,
#define BIT(id)        (1u << VERDICT_##id)

/* A ring of windows: the newest `horizon` of them, and before these an hour. */
struct verdicts {
	struct verdict_sums sums, earlier; /* of the two parts */
	uint32_t held;                     /* 1 << enum verdict: conditions of the last judgement */
	enum verdict last;
	size_t n_horizon, capacity, at, used;
	struct verdict_sums windows[];
};

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {VERDICTS(NAME)};

	return names[verdict < VERDICT_COUNT ? verdict : VERDICT_OK];
}

static size_t windows_of(uint64_t time_ns, uint64_t interval_ns)
{
	return (size_t)((time_ns + interval_ns - 1) / interval_ns);
}

int verdicts_new(struct verdicts **ret, uint64_t interval_ns, uint64_t horizon_ns)
{
	size_t n_horizon = windows_of(horizon_ns, interval_ns), capacity;
	struct verdicts *verdicts;

	if (n_horizon < VERDICT_WINDOWS)
		n_horizon = VERDICT_WINDOWS;
	capacity = n_horizon + windows_of(VERDICT_EARLIER_NS, interval_ns);
	verdicts = calloc(1, sizeof(*verdicts) + capacity * sizeof(verdicts->windows[0]));
	if (!verdicts)
		return -ENOMEM;
	verdicts->n_horizon = n_horizon;
	verdicts->capacity = capacity;
	verdicts->last = VERDICT_OK;
	*ret = verdicts;
	return 0;
}

void verdicts_free(struct verdicts *verdicts)
{
	free(verdicts);
}

static void add(struct verdict_sums *to, const struct verdict_sums *window)
{
	to->windows += window->windows;
	to->wire_queries += window->wire_queries;
	to->dnstap_queries += window->dnstap_queries;
	to->stack_drops += window->stack_drops;
	to->socket_drops += window->socket_drops;
	to->explained += window->explained;
	to->unexplained += window->unexplained;
	to->queries += window->queries;
	to->responses += window->responses;
	to->tc += window->tc;
}

static void subtract(struct verdict_sums *from, const struct verdict_sums *window)
{
	from->windows -= window->windows;
	from->wire_queries -= window->wire_queries;
	from->dnstap_queries -= window->dnstap_queries;
	from->stack_drops -= window->stack_drops;
	from->socket_drops -= window->socket_drops;
	from->explained -= window->explained;
	from->unexplained -= window->unexplained;
	from->queries -= window->queries;
	from->responses -= window->responses;
	from->tc -= window->tc;
}

/* The window that was added `ago` windows before the newest one. */
static struct verdict_sums *window_ago(struct verdicts *verdicts, size_t ago)
{
	return &verdicts
		    ->windows[(verdicts->at + verdicts->capacity - 1 - ago) % verdicts->capacity];
}

/* The earlier hour ends where a limit began: what is held against it does not join it. Where
 * nothing earlier is known (start, or after an hour of it), it does: some servers truncate that
 * much. */
static void push(struct verdicts *verdicts, const struct verdict_sums *window)
{
	if (verdicts->used == verdicts->capacity)
		subtract(&verdicts->earlier, &verdicts->windows[verdicts->at]);
	else
		verdicts->used++;
	verdicts->windows[verdicts->at] = *window;
	verdicts->at = (verdicts->at + 1) % verdicts->capacity;
	add(&verdicts->sums, window);
	if (verdicts->used > verdicts->n_horizon) {
		struct verdict_sums *left = window_ago(verdicts, verdicts->n_horizon);

		subtract(&verdicts->sums, left);
		if (verdicts->held & BIT(RATE_LIMITED) && verdicts->earlier.responses)
			left->responses = left->tc = 0;
		add(&verdicts->earlier, left);
	}
}

static bool beyond(const struct verdict_sums *sums, int64_t figure)
{
	return figure > VERDICT_LEAST &&
	    (unsigned __int128)figure * VERDICT_SHARE > sums->wire_queries;
}

static int64_t clip(uint64_t count)
{
	return count < INT64_MAX ? (int64_t)count : INT64_MAX;
}

static bool is_wire_blind(const struct verdict_sums *sums, const struct verdict_now *now)
{
	return !now->wire || (!sums->wire_queries && beyond(sums, clip(sums->dnstap_queries)));
}

/* Silence of dnstap means nothing where no query came so far that it could be logged. */
static bool is_dnstap_blind(const struct verdict_sums *sums, const struct verdict_now *now)
{
	if (!now->compared)
		return !now->zone;
	if (sums->dnstap_queries)
		return false;
	return beyond(sums, sums->unexplained) ||
	    (!now->connected && !beyond(sums, sums->explained));
}

/* `earlier` NULL: unknown. A share of 0 where there were no responses. */
static bool is_rate_limited(const struct verdict_sums *sums, const struct verdict_sums *earlier)
{
	if (!earlier || !beyond(sums, clip(sums->tc)) ||
	    (unsigned __int128)sums->tc * VERDICT_TC_SHARE <= sums->responses)
		return false;
	return !earlier->responses ||
	    (unsigned __int128)sums->tc * earlier->responses >=
	    (unsigned __int128)2 * earlier->tc * sums->responses;
}

static bool is_silent(const struct verdict_sums *sums)
{
	return sums->queries > sums->responses &&
	    beyond(sums, clip(sums->queries - sums->responses)) &&
	    sums->responses < sums->queries - sums->responses;
}

/* 1 << enum verdict, for each that holds. */
static uint32_t conditions(const struct verdict_sums *sums, const struct verdict_sums *earlier,
    const struct verdict_now *now)
{
	return (is_wire_blind(sums, now) ? BIT(WIRE_BLIND) : 0) |
	    (is_dnstap_blind(sums, now) ? BIT(DNSTAP_BLIND) : 0) |
	    (!now->compared && now->zone ? BIT(PARTIAL) : 0) |
	    (beyond(sums, clip(sums->stack_drops)) ? BIT(STACK_LOSS) : 0) |
	    (beyond(sums, clip(sums->socket_drops)) ? BIT(SOCKET_LOSS) : 0) |
	    (is_rate_limited(sums, earlier) ? BIT(RATE_LIMITED) : 0) |
	    (is_silent(sums) ? BIT(SERVER_SILENT) : 0) |
	    (beyond(sums, sums->unexplained) ? BIT(DNSTAP_LOSS) : 0) | BIT(OK);
}

static enum verdict first_of(uint32_t held)
{
	return (enum verdict)__builtin_ctz(held | BIT(OK));
}

enum verdict verdicts_add(
    struct verdicts *verdicts, const struct verdict_sums *sums, const struct verdict_now *now)
{
	uint32_t held;

	push(verdicts, sums);
	held = conditions(&verdicts->sums, &verdicts->earlier, now);
	verdicts->last = first_of(held & verdicts->held);
	verdicts->held = held;
	return verdicts->last;
}

enum verdict verdicts_last(const struct verdicts *verdicts)
{
	return verdicts->last;
}

void verdicts_continue(struct verdicts *verdicts, const struct verdicts *from)
{
	verdicts->last = from->last;
	verdicts->held = from->held;
}

const struct verdict_sums *verdicts_horizon(const struct verdicts *verdicts)
{
	return &verdicts->sums;
}

enum verdict verdict_whole(const struct verdict_sums *sums, const struct verdict_now *now)
{
	return first_of(conditions(sums, NULL, now));
}
