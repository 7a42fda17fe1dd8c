/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The captures of a replay. Each packet is counted in the order of time, whatever the order in
 * which the files are named: of each file the next packet is known. A file is open while its
 * packets are read: a rotated series may have more files than a process may open.
 */
#include "replay/replay_internal.h"

#include "base/log.h"
#include "replay/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct replay_capture {
	const char *path;
	int fd;                 /* -1: opened by its path each time */
	off_t start;            /* where the capture begins in `fd` */
	bool owns_fd;           /* a copy, or a FIFO */
	bool once;              /* `fd` cannot be read again */
	struct pcap_file *file; /* NULL: not open now */
	struct pcap_packet next;
	bool begun; /* a packet of it was counted */
};

void replay_capture_free(struct replay_capture *capture)
{
	if (!capture)
		return;
	pcap_file_close(capture->file);
	if (capture->owns_fd)
		close(capture->fd);
	free(capture);
}

/* From its beginning. */
static int open_capture(const struct replay_capture *capture, struct pcap_file **ret,
    char error[static PCAP_FILE_ERROR_BYTES])
{
	if (capture->fd < 0)
		return pcap_file_open(ret, capture->path, error);
	if (!capture->once && lseek(capture->fd, capture->start, SEEK_SET) < 0) {
		const int r = -errno;

		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(-r));
		return r;
	}
	return pcap_file_open_fd(ret, capture->fd, error);
}

/* What cannot be read twice is copied, if it must be. */
static int make_readable(
    struct replay_capture *capture, bool twice, char error[static PCAP_FILE_ERROR_BYTES])
{
	const bool is_stdin = strcmp(capture->path, "-") == 0;
	struct stat status;
	int copy, r;

	if ((is_stdin ? fstat(STDIN_FILENO, &status) : stat(capture->path, &status)) < 0)
		goto failed;
	if (S_ISREG(status.st_mode) && !is_stdin)
		return 0;
	capture->fd = is_stdin ? STDIN_FILENO : open(capture->path, O_RDONLY | O_CLOEXEC);
	if (capture->fd < 0)
		goto failed;
	capture->owns_fd = !is_stdin;
	capture->start = S_ISREG(status.st_mode) ? lseek(capture->fd, 0, SEEK_CUR) : -1;
	capture->once = capture->start < 0;
	if (!capture->once || !twice)
		return 0;
	r = spool_copy(capture->fd, &copy, error, PCAP_FILE_ERROR_BYTES);
	if (r < 0)
		return r;
	if (capture->owns_fd)
		close(capture->fd);
	capture->fd = copy;
	capture->owns_fd = true;
	capture->once = false;
	capture->start = 0;
	return 0;
failed:
	r = -errno;
	snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(errno));
	return r;
}

/* Knows the first packet's time. An error behind it is said when it is its turn. */
static int look_at_first(struct replay_file *file, char error[static PCAP_FILE_ERROR_BYTES])
{
	struct replay_capture *capture = file->capture;
	int r = open_capture(capture, &capture->file, error);

	if (r < 0)
		return r;
	r = pcap_file_next(capture->file, &capture->next, error);
	file->at_end = r == 0;
	if (!capture->once) {
		pcap_file_close(capture->file);
		capture->file = NULL;
	}
	return r < 0 ? r : 0;
}

int replay_capture_open(
    struct replay_file *file, const char *path, char error[static PCAP_FILE_ERROR_BYTES])
{
	struct replay *replay = file->replay;
	int r = -ENOMEM;

	file->name = path;
	file->capture = calloc(1, sizeof(*file->capture));
	if (file->capture) {
		file->capture->path = path;
		file->capture->fd = -1;
		r = replay->wire ? 0
				 : replay_wire_new(&replay->wire, &replay->options.config->wire);
	}
	if (r < 0) {
		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(-r));
		return r;
	}
	r = make_readable(file->capture, replay_wire_must_learn(replay->wire), error);
	return r < 0 ? r : look_at_first(file, error);
}

int64_t replay_capture_time(const struct replay_file *file)
{
	return file->capture->next.time_ns;
}

bool replay_capture_begun(const struct replay_file *file)
{
	return file->capture->begun;
}

static void stop(struct replay_file *file, int r, const char *error)
{
	if (r < 0) {
		log_error(MODULE, "%s: %s", file->name, error);
		file->broken = true;
	}
	file->at_end = true;
	if (!file->capture->once) {
		pcap_file_close(file->capture->file);
		file->capture->file = NULL;
	}
	replay_end_packets(file);
}

void replay_capture_feed(struct replay_file *file)
{
	struct replay_capture *capture = file->capture;
	char error[PCAP_FILE_ERROR_BYTES];
	int r = 1;

	if (!capture->file) {
		r = open_capture(capture, &capture->file, error);
		if (r == 0)
			r = pcap_file_next(capture->file, &capture->next, error);
	}
	if (r > 0) {
		capture->begun = true;
		replay_take_packet(file, &capture->next);
		r = pcap_file_next(capture->file, &capture->next, error);
	}
	if (r <= 0)
		stop(file, r, error);
}

/* An error is said when the packets are counted. */
static int learn(struct replay *replay, const struct replay_capture *capture)
{
	char error[PCAP_FILE_ERROR_BYTES];
	struct pcap_packet packet;
	struct pcap_file *file = NULL;
	int full = 0;

	(void)open_capture(capture, &file, error);
	while (file && pcap_file_next(file, &packet, error) > 0) {
		if (replay_wire_learn(replay->wire, &packet) < 0)
			full = -ENOSPC;
	}
	pcap_file_close(file);
	return full;
}

void replay_learn_servers(struct replay *replay)
{
	if (!replay->wire || !replay_wire_must_learn(replay->wire))
		return;
	for (size_t i = 0; i < replay->n_files; i++) {
		const struct replay_file *file = replay->files[i];

		if (file->capture && learn(replay, file->capture) == -ENOSPC)
			log_warning(MODULE, "%s: too many servers: name them in wire.addresses",
			    file->name);
	}
}
