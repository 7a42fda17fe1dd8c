/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/replay_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES (1u << 20)
#define STEP_BYTES   4096 /* what one of several files is ahead at most */

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
	file->newest_ns = INT64_MIN;
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
	}
}

/* Feeds what is there, at most a step where files must keep together. */
void replay_file_feed(struct replay_file *file)
{
	static const struct receiver_ops ops = {.take = replay_take, .bad = replay_take_bad};
	const bool alone = file->replay->n_files == 1;
	size_t length = file->end - file->start;
	struct receiver_step step;

	if (file->capture) {
		replay_capture_feed(file);
		return;
	}
	for (size_t part = alone ? length : STEP_BYTES; length; part *= 2) {
		if (part > length)
			part = length;
		receiver_feed(&file->receiver, &ops, file, file->buffer + file->start, part, &step);
		file->start += step.used;
		if (step.error) {
			stop_file(file, step.error);
			return;
		}
		if (step.used || part == length) {
			if (!step.used)
				fill(file);
			return;
		}
	}
	fill(file);
}
