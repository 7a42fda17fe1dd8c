/* SPDX-License-Identifier: BSD-2-Clause */
#include "magnitude/magnitude.h"

#include "base/clock.h"
#include "base/file_name.h"
#include "base/io.h"
#include "base/replace.h"
#include "text/json_text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define FILES_EVERY  (3600ull * NS_PER_S)
#define STATE_EVERY  (60ull * NS_PER_S)
#define SERVER_BYTES 256

struct magnitude {
	char *dir;
	char server[SERVER_BYTES]; /* as it is called */
	char file[SERVER_BYTES];   /* fit for a file's name */
	size_t domains;
	bool live, begun; /* a day is */
	struct magnitude_day today;
	struct magnitude_day before; /* it is over, and its dataset could not be written */
	bool has_before;
	uint64_t files_due_ns, state_due_ns;
	bool changed; /* since the state was written */
};

/* -- files */

static int write_day(const struct magnitude *magnitude, struct magnitude_day *day)
{
	struct buffer buffer = {0};
	char path[PATH_MAX], date[DATASET_DATE_BYTES];
	int r;

	dataset_date(day, date);
	if (snprintf(path, sizeof(path), "%s/%s-%.4s%.2s%.2s.cbor", magnitude->dir, magnitude->file,
		date, date + 5, date + 8) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dataset_write(day, false, &buffer);
	r = buffer_failed(&buffer)
	    ? -ENOMEM
	    : replace_file(path, buffer.at, buffer.length, 0644, REPLACE_DURABLE);
	buffer_free(&buffer);
	return r;
}

static int write_dataset(struct magnitude *magnitude)
{
	return magnitude->begun ? write_day(magnitude, &magnitude->today) : 0;
}

static void forget_before(struct magnitude *magnitude)
{
	if (magnitude->has_before)
		dataset_done(&magnitude->before);
	magnitude->has_before = false;
}

static int write_before(struct magnitude *magnitude)
{
	const int r = magnitude->has_before ? write_day(magnitude, &magnitude->before) : 0;

	if (r == 0)
		forget_before(magnitude);
	return r;
}

static int state_path(const struct magnitude *magnitude, char path[PATH_MAX])
{
	const int n =
	    snprintf(path, PATH_MAX, "%s/%s.magnitude.state", magnitude->dir, magnitude->file);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* With a hash behind it: after a loss of power it may be torn. */
static int write_state(struct magnitude *magnitude)
{
	struct buffer buffer = {0};
	char path[PATH_MAX];
	uint64_t hash;
	int r = state_path(magnitude, path);

	if (r < 0 || !magnitude->live || !magnitude->begun)
		return r;
	dataset_write(&magnitude->today, true, &buffer);
	hash = XXH3_64bits(buffer.at, buffer.length);
	buffer_put(&buffer, (const char *)&hash, sizeof(hash));
	r = buffer_failed(&buffer)
	    ? -ENOMEM
	    : replace_file(path, buffer.at, buffer.length, 0600, REPLACE_FAST);
	buffer_free(&buffer);
	magnitude->changed = r < 0;
	return r;
}

static int read_whole(const char *path, uint8_t **ret, size_t *ret_length)
{
	size_t size = 0;
	const int fd = io_open_regular(path, &size);
	uint8_t *data = NULL;
	int r = 0;

	if (fd < 0)
		return fd;
	if (size > DATASET_FILE_BYTES)
		r = -EBADMSG;
	else if (!(data = malloc(size + 1)))
		r = -ENOMEM;
	else if (io_read(fd, data, size) != (ssize_t)size)
		r = -EBADMSG;
	close(fd);
	if (r < 0) {
		free(data);
		return r;
	}
	*ret = data;
	*ret_length = size;
	return 0;
}

static int read_state(const struct magnitude *magnitude, struct magnitude_day *ret)
{
	char path[PATH_MAX];
	uint8_t *data = NULL;
	uint64_t hash;
	size_t length = 0;
	int r = state_path(magnitude, path);

	if (r == 0)
		r = read_whole(path, &data, &length);
	if (r == 0 && length < sizeof(hash))
		r = -EBADMSG;
	if (r == 0) {
		length -= sizeof(hash);
		memcpy(&hash, data + length, sizeof(hash));
		r = hash == XXH3_64bits(data, length)
		    ? dataset_read(ret, magnitude->domains, data, length)
		    : -EBADMSG;
	}
	free(data);
	if (r == -EBADMSG) {
		const int aside = replace_set_aside(path);

		r = aside < 0 ? aside : r;
	}
	return r;
}

/* -- a day */

static int begin_day(struct magnitude *magnitude, int64_t day)
{
	struct magnitude_day next;
	int r = dataset_init(&next, day, magnitude->domains), written;

	if (r < 0)
		return r;
	written = write_dataset(magnitude);
	forget_before(magnitude);
	magnitude->before = magnitude->today;
	magnitude->has_before = written < 0;
	if (written == 0)
		dataset_done(&magnitude->before);
	magnitude->today = next;
	magnitude->begun = true;
	/* At once: after a kill the state of the day before, which may lack its last minute, would
	 * make another dataset of it. */
	magnitude->state_due_ns = 0;
	return written;
}

static int begin(struct magnitude *magnitude, int64_t today, const char **ret_fresh_reason)
{
	int r = read_state(magnitude, &magnitude->today);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		if (r != -ENOENT)
			*ret_fresh_reason = r == -EBADMSG
			    ? "its state is not a sound one of this version, and set aside "
			      "(*" REPLACE_ASIDE ")"
			    : strerrordesc_np(-r);
		return begin_day(magnitude, today);
	}
	magnitude->begun = true;
	r = clock_day_goes_on(magnitude->today.day, today) ? 0 : begin_day(magnitude, today);
	return r == -ENOMEM ? r : 0; /* a dataset that failed is written later */
}

int magnitude_new(
    struct magnitude **ret, const struct magnitude_options *options, const char **ret_fresh_reason)
{
	struct magnitude *magnitude = calloc(1, sizeof(*magnitude));
	const char *reason = NULL;
	int r = -ENOMEM;

	if (!magnitude)
		return r;
	snprintf(magnitude->server, sizeof(magnitude->server), "%s", options->server);
	file_name(magnitude->file, sizeof(magnitude->file), options->server);
	magnitude->domains = options->domains;
	magnitude->live = options->live;
	magnitude->dir = strdup(options->dir);
	if (magnitude->dir)
		r = mkdir(options->dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
	if (r == 0 && options->live)
		r = begin(magnitude, clock_day(options->now_ns), &reason);
	if (r < 0) {
		magnitude_free(magnitude);
		return r;
	}
	*ret_fresh_reason = reason;
	*ret = magnitude;
	return 0;
}

void magnitude_free(struct magnitude *magnitude)
{
	if (!magnitude)
		return;
	dataset_done(&magnitude->today);
	forget_before(magnitude);
	free(magnitude->dir);
	free(magnitude);
}

int magnitude_add(struct magnitude *magnitude, int64_t start_ns, const struct tally *tally)
{
	const int64_t day = clock_day(start_ns);
	int r = 0, added = 0;

	/* A clock that was set back over midnight goes on with the day that has begun. */
	if (!magnitude->begun || day > magnitude->today.day)
		r = begin_day(magnitude, day);
	if (magnitude->begun && tally)
		added = dataset_add(&magnitude->today, tally);
	magnitude->changed = true;
	return r < 0 ? r : added;
}

int magnitude_flush(struct magnitude *magnitude)
{
	const int state = write_state(magnitude), before = write_before(magnitude),
		  written = write_dataset(magnitude);

	return state < 0 ? state : before < 0 ? before : written;
}

int magnitude_flush_when_due(struct magnitude *magnitude, uint64_t now_ns)
{
	int r = write_before(magnitude);

	if (!magnitude->files_due_ns) {
		magnitude->files_due_ns = now_ns + FILES_EVERY;
		magnitude->state_due_ns = now_ns; /* a folder that takes nothing is told at once */
	}
	if (now_ns >= magnitude->files_due_ns) {
		const int written = write_dataset(magnitude);

		if (written == 0)
			magnitude->files_due_ns = now_ns + FILES_EVERY;
		r = r < 0 ? r : written;
	}
	if (magnitude->changed && now_ns >= magnitude->state_due_ns) {
		const int state = write_state(magnitude);

		magnitude->state_due_ns = now_ns + STATE_EVERY;
		r = r < 0 ? r : state;
	}
	return r;
}

char *magnitude_json(struct magnitude *magnitude)
{
	json_t *report =
	    magnitude->begun ? dataset_report(&magnitude->today, magnitude->server) : NULL;
	char *text = report ? json_text(report) : NULL;

	json_decref(report);
	return text;
}
