/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload.h"

#include "base/clock.h"
#include "dnstap/frame_stream.h"

#include "proto/dnstap.pb-c.h"

#include <err.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_MESSAGE 512
#define MAX_FRAME   1024

static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64*: the same stream in each run. */
static uint64_t random_u64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static double random_unit(void)
{
	return (double)(random_u64() >> 11) / 9007199254740992.0;
}

/* Ranks with weight 1/rank, by inversion of the continuous law. */
static size_t zipf(size_t n)
{
	return (size_t)exp(random_unit() * log((double)n + 1)) - 1;
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put_label(uint8_t *p, const char *label)
{
	size_t n = strlen(label);

	*p++ = (uint8_t)n;
	memcpy(p, label, n);
	return p + n;
}

struct exchange {
	uint16_t id, type, port;
	size_t name, zone;
	int missing, edns;
};

static uint8_t *put_question(uint8_t *p, const struct exchange *exchange)
{
	char label[32];

	snprintf(label, sizeof(label), exchange->missing ? "nx%zu" : "www%zu", exchange->name);
	p = put_label(p, label);
	snprintf(label, sizeof(label), "zone%zu", exchange->zone);
	p = put_label(p, label);
	p = put_label(p, "example");
	*p++ = 0;
	p = put16(p, exchange->type);
	return put16(p, 1);
}

static uint8_t *put_opt(uint8_t *p, int cookie)
{
	*p++ = 0;
	p = put16(p, 41);
	p = put16(p, 1232);
	p = put16(p, 0);
	p = put16(p, 0x8000);
	p = put16(p, cookie ? 12 : 0);
	if (cookie) {
		p = put16(p, 10);
		p = put16(p, 8);
		memset(p, 0x5a, 8);
		p += 8;
	}
	return p;
}

static size_t put_query(uint8_t *out, const struct exchange *exchange)
{
	uint8_t *p = put16(out, exchange->id);

	p = put16(p, 0x0000);
	p = put16(p, 1);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, exchange->edns ? 1 : 0);
	p = put_question(p, exchange);
	if (exchange->edns)
		p = put_opt(p, 1);
	return (size_t)(p - out);
}

static size_t put_response(uint8_t *out, const struct exchange *exchange)
{
	const unsigned answers = exchange->missing ? 0 : 2;
	uint8_t *p = put16(out, exchange->id);

	p = put16(p, exchange->missing ? 0x8403 : 0x8400);
	p = put16(p, 1);
	p = put16(p, answers);
	p = put16(p, exchange->missing ? 1 : 0);
	p = put16(p, exchange->edns ? 1 : 0);
	p = put_question(p, exchange);
	for (unsigned i = 0; i < answers; i++) {
		p = put16(p, 0xc00c);
		p = put16(p, 1);
		p = put16(p, 1);
		p = put16(p, 0);
		p = put16(p, 3600);
		p = put16(p, 4);
		p = put16(p, 0xc000);
		p = put16(p, 0x0201 + i);
	}
	if (exchange->missing) { /* SOA, shortened */
		p = put16(p, 0xc00c);
		p = put16(p, 6);
		p = put16(p, 1);
		p = put16(p, 0);
		p = put16(p, 3600);
		p = put16(p, 24);
		memset(p, 0, 24);
		p += 24;
	}
	if (exchange->edns)
		p = put_opt(p, 0);
	return (size_t)(p - out);
}

static uint32_t source_address(const struct workload_options *options, size_t pair)
{
	uint64_t index =
	    options->sources == SOURCES_ZIPF ? zipf(options->n_sources) : pair % options->n_sources;

	index *= 0x9e3779b1u; /* spread over the address space */
	return (uint32_t)index | 1u << 24;
}

static size_t put_frame(uint8_t *out, const uint8_t *message, size_t length, int response,
    uint32_t address, uint16_t port, int64_t time_ns)
{
	static uint8_t identity[] = "ns1.example", version[] = "Knot DNS 3.2.6",
		       server[4] = {192, 0, 2, 1};
	Dnstap__Dnstap dnstap = DNSTAP__DNSTAP__INIT;
	Dnstap__Message m = DNSTAP__MESSAGE__INIT;
	uint8_t client[4];
	size_t size;

	memcpy(client, &address, 4);
	dnstap.has_identity = dnstap.has_version = 1;
	dnstap.identity = (ProtobufCBinaryData){sizeof(identity) - 1, identity};
	dnstap.version = (ProtobufCBinaryData){sizeof(version) - 1, version};
	dnstap.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	dnstap.message = &m;
	m.type =
	    response ? DNSTAP__MESSAGE__TYPE__AUTH_RESPONSE : DNSTAP__MESSAGE__TYPE__AUTH_QUERY;
	m.has_socket_family = m.has_socket_protocol = m.has_query_address = m.has_response_address =
	    1;
	m.socket_family = DNSTAP__SOCKET_FAMILY__INET;
	m.socket_protocol = DNSTAP__SOCKET_PROTOCOL__UDP;
	m.query_address = (ProtobufCBinaryData){4, client};
	m.response_address = (ProtobufCBinaryData){4, server};
	m.has_query_port = m.has_response_port = 1;
	m.query_port = port;
	m.response_port = 53;
	if (response) {
		m.has_response_time_sec = m.has_response_time_nsec = m.has_response_message = 1;
		m.response_time_sec = (uint64_t)(time_ns / NS_PER_S);
		m.response_time_nsec = (uint32_t)(time_ns % NS_PER_S);
		m.response_message = (ProtobufCBinaryData){length, (uint8_t *)message};
	} else {
		m.has_query_time_sec = m.has_query_time_nsec = m.has_query_message = 1;
		m.query_time_sec = (uint64_t)(time_ns / NS_PER_S);
		m.query_time_nsec = (uint32_t)(time_ns % NS_PER_S);
		m.query_message = (ProtobufCBinaryData){length, (uint8_t *)message};
	}
	size = dnstap__dnstap__pack(&dnstap, out + 4);
	put16(out, (unsigned)(size >> 16));
	put16(out + 2, (unsigned)size);
	return size + 4;
}

static void make_pairs(struct workload *ret, const struct workload_options *options)
{
	const int64_t start_ns = clock_wall_ns(&clock_system);
	uint8_t message[MAX_MESSAGE];
	static const uint16_t types[] = {1, 1, 1, 28, 28, 15, 16, 2, 6, 48, 43, 65};

	for (size_t pair = 0; ret->frames + 2 <= options->frames; pair++) {
		const struct exchange exchange = {
		    .id = (uint16_t)random_u64(),
		    .type = types[random_u64() % (sizeof(types) / sizeof(types[0]))],
		    .port = (uint16_t)(1024 + random_u64() % 60000),
		    .name = zipf(10000),
		    .zone = zipf(options->n_zones),
		    .missing = random_u64() % 8 == 0,
		    .edns = random_u64() % 4 != 0,
		};
		const uint32_t address = source_address(options, pair);
		const int64_t time_ns = start_ns + (int64_t)pair * 1000;
		size_t length = put_query(message, &exchange);

		ret->length += put_frame(
		    ret->stream + ret->length, message, length, 0, address, exchange.port, time_ns);
		length = put_response(message, &exchange);
		ret->length += put_frame(ret->stream + ret->length, message, length, 1, address,
		    exchange.port, time_ns + 20000 + (int64_t)(random_u64() % 100000));
		ret->frames += 2;
	}
}

static void make_sample(struct workload *ret, const struct workload_options *options)
{
	FILE *file = fopen(options->sample, "rb");
	uint8_t *data, reply[FRAME_STREAM_MAX_REPLY_BYTES];
	const uint8_t *frame = NULL;
	size_t size = 64u << 20, n;

	if (!file || !(data = malloc(size)))
		err(1, "%s", options->sample);
	n = fread(data, 1, size, file);
	fclose(file);
	while (ret->frames < options->frames) {
		const size_t before = ret->frames;
		const uint8_t *at = data, *end = data + n;
		struct frame_stream stream;
		enum frame_stream_result result;
		const char *why = NULL;
		uint32_t length = 0;

		frame_stream_init(&stream, MAX_FRAME * 256);
		while (ret->frames < options->frames) {
			result = frame_stream_next(&stream, &at, end, &frame, &length, reply, &why);
			if (result == FRAME_STREAM_REPLY)
				continue;
			if (result != FRAME_STREAM_DATA ||
			    ret->length + length + 4 > options->frames * MAX_FRAME)
				break;
			memcpy(ret->stream + ret->length, frame - 4, length + 4);
			ret->length += length + 4;
			ret->frames++;
		}
		if (ret->frames == before)
			break;
	}
	free(data);
	if (!ret->frames)
		errx(1, "%s: no dnstap frames", options->sample);
}

void workload_make(struct workload *ret, const struct workload_options *options)
{
	*ret = (struct workload){.stream = malloc(options->frames * MAX_FRAME)};
	if (!ret->stream)
		err(1, "workload");
	if (options->sample)
		make_sample(ret, options);
	else
		make_pairs(ret, options);
	ret->stream = realloc(ret->stream, ret->length);
}

void workload_free(struct workload *workload)
{
	free(workload->stream);
}

/* True where there was no room at first. */
static bool send_piece(int fd, const uint8_t *data, size_t length)
{
	bool waited = false;

	while (length) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			waited = true;
			n = send(fd, data, length, MSG_NOSIGNAL);
		}
		if (n < 0)
			err(1, "write to the receiver");
		data += n;
		length -= (size_t)n;
	}
	return waited;
}

static void sleep_until(double seconds)
{
	const struct timespec time = {.tv_sec = (time_t)seconds,
	    .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		continue;
}

/* Pieces leave at even times, whatever became of the one before. */
static size_t send_all(
    int fd, const uint8_t *data, size_t length, size_t chunk, double bytes_per_second)
{
	struct timespec start;
	size_t waits = 0, sent = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (sent < length) {
		const size_t part = length - sent < chunk ? length - sent : chunk;

		waits += send_piece(fd, data + sent, part);
		sent += part;
		if (bytes_per_second > 0)
			sleep_until((double)start.tv_sec + (double)start.tv_nsec / 1e9 +
			    (double)sent / bytes_per_second);
	}
	return waits;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (int i = 0; i < 500; i++) {
		const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		close(fd);
		usleep(10000);
	}
	err(1, "%s", path);
}

int workload_open(const char *socket_path)
{
	const int fd = connect_to(socket_path);
	uint8_t control[FRAME_STREAM_MAX_CONTROL_BYTES];

	send_all(fd, control, frame_stream_write_ready(control), sizeof(control), 0);
	if (read(fd, control, sizeof(control)) <= 0)
		err(1, "no ACCEPT");
	send_all(fd, control, frame_stream_write_start(control), sizeof(control), 0);
	return fd;
}

void workload_close(int fd)
{
	uint8_t control[FRAME_STREAM_MAX_CONTROL_BYTES];

	send_all(fd, control, frame_stream_write_stop(control), sizeof(control), 0);
	if (read(fd, control, sizeof(control)) <= 0)
		err(1, "no FINISH");
	close(fd);
}

size_t workload_send(
    const struct workload *workload, const char *socket_path, size_t chunk, double per_second)
{
	const int fd = workload_open(socket_path);
	const double mean = (double)workload->length / (double)workload->frames;
	const size_t waits =
	    send_all(fd, workload->stream, workload->length, chunk, per_second * mean);

	workload_close(fd);
	return waits;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
