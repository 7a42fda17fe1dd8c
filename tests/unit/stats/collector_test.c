/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "counting.h"

#include "../random.h"

#include "crosstap/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct collector *start(const struct collector_config *config)
{
	struct collector *collector = NULL;

	assert_int_equal(collector_new(&collector, config), 0);
	collector_reopen(collector, T0_NS / config->interval_ns);
	return collector;
}

/* What the random messages were made of. */
struct plan {
	uint64_t messages[2][TRANSPORT_COUNT][2], bytes[2][TRANSPORT_COUNT][2];
	uint64_t size[2][TRANSPORT_COUNT][KEY_SIZE_BINS];
	uint64_t qtype[65536], rcode[16], opcode[16], flag[2][16], outgoing[2];
};

static void random_sample(struct sample *s, struct plan *plan, uint64_t *random)
{
	static const uint8_t bits[] = {10, 9, 8, 7, 5, 4}; /* AA TC RD RA AD CD */
	const unsigned direction = random_below(random, 2);
	const unsigned transport = random_below(random, TRANSPORT_COUNT);
	const unsigned family = random_below(random, 2), opcode = random_below(random, 16);
	const uint16_t type = (uint16_t)random_next(random), rcode = random_below(random, 16);
	uint32_t length;
	unsigned word = direction << 15 | opcode << 11 | rcode;

	sample_init(s, direction ? RECORD_AUTH_RESPONSE : RECORD_AUTH_QUERY, 1, 1, T0_NS);
	sample_question(s, "\1x", type);
	s->record.protocol = (uint8_t)(transport + 1);
	s->record.family = (uint8_t)(family + 1);
	for (unsigned i = 0; i < 6; i++) {
		if (random_below(random, 2)) {
			word |= 1u << bits[i];
			plan->flag[direction][i]++;
		}
	}
	s->message[2] = (uint8_t)(word >> 8);
	s->message[3] = (uint8_t)word;
	length = 19 + random_below(random, 500);
	s->record.query_length = s->record.query_length ? length : 0;
	s->record.response_length = s->record.response_length ? length : 0;
	plan->messages[direction][transport][family]++;
	plan->bytes[direction][transport][family] += length;
	plan->size[direction][transport][length / 16]++;
	if (direction)
		plan->rcode[rcode]++;
	else
		plan->qtype[type]++;
	plan->opcode[opcode] += !direction;
}

static void assert_plan(const struct shard *total, const struct plan *plan)
{
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
			for (unsigned f = 0; f < 2; f++) {
				const struct cell *cell = cells_find(
				    &total->margins, margin_key(0, MARGIN_MESSAGES, d, t, f, 0));

				assert_int_equal(cell->count, plan->messages[d][t][f]);
				assert_int_equal(cell->amount, plan->bytes[d][t][f]);
			}
			for (unsigned bin = 0; bin < KEY_SIZE_BINS; bin++)
				assert_int_equal(margin_count(total, 0, MARGIN_SIZE, d, t, 0, bin),
				    plan->size[d][t][bin]);
		}
		for (unsigned i = 0; i < 6; i++)
			assert_int_equal(
			    margin_count(total, 0, MARGIN_FLAG, d, 0, 0, i), plan->flag[d][i]);
	}
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(margin_count(total, 0, MARGIN_RCODE, 0, 0, 0, i), plan->rcode[i]);
		assert_int_equal(
		    margin_count(total, 0, MARGIN_OPCODE, 0, 0, 0, i), plan->opcode[i]);
	}
	for (unsigned type = 0; type < 65536; type++)
		assert_int_equal(
		    margin_count(total, 0, MARGIN_QTYPE, 0, 0, 0, type), plan->qtype[type]);
}

static void test_exact_while_the_cube_folds(void **state UNUSED)
{
	static struct sample samples[RECORD_BATCH];
	static struct plan plan;
	const struct collector_config config = test_config();
	struct collector *collector = start(&config);
	struct record records[RECORD_BATCH];
	struct shard *total;
	uint64_t random = 31, sent = 0;

	for (int batch = 0; batch < 3000; batch++) {
		const size_t n = 1 + random_below(&random, RECORD_BATCH);

		for (size_t i = 0; i < n; i++) {
			random_sample(&samples[i], &plan, &random);
			records[i] = samples[i].record;
		}
		collector_take(collector, records, n, T0_NS);
		sent += n;
	}
	total = collect(collector);
	assert_plan(total, &plan);
	assert_int_equal(total->frames, sent);
	assert_int_equal(total->lost + total->late + total->skewed + total->merged, 0);
	shard_free(total);
	collector_free(collector);
}

static void test_malformed_counts_in_few_figures(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct collector *collector = start(&config);
	struct shard *total;
	struct sample s;

	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	s.message[5] = 1; /* a question that is not there */
	take_one(collector, &s, T0_NS);
	s.record.query_length = 3;
	take_one(collector, &s, T0_NS);
	s.record.query_length = 0;
	s.record.query_message = NULL;
	take_one(collector, &s, T0_NS);
	sample_init(&s, RECORD_CLIENT_RESPONSE, 1, 1, T0_NS);
	s.record.response_length = 0;
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, 0, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_MALFORMED, 0, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_MALFORMED, 1, 0, 0, 0), 1);
	assert_int_equal(margin_count(total, 0, MARGIN_SIZE, 0, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_OPCODE, 0, 0, 0, 0), 0);
	assert_int_equal(margin_count(total, 0, MARGIN_RCODE, 0, 0, 0, 0), 0);
	shard_free(total);
	collector_free(collector);
}

static void test_a_message_without_question_has_no_type(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct collector *collector = start(&config);
	struct shard *total;
	struct sample s;

	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	assert_int_equal(margin_count(total, 0, MARGIN_QTYPE, 0, 0, 0, 0), 0);
	assert_int_equal(margin_count(total, 0, MARGIN_OPCODE, 0, 0, 0, 0), 1);
	assert_int_equal(margin_count(total, 0, MARGIN_MALFORMED, 0, 0, 0, 0), 0);
	shard_free(total);
	collector_free(collector);
}

static void test_outgoing_counts_apart(void **state UNUSED)
{
	const struct collector_config config = test_config();
	struct collector *collector = start(&config);
	struct shard *total;
	struct sample s;

	for (int type = 1; type <= RECORD_TYPE_MAX; type++) {
		sample_init(&s, (enum record_type)type, 9, 1, T0_NS);
		take_one(collector, &s, T0_NS);
	}
	total = collect(collector);
	assert_int_equal(margin_count(total, 0, MARGIN_OUTGOING, DIR_QUERY, 0, 0, 0), 4);
	assert_int_equal(margin_count(total, 0, MARGIN_OUTGOING, DIR_RESPONSE, 0, 0, 0), 4);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, 0, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, 1, 0, 0, 0), 3);
	assert_int_equal(total->sources.used, 1);
	assert_int_equal(total->frames, 14);
	shard_free(total);
	collector_free(collector);
}

static void test_each_frame_joins_the_window_of_its_time(void **state UNUSED)
{
	const struct collector_config config = test_config();
	const int64_t first = T0_NS / config.interval_ns;
	struct collector *collector = start(&config);
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct sample s;

	for (int i = 0; i < 20; i++) { /* two windows, mixed */
		sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS + SECONDS(i * 7 % 20));
		take_one(collector, &s, T0_NS + SECONDS(20) - 1);
	}
	collector_bad(collector, T0_NS + SECONDS(15));
	assert_int_equal(collector_close(collector, first + 1, shards), 1);
	assert_int_equal(shards[0]->index, first);
	assert_int_equal(shards[0]->frames, 10);
	collector_give(collector, shards[0]);
	assert_int_equal(collector_oldest(collector), first + 1);
	assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
	assert_int_equal(shards[0]->index, first + 1);
	assert_int_equal(shards[0]->frames, 11);
	assert_int_equal(shards[0]->frames_bad, 1);
	assert_int_equal(shards[0]->late + shards[0]->skewed + shards[0]->merged, 0);
	shard_free(shards[0]);
	collector_free(collector);
}

/* Late ones join the oldest open window, even if nobody has counted there yet; those from the
 * future the window of now. */
static void test_late_and_skewed(void **state UNUSED)
{
	const struct collector_config config = test_config();
	const int64_t first = T0_NS / config.interval_ns;
	struct collector *collector = start(&config);
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct sample s;

	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS + SECONDS(12));
	take_one(collector, &s, T0_NS + SECONDS(12));
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS - SECONDS(1));
	take_one(collector, &s, T0_NS + SECONDS(12));
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, 0);
	take_one(collector, &s, T0_NS + SECONDS(12));
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS + SECONDS(20));
	take_one(collector, &s, T0_NS + SECONDS(12));
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, INT64_MAX);
	take_one(collector, &s, T0_NS + SECONDS(12));
	assert_int_equal(collector_close(collector, INT64_MAX, shards), 2);
	assert_int_equal(shards[0]->index, first);
	assert_int_equal(shards[0]->frames, 2);
	assert_int_equal(shards[0]->late, 2);
	assert_int_equal(shards[0]->skewed, 0);
	assert_int_equal(shards[1]->index, first + 1);
	assert_int_equal(shards[1]->frames, 3);
	assert_int_equal(shards[1]->skewed, 2);
	assert_int_equal(shards[1]->late, 0);
	shard_free(shards[0]);
	shard_free(shards[1]);
	collector_free(collector);
}

static void test_times_that_are_missing(void **state UNUSED)
{
	const struct collector_config config = test_config();
	const int64_t first = T0_NS / config.interval_ns;
	struct collector *collector = start(&config);
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct sample s;

	/* A query with nothing but a response time, a response with nothing but a query time. */
	sample_init(&s, RECORD_CLIENT_QUERY, 1, 1, 0);
	s.record.has = RECORD_RESPONSE_TIME | RECORD_QUERY_MESSAGE;
	s.record.response_time_ns = T0_NS + SECONDS(1);
	take_one(collector, &s, T0_NS + SECONDS(15));
	sample_init(&s, RECORD_CLIENT_RESPONSE, 1, 1, 0);
	s.record.has = RECORD_QUERY_TIME | RECORD_RESPONSE_MESSAGE;
	s.record.query_time_ns = T0_NS + SECONDS(2);
	take_one(collector, &s, T0_NS + SECONDS(15));
	/* None: the time of receipt. */
	s.record.has = RECORD_RESPONSE_MESSAGE;
	take_one(collector, &s, T0_NS + SECONDS(15));
	assert_int_equal(collector_close(collector, INT64_MAX, shards), 2);
	assert_int_equal(shards[0]->index, first);
	assert_int_equal(shards[0]->frames, 2);
	assert_int_equal(shards[1]->frames, 1);
	shard_free(shards[0]);
	shard_free(shards[1]);
	collector_free(collector);
}

/* The report keeps every shard: the thread goes on counting, and loses nothing. */
static void test_shards_run_out(void **state UNUSED)
{
	const struct collector_config config = test_config();
	const int64_t first = T0_NS / config.interval_ns;
	struct collector *collector = start(&config);
	struct shard *shards[COLLECTOR_MAX_SHARDS], *held[8];
	uint64_t sent = 0, counted = 0, merged = 0;
	size_t n_held = 0;
	struct sample s;

	for (int window = 0; window < 8; window++) {
		const int64_t now = T0_NS + SECONDS(10 * window);
		size_t n;

		for (int i = 0; i <= window; i++, sent++) {
			sample_init(&s, RECORD_AUTH_QUERY, 1, 1, now);
			take_one(collector, &s, now);
		}
		n = collector_close(collector, first + window + 1, shards);
		while (n)
			held[n_held++] = shards[--n];
	}
	assert_int_equal(n_held, config.max_shards - 1);
	n_held += collector_close(collector, INT64_MAX, held + n_held);
	assert_int_equal(n_held, config.max_shards);
	for (size_t i = 0; i < n_held; i++) {
		counted += held[i]->frames;
		merged += held[i]->merged;
		assert_int_equal(held[i]->lost, 0);
		shard_free(held[i]);
	}
	assert_int_equal(counted, sent);
	assert_true(merged > 0);
	collector_free(collector);
}

/* Empty shards that wait in the ring count as free. */
static void test_shards_come_back_through_a_ring(void **state UNUSED)
{
	static struct ring returned;
	struct collector_config config = test_config();
	const int64_t first = T0_NS / config.interval_ns;
	struct collector *collector;
	struct shard *shards[COLLECTOR_MAX_SHARDS], *empty;
	struct sample s;

	config.returned = &returned;
	collector = start(&config);
	for (int window = 0; window < 20; window++) {
		const int64_t now = T0_NS + SECONDS(10 * window);

		sample_init(&s, RECORD_AUTH_QUERY, 1, 1, now);
		take_one(collector, &s, now);
		assert_int_equal(collector_close(collector, first + window + 1, shards), 1);
		assert_int_equal(shards[0]->frames, 1);
		assert_int_equal(shards[0]->merged, 0);
		assert_int_equal(shards[0]->index, first + window);
		shard_clear(shards[0], &config.limits);
		assert_true(ring_push(&returned, shards[0]));
	}
	collector_free(collector);
	while ((empty = ring_pop(&returned)))
		shard_free(empty);
}

/* Even all of them, at a backward step: frames are counted, if no more than that. */
static void test_no_shard_at_all(void **state UNUSED)
{
	struct collector_config config = test_config();
	struct collector *collector;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct sample s;

	config.max_shards = 1;
	collector = start(&config);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	take_one(collector, &s, T0_NS);
	assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
	assert_int_equal(shards[0]->frames, 1);
	take_one(collector, &s, T0_NS);
	collector_bad(collector, T0_NS);
	shard_clear(shards[0], &config.limits);
	collector_give(collector, shards[0]);
	take_one(collector, &s, T0_NS);
	assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
	assert_int_equal(shards[0]->frames, 3);
	assert_int_equal(shards[0]->lost, 2);
	shard_free(shards[0]);
	collector_free(collector);
}

static void test_queries_from_responses(void **state UNUSED)
{
	struct collector_config config = test_config();
	struct collector *collector;
	struct shard *total;
	struct sample q, r;

	config.traits.queries_from_responses = true;
	collector = start(&config);
	sample_init(&q, RECORD_CLIENT_QUERY, 1, 1, T0_NS);
	take_one(collector, &q, T0_NS); /* its response says it again */
	sample_init(&r, RECORD_CLIENT_RESPONSE, 1, 1, T0_NS + 3 * NS_PER_MS);
	r.record.has |= RECORD_QUERY_TIME | RECORD_QUERY_MESSAGE;
	r.record.query_message = q.message;
	r.record.query_length = 12;
	r.record.query_time_ns = T0_NS;
	take_one(collector, &r, T0_NS);
	sample_init(&r, RECORD_CLIENT_RESPONSE, 1, 1, T0_NS);
	take_one(collector, &r, T0_NS); /* no query in it */
	total = collect(collector);
	assert_int_equal(total->frames, 3);
	assert_int_equal(total->ignored, 1);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, DIR_QUERY, 0, 0, 0), 1);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0), 2);
	assert_int_equal(total->paired, 1);
	shard_free(total);
	collector_free(collector);
}

/* -- what the cross-check compares */

static uint64_t compared(const struct shard *total, unsigned direction, unsigned transport)
{
	return margin_count(total, 0, MARGIN_COMPARED, direction, transport, 0, 0);
}

static void test_compared(void **state UNUSED)
{
	uint64_t own[1][2] = {{0}};
	const struct compare_filter filter = {
	    .ports = {53, 5300}, .n_ports = 2, .own = own, .n_own = 1};
	struct collector_config config = test_config();
	struct collector *collector;
	struct shard *total;
	struct sample s;

	memcpy(own[0], "\x7f\0\0\1", 4); /* as bytes of the wire, whatever the host's order */
	config.traits = (struct collector_traits){.compared = true, .filter = &filter};
	collector = start(&config);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	sample_question(&s, "\1x", 28);
	take_one(collector, &s, T0_NS); /* the first that is compared */
	s.record.has |= RECORD_RESPONSE_PORT;
	s.record.response_port = 5300;
	take_one(collector, &s, T0_NS); /* the second */
	s.record.response_port = 5301;
	take_one(collector, &s, T0_NS);
	s.record.response_port = 53;
	s.record.protocol = 3;
	take_one(collector, &s, T0_NS); /* DoT */
	s.record.protocol = 1;
	s.message[2] = 0x80;
	take_one(collector, &s, T0_NS); /* QR */
	s.message[2] = 4 << 3;
	take_one(collector, &s, T0_NS); /* NOTIFY */
	s.message[2] = 0;
	sample_question(&s, "\1x", DNS_TYPE_AXFR);
	take_one(collector, &s, T0_NS);
	sample_question(&s, "\1x", 1);
	memcpy(s.address, "\x7f\0\0\1", 4);
	take_one(collector, &s, T0_NS); /* this host */
	memcpy(s.address, "\x7f\0\0\2", 4);
	s.record.query_length = 5;
	take_one(collector, &s, T0_NS); /* short: the third */
	sample_init(&s, RECORD_AUTH_RESPONSE, 1, 1, T0_NS);
	sample_question(&s, "\1x", DNS_TYPE_IXFR);
	take_one(collector, &s, T0_NS);
	sample_question(&s, "\1x", 1);
	s.record.protocol = 2;
	take_one(collector, &s, T0_NS); /* a response, over TCP */
	total = collect(collector);
	assert_int_equal(compared(total, DIR_QUERY, TRANSPORT_UDP), 3);
	assert_int_equal(compared(total, DIR_QUERY, TRANSPORT_DOT), 0);
	assert_int_equal(compared(total, DIR_RESPONSE, TRANSPORT_UDP), 0);
	assert_int_equal(compared(total, DIR_RESPONSE, TRANSPORT_TCP), 1);
	assert_int_equal(margin_count(total, 0, MARGIN_COMPARED_QTYPE, 0, 0, 0, 28), 2);
	assert_int_equal(margin_count(total, 0, MARGIN_COMPARED_MALFORMED, 0, 0, 0, 0), 1);
	/* A witness makes no figures. */
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, 0, 0, 0, 0), 0);
	assert_int_equal(total->sources.used, 0);
	assert_int_equal(total->frames, 11);
	shard_free(total);
	collector_free(collector);
}

/* Frames of a producer that leaves the messages out: they are counted, and what they held is not
 * known; a message that is there and has no bytes is too short. */
static void test_frames_without_their_message(void **state UNUSED)
{
	static const struct compare_filter filter = {.ports = {53}, .n_ports = 1};
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;
	struct sample s;

	config.traits.compared = true;
	config.traits.filter = &filter;
	assert_int_equal(collector_new(&collector, &config), 0);
	collector_reopen(collector, T0_NS / config.interval_ns);
	for (int i = 0; i < 3; i++) {
		sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
		s.record.has &= (uint16_t)~RECORD_QUERY_MESSAGE;
		s.record.query_message = NULL;
		s.record.query_length = 0;
		take_one(collector, &s, T0_NS);
		sample_init(&s, RECORD_AUTH_RESPONSE, 1, 1, T0_NS);
		s.record.has &= (uint16_t)~RECORD_RESPONSE_MESSAGE;
		s.record.response_message = NULL;
		s.record.response_length = 0;
		take_one(collector, &s, T0_NS);
	}
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	s.record.query_length = 0;
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, DIR_QUERY, 0, 0, 0), 4);
	assert_int_equal(margin_count(total, 0, MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_MALFORMED, DIR_QUERY, 0, 0, 0), 1);
	assert_int_equal(margin_count(total, 0, MARGIN_MALFORMED, DIR_RESPONSE, 0, 0, 0), 0);
	assert_int_equal(margin_count(total, 0, MARGIN_SIZE, DIR_QUERY, 0, 0, 0), 1);
	assert_int_equal(margin_count(total, 0, MARGIN_SIZE, DIR_RESPONSE, 0, 0, 0), 0);
	assert_int_equal(margin_count(total, 0, MARGIN_OPCODE, 0, 0, 0, 0), 0);
	assert_int_equal(margin_count(total, 0, MARGIN_RCODE, 0, 0, 0, 0), 0);
	assert_int_equal(compared(total, DIR_QUERY, TRANSPORT_UDP), 4);
	assert_int_equal(compared(total, DIR_RESPONSE, TRANSPORT_UDP), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_COMPARED_UNKNOWN, DIR_QUERY, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_COMPARED_UNKNOWN, DIR_RESPONSE, 0, 0, 0), 3);
	assert_int_equal(margin_count(total, 0, MARGIN_COMPARED_MALFORMED, DIR_QUERY, 0, 0, 0), 1);
	assert_int_equal(total->sources.used, 1);
	assert_int_equal(total->paired, 0); /* by what id? */
	shard_free(total);
	collector_free(collector);
}

/* A transport that dnstap.proto does not know has a name of its own and is not compared. */
static void test_another_transport(void **state UNUSED)
{
	static const struct compare_filter filter = {.ports = {53}, .n_ports = 1};
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;
	struct sample s;

	config.traits.compared = true;
	config.traits.filter = &filter;
	assert_int_equal(collector_new(&collector, &config), 0);
	collector_reopen(collector, T0_NS / config.interval_ns);
	sample_init(&s, RECORD_AUTH_QUERY, 1, 1, T0_NS);
	s.record.protocol = RECORD_PROTOCOL_OTHER;
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	assert_int_equal(
	    margin_count(total, 0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_OTHER, 0, 0), 1);
	assert_int_equal(
	    margin_count(total, 0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_UDP, 0, 0), 0);
	for (uint32_t t = 0; t < TRANSPORT_COUNT; t++)
		assert_int_equal(compared(total, DIR_QUERY, t), 0);
	shard_free(total);
	collector_free(collector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_while_the_cube_folds),
	    cmocka_unit_test(test_malformed_counts_in_few_figures),
	    cmocka_unit_test(test_a_message_without_question_has_no_type),
	    cmocka_unit_test(test_outgoing_counts_apart),
	    cmocka_unit_test(test_each_frame_joins_the_window_of_its_time),
	    cmocka_unit_test(test_late_and_skewed),
	    cmocka_unit_test(test_times_that_are_missing),
	    cmocka_unit_test(test_shards_run_out),
	    cmocka_unit_test(test_shards_come_back_through_a_ring),
	    cmocka_unit_test(test_no_shard_at_all),
	    cmocka_unit_test(test_queries_from_responses),
	    cmocka_unit_test(test_compared),
	    cmocka_unit_test(test_frames_without_their_message),
	    cmocka_unit_test(test_another_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
