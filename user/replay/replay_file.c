/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/replay_internal.h"

#include "base/log.h"
#include "capture/pcap_file.h"
#include "dnstap/decode.h"
#include "stats/item.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES (1u << 20)

void replay_file_free(struct replay_file *file)
{
	if (!file)
		return;
	replay_capture_free(file->capture);
	unpacked_close(file->unpacked);
	free(file->buffer);
	free(file);
}

static int add_file(struct replay *replay, struct replay_file *file)
{
	struct replay_file **files =
	    reallocarray(replay->files, replay->n_files + 1, sizeof(struct replay_file *));

	if (!files)
		return -ENOMEM;
	replay->files = files;
	file->replay = replay;
	file->newest_ns = file->first_ns = file->next_ns = INT64_MIN;
	files[replay->n_files++] = file;
	return 0;
}

int replay_add(struct replay *replay, int fd, const char *name)
{
	struct replay_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->size = BUFFER_BYTES + (size_t)replay->options.config->limits.frame;
	file->buffer = malloc(file->size);
	file->name = name;
	receiver_init(&file->receiver, (uint32_t)replay->options.config->limits.frame);
	file->receiver.stream.several = true;
	if (!file->buffer || unpacked_open(&file->unpacked, fd) < 0 || add_file(replay, file) < 0) {
		replay_file_free(file);
		return -ENOMEM;
	}
	return 0;
}

int replay_add_pcap(
    struct replay *replay, const char *path, char error[static PCAP_FILE_ERROR_BYTES])
{
	struct replay_file *file = calloc(1, sizeof(*file));
	int r = -ENOMEM;

	snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(ENOMEM));
	if (!file)
		return r;
	file->replay = replay;
	r = replay_capture_open(file, path, error);
	if (r == 0)
		r = add_file(replay, file);
	if (r < 0)
		replay_file_free(file);
	return r;
}

static void stop_file(struct replay_file *file, const char *why)
{
	if (why) {
		log_error(MODULE, "%s: %s offset=%llu", file->name, why,
		    (unsigned long long)(file->bytes - (file->end - file->start)));
		file->broken = true;
	}
	file->at_end = true;
}

/* The frame or control frame at this offset, with its length before it; 0: not there whole. */
static size_t bytes_at(const struct replay_file *file, size_t offset)
{
	const uint8_t *at = file->buffer + offset;
	const size_t length = file->end - offset;
	size_t bytes = 0;

	if (length >= 8)
		bytes = ct_load_be32(at) ? 4 + (size_t)ct_load_be32(at)
					 : 8 + (size_t)ct_load_be32(at + 4);
	return bytes <= length ? bytes : 0;
}

/* Of the frame of so many bytes at this offset; INT64_MIN: it says none. */
static int64_t time_at(struct replay_file *file, size_t offset, size_t bytes)
{
	const uint8_t *at = file->buffer + offset;
	struct record record;
	int64_t time_ns;

	if (!bytes || !ct_load_be32(at) ||
	    dnstap_decode(&file->receiver.cache, at + 4, (uint32_t)bytes - 4, &record) < 0)
		return INT64_MIN;
	time_ns =
	    record_time(&record, record_is_query(&record) ? DIR_QUERY : DIR_RESPONSE, INT64_MIN);
	dnstap_release(&record);
	return time_ns == INT64_MAX ? INT64_MIN : time_ns;
}

static int64_t first_time(struct replay_file *file)
{
	int64_t time_ns = INT64_MIN;
	size_t bytes = 1;

	for (size_t at = file->start; bytes && time_ns == INT64_MIN; at += bytes) {
		bytes = bytes_at(file, at);
		time_ns = time_at(file, at, bytes);
	}
	return time_ns;
}

/* More bytes behind what is left; at the end of the file nothing may be left. */
static void fill(struct replay_file *file)
{
	ssize_t n;

	memmove(file->buffer, file->buffer + file->start, file->end - file->start);
	file->end -= file->start;
	file->start = 0;
	n = unpacked_read(file->unpacked, file->buffer + file->end, file->size - file->end);
	if (n < 0) {
		stop_file(file, unpacked_problem(file->unpacked));
	} else if (n == 0) {
		if (file->end || file->receiver.stream.state == FRAME_STREAM_NEW)
			stop_file(file, file->end ? "ends inside a frame" : "is empty");
		else
			stop_file(file,
			    NULL); /* without STOP too: a capture that was cut between frames */
	} else {
		file->end += (size_t)n;
		file->bytes += (uint64_t)n;
		if (file->newest_ns == INT64_MIN)
			file->first_ns = first_time(file);
	}
}

void replay_file_start(struct replay_file *file)
{
	if (!file->capture)
		fill(file);
}

/* Of what nothing was taken yet: which other kind of file it may be. */
static const char *explain_start(const struct replay_file *file, const char *why)
{
	if (file->receiver.stream.state != FRAME_STREAM_NEW || file->end < PCAP_MAGIC_BYTES)
		return why;
	return pcap_file_begins(file->buffer) ? "is a packet capture: name it behind --pcap"
					      : "holds no Frame Streams";
}

/* The first `length` bytes of what is there, or more of them. */
static void feed_bytes(struct replay_file *file, size_t length)
{
	static const struct receiver_ops ops = {.take = replay_take, .bad = replay_take_bad};
	struct receiver_step step = {.used = 0};

	if (length)
		receiver_feed(
		    &file->receiver, &ops, file, file->buffer + file->start, length, &step);
	file->start += step.used;
	if (length && step.error)
		stop_file(file, explain_start(file, step.error));
	else if (!step.used)
		fill(file);
}

/* Feeds what is there; a frame alone where files must keep together. */
void replay_file_feed(struct replay_file *file)
{
	const size_t length = file->end - file->start;
	size_t next;

	if (file->capture) {
		replay_capture_feed(file);
		return;
	}
	if (file->replay->n_files == 1) {
		feed_bytes(file, length);
		return;
	}
	next = bytes_at(file, file->start);
	feed_bytes(file, next ? next : length);
	/* What says no time has its turn at once. */
	if (!file->at_end)
		file->next_ns = time_at(file, file->start, bytes_at(file, file->start));
}
