/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points appended to a file, or written to stdout. The file is opened again when its path no longer
 * leads to it (rotation). After a short write (full disk, limit) the torn line is cut off again,
 * or, where others write too, ended, so that it never runs into the next one. What could not be
 * written is lost and counted: a disk that is full for hours must not fill the memory as well.
 */
#include "sink/file.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/error_text.h"
#include "base/path.h"
#include "config/option_row.h"
#include "sink/batch.h"
#include "sink/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define STUCK_MS 2000

#define P struct sink_file_settings

static const struct config_option options[] = {
    {"path", OPTION_TEXT, .fallback = "/var/log/crosstap/points.lp", RANGE(1, MAX_PATH),
	AT(P, path), .unique = true,
	.help = "The file; `-` is stdout. A link of another user is not followed."},
    {"format", OPTION_WORD, .fallback = "line", WORDS("line", "json"), AT(P, format),
	.help = "Line protocol, or one JSON object a line."},
};

struct file {
	char *path; /* NULL: stdout */
	int fd, wake_fd;
	bool regular;
	bool stuck; /* this attempt has waited for long, and has said so */
	bool torn;  /* what is written next would continue a line */
	dev_t device;
	ino_t inode;
	const struct sink_control *control;
};

static void file_close(void *backend)
{
	struct file *f = backend;

	if (!f)
		return;
	if (f->path && f->fd >= 0)
		close(f->fd);
	if (f->wake_fd >= 0)
		close(f->wake_fd);
	free(f->path);
	free(f);
}

static bool is_stdout(const char *path)
{
	return strcmp(path, "-") == 0;
}

static enum points_format file_format(const void *settings)
{
	const struct sink_file_settings *s = settings;

	return s->format == SINK_FILE_JSON ? POINTS_JSON : POINTS_LINE;
}

static int file_describe(struct arena *arena, const void *settings, struct sink_place *ret)
{
	const struct sink_file_settings *s = settings;

	ret->name = arena_printf(arena, "file %s", s->path);
	ret->realm = "";
	return ret->name ? 0 : -ENOMEM;
}

static const char *file_local(const void *settings)
{
	const struct sink_file_settings *s = settings;

	return is_stdout(s->path) ? NULL : s->path;
}

static int file_open(void **ret, const void *settings, const struct sink_control *control)
{
	const struct sink_file_settings *s = settings;
	const bool to_stdout = is_stdout(s->path);
	struct file *f;
	int r = 0;

	if (!s->path[0])
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->control = control;
	f->fd = to_stdout ? STDOUT_FILENO : -1;
	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake_fd < 0)
		r = -errno;
	if (!to_stdout && !(f->path = strdup(s->path)))
		r = -ENOMEM;
	if (r < 0) {
		file_close(f);
		return r;
	}
	if (to_stdout) {
		struct stat st;

		f->regular = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
	}
	*ret = f;
	return 0;
}

/* Does the file end within a line, after a crash or a full disk? */
static bool ends_torn(const struct file *f, off_t size)
{
	bool torn = false;
	char last;
	int fd;

	if (size == 0)
		return false;
	fd = path_open(f->path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return false;
	torn = pread(fd, &last, 1, size - 1) == 1 && last != '\n';
	close(fd);
	return torn;
}

/* The file that the path leads to now. */
static int reopen(struct file *f)
{
	struct stat st;

	if (!f->path)
		return 0;
	if (f->fd >= 0 && stat(f->path, &st) == 0 && st.st_dev == f->device &&
	    st.st_ino == f->inode)
		return 0;
	if (f->fd >= 0)
		close(f->fd);
	/* Not blocking: a named pipe without a reader must not hold the thread. */
	f->fd = path_open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0640);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &st) < 0) {
		int r = -errno;

		close(f->fd);
		f->fd = -1;
		return r;
	}
	f->device = st.st_dev;
	f->inode = st.st_ino;
	f->regular = S_ISREG(st.st_mode);
	f->torn = f->regular && ends_torn(f, st.st_size);
	return 0;
}

static void say_stuck(struct file *f)
{
	if (!f->stuck && f->control->stuck)
		f->control->stuck(f->control->context,
		    f->path ? "nobody reads the pipe: its reader has stopped or is too slow"
			    : "nobody reads stdout: its reader has stopped or is too slow");
	f->stuck = true;
}

/* Waits until a pipe or terminal takes PIPE_BUF bytes (pipe(7)); -ETIMEDOUT: the sink is to stop.
 */
static int wait_writable(struct file *f)
{
	for (;;) {
		struct pollfd fds[2] = {
		    {.fd = f->fd, .events = POLLOUT},
		    {.fd = f->wake_fd, .events = POLLIN},
		};
		uint64_t deadline_ns = atomic_load(&f->control->deadline_ns),
			 now_ns = clock_monotonic_ns();
		int timeout_ms = f->stuck ? -1 : STUCK_MS, n;

		if (deadline_ns != UINT64_MAX) {
			/* The deadline is known: no more need to be woken for it. */
			fds[1].fd = -1;
			timeout_ms = deadline_ns > now_ns
			    ? (int)((deadline_ns - now_ns) / NS_PER_MS % INT_MAX) + 1
			    : 0;
		}
		n = poll(fds, 2, timeout_ms);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && deadline_ns == UINT64_MAX)
			say_stuck(f);
		if (fds[0].revents)
			return 0;
		if (deadline_ns <= clock_monotonic_ns())
			return -ETIMEDOUT;
	}
}

/* Writes all of it or says why not; *ret_written is right in both cases. */
static int write_all(struct file *f, const char *text, size_t length, size_t *ret_written)
{
	size_t done = 0;
	int r = 0;

	while (done < length) {
		size_t piece = length - done;
		ssize_t n;

		if (!f->regular) {
			r = wait_writable(f);
			if (r < 0)
				break;
			if (piece > PIPE_BUF)
				piece = PIPE_BUF;
		}
		n = write(f->fd, text + done, piece);
		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
			r = n == 0 ? -EIO : -errno;
			break;
		}
	}
	*ret_written = done;
	return r;
}

/* Takes back the beginning of a line that did not fit, if it is still the end of the file. */
static bool cut_back(const struct file *f, off_t start, size_t written, size_t whole)
{
	struct stat st;

	return f->path && f->regular && start >= 0 && fstat(f->fd, &st) == 0 &&
	    st.st_size == start + (off_t)written && ftruncate(f->fd, start + (off_t)whole) == 0;
}

static int file_write(struct file *f, const char *text, size_t length, size_t *ret_whole)
{
	size_t written, whole = 0;
	struct stat st;
	off_t start;
	int r;

	if (f->torn) {
		r = write_all(f, "\n", 1, &written);
		if (r < 0)
			return r;
		f->torn = false;
	}
	start = f->regular && fstat(f->fd, &st) == 0 ? st.st_size : -1;
	r = write_all(f, text, length, &written);
	if (r == 0) {
		whole = written;
	} else if (written) {
		const char *newline = memrchr(text, '\n', written);

		whole = newline ? (size_t)(newline - text) + 1 : 0;
		if (whole < written)
			f->torn = !cut_back(f, start, written, whole);
	}
	*ret_whole = whole;
	return r;
}

static void file_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct file *f = backend;
	char words[ERROR_TEXT_BYTES];
	size_t whole = 0;
	int r;

	f->stuck = false;
	r = reopen(f);

	if (r == 0)
		r = file_write(f, text, length, &whole);
	ret->taken = length;
	ret->accepted = batch_count_lines(text, whole);
	ret->lost = batch_count_lines(text + whole, length - whole);
	if (r < 0)
		snprintf(ret->error, sizeof(ret->error), "%s",
		    r == -ETIMEDOUT ? "nobody reads, and the sink was stopped"
				    : error_text(words, -r));
}

static void file_wake(void *backend)
{
	const struct file *f = backend;
	uint64_t one = 1;

	/* Fails only when it has been woken already. */
	if (write(f->wake_fd, &one, sizeof(one)) < 0)
		return;
}

const struct sink_ops sink_file_ops = {
    .kind = {.name = "file",
	.table = TABLE(options, "A file of points."),
	.size = sizeof(struct sink_file_settings)},
    .thread_name = "sink-file",
    .format = file_format,
    .describe = file_describe,
    .local_file = file_local,
    .open = file_open,
    .send = file_send,
    .wake = file_wake,
    .close = file_close,
};

struct config_output sink_file_output(const struct sink_file_settings *settings)
{
	return (struct config_output){.kind = &sink_file_ops.kind, .settings = settings};
}

bool sink_file_is_stdout(const struct config_output *output)
{
	const struct sink_file_settings *settings = output->settings;

	return output->kind == &sink_file_ops.kind && strcmp(settings->path, "-") == 0;
}
