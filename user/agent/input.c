/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/input.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PASSED 64 /* of one name: more than an input takes, which says so */

/* The input's thread. Its collector is told the time by each read. */
struct context {
	struct input input;
	int64_t now_ns;
	struct tee *tee; /* of the thread: input.tee as the last command has it */
	bool running;    /* the thread is; under the lock */
};

static struct context *context_of(struct input *input)
{
	return (struct context *)input;
}

static void take(void *argument, const struct record *records, size_t n)
{
	struct context *context = argument;

	collector_take(context->input.collector, records, n, context->now_ns);
}

static void bad(void *argument)
{
	struct context *context = argument;

	collector_bad(context->input.collector, context->now_ns);
}

static void passed(void *argument, const uint8_t *data, size_t length)
{
	struct context *context = argument;

	if (context->tee)
		tee_take(context->tee, data, length);
}

static void now(void *argument, int64_t wall_ns)
{
	struct context *context = argument;

	context->now_ns = wall_ns;
}

static void execute_command(struct input *input)
{
	const struct input_command *command = &input->command;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	size_t n;

	if (command->oldest != INT64_MIN) {
		n = collector_close(input->collector, command->oldest, shards);
		/* The ring has room: the report emptied it before it sent the command. */
		for (size_t i = 0; i < n; i++)
			ring_push(&input->closed, shards[i]);
	}
	if (command->interval_ns)
		collector_set_interval(input->collector, command->interval_ns);
	if (command->set_tee)
		context_of(input)->tee = command->tee;
	if (command->set_limits)
		collector_set_limits(input->collector, &command->limits, command->max_shards);
	if (command->set_traits)
		collector_set_traits(input->collector, &command->traits);
	if (command->reopen != INT64_MIN)
		collector_reopen(input->collector, command->reopen);
	if (command->generation)
		collector_renew_labels(input->collector, command->generation);
	input->labels_since = collector_labels_since(input->collector);
}

static void execute(struct input *input)
{
	/* One that could not be started has none, and holds no labels. */
	if (input->collector)
		execute_command(input);
	else
		input->labels_since = UINT64_MAX;
	input->pending = false;
	pthread_cond_signal(&input->done);
}

static void wake(void *argument)
{
	struct context *context = argument;

	pthread_mutex_lock(&context->input.lock);
	if (context->input.pending)
		execute(&context->input);
	pthread_mutex_unlock(&context->input.lock);
}

char *input_key(const struct config_input *config)
{
	char *key;

	return asprintf(&key, "%d %s", (int)config->kind, config->address) < 0 ? NULL : key;
}

int input_open(struct input **ret, const struct config_input *config,
    const struct passed_sockets *passed, uint32_t max_frame, char *error, size_t size)
{
	struct context *context = calloc(1, sizeof(*context));
	int fds[MAX_PASSED];
	const size_t n_fds = dnstap_input_passed(config, passed, fds, MAX_PASSED);
	int r = -ENOMEM;

	if (context) {
		pthread_mutex_init(&context->input.lock, NULL);
		pthread_cond_init(&context->input.done, NULL);
		context->input.key = input_key(config);
	}
	if (context && context->input.key)
		r = dnstap_input_open(&context->input.source, config, fds, n_fds, error, size);
	else
		snprintf(error, size, "%s", strerror(ENOMEM));
	if (r < 0) {
		input_free(context ? &context->input : NULL);
		return r;
	}
	dnstap_input_adopt(context->input.source, config, passed, max_frame);
	*ret = &context->input;
	return 0;
}

int input_start(struct input *input, const struct input_setup *setup,
    const struct collector_config *config, int64_t oldest, const struct dnstap_limits *limits)
{
	static const struct dnstap_ops ops = {
	    .receiver = {.take = take, .bad = bad, .passed = passed}, .now = now, .wake = wake};
	struct collector_config own = *config;
	int r;

	own.traits = setup->traits;
	own.returned = &input->returned;
	r = collector_new(&input->collector, &own);
	if (r < 0)
		return r;
	collector_reopen(input->collector, oldest);
	input->labels_since = config->labels_since; /* of what it opens before any command */
	context_of(input)->running = true;
	r = dnstap_input_start(input->source, limits, &ops, context_of(input));
	if (r < 0) {
		context_of(input)->running = false;
		return r;
	}
	input->setup = *setup;
	return 0;
}

void input_send(struct input *input, const struct input_command *command)
{
	pthread_mutex_lock(&input->lock);
	input->command = *command;
	input->pending = true;
	if (!context_of(input)->running)
		execute(input);
	pthread_mutex_unlock(&input->lock);
	dnstap_input_wake(input->source);
}

void input_wait(struct input *input)
{
	pthread_mutex_lock(&input->lock);
	while (input->pending)
		pthread_cond_wait(&input->done, &input->lock);
	pthread_mutex_unlock(&input->lock);
}

void input_witness(struct input *input, const struct config_input *config,
    const struct dnstap_stats *now, struct crosscheck_inputs *ret)
{
	const struct dnstap_stats *before = &input->before;

	if (config->scope == SCOPE_ZONE) {
		ret->zone++;
	} else {
		ret->compared++;
		ret->unwatched += !before->connections || !now->connections;
		ret->connected |=
		    before->connections || now->connections || now->accepted != before->accepted;
		ret->reconnected |=
		    now->accepted != before->accepted || now->connections != before->connections;
		ret->from_responses |= config->queries == QUERIES_RESPONSES;
		input->producer = producer_recognise(now->version, strlen(now->version));
	}
	input->before = *now;
}

void input_set_tee(struct input *input, struct tee *tee)
{
	struct tee *before = input->tee;
	struct tee_stats stats = {0};

	if (!input->collector) { /* not started yet */
		context_of(input)->tee = tee;
	} else {
		input_send(input,
		    &(struct input_command){
			.oldest = INT64_MIN, .reopen = INT64_MIN, .set_tee = true, .tee = tee});
		input_wait(input); /* the thread has let go of the one before */
	}
	input->tee = tee;
	if (tee)
		tee_begin(tee);
	tee_free(before, &stats);
	input->teed.frames += stats.frames;
	input->teed.dropped += stats.dropped;
}

void input_stats(const struct input *input, struct dnstap_stats *ret)
{
	const struct dnstap_stats *past = &input->past;

	dnstap_input_stats(input->source, ret);
	ret->frames += past->frames;
	ret->frames_bad += past->frames_bad;
	ret->bytes += past->bytes;
	ret->accepted += past->accepted;
	ret->refused += past->refused;
	ret->timed_out += past->timed_out;
	ret->denied += past->denied;
	ret->cut += past->cut;
	if (!ret->last_frame_ns)
		ret->last_frame_ns = past->last_frame_ns;
}

void input_follow(struct input *input, const struct report_input *left)
{
	input->number = left->number;
	input->past = left->stats;
	input->teed = left->tee;
	input->before.accepted = input->past.accepted;
}

void input_tee_stats(const struct input *input, struct tee_stats *ret)
{
	struct tee_stats now = {0};

	if (input->tee)
		tee_stats(input->tee, &now);
	*ret =
	    (struct tee_stats){input->teed.frames + now.frames, input->teed.dropped + now.dropped};
}

void input_stop(struct input *input, bool leave)
{
	if (!input->collector)
		return;
	if (leave)
		dnstap_input_leave(input->source);
	else
		dnstap_input_stop(input->source);
	pthread_mutex_lock(&input->lock);
	context_of(input)->running = false;
	pthread_mutex_unlock(&input->lock);
	input_send(input, &(struct input_command){.oldest = INT64_MAX, .reopen = INT64_MIN});
}

void input_free(struct input *input)
{
	struct shard *shard;

	if (!input)
		return;
	dnstap_input_free(input->source);
	tee_free(input->tee, NULL);
	while ((shard = ring_pop(&input->closed)))
		shard_free(shard);
	while ((shard = ring_pop(&input->returned)))
		shard_free(shard);
	collector_free(input->collector);
	input_setup_done(&input->setup);
	pthread_cond_destroy(&input->done);
	pthread_mutex_destroy(&input->lock);
	free(input->key);
	free(input);
}
