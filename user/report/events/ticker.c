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

struct message {
	const char
	    *name; /* of the event, as EventSource has it; NULL: there was no memory for it */
	char *data;
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
	for (size_t i = 0; i < TICKER_HELD; i++)
		free(ticker->held[i].data);
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

/* Takes `data`. Holds the lock. */
static void hold(struct ticker *ticker, const char *name, char *data)
{
	struct message *message = &ticker->held[ticker->next % TICKER_HELD];

	free(message->data);
	*message = (struct message){data ? name : NULL, data};
	ticker->next++;
}

/* Holds the lock, so that whoever is told is there until it has been. */
static void tell(struct ticker *ticker)
{
	if (ticker->told)
		ticker->told(ticker->context);
}

/* Seconds since 1970, whole ones as integers. */
static void put_seconds(struct json_build *build, json_t *object, const char *key, int64_t ms)
{
	if (ms % MS_PER_S == 0)
		json_put_int(build, object, key, ms / MS_PER_S);
	else
		json_put_real(build, object, key, (double)ms / MS_PER_S);
}

static char *text_of(struct json_build *build, json_t *object)
{
	char *text;

	object = json_build_finish(build, object);
	text = json_text(object);
	json_decref(object);
	return text;
}

static char *event_text(const struct event *event)
{
	struct json_build build = {0};
	json_t *object = json_build_object(&build);

	put_seconds(&build, object, "time", event->time_ms);
	json_put_text(&build, object, "kind", event->kind);
	json_put_text(&build, object, "text", event->text);
	return text_of(&build, object);
}

void ticker_events(struct ticker *ticker, const struct events *events)
{
	pthread_mutex_lock(&ticker->lock);
	for (size_t i = 0; i < events->n; i++)
		hold(ticker, "event", event_text(&events->list[i]));
	if (events->n)
		tell(ticker);
	pthread_mutex_unlock(&ticker->lock);
}

void ticker_window(struct ticker *ticker, int64_t start_ns, int64_t end_ns)
{
	struct json_build build = {0};
	json_t *object = json_build_object(&build);
	char *text;

	put_seconds(&build, object, "start", start_ns / NS_PER_MS);
	put_seconds(&build, object, "end", end_ns / NS_PER_MS);
	text = text_of(&build, object);
	pthread_mutex_lock(&ticker->lock);
	ticker->window = ticker->next;
	hold(ticker, "window", text);
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

/* Holds the lock. 0: it does not fit. */
static size_t write_message(const struct ticker *ticker, uint64_t number, char *buffer, size_t size)
{
	const struct message *message = &ticker->held[number % TICKER_HELD];
	const int n = snprintf(buffer, size, "id: %" PRIu64 "-%" PRIu64 "\nevent: %s\ndata: %s\n\n",
	    ticker->run, number, message->name, message->data);

	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

int ticker_read(struct ticker *ticker, struct ticker_place *place, char *buffer, size_t size)
{
	size_t used = 0, n;
	int r = 0;

	pthread_mutex_lock(&ticker->lock);
	if (place->number + 1 < oldest(ticker))
		r = -ESTALE;
	while (r == 0 && place->number + 1 < ticker->next) {
		if (ticker->held[(place->number + 1) % TICKER_HELD].name) {
			n = write_message(ticker, place->number + 1, buffer + used, size - used);
			if (n == 0)
				break;
			used += n;
		}
		place->number++;
	}
	pthread_mutex_unlock(&ticker->lock);
	return r < 0 ? r : (int)used;
}
