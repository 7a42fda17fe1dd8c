/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/producer.h"

#include "base/clock.h"
#include "base/least.h"
#include "base/secret_file.h"
#include "sink/influx_reply.h"
#include "sink/kafka/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_NS (NS_PER_S / 2)           /* between two calls of the control's waiting() */
#define DOWN_NS    (2 * (uint64_t)NS_PER_S) /* for a broker to come back whom nobody missed */

struct producer {
	const struct sink_control *control;
	rd_kafka_conf_t *conf;
	uint64_t timeout_ns;
	char *topic, *key, *secret;
	pthread_mutex_t lock;  /* of the pointer to the client */
	struct client *client; /* NULL: none yet */
	char words[512];       /* why there is none */
	/* The attempt that is under way. */
	struct flight *flights[PRODUCER_MESSAGES];
	size_t n;
};

void producer_free(struct producer *p)
{
	if (!p)
		return;
	client_dispose(p->client);
	if (p->conf)
		rd_kafka_conf_destroy(p->conf);
	secret_free(p->secret);
	free(p->topic);
	free(p->key);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int producer_new(struct producer **ret, const struct kafka_settings *settings,
    const struct sink_control *control)
{
	struct producer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->control = control;
	p->timeout_ns = settings->timeout_ns;
	p->topic = strdup(settings->topic);
	p->key = strdup(control->server ? control->server : "");
	p->secret = strdup(settings->password);
	r = p->topic && p->key && p->secret ? kafka_conf_new(&p->conf, settings) : -ENOMEM;
	if (r == 0)
		r = kafka_conf_producer(p->conf, settings);
	if (r < 0)
		producer_free(p);
	else
		*ret = p;
	return r;
}

static void set_client(struct producer *p, struct client *client)
{
	pthread_mutex_lock(&p->lock);
	p->client = client;
	pthread_mutex_unlock(&p->lock);
}

static bool has_ended(struct client *client)
{
	bool fatal;

	pthread_mutex_lock(&client->lock);
	fatal = client->fatal;
	pthread_mutex_unlock(&client->lock);
	return fatal;
}

int producer_begin(struct producer *p)
{
	struct client *client = p->client;
	int r;

	p->n = 0;
	if (client && has_ended(client)) {
		set_client(p, NULL);
		client_dispose(client);
	}
	if (p->client)
		return 0;
	r = client_new(&client, p->conf, p->words, sizeof(p->words));
	if (r == 0)
		set_client(p, client);
	return r;
}

/* An attempt mostly has the messages of the one before, in their order. */
static struct flight *find(const struct producer *p, const uint8_t id[MESSAGE_ID_BYTES])
{
	struct flight *after = p->n ? p->flights[p->n - 1]->next : NULL;

	if (after && memcmp(after->id, id, MESSAGE_ID_BYTES) == 0)
		return after;
	for (struct flight *flight = p->client->first; flight; flight = flight->next) {
		if (!flight->given_up && memcmp(flight->id, id, MESSAGE_ID_BYTES) == 0)
			return flight;
	}
	return NULL;
}

static struct flight *add(struct producer *p, const struct message *message)
{
	struct flight *flight = find(p, message->id);

	if (flight && (flight->fate == FATE_WAITS || flight->fate == FATE_STORED))
		return flight;
	if (flight) {
		/* It failed after the attempt had gone. */
		flight->launched = false;
		flight->fate = FATE_WAITS;
		return flight;
	}
	flight = calloc(1, sizeof(*flight));
	if (!flight)
		return NULL;
	memcpy(flight->id, message->id, sizeof(flight->id));
	client_append(p->client, flight);
	return flight;
}

int producer_add(struct producer *p, const struct message *message)
{
	struct flight *flight;

	if (p->n == PRODUCER_MESSAGES)
		return -ENOBUFS;
	pthread_mutex_lock(&p->client->lock);
	flight = add(p, message);
	if (flight) {
		flight->wanted = true;
		flight->message = message;
		p->flights[p->n++] = flight;
	}
	pthread_mutex_unlock(&p->client->lock);
	return flight ? 0 : -ENOMEM;
}

/* What nobody asks for any more; one that librdkafka has is freed when its fate is known. */
static void give_up_others(struct client *client)
{
	bool any = false;

	for (struct flight *flight = client->first, *next; flight; flight = next) {
		next = flight->next;
		if (flight->wanted || flight->given_up)
			continue;
		if (!flight->launched || flight->fate != FATE_WAITS) {
			client_remove(client, flight);
			continue;
		}
		flight->given_up = any = true;
	}
	if (any)
		rd_kafka_purge(client->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/* The header `crosstap-id`; NULL: no memory. */
static rd_kafka_headers_t *headers_of(const struct flight *flight)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
	char id[MESSAGE_ID_CHARS + 1];

	message_id_text(flight->id, id);
	if (!rd_kafka_header_add(headers, "crosstap-id", -1, id, MESSAGE_ID_CHARS))
		return headers;
	rd_kafka_headers_destroy(headers);
	return NULL;
}

/* librdkafka copies the text. The headers are a list of ours, which stays ours where it takes no
 * message: those that it makes by itself it frees twice then (its issue 4627, from 1.5 to 2.8 at
 * least). */
static rd_kafka_resp_err_t hand_over(struct producer *p, const struct flight *flight)
{
	rd_kafka_headers_t *headers = headers_of(flight);
	const rd_kafka_vu_t parts[] = {
	    {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = p->topic},
	    {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
	    {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {p->key, strlen(p->key)}},
	    {.vtype = RD_KAFKA_VTYPE_VALUE,
		.u.mem = {(void *)(uintptr_t)flight->message->payload, flight->message->length}},
	    {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	    {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)flight},
	};
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_error_t *error;

	if (!headers)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	error = rd_kafka_produceva(p->client->rk, parts, sizeof(parts) / sizeof(parts[0]));
	if (error) {
		code = rd_kafka_error_code(error);
		rd_kafka_error_destroy(error);
		rd_kafka_headers_destroy(headers);
	}
	return code;
}

/* In their order; after one that librdkafka does not take none overtakes it. */
static void launch(struct producer *p)
{
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; i < p->n; i++) {
		struct flight *flight = p->flights[i];

		if (!flight->launched && !error) {
			error = hand_over(p, flight);
			flight->launched = !error;
		}
		flight->message = NULL;
		if (flight->launched)
			continue;
		flight->error = error;
		flight->fate = kafka_fate(error);
	}
}

static bool all_known(const struct producer *p)
{
	for (size_t i = p->n; i-- > 0;) {
		if (p->flights[i]->fate == FATE_WAITS)
			return false;
	}
	return true;
}

/* When to stop waiting, by what is known now. */
static uint64_t end_of(const struct producer *p, uint64_t begin_ns)
{
	uint64_t end_ns = least(begin_ns + p->timeout_ns, atomic_load(&p->control->deadline_ns));

	return p->client->down ? least(end_ns, begin_ns + DOWN_NS) : end_ns;
}

static void wait_for_fates(struct producer *p, uint64_t begin_ns)
{
	struct client *client = p->client;
	uint64_t now_ns, end_ns;

	while (!all_known(p) && !client->fatal) {
		now_ns = clock_monotonic_ns();
		end_ns = end_of(p, begin_ns);
		if (now_ns >= end_ns)
			return;
		client_wait(client, least(end_ns, now_ns + WAITING_NS));
		if (!p->control->waiting || clock_monotonic_ns() < now_ns + WAITING_NS)
			continue;
		pthread_mutex_unlock(&client->lock);
		p->control->waiting(p->control->context);
		pthread_mutex_lock(&client->lock);
	}
}

void producer_wait(struct producer *p)
{
	pthread_mutex_lock(&p->client->lock);
	give_up_others(p->client);
	launch(p);
	wait_for_fates(p, clock_monotonic_ns());
	pthread_mutex_unlock(&p->client->lock);
}

enum fate producer_fate(const struct producer *p, size_t index)
{
	enum fate fate;

	pthread_mutex_lock(&p->client->lock);
	fate = p->flights[index]->fate;
	pthread_mutex_unlock(&p->client->lock);
	return fate;
}

rd_kafka_resp_err_t producer_error(const struct producer *p, size_t index)
{
	rd_kafka_resp_err_t error;

	pthread_mutex_lock(&p->client->lock);
	error = p->flights[index]->error;
	pthread_mutex_unlock(&p->client->lock);
	return error;
}

void producer_end(struct producer *p, size_t settled)
{
	pthread_mutex_lock(&p->client->lock);
	for (size_t i = 0; i < p->n; i++) {
		struct flight *flight = p->flights[i];

		/* Two messages that are the same are one flight. */
		flight->wanted = false;
		flight->settled |=
		    i < settled || (flight->fate != FATE_WAITS && flight->fate != FATE_STORED);
	}
	for (struct flight *flight = p->client->first, *next; flight; flight = next) {
		next = flight->next;
		if (flight->settled)
			client_remove(p->client, flight);
	}
	p->n = 0;
	pthread_mutex_unlock(&p->client->lock);
}

void producer_why(struct producer *p, char ret[PRODUCER_WORDS])
{
	const char *const secrets[] = {p->secret, NULL};
	char words[sizeof(p->client->words)];
	struct influx_reply reply;

	_Static_assert(sizeof(reply.words) == PRODUCER_WORDS, "one bound for words");
	if (p->client) {
		pthread_mutex_lock(&p->client->lock);
		memcpy(words, p->client->words, sizeof(words));
		pthread_mutex_unlock(&p->client->lock);
	} else {
		memcpy(words, p->words, sizeof(words));
	}
	influx_reply_read(&reply, words, strlen(words), 0, secrets);
	memcpy(ret, reply.words, sizeof(reply.words));
}

void producer_wake(struct producer *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->client) {
		pthread_mutex_lock(&p->client->lock);
		pthread_cond_broadcast(&p->client->changed);
		pthread_mutex_unlock(&p->client->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

void producer_client(struct producer *p, struct sink_client *ret)
{
	*ret = (struct sink_client){0};
	pthread_mutex_lock(&p->lock);
	if (p->client) {
		pthread_mutex_lock(&p->client->lock);
		*ret = p->client->figures;
		pthread_mutex_unlock(&p->client->lock);
	}
	pthread_mutex_unlock(&p->lock);
}
