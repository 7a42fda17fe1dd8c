/* SPDX-License-Identifier: BSD-2-Clause */
#include "history/history.h"

#include "base/clock.h"
#include "base/replace.h"
#include "history/held.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_SHARE 16 /* of the memory at most one part in so many */

struct history {
	pthread_mutex_t lock; /* what is below: one thread writes, others read */
	struct history_next *held;
};

/* -- what is held */

static size_t events_of(size_t limit)
{
	const size_t n = limit / EVENTS_SHARE / sizeof(struct history_event);

	return n < HISTORY_EVENTS ? n : HISTORY_EVENTS;
}

static size_t left_for_series(size_t limit)
{
	return limit - events_of(limit) * sizeof(struct history_event);
}

int held_new(struct history_next **ret, size_t limit, int64_t interval_ms)
{
	struct history_next *held = calloc(1, sizeof(*held));
	int r = held ? 0 : -ENOMEM;

	if (r == 0) {
		held->max_events = events_of(limit);
		held->events = calloc(held->max_events + 1, sizeof(*held->events));
		r = held->events ? past_new(&held->past, left_for_series(limit), interval_ms)
				 : -ENOMEM;
	}
	if (r < 0) {
		history_next_free(held);
		return r;
	}
	held->past->limit = limit;
	*ret = held;
	return 0;
}

void history_next_free(struct history_next *next)
{
	if (!next)
		return;
	past_free(next->past);
	free(next->events);
	free(next);
}

void held_event(struct history_next *held, const struct history_event *event)
{
	if (!held->max_events)
		return;
	held->events[held->next_event] = *event;
	held->next_event = (held->next_event + 1) % held->max_events;
	if (held->n_events < held->max_events)
		held->n_events++;
}

const struct history_event *held_event_at(const struct history_next *held, size_t i)
{
	return &held->events[(held->next_event + held->max_events - held->n_events + i) %
	    held->max_events];
}

void held_copy(struct history_next *to, struct history_next *from)
{
	/* Without memory for a series its figures are no more than missing. */
	(void)past_copy(to->past, from->past);
	for (size_t i = 0; i < from->n_events; i++)
		held_event(to, held_event_at(from, i));
}

/* -- the history */

void history_plan(struct past_plan *ret, const struct config *config)
{
	*ret = (struct past_plan){0};
	if (!config->limits.history)
		return;
	past_plan(ret, left_for_series(config->limits.history),
	    (int64_t)(config->interval_ns / NS_PER_MS));
	ret->bytes += events_of(config->limits.history) * sizeof(struct history_event);
}

int history_prepare(struct history_next **ret, const struct config *config)
{
	struct history_next *off;

	if (config->limits.history)
		return held_new(
		    ret, config->limits.history, (int64_t)(config->interval_ns / NS_PER_MS));
	off = calloc(1, sizeof(*off));
	if (!off)
		return -ENOMEM;
	*ret = off;
	return 0;
}

int history_new(struct history **ret, const struct config *config)
{
	struct history *history = calloc(1, sizeof(*history));
	int r;

	if (!history)
		return -ENOMEM;
	r = history_prepare(&history->held, config);
	if (r < 0) {
		free(history);
		return r;
	}
	pthread_mutex_init(&history->lock, NULL);
	*ret = history;
	return 0;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	history_next_free(history->held);
	pthread_mutex_destroy(&history->lock);
	free(history);
}

void history_commit(struct history *history, struct history_next *next)
{
	struct history_next *before = history->held;

	/* Nobody else writes, and nobody else knows `next`. */
	if (next->past && before->past)
		held_copy(next, before);
	pthread_mutex_lock(&history->lock);
	history->held = next;
	pthread_mutex_unlock(&history->lock);
	history_next_free(before);
}

int history_add(struct history *history, struct past_window *window)
{
	int r = 0;

	pthread_mutex_lock(&history->lock);
	if (history->held->past)
		r = past_add(history->held->past, window);
	pthread_mutex_unlock(&history->lock);
	return r;
}

void history_event(struct history *history, const struct history_event *event)
{
	pthread_mutex_lock(&history->lock);
	held_event(history->held, event);
	pthread_mutex_unlock(&history->lock);
}

/* -- its file */

bool history_path(char ret[HISTORY_PATH], const struct config *config)
{
	snprintf(ret, HISTORY_PATH, "%s.history", config->state);
	return *config->state != '\0';
}

/* Only the thread that calls this writes, so nobody has to wait while it reads. */
int history_save(struct history *history, const char *path)
{
	return history->held->past ? held_write(history->held, path) : 0;
}

static bool is_unreadable(int r)
{
	return r == -EBADMSG || r == -EFBIG || r == -EPROTONOSUPPORT;
}

int history_load(struct history *history, const char *path)
{
	struct history_next *before;
	int r;

	if (!history->held->past)
		return -ENOENT;
	r = held_read(&before, path);
	if (is_unreadable(r)) {
		const int aside = replace_set_aside(path);

		r = aside < 0 ? aside : r;
	}
	if (r < 0)
		return r;
	pthread_mutex_lock(&history->lock);
	held_copy(history->held, before);
	pthread_mutex_unlock(&history->lock);
	history_next_free(before);
	return 0;
}

/* -- answers */

int history_answer(struct history *history, const struct history_query *query, char **ret,
    char *error, size_t size)
{
	struct history_picture picture = {0};
	char *text;
	int r;

	pthread_mutex_lock(&history->lock);
	r = picture_take(&picture, history->held, query, error, size);
	pthread_mutex_unlock(&history->lock);
	if (r < 0)
		return r;
	text = picture_text(&picture);
	picture_done(&picture);
	if (!text) {
		snprintf(error, size, "no memory");
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
