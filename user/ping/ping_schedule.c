/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "ping/ping_table.h"

/* A look over the table for who is due: at most so often. */
#define LOOK_NS (250 * NS_PER_MS)

struct choice {
	uint64_t answered;
	struct ping_address address;
};

struct ping_schedule {
	struct ping_schedule_settings settings;
	struct ping_table table;
	uint32_t window;
	uint64_t random;      /* state of xorshift64, for spreading only */
	uint64_t next_due_ns; /* no row outside the plan is due earlier */
	uint64_t looked_ns;   /* at the table */
	struct choice *plan;  /* a heap while choosing, then the busiest last */
	size_t n_plan, size_plan;
	size_t due; /* at the last look */
};

static uint64_t next_random(struct ping_schedule *schedule)
{
	uint64_t x = schedule->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return schedule->random = x;
}

/* Two halves make the last hour. A window as long as an hour needs longer halves, or three of them
 * would never be seen. */
static uint64_t half_ns(const struct ping_schedule_settings *settings)
{
	uint64_t half = 1800ULL * NS_PER_S;

	return 2 * settings->window_ns > half ? 2 * settings->window_ns : half;
}

static struct choice *new_plan(const struct ping_schedule_settings *settings)
{
	return calloc(settings->plan_rows ? settings->plan_rows : 1, sizeof(struct choice));
}

int ping_schedule_new(
    struct ping_schedule **ret, const struct ping_schedule_settings *settings, uint64_t seed)
{
	struct ping_schedule *schedule = calloc(1, sizeof(*schedule));
	int r = -ENOMEM;

	if (!schedule)
		return r;
	schedule->settings = *settings;
	schedule->random = seed | 1;
	schedule->next_due_ns = PING_NEVER;
	schedule->plan = new_plan(settings);
	schedule->size_plan = settings->plan_rows ? settings->plan_rows : 1;
	if (!schedule->plan)
		goto out;
	r = ping_table_init(&schedule->table, settings->max_rows, seed, half_ns(settings));
	if (r < 0)
		goto out;
	*ret = schedule;
	schedule = NULL;
out:
	ping_schedule_free(schedule);
	return r;
}

void ping_schedule_free(struct ping_schedule *schedule)
{
	if (!schedule)
		return;
	ping_table_clear(&schedule->table);
	free(schedule->plan);
	free(schedule);
}

static uint64_t jittered(struct ping_schedule *schedule, uint64_t interval_ns)
{
	return interval_ns + next_random(schedule) % (interval_ns / 16 + 1);
}

static void set_due(struct ping_schedule *schedule, struct ping_row *row, uint64_t due_ns)
{
	row->due_ns = due_ns;
	if (due_ns < schedule->next_due_ns)
		schedule->next_due_ns = due_ns;
}

/* A shorter `ping.every` counts from now on: whoever is due later than that is due by then. */
static void hurry(struct ping_schedule *schedule)
{
	for (size_t i = 0; i < ping_table_rows(&schedule->table); i++) {
		struct ping_row *row = &schedule->table.rows[i];

		if (row->family && row->measured_ns && !row->failures && row->due_ns != PING_NEVER)
			set_due(schedule, row,
			    row->measured_ns + jittered(schedule, schedule->settings.every_ns));
	}
}

int ping_schedule_configure(
    struct ping_schedule *schedule, const struct ping_schedule_settings *settings)
{
	struct choice *plan = new_plan(settings);
	int r;

	if (!plan)
		return -ENOMEM;
	r = ping_table_resize(&schedule->table, settings->max_rows, half_ns(settings));
	if (r < 0) {
		free(plan);
		return r;
	}
	free(schedule->plan);
	schedule->plan = plan;
	schedule->size_plan = settings->plan_rows ? settings->plan_rows : 1;
	schedule->n_plan = 0;
	schedule->next_due_ns = 0; /* those of the old plan are due */
	if (settings->every_ns != schedule->settings.every_ns) {
		schedule->settings = *settings;
		hurry(schedule);
	}
	schedule->settings = *settings;
	return 0;
}

void ping_schedule_begin_window(struct ping_schedule *schedule)
{
	schedule->window++;
}

static void count(
    struct ping_schedule *schedule, struct ping_row *row, uint32_t answered, uint64_t now_ns)
{
	ping_row_count(row, answered, schedule->window, now_ns / schedule->table.half_ns);
	if (row->due_ns == PING_NEVER && !row->waiting &&
	    ping_row_qualifies(row, now_ns / schedule->table.half_ns))
		set_due(schedule, row, now_ns);
}

bool ping_schedule_touch(struct ping_schedule *schedule, const struct ping_address *address,
    uint32_t answered, uint64_t now_ns)
{
	struct ping_row *row = ping_table_find(&schedule->table, address);

	if (!row)
		return false;
	count(schedule, row, answered, now_ns);
	return true;
}

bool ping_schedule_admit(struct ping_schedule *schedule, const struct ping_address *address,
    uint32_t answered, uint64_t now_ns)
{
	struct ping_row *row = ping_table_admit(&schedule->table, address, answered,
	    schedule->window, now_ns / schedule->table.half_ns);

	if (!row)
		return false;
	row->due_ns = PING_NEVER;
	count(schedule, row, answered, now_ns);
	return true;
}

/* ---- choosing ---- */

static void sift_down(struct choice *heap, size_t n, size_t at)
{
	for (;;) {
		size_t least = at, left = 2 * at + 1;
		struct choice swap;

		if (left < n && heap[left].answered < heap[least].answered)
			least = left;
		if (left + 1 < n && heap[left + 1].answered < heap[least].answered)
			least = left + 1;
		if (least == at)
			return;
		swap = heap[at];
		heap[at] = heap[least];
		heap[least] = swap;
		at = least;
	}
}

static void heapify(struct choice *heap, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(heap, n, i);
}

static int busiest_last(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	return (x->answered > y->answered) - (x->answered < y->answered);
}

static void choose(struct ping_schedule *schedule, const struct ping_row *row, uint64_t answered)
{
	struct choice choice = {.answered = answered, .address = ping_row_address(row)};

	if (schedule->n_plan < schedule->size_plan) {
		schedule->plan[schedule->n_plan++] = choice;
		if (schedule->n_plan == schedule->size_plan)
			heapify(schedule->plan, schedule->n_plan);
	} else if (answered > schedule->plan[0].answered) {
		schedule->plan[0] = choice;
		sift_down(schedule->plan, schedule->n_plan, 0);
	}
}

static void look(struct ping_schedule *schedule, uint64_t now_ns, unsigned families)
{
	uint64_t half = now_ns / schedule->table.half_ns, next_ns = PING_NEVER;

	schedule->n_plan = 0;
	schedule->due = 0;
	schedule->looked_ns = now_ns;
	for (size_t i = 0; i < ping_table_rows(&schedule->table); i++) {
		struct ping_row *row = &schedule->table.rows[i];

		if (!row->family || row->due_ns == PING_NEVER)
			continue;
		if (row->due_ns > now_ns || row->waiting) {
			uint64_t due_ns = row->due_ns > now_ns ? row->due_ns : now_ns + LOOK_NS;

			next_ns = due_ns < next_ns ? due_ns : next_ns;
		} else if (!ping_row_qualifies(row, half)) {
			row->due_ns = PING_NEVER; /* until it asks again */
		} else if (families & 1u << row->family) {
			schedule->due++;
			choose(schedule, row, ping_row_answered(row, half));
		}
	}
	/* Some are left over: look again when these have been asked. */
	schedule->next_due_ns = schedule->due > schedule->n_plan ? now_ns : next_ns;
	qsort(schedule->plan, schedule->n_plan, sizeof(*schedule->plan), busiest_last);
}

uint64_t ping_schedule_next_ns(const struct ping_schedule *schedule)
{
	uint64_t look_ns = schedule->looked_ns ? schedule->looked_ns + LOOK_NS : 0;

	if (schedule->n_plan)
		return 0;
	return schedule->next_due_ns > look_ns ? schedule->next_due_ns : look_ns;
}

void ping_schedule_look_again(struct ping_schedule *schedule)
{
	schedule->next_due_ns = 0;
}

bool ping_schedule_take(
    struct ping_schedule *schedule, uint64_t now_ns, unsigned families, struct ping_address *ret)
{
	uint64_t half = now_ns / schedule->table.half_ns;

	if (ping_schedule_next_ns(schedule) > now_ns)
		return false;
	if (!schedule->n_plan)
		look(schedule, now_ns, families);
	while (schedule->n_plan) {
		const struct choice *choice = &schedule->plan[--schedule->n_plan];
		const struct ping_row *row = ping_table_find(&schedule->table, &choice->address);

		if (row && row->due_ns <= now_ns && ping_row_qualifies(row, half) &&
		    (families & 1u << row->family)) {
			*ret = choice->address;
			return true;
		}
	}
	return false;
}

/* ---- outcomes ---- */

void ping_schedule_sent(
    struct ping_schedule *schedule, const struct ping_address *address, uint64_t now_ns)
{
	struct ping_row *row = ping_table_find(&schedule->table, address);

	if (!row)
		return;
	row->sent += row->sent < UINT32_MAX;
	row->waiting = 1;
	/* Should no outcome be told, this one is. */
	set_due(schedule, row, now_ns + jittered(schedule, schedule->settings.every_ns));
}

void ping_schedule_replied(struct ping_schedule *schedule, const struct ping_address *address,
    uint64_t rtt_ns, uint64_t now_ns)
{
	struct ping_row *row = ping_table_find(&schedule->table, address);

	if (!row)
		return;
	row->waiting = 0;
	row->failures = 0;
	row->objected = 0;
	row->rtt_ns = rtt_ns < UINT32_MAX ? (uint32_t)rtt_ns : UINT32_MAX;
	row->measured_ns = now_ns;
}

static void back_off(
    struct ping_schedule *schedule, struct ping_row *row, unsigned steps, uint64_t now_ns)
{
	uint64_t every_ns = schedule->settings.every_ns, interval_ns = every_ns;

	row->waiting = 0;
	row->failures = (uint8_t)(row->failures + steps < 64 ? row->failures + steps : 64);
	for (unsigned i = 0; i < row->failures && interval_ns < PING_MAX_BACKOFF_NS; i++)
		interval_ns *= 2;
	if (interval_ns > PING_MAX_BACKOFF_NS)
		interval_ns = PING_MAX_BACKOFF_NS > every_ns ? PING_MAX_BACKOFF_NS : every_ns;
	set_due(schedule, row, now_ns + jittered(schedule, interval_ns));
}

void ping_schedule_timed_out(
    struct ping_schedule *schedule, const struct ping_address *address, uint64_t now_ns)
{
	struct ping_row *row = ping_table_find(&schedule->table, address);

	if (!row)
		return;
	row->timeouts += row->timeouts < UINT16_MAX;
	back_off(schedule, row, PING_BACKOFF_SILENT, now_ns);
}

void ping_schedule_objected(struct ping_schedule *schedule, const struct ping_address *address,
    unsigned steps, uint64_t now_ns)
{
	struct ping_row *row = ping_table_find(&schedule->table, address);

	if (!row)
		return;
	row->errors += row->errors < UINT16_MAX;
	row->objected = 1;
	back_off(schedule, row, steps, now_ns);
}

void ping_schedule_postponed(
    struct ping_schedule *schedule, const struct ping_address *address, uint64_t now_ns)
{
	struct ping_row *row = ping_table_find(&schedule->table, address);

	if (!row)
		return;
	row->waiting = 0;
	set_due(schedule, row, now_ns + jittered(schedule, schedule->settings.every_ns));
}

/* ---- reading ---- */

static void fill_result(const struct ping_row *row, uint64_t now_ns, struct ping_result *ret)
{
	*ret = (struct ping_result){
	    .address = ping_row_address(row),
	    .measured = row->measured_ns != 0,
	    .rtt_ns = row->rtt_ns,
	    .age_ns = now_ns > row->measured_ns ? now_ns - row->measured_ns : 0,
	    .sent = row->sent,
	    .timeouts = row->timeouts,
	    .errors = row->errors,
	};
}

bool ping_schedule_result(const struct ping_schedule *schedule, const struct ping_address *address,
    uint64_t now_ns, struct ping_result *ret)
{
	const struct ping_row *row = ping_table_find(&schedule->table, address);

	if (row)
		fill_result(row, now_ns, ret);
	return row != NULL;
}

size_t ping_schedule_walk(const struct ping_schedule *schedule, size_t first_set, size_t n_sets,
    uint64_t now_ns, void (*callback)(void *context, const struct ping_result *), void *context)
{
	size_t rows = ping_table_rows(&schedule->table), end = (first_set + n_sets) * PING_SET_ROWS;

	for (size_t i = first_set * PING_SET_ROWS; i < rows && i < end; i++) {
		const struct ping_row *row = &schedule->table.rows[i];
		struct ping_result result;

		if (!row->family || !row->measured_ns)
			continue;
		fill_result(row, now_ns, &result);
		callback(context, &result);
	}
	return end < rows ? first_set + n_sets : 0;
}

void ping_schedule_stats(const struct ping_schedule *schedule, struct ping_stats *ret)
{
	ret->known = schedule->table.used;
	ret->due = schedule->due;
	ret->evicted = schedule->table.evicted;
	ret->capacity = schedule->table.max_sets * PING_SET_ROWS;
	ret->memory_bytes += sizeof(*schedule) + schedule->size_plan * sizeof(*schedule->plan) +
	    ping_table_rows(&schedule->table) * sizeof(struct ping_row);
}
