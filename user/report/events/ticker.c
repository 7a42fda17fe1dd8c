/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/ticker.h"

#include "base/clock.h"
#include "text/json_build.h"
#include "text/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_S     1000
#define NUMBER_BYTES 20 /* digits of a uint64_t */

/* As it was told: it becomes text for each who reads it, so that what is held is of one piece. */
struct message {
	bool is_window;
	int64_t start_ms, end_ms; /* of a window */
	struct event event;
};

struct ticker {
	pthread_mutex_t lock; /* of what follows but `run` */
	uint64_t run;
	struct message held[TICKER_HELD]; /* by number */
	uint64_t next;                    /* number of the next message; the first is 1 */
	uint64_t window;                  /* of the newest window; 0: none */
	void (*told)(void *context);
	void *context;
};

int ticker_new(struct ticker **ret, int64_t run_ms)
{
	struct ticker *ticker = calloc(1, sizeof(*ticker));

	if (!ticker)
		return -ENOMEM;
	pthread_mutex_init(&ticker->lock, NULL);
	ticker->run = (uint64_t)run_ms;
	ticker->next = 1;
	*ret = ticker;
	return 0;
}

void ticker_free(struct ticker *ticker)
{
	if (!ticker)
		return;
	pthread_mutex_destroy(&ticker->lock);
	free(ticker);
}

void ticker_tell(struct ticker *ticker, void (*told)(void *context), void *context)
{
	pthread_mutex_lock(&ticker->lock);
	ticker->told = told;
	ticker->context = context;
	pthread_mutex_unlock(&ticker->lock);
}

/* Holds the lock. */
static struct message *hold(struct ticker *ticker)
{
	return &ticker->held[ticker->next++ % TICKER_HELD];
}

/* Holds the lock, so that whoever is told is there until it has been. */
static void tell(struct ticker *ticker)
{
	if (ticker->told)
		ticker->told(ticker->context);
}

void ticker_events(struct ticker *ticker, const struct events *events)
{
	pthread_mutex_lock(&ticker->lock);
	for (size_t i = 0; i < events->n; i++)
		*hold(ticker) = (struct message){.event = events->list[i]};
	if (events->n)
		tell(ticker);
	pthread_mutex_unlock(&ticker->lock);
}

void ticker_window(struct ticker *ticker, int64_t start_ns, int64_t end_ns)
{
	pthread_mutex_lock(&ticker->lock);
	ticker->window = ticker->next;
	*hold(ticker) = (struct message){
	    .is_window = true, .start_ms = start_ns / NS_PER_MS, .end_ms = end_ns / NS_PER_MS};
	tell(ticker);
	pthread_mutex_unlock(&ticker->lock);
}

/* -- reading */

/* Decimal digits up to `end`; 0 is no number of a message, nor of a run. */
static const char *parse_number(const char *text, char end, uint64_t *ret)
{
	const size_t n = strspn(text, "0123456789");

	if (n == 0 || n >= NUMBER_BYTES || text[n] != end || *text == '0')
		return NULL;
	*ret = strtoull(text, NULL, 10);
	return text + n;
}

bool ticker_parse(const char *text, struct ticker_place *ret)
{
	struct ticker_place place;

	text = parse_number(text, '-', &place.run);
	if (!text || !parse_number(text + 1, '\0', &place.number))
		return false;
	*ret = place;
	return true;
}

static uint64_t oldest(const struct ticker *ticker)
{
	return ticker->next > TICKER_HELD ? ticker->next - TICKER_HELD : 1;
}

void ticker_begin(struct ticker *ticker, const struct ticker_place *last, struct ticker_place *ret)
{
	uint64_t after;

	pthread_mutex_lock(&ticker->lock);
	if (last && last->run != ticker->run)
		after = oldest(ticker) - 1;
	else if (last && last->number < ticker->next)
		after = last->number < oldest(ticker) ? oldest(ticker) - 1 : last->number;
	else
		after = ticker->window ? ticker->window - 1 : ticker->next - 1;
	pthread_mutex_unlock(&ticker->lock);
	*ret = (struct ticker_place){ticker->run, after};
}

/* Seconds since 1970, whole ones as integers. */
static void put_seconds(struct json_build *build, json_t *object, const char *key, int64_t ms)
{
	if (ms % MS_PER_S == 0)
		json_put_int(build, object, key, ms / MS_PER_S);
	else
		json_put_real(build, object, key, (double)ms / MS_PER_S);
}

/* NULL: no memory. */
static char *text_of(const struct message *message)
{
	struct json_build build = {0};
	json_t *object = json_build_object(&build);
	char *text;

	if (message->is_window) {
		put_seconds(&build, object, "start", message->start_ms);
		put_seconds(&build, object, "end", message->end_ms);
	} else {
		put_seconds(&build, object, "time", message->event.time_ms);
		json_put_text(&build, object, "kind", message->event.kind);
		json_put_text(&build, object, "text", message->event.text);
	}
	object = json_build_finish(&build, object);
	text = json_text(object);
	json_decref(object);
	return text;
}

/* Holds the lock. 0: it does not fit; -ENOMEM. */
static int write_message(const struct ticker *ticker, uint64_t number, char *buffer, size_t size)
{
	const struct message *message = &ticker->held[number % TICKER_HELD];
	char *text = text_of(message);
	int n;

	if (!text)
		return -ENOMEM;
	n = snprintf(buffer, size, "id: %" PRIu64 "-%" PRIu64 "\nevent: %s\ndata: %s\n\n",
	    ticker->run, number, message->is_window ? "window" : "event", text);
	free(text);
	return (size_t)n < size ? n : 0;
}

int ticker_read(struct ticker *ticker, struct ticker_place *place, char *buffer, size_t size)
{
	size_t used = 0;
	int r = 0;

	pthread_mutex_lock(&ticker->lock);
	if (place->number + 1 < oldest(ticker))
		r = -ESTALE;
	while (r == 0 && place->number + 1 < ticker->next) {
		const int n = write_message(ticker, place->number + 1, buffer + used, size - used);

		if (n < 0 && used == 0)
			r = n;
		if (n <= 0)
			break;
		used += (size_t)n;
		place->number++;
	}
	pthread_mutex_unlock(&ticker->lock);
	return r < 0 ? r : (int)used;
}
