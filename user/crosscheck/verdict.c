/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/verdict.h"

#include <errno.h>
#include <stdlib.h>

#define NAME(id, name) name,
#define BIT(id)        (1u << VERDICT_##id)

/* What the balance was in a quiet window. */
struct quiet {
	bool known;
	int64_t balance;
	uint64_t window; /* see struct verdicts */
};

struct entry {
	struct verdict_sums sums;
	struct verdict_edge start;
	uint64_t gap;       /* at the edges of what was left out before it */
	struct quiet quiet; /* the last one before it */
};

/* Differences between the witnesses, less what they may have counted on different sides of the
 * horizon's edges. */
struct figures {
	int64_t missed; /* by dnstap */
	int64_t unseen; /* by the wire, of what dnstap has */
};

struct judgement {
	uint32_t held; /* 1 << enum verdict: conditions */
	struct verdict_sums sums;
	struct verdict_now now;
	struct figures figures;
};

/* A ring of windows: the newest `horizon` of them, and before these an hour. */
struct verdicts {
	struct verdict_sums sums, earlier; /* of the two parts */
	uint64_t gaps;                     /* of the horizon's windows */
	bool apart;                        /* the last window has no share in the sums ... */
	struct verdict_edge gap;           /* ... and this was where such windows began */
	struct quiet quiet;
	uint64_t added; /* windows */
	struct judgement before;
	enum verdict last;
	size_t n_horizon, capacity, at, used;
	struct entry windows[];
};

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {VERDICTS(NAME)};

	return names[verdict < VERDICT_COUNT ? verdict : VERDICT_OK];
}

const char *verdict_meaning(enum verdict verdict)
{
	static const char *const meanings[] = {
	    [VERDICT_WIRE_BLIND] = "packets are not seen, so what dnstap misses cannot be told",
	    [VERDICT_DNSTAP_BLIND] = "no producer sends frames, so only the wire counts",
	    [VERDICT_PARTIAL] = "all inputs see one zone each, so the witnesses cannot be compared",
	    [VERDICT_STACK_LOSS] = "the kernel dropped queries before the nameserver's sockets",
	    [VERDICT_SOCKET_LOSS] = "the nameserver's sockets were full and queries were dropped",
	    [VERDICT_RATE_LIMITED] = "the nameserver limits rates: far more answers are truncated",
	    [VERDICT_SERVER_SILENT] = "the nameserver leaves over half of the queries unanswered",
	    [VERDICT_DNSTAP_LOSS] = "queries reached the nameserver that dnstap never showed",
	    [VERDICT_OK] = "both witnesses agree",
	};

	return meanings[verdict < VERDICT_COUNT ? verdict : VERDICT_OK];
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
static struct entry *window_ago(struct verdicts *verdicts, size_t ago)
{
	return &verdicts
		    ->windows[(verdicts->at + verdicts->capacity - 1 - ago) % verdicts->capacity];
}

/* Of a window that is in the sums: what may have been counted in those that were left out before
 * it, at both of their edges. */
static uint64_t close_gap(struct verdicts *verdicts, const struct verdict_window *window)
{
	const uint64_t hidden =
	    verdicts->gap.above + verdicts->gap.below + window->start.above + window->start.below;

	if (!verdicts->apart)
		return 0;
	verdicts->apart = false;
	return hidden;
}

static void open_gap(struct verdicts *verdicts, const struct verdict_edge *start)
{
	if (!verdicts->apart)
		verdicts->gap = *start;
	verdicts->apart = true;
}

/* The balance is exact at its end. */
static bool is_quiet(const struct verdict_window *window)
{
	return window->counted && window->balanced && !window->sums.wire_queries &&
	    !window->sums.dnstap_queries && !window->end.above && !window->end.below;
}

/* The earlier hour ends where a limit began: what is held against it does not join it. Where
 * nothing earlier is known (start, or after an hour of it), it does: some servers truncate that
 * much. */
static void leave(struct verdicts *verdicts, struct entry *left)
{
	subtract(&verdicts->sums, &left->sums);
	verdicts->gaps -= left->gap;
	if (verdicts->before.held & BIT(RATE_LIMITED) && verdicts->earlier.responses)
		left->sums.responses = left->sums.tc = 0;
	add(&verdicts->earlier, &left->sums);
}

static void push(struct verdicts *verdicts, const struct verdict_window *window)
{
	struct entry *entry = &verdicts->windows[verdicts->at];

	if (verdicts->used == verdicts->capacity)
		subtract(&verdicts->earlier, &entry->sums);
	else
		verdicts->used++;
	verdicts->at = (verdicts->at + 1) % verdicts->capacity;
	*entry =
	    (struct entry){.sums = window->sums, .start = window->start, .quiet = verdicts->quiet};
	if (window->counted)
		entry->gap = close_gap(verdicts, window);
	else
		open_gap(verdicts, &window->start);
	add(&verdicts->sums, &window->sums);
	verdicts->gaps += entry->gap;
	if (verdicts->used > verdicts->n_horizon)
		leave(verdicts, window_ago(verdicts, verdicts->n_horizon));
	verdicts->added++;
	if (is_quiet(window))
		verdicts->quiet = (struct quiet){true, window->balance, verdicts->added};
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

static int64_t less(int64_t figure, uint64_t by)
{
	int64_t left;

	return __builtin_sub_overflow(figure, clip(by), &left) ? INT64_MIN : left;
}

/* The horizon ends in `window`, which was just added. */
static struct figures find_figures(struct verdicts *verdicts, const struct verdict_window *window)
{
	const struct verdict_sums *sums = &verdicts->sums;
	const struct entry *first = window_ago(verdicts,
	    (verdicts->used < verdicts->n_horizon ? verdicts->used : verdicts->n_horizon) - 1);
	const uint64_t gaps = verdicts->gaps - first->gap;
	struct figures figures = {
	    .missed = less(sums->unexplained, first->start.below + gaps),
	    .unseen =
		less(clip(sums->dnstap_queries), first->start.above + window->end.below + gaps),
	};

	if (first->quiet.known && verdicts->added - first->quiet.window <= verdicts->capacity &&
	    figures.missed > window->balance - first->quiet.balance)
		figures.missed = window->balance - first->quiet.balance;
	return figures;
}

static bool is_wire_blind(
    const struct verdict_sums *sums, const struct figures *figures, const struct verdict_now *now)
{
	return !now->wire || (!sums->wire_queries && beyond(sums, figures->unseen));
}

/* Silence of dnstap means nothing where no query came so far that it could be logged. */
static bool is_dnstap_blind(
    const struct verdict_sums *sums, const struct figures *figures, const struct verdict_now *now)
{
	if (!now->compared)
		return !now->zone;
	if (sums->dnstap_queries)
		return false;
	return beyond(sums, figures->missed) || (!now->connected && !beyond(sums, sums->explained));
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
    const struct figures *figures, const struct verdict_now *now)
{
	return (is_wire_blind(sums, figures, now) ? BIT(WIRE_BLIND) : 0) |
	    (is_dnstap_blind(sums, figures, now) ? BIT(DNSTAP_BLIND) : 0) |
	    (!now->compared && now->zone ? BIT(PARTIAL) : 0) |
	    (beyond(sums, clip(sums->stack_drops)) ? BIT(STACK_LOSS) : 0) |
	    (beyond(sums, clip(sums->socket_drops)) ? BIT(SOCKET_LOSS) : 0) |
	    (is_rate_limited(sums, earlier) ? BIT(RATE_LIMITED) : 0) |
	    (is_silent(sums) ? BIT(SERVER_SILENT) : 0) |
	    (beyond(sums, figures->missed) ? BIT(DNSTAP_LOSS) : 0) | BIT(OK);
}

static enum verdict first_of(uint32_t held)
{
	return (enum verdict)__builtin_ctz(held | BIT(OK));
}

/* What still holds of the last judgement, when the window after it shows how much of what its own
 * end has missed was counted there. */
static uint32_t still_held(const struct judgement *before, uint64_t above)
{
	const struct figures figures = {less(before->figures.missed, above), 0};
	uint32_t held = before->held;

	if (!is_dnstap_blind(&before->sums, &figures, &before->now))
		held &= ~BIT(DNSTAP_BLIND);
	if (!beyond(&before->sums, figures.missed))
		held &= ~BIT(DNSTAP_LOSS);
	return held;
}

enum verdict verdicts_add(
    struct verdicts *verdicts, const struct verdict_window *window, const struct verdict_now *now)
{
	const struct verdict_edge *end = verdicts->apart ? &verdicts->gap : &window->start;
	const uint32_t before = still_held(&verdicts->before, end->above);
	struct judgement judgement = {.now = *now};

	push(verdicts, window);
	judgement.sums = verdicts->sums;
	judgement.figures = find_figures(verdicts, window);
	judgement.held = conditions(&verdicts->sums, &verdicts->earlier, &judgement.figures, now);
	verdicts->last = first_of(judgement.held & before);
	verdicts->before = judgement;
	return verdicts->last;
}

enum verdict verdicts_skip(struct verdicts *verdicts, const struct verdict_edge *start)
{
	open_gap(verdicts, start);
	return verdicts->last;
}

enum verdict verdicts_last(const struct verdicts *verdicts)
{
	return verdicts->last;
}

void verdicts_continue(struct verdicts *verdicts, const struct verdicts *from)
{
	verdicts->last = from->last;
	verdicts->before = from->before;
	verdicts->apart = from->apart;
	verdicts->gap = from->gap;
	verdicts->quiet = from->quiet;
	verdicts->added = from->added;
}

const struct verdict_sums *verdicts_horizon(const struct verdicts *verdicts)
{
	return &verdicts->sums;
}

enum verdict verdict_whole(const struct verdict_sums *sums, const struct verdict_now *now)
{
	const struct figures figures = {sums->unexplained, clip(sums->dnstap_queries)};

	return first_of(conditions(sums, NULL, &figures, now));
}
