/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of /api/v1/events (http/event_streams.h), in the place of libmicrohttpd: a thread asks
 * for what comes next, sleeps while its connection is suspended, goes away now and then, and comes
 * back with the last id. None may miss a message, nor have one twice, nor sleep on while there is
 * news.
 */
#include "simulation.h"

#include "base/unused.h"
#include "http/event_streams.h"
#include "report/report.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS    2
#define BLOCK      4096
#define ANSWER_NS  (3 * (uint64_t)NS_PER_S) /* in which news has come to a reader */
#define TEXT_BYTES 16384

/* What MHD_Connection and MHD_Response are here. */
struct reader {
	struct event_streams *streams;
	MHD_ContentReaderCallback read;
	MHD_ContentReaderFreeCallback end;
	void *context;
	pthread_t self; /* the thread that reads */
	bool suspended, done;
	uint64_t number; /* of the message that was read last; 0: none */
	uint64_t run;
	char text[TEXT_BYTES];
	size_t length;
};

static struct reader readers[READERS];
static struct event_streams *streams;
static uint64_t told, known; /* messages of this life: begun to be told, and told */
static uint64_t known_ns;
static bool ending;

void sim_streams_init(void)
{
	memset(readers, 0, sizeof(readers));
	streams = NULL;
	told = known = known_ns = 0;
	ending = false;
}

/* -- what the report tells */

void __real_ticker_events(struct ticker *ticker, const struct events *events);
void __wrap_ticker_events(struct ticker *ticker, const struct events *events);
void __wrap_ticker_events(struct ticker *ticker, const struct events *events)
{
	told += events->n;
	__real_ticker_events(ticker, events);
	known = told;
	known_ns = sim_now_ns();
}

void __real_ticker_window(struct ticker *ticker, int64_t start_ns, int64_t end_ns);
void __wrap_ticker_window(struct ticker *ticker, int64_t start_ns, int64_t end_ns);
void __wrap_ticker_window(struct ticker *ticker, int64_t start_ns, int64_t end_ns)
{
	told++;
	__real_ticker_window(ticker, start_ns, end_ns);
	known = told;
	known_ns = sim_now_ns();
}

/* -- libmicrohttpd */

const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(
    struct MHD_Connection *connection, enum MHD_ConnectionInfoType type, ...);
const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(
    struct MHD_Connection *connection UNUSED, enum MHD_ConnectionInfoType type UNUSED, ...)
{
	static const union MHD_ConnectionInfo info = {.connect_fd = -1};

	return &info;
}

struct MHD_Response *__wrap_MHD_create_response_from_callback(uint64_t size, size_t block,
    MHD_ContentReaderCallback read, void *context, MHD_ContentReaderFreeCallback end);
struct MHD_Response *__wrap_MHD_create_response_from_callback(uint64_t size UNUSED,
    size_t block UNUSED, MHD_ContentReaderCallback read, void *context,
    MHD_ContentReaderFreeCallback end)
{
	for (int i = 0; i < READERS; i++) {
		if (readers[i].self != pthread_self())
			continue;
		readers[i].read = read;
		readers[i].end = end;
		readers[i].context = context;
		return (struct MHD_Response *)&readers[i];
	}
	sim_fail("a stream of nobody");
}

void __wrap_MHD_suspend_connection(struct MHD_Connection *connection);
void __wrap_MHD_suspend_connection(struct MHD_Connection *connection)
{
	((struct reader *)connection)->suspended = true;
}

void __wrap_MHD_resume_connection(struct MHD_Connection *connection);
void __wrap_MHD_resume_connection(struct MHD_Connection *connection)
{
	struct reader *reader = (struct reader *)connection;

	if (sim_planted(SIM_FAULT_STREAM) && sim_once_in(4))
		return; /* a wake-up that is lost */
	reader->suspended = false;
	sim_wake(reader);
}

bool __wrap_place_streams(struct places *places, struct place *place, uint64_t now_ns);
bool __wrap_place_streams(
    struct places *places UNUSED, struct place *place UNUSED, uint64_t now_ns UNUSED)
{
	return true;
}

void __wrap_place_streamed(struct places *places, struct place *place, uint64_t now_ns);
void __wrap_place_streamed(
    struct places *places UNUSED, struct place *place UNUSED, uint64_t now_ns UNUSED)
{
}

/* -- a reader */

static void take_message(struct reader *reader, const char *message)
{
	unsigned long long run, number;

	if (sscanf(message, "id: %llu-%llu\nevent: ", &run, &number) != 2)
		return; /* a comment, or when to come back */
	if (reader->run != run) {
		/* Who has seen another run has all of this one. */
		if (reader->run && number != 1)
			sim_fail("a stream of another run begins with message %llu", number);
		reader->run = run;
		reader->number = number - 1;
	}
	if (number != reader->number + 1)
		sim_fail("a stream goes on with message %llu after %llu", number,
		    (unsigned long long)reader->number);
	if (number > told)
		sim_fail("a stream has message %llu of %llu", number, (unsigned long long)told);
	reader->number = number;
}

static void take_text(struct reader *reader, const char *text, size_t length)
{
	char *end;

	if (reader->length + length >= TEXT_BYTES)
		sim_fail("a message without an end");
	memcpy(reader->text + reader->length, text, length);
	reader->length += length;
	reader->text[reader->length] = '\0';
	while ((end = strstr(reader->text, "\n\n"))) {
		const size_t used = (size_t)(end + 2 - reader->text);

		take_message(reader, reader->text);
		memmove(reader->text, reader->text + used, reader->length + 1 - used);
		reader->length -= used;
	}
}

/* False: it does not begin. */
static bool open_stream(struct reader *reader)
{
	struct MHD_Response *response;
	char last[64];

	snprintf(last, sizeof(last), "%llu-%llu", (unsigned long long)reader->run,
	    (unsigned long long)reader->number);
	reader->read = NULL;
	reader->suspended = false;
	reader->length = 0;
	return event_streams_open(reader->streams, (struct MHD_Connection *)reader,
		   (struct place *)reader, reader->number ? last : NULL, &response) == 0;
}

/* Until it ends, or the reader has had enough. */
static void follow(struct reader *reader)
{
	char block[BLOCK];

	for (;;) {
		ssize_t n;

		if (reader->suspended) {
			sim_wait(reader, UINT64_MAX);
			continue;
		}
		if (sim_once_in(64))
			break;
		n = reader->read(reader->context, 0, block, sizeof(block));
		if (n < 0)
			break;
		take_text(reader, block, (size_t)n);
		sim_yield();
	}
	reader->end(reader->context);
}

static void *read_events(void *argument)
{
	struct reader *reader = argument;

	reader->self = pthread_self();
	while (!ending && open_stream(reader)) {
		follow(reader);
		sim_sleep_ns(sim_random(2 * (uint64_t)NS_PER_S));
	}
	reader->done = true;
	sim_wake(&reader->done);
	return NULL;
}

/* -- a life of the process */

void sim_streams_begin(struct report *report)
{
	told = known = 0;
	known_ns = 0;
	ending = false;
	if (event_streams_new(&streams, report_ticker(report), NULL) < 0) {
		streams = NULL;
		return;
	}
	for (int i = 0; i < READERS; i++) {
		readers[i].streams = streams;
		readers[i].done = false;
		readers[i].self = 0;
	}
	for (int i = 0; i < READERS; i++)
		sim_spawn(read_events, &readers[i]);
}

void sim_streams_killed(void)
{
	streams = NULL;
}

/* Before the report goes. */
void sim_streams_end(void)
{
	if (!streams)
		return;
	ending = true;
	event_streams_end(streams);
	for (int i = 0; i < READERS; i++) {
		if (sim_planted(SIM_FAULT_STREAM) && readers[i].suspended) {
			readers[i].suspended = false; /* else the seed would not end */
			sim_wake(&readers[i]);
		}
		while (!readers[i].done)
			sim_wait(&readers[i].done, UINT64_MAX);
	}
	event_streams_free(streams);
	streams = NULL;
}

/* Nobody sleeps while there is news. */
void sim_streams_check(void)
{
	if (!streams || !known_ns || ending || sim_now_ns() < known_ns + ANSWER_NS)
		return;
	for (int i = 0; i < READERS; i++) {
		if (readers[i].suspended && !readers[i].done && readers[i].number < known)
			sim_fail("a stream sleeps at message %llu of %llu",
			    (unsigned long long)readers[i].number, (unsigned long long)known);
	}
}
