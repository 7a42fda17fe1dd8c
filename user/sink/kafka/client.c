/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/unused.h"
#include "sink/kafka/statistics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE   "kafka"
#define LEAVE_NS NS_PER_S
#define EVENTS   (RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS)

/* --- Flights --- */

void client_append(struct client *client, struct flight *flight)
{
	flight->next = NULL;
	*client->last = flight;
	client->last = &flight->next;
}

void client_remove(struct client *client, struct flight *flight)
{
	struct flight **at = &client->first;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	if (!flight->next)
		client->last = at;
	free(flight);
}

void client_wait(struct client *client, uint64_t until_ns)
{
	const struct timespec until = {
	    .tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};

	pthread_cond_timedwait(&client->changed, &client->lock, &until);
}

/* --- What librdkafka says, in its thread --- */

static void take_report(struct client *client, const rd_kafka_message_t *message)
{
	struct flight *flight = message->_private;

	if (!message->err) {
		client->down = false;
		client->words[0] = '\0';
	}
	if (flight->given_up) {
		client_remove(client, flight);
		return;
	}
	flight->error = message->err;
	flight->fate = kafka_fate(message->err);
}

static void take_reports(struct client *client, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;

	while ((message = rd_kafka_event_message_next(event)))
		take_report(client, message);
}

/* That all are down follows what is wrong with each, and says less. */
static void take_error(struct client *client, rd_kafka_event_t *event)
{
	const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
	const char *text = rd_kafka_event_error_string(event);

	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		client->down = true;
	if (error == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event))
		client->fatal = true;
	if (text && (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !client->words[0]))
		snprintf(
		    client->words, sizeof(client->words), "%.*s", (int)kafka_words(text), text);
}

static void take_event(rd_kafka_t *rk UNUSED, rd_kafka_event_t *event, void *opaque)
{
	struct client *client = opaque;
	const char *json;

	pthread_mutex_lock(&client->lock);
	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		take_reports(client, event);
		break;
	case RD_KAFKA_EVENT_ERROR:
		take_error(client, event);
		break;
	case RD_KAFKA_EVENT_STATS:
		json = rd_kafka_event_stats(event);
		(void)kafka_statistics_read(&client->figures, json, strlen(json));
		break;
	default:
		break;
	}
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
	rd_kafka_event_destroy(event);
}

/* What matters of it comes as an error, too, and is said once by the sink. */
static void take_log(
    const rd_kafka_t *rk UNUSED, int level UNUSED, const char *facility, const char *text)
{
	log_debug(MODULE, "%s: %s", facility, text);
}

/* --- The instance --- */

static void client_unref(struct client *client)
{
	if (atomic_fetch_sub(&client->references, 1) != 1)
		return;
	while (client->first)
		client_remove(client, client->first);
	pthread_cond_destroy(&client->changed);
	pthread_mutex_destroy(&client->lock);
	free(client);
}

static int make_lock(struct client *client)
{
	int r = thread_condition_init(&client->changed);

	if (r == 0)
		pthread_mutex_init(&client->lock, NULL);
	return r;
}

/* All that it has to tell goes to its own thread at once: nothing piles up between two windows. */
static int start(struct client *client, rd_kafka_conf_t *conf, char *words, size_t size)
{
	rd_kafka_queue_t *main, *background;

	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_events(conf, EVENTS);
	rd_kafka_conf_set_log_cb(conf, take_log);
	rd_kafka_conf_set_background_event_cb(conf, take_event);
	client->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, size);
	if (!client->rk)
		return -EIO;
	main = rd_kafka_queue_get_main(client->rk);
	background = rd_kafka_queue_get_background(client->rk);
	rd_kafka_queue_forward(main, background);
	rd_kafka_queue_destroy(main);
	rd_kafka_queue_destroy(background);
	return 0;
}

int client_new(struct client **ret, const rd_kafka_conf_t *conf, char *words, size_t size)
{
	rd_kafka_conf_t *own = rd_kafka_conf_dup(conf);
	struct client *client = calloc(1, sizeof(*client));
	int r = client ? make_lock(client) : -ENOMEM;

	snprintf(words, size, "no memory for a client");
	if (r < 0) {
		rd_kafka_conf_destroy(own);
		free(client);
		return r;
	}
	atomic_init(&client->references, 1);
	client->last = &client->first;
	r = start(client, own, words, size);
	if (r < 0) {
		rd_kafka_conf_destroy(own);
		client_unref(client);
	} else {
		*ret = client;
	}
	return r;
}

static void *dispose_main(void *context)
{
	struct client *client = context;

	pthread_setname_np(pthread_self(), "kafka-end");
	rd_kafka_destroy(client->rk);
	pthread_mutex_lock(&client->lock);
	client->gone = true;
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
	client_unref(client);
	return NULL;
}

void client_dispose(struct client *client)
{
	const uint64_t until_ns = clock_monotonic_ns() + LEAVE_NS;

	if (!client)
		return;
	rd_kafka_purge(client->rk,
	    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	atomic_fetch_add(&client->references, 1);
	if (thread_start_detached(dispose_main, client) < 0) {
		dispose_main(client);
	} else {
		pthread_mutex_lock(&client->lock);
		while (!client->gone && clock_monotonic_ns() < until_ns)
			client_wait(client, until_ns);
		pthread_mutex_unlock(&client->lock);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the caller's reference kept it */
	client_unref(client);
}
