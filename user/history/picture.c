/* SPDX-License-Identifier: BSD-2-Clause */
/* An answer: what a query comes to, copied out of the history, and written as JSON. */
#include "history/held.h"

#include "crosscheck/verdict.h"
#include "text/escape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t floor_to(int64_t value, int64_t step)
{
	const int64_t rest = value % step;

	return value - rest - (rest < 0 ? step : 0);
}

static int64_t ceil_to(int64_t value, int64_t step)
{
	return -floor_to(-value, step);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* -- which part, in which steps */

static void find_ends(struct history_picture *picture, const struct past *past)
{
	for (int t = 0; t < PAST_TIERS; t++) {
		const struct past_ring *ring = &past->rings[t];

		picture->has[t].step_ms = ring->step_ms;
		for (size_t i = 0; i < ring->n; i++) {
			const int64_t start_ms = ring->moments[past_place(ring, i)].start_ms;
			const int64_t from_ms = floor_to(start_ms, ring->step_ms);

			if (i == 0 || from_ms < picture->has[t].from_ms)
				picture->has[t].from_ms = from_ms;
			if (i == 0 || from_ms + ring->step_ms > picture->has[t].to_ms)
				picture->has[t].to_ms = from_ms + ring->step_ms;
		}
	}
}

/* Minutes where they are short enough, or where the time begins before the first window that is
 * held. */
static enum past_tier choose_tier(
    const struct history_picture *picture, const struct history_query *query)
{
	const int64_t first_ms = picture->has[PAST_WINDOWS].from_ms;

	if (query->step_ms >= picture->has[PAST_MINUTES].step_ms)
		return PAST_MINUTES;
	return query->from_ms < first_ms && query->from_ms < query->to_ms &&
		floor_to(first_ms, picture->has[PAST_MINUTES].step_ms) >
		    picture->has[PAST_MINUTES].from_ms
	    ? PAST_MINUTES
	    : PAST_WINDOWS;
}

static size_t count_points(struct history_picture *picture, const struct history_query *query)
{
	const int64_t step_ms = picture->step_ms;
	const int64_t to_ms = picture->has[picture->tier].to_ms;
	const int64_t end_ms = ceil_to(query->to_ms < to_ms ? query->to_ms : to_ms, step_ms);

	picture->from_ms =
	    floor_to(later(query->from_ms, picture->has[picture->tier].from_ms), step_ms);
	return picture->from_ms < end_ms ? (size_t)((end_ms - picture->from_ms) / step_ms) : 0;
}

static void choose_steps(struct history_picture *picture, const struct history_query *query)
{
	int64_t held_ms;

	picture->tier = choose_tier(picture, query);
	held_ms = picture->has[picture->tier].step_ms;
	picture->step_ms = ceil_to(later(query->step_ms, held_ms), held_ms);
	picture->points = count_points(picture, query);
	/* Once more where the grid adds a point. */
	for (int i = 0; i < 2 && !query->step_ms && picture->points > HISTORY_POINTS; i++) {
		picture->step_ms *= (int64_t)(picture->points / HISTORY_POINTS + 1);
		picture->points = count_points(picture, query);
	}
}

/* -- the copy */

static size_t count_series(const struct past *past, const struct history_query *query)
{
	size_t n = 0;

	for (size_t i = 0; i < past->n_series; i++)
		n += (size_t)__builtin_popcount(query->fields[past->series[i].of]);
	return n;
}

static void note_series(
    struct history_picture *picture, const struct past *past, const struct history_query *query)
{
	for (size_t i = 0; i < past->n_series; i++) {
		const struct past_series *from = &past->series[i];

		for (size_t f = 0; f < history_kept[from->of].n_fields; f++) {
			struct history_series *to = &picture->series[picture->n_series];

			if (!(query->fields[from->of] & 1u << f))
				continue;
			to->of = (enum kept_id)from->of;
			to->field = f;
			for (size_t t = 0; t < history_kept[from->of].n_tags; t++)
				snprintf(to->tags[t], sizeof(to->tags[t]), "%s", from->tags[t]);
			picture->n_series++;
		}
	}
}

static void copy_place(struct history_picture *picture, const struct past *past,
    const struct history_query *query, size_t place, size_t point)
{
	size_t row = 0;

	picture->watched_ms[point] += past->rings[picture->tier].moments[place].watched_ms;
	for (size_t i = 0; i < past->n_series; i++) {
		const struct past_series *from = &past->series[i];

		for (size_t f = 0; f < history_kept[from->of].n_fields; f++) {
			int64_t *value;

			if (!(query->fields[from->of] & 1u << f))
				continue;
			value = &picture->values[row++ * picture->points + point];
			*value = past_fold(history_kept[from->of].fields[f].fold, *value,
			    past_get(past, from, f, picture->tier, place));
		}
	}
}

static void copy_values(
    struct history_picture *picture, const struct past *past, const struct history_query *query)
{
	const struct past_ring *ring = &past->rings[picture->tier];

	for (size_t i = 0; i < picture->n_series * picture->points; i++)
		picture->values[i] = PAST_ABSENT;
	for (size_t i = 0; i < ring->n; i++) {
		const size_t place = past_place(ring, i);
		const int64_t at_ms = ring->moments[place].start_ms - picture->from_ms;
		const int64_t point = at_ms / picture->step_ms;

		if (at_ms >= 0 && point < (int64_t)picture->points)
			copy_place(picture, past, query, place, (size_t)point);
	}
}

static void copy_events(struct history_picture *picture, const struct history_next *held)
{
	const int64_t to_ms = picture->from_ms + (int64_t)picture->points * picture->step_ms;

	for (size_t i = 0; i < held->n_events; i++) {
		const struct history_event *event = held_event_at(held, i);

		if (event->time_ms >= picture->from_ms && event->time_ms < to_ms)
			picture->events[picture->n_events++] = *event;
	}
}

static int check_size(
    const struct history_picture *picture, size_t n_series, char *error, size_t size)
{
	const size_t most = n_series && HISTORY_VALUES / n_series < HISTORY_POINTS
	    ? HISTORY_VALUES / n_series
	    : HISTORY_POINTS;

	if (picture->points <= most)
		return 0;
	snprintf(error, size,
	    "%zu points of %zu series in steps of %lld s are too many for an answer, which holds "
	    "%d "
	    "points a series and %d values: ask for a longer step, a shorter time or fewer names",
	    picture->points, n_series, (long long)(picture->step_ms / 1000), HISTORY_POINTS,
	    HISTORY_VALUES);
	return -E2BIG;
}

int picture_take(struct history_picture *ret, const struct history_next *held,
    const struct history_query *query, char *error, size_t size)
{
	struct history_picture picture = {0};
	size_t n_series;
	int r;

	if (!held->past) {
		snprintf(error, size, "the history is turned off: limits.history is 0");
		return -ENODATA;
	}
	picture.interval_ms = held->past->interval_ms;
	find_ends(&picture, held->past);
	choose_steps(&picture, query);
	n_series = count_series(held->past, query);
	r = check_size(&picture, n_series, error, size);
	if (r < 0)
		return r;
	picture.series = calloc(n_series + 1, sizeof(*picture.series));
	picture.watched_ms = calloc(picture.points + 1, sizeof(*picture.watched_ms));
	picture.values = malloc((n_series * picture.points + 1) * sizeof(*picture.values));
	picture.events = calloc(held->n_events + 1, sizeof(*picture.events));
	if (!picture.series || !picture.watched_ms || !picture.values || !picture.events) {
		picture_done(&picture);
		snprintf(error, size, "no memory");
		return -ENOMEM;
	}
	note_series(&picture, held->past, query);
	copy_values(&picture, held->past, query);
	copy_events(&picture, held);
	*ret = picture;
	return 0;
}

void picture_done(struct history_picture *picture)
{
	free(picture->series);
	free(picture->watched_ms);
	free(picture->values);
	free(picture->events);
}

/* -- its text */

static void put_text(FILE *out, const char *text)
{
	char buffer[6 * PAST_TAG_BYTES + 64];
	const size_t n = escape_write(buffer, ESCAPE_JSON, text, strlen(text), PAST_TAG_BYTES);

	fputc('"', out);
	fwrite(buffer, 1, n, out);
	fputc('"', out);
}

/* Thousandths, where there are any. */
static void put_thousandths(FILE *out, int64_t value)
{
	const int64_t whole = llabs(value) / 1000, rest = llabs(value) % 1000;

	fprintf(out, "%s%lld", value < 0 ? "-" : "", (long long)whole);
	if (rest)
		fprintf(out, ".%03lld", (long long)rest);
}

static void put_value(FILE *out, const struct measure_field *field, int64_t value)
{
	if (value == PAST_ABSENT)
		fputs("null", out);
	else if (field->type == MEASURE_TEXT)
		put_text(out,
		    value >= 0 && value < VERDICT_COUNT ? verdict_name((enum verdict)value)
							: "unknown");
	else if (kept_scale(field) > 1)
		put_thousandths(out, value);
	else
		fprintf(out, "%lld", (long long)value);
}

static void put_series(FILE *out, const struct history_picture *picture, size_t n)
{
	const struct history_series *series = &picture->series[n];
	const struct kept *of = &history_kept[series->of];
	const struct measure_field *field = kept_field(of, series->field);

	fprintf(out, "{\"measurement\": \"%s\", \"tags\": {", measurements[of->measurement].name);
	for (size_t t = 0; t < of->n_tags; t++) {
		fprintf(out, "%s\"%s\": ", t ? ", " : "", measure_tags[of->tags[t]].name);
		put_text(out, series->tags[t]);
	}
	fprintf(out, "}, \"field\": \"%s\", \"unit\": \"%s\", \"fold\": \"%s\", \"values\": [",
	    field->name, field->unit, kept_fold_name(of->fields[series->field].fold));
	for (size_t i = 0; i < picture->points; i++) {
		if (i)
			fputs(", ", out);
		put_value(out, field, picture->values[n * picture->points + i]);
	}
	fputs("]}", out);
}

static void put_ends(FILE *out, const struct history_picture *picture, enum past_tier tier)
{
	fputs("{\"from\": ", out);
	put_thousandths(out, picture->has[tier].from_ms);
	fputs(", \"to\": ", out);
	put_thousandths(out, picture->has[tier].to_ms);
	fputs(", \"step\": ", out);
	put_thousandths(out, picture->has[tier].step_ms);
	fputc('}', out);
}

static void put_head(FILE *out, const struct history_picture *picture)
{
	fputs("{\"from\": ", out);
	put_thousandths(out, picture->from_ms);
	fputs(", \"to\": ", out);
	put_thousandths(out, picture->from_ms + (int64_t)picture->points * picture->step_ms);
	fputs(", \"step\": ", out);
	put_thousandths(out, picture->step_ms);
	fprintf(out, ", \"points\": %zu, \"held\": {\"windows\": ", picture->points);
	put_ends(out, picture, PAST_WINDOWS);
	fputs(", \"minutes\": ", out);
	put_ends(out, picture, PAST_MINUTES);
	fputs("}, \"watched\": [", out);
	for (size_t i = 0; i < picture->points; i++) {
		if (i)
			fputs(", ", out);
		if (picture->watched_ms[i])
			put_thousandths(out, (int64_t)picture->watched_ms[i]);
		else
			fputs("null", out);
	}
	fputc(']', out);
}

static void put_events(FILE *out, const struct history_picture *picture)
{
	for (size_t i = 0; i < picture->n_events; i++) {
		const struct history_event *event = &picture->events[i];

		fprintf(out, "%s\n{\"time\": ", i ? "," : "");
		put_thousandths(out, event->time_ms);
		fputs(", \"kind\": ", out);
		put_text(out, event->kind);
		fputs(", \"text\": ", out);
		put_text(out, event->text);
		fputc('}', out);
	}
}

char *picture_text(const struct history_picture *picture)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (!out)
		return NULL;
	put_head(out, picture);
	fputs(", \"series\": [", out);
	for (size_t i = 0; i < picture->n_series; i++) {
		fputs(i ? ",\n" : "\n", out);
		put_series(out, picture, i);
	}
	fputs("], \"events\": [", out);
	put_events(out, picture);
	fputs("]}\n", out);
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
