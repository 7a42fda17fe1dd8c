/* SPDX-License-Identifier: BSD-2-Clause */
#include "history/held.h"

#include "base/io.h"
#include "base/replace.h"
#include "crosscheck/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define MAGIC         0x74736968736c63ull /* "clshist"; another byte order does not read it */
#define VERSION       1
#define NAME          32
#define MOST_KEPT     64
#define MOST_VERDICTS 16
#define LONGEST       ((1ull << 30) + (16u << 20)) /* of limits.history, and the rest of it */
#define LATEST_MS     100000000000000ll            /* the year 5138 */

struct header {
	uint64_t magic, version;
	uint64_t limit;
	int64_t interval_ms;
	uint32_t n_moments[PAST_TIERS];
	uint32_t n_kept, n_series, n_events, zero;
	char verdicts[MOST_VERDICTS][NAME];
};

/* What was kept, by its names: another version may keep something else. */
struct stored_kept {
	char measurement[NAME];
	char tags[KEPT_TAGS][NAME];
	char fields[KEPT_FIELDS][NAME];
	uint32_t n_tags, n_fields;
};

struct stored_series {
	uint32_t of, zero;
	double rate;
	char tags[KEPT_TAGS][PAST_TAG_BYTES];
};

_Static_assert((int)VERDICT_COUNT <= MOST_VERDICTS && (int)KEPT_COUNT <= MOST_KEPT, "they fit");

/* -- writing */

struct writer {
	FILE *file;
	XXH3_state_t *hash;
	int error;
};

static void put(struct writer *writer, const void *data, size_t size)
{
	XXH3_64bits_update(writer->hash, data, size);
	if (!writer->error)
		writer->error = io_put(writer->file, data, size);
}

static void name(char to[NAME], const char *text)
{
	snprintf(to, NAME, "%s", text);
}

static void put_header(struct writer *writer, const struct history_next *held)
{
	const struct past *past = held->past;
	struct header header = {.magic = MAGIC,
	    .version = VERSION,
	    .limit = past->limit,
	    .interval_ms = past->interval_ms,
	    .n_kept = KEPT_COUNT,
	    .n_series = (uint32_t)past->n_series,
	    .n_events = (uint32_t)held->n_events};

	for (int t = 0; t < PAST_TIERS; t++)
		header.n_moments[t] = (uint32_t)past->rings[t].n;
	for (int v = 0; v < VERDICT_COUNT; v++)
		name(header.verdicts[v], verdict_name((enum verdict)v));
	put(writer, &header, sizeof(header));
}

static void put_kept(struct writer *writer, const struct kept *of)
{
	struct stored_kept stored = {
	    .n_tags = (uint32_t)of->n_tags, .n_fields = (uint32_t)of->n_fields};

	name(stored.measurement, measurements[of->measurement].name);
	for (size_t t = 0; t < of->n_tags; t++)
		name(stored.tags[t], measure_tags[of->tags[t]].name);
	for (size_t f = 0; f < of->n_fields; f++)
		name(stored.fields[f], of->fields[f].name);
	put(writer, &stored, sizeof(stored));
}

/* From the oldest cell to the newest. */
static void put_column(struct writer *writer, const struct past *past,
    const struct past_series *series, size_t field, enum past_tier tier)
{
	const struct past_ring *ring = &past->rings[tier];

	for (size_t i = 0; i < ring->n; i++)
		put(writer, past_cell(past, series, field, tier, past_place(ring, i)),
		    PAST_CELL_BYTES);
}

static void put_series(
    struct writer *writer, const struct past *past, const struct past_series *series)
{
	struct stored_series stored = {.of = series->of, .rate = series->rate};

	for (size_t t = 0; t < history_kept[series->of].n_tags; t++)
		snprintf(stored.tags[t], sizeof(stored.tags[t]), "%s", series->tags[t]);
	put(writer, &stored, sizeof(stored));
	for (size_t f = 0; f < history_kept[series->of].n_fields; f++) {
		for (int t = 0; t < PAST_TIERS; t++)
			put_column(writer, past, series, f, (enum past_tier)t);
	}
}

static int write_all(struct writer *writer, const struct history_next *held)
{
	const struct past *past = held->past;
	uint64_t hash;

	XXH3_64bits_reset(writer->hash);
	put_header(writer, held);
	for (int t = 0; t < PAST_TIERS; t++) {
		for (size_t i = 0; i < past->rings[t].n; i++)
			put(writer, &past->rings[t].moments[past_place(&past->rings[t], i)],
			    sizeof(struct past_moment));
	}
	for (int of = 0; of < KEPT_COUNT; of++)
		put_kept(writer, &history_kept[of]);
	for (size_t i = 0; i < past->n_series; i++)
		put_series(writer, past, &past->series[i]);
	for (size_t i = 0; i < held->n_events; i++)
		put(writer, held_event_at(held, i), sizeof(struct history_event));
	hash = XXH3_64bits_digest(writer->hash);
	if (!writer->error)
		writer->error = io_put(writer->file, &hash, sizeof(hash));
	return writer->error;
}

/* The file's descriptor stays open. */
static int write_to(int fd, const struct history_next *held)
{
	struct writer writer = {.hash = XXH3_createState()};
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r = copy < 0 ? -errno : 0;

	if (r == 0) {
		writer.file = fdopen(copy, "w");
		r = writer.file && writer.hash ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = write_all(&writer, held);
	if (writer.file ? fclose(writer.file) != 0 : copy >= 0 && close(copy) != 0)
		r = r < 0 ? r : -errno;
	XXH3_freeState(writer.hash);
	return r;
}

int held_write(const struct history_next *held, const char *path)
{
	struct replace replace;
	int r = replace_begin(&replace, path, 0600);

	if (r < 0)
		return r;
	r = write_to(replace.fd, held);
	/* Windows wait for this thread, and a torn file is found by its hash. */
	if (r == 0)
		r = replace_commit(&replace, REPLACE_FAST);
	replace_abort(&replace);
	return r;
}

/* -- reading */

struct reader {
	const uint8_t *data;
	size_t left;
	struct header header;
	struct stored_kept kept[MOST_KEPT];
	struct history_next *held;
};

static int take(struct reader *reader, void *ret, size_t size)
{
	if (reader->left < size)
		return -EBADMSG;
	memcpy(ret, reader->data, size);
	reader->data += size;
	reader->left -= size;
	return 0;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static int take_header(struct reader *reader)
{
	struct header *header = &reader->header;
	int r = take(reader, header, sizeof(*header));

	if (r < 0 || header->magic != MAGIC || header->version < 1)
		return -EBADMSG;
	if (header->version > VERSION)
		return -EPROTONOSUPPORT;
	if (header->limit < 1 || header->limit > LONGEST || header->interval_ms < 1000 ||
	    header->interval_ms > PAST_HOUR_MS || header->n_kept > MOST_KEPT)
		return -EBADMSG;
	for (int v = 0; v < MOST_VERDICTS; v++) {
		if (!ends(header->verdicts[v], NAME))
			return -EBADMSG;
	}
	return held_new(&reader->held, header->limit, header->interval_ms);
}

static int take_moments(struct reader *reader, enum past_tier tier)
{
	struct past_ring *ring = &reader->held->past->rings[tier];
	const uint32_t n = reader->header.n_moments[tier];
	int r = n <= ring->capacity ? take(reader, ring->moments, n * sizeof(*ring->moments))
				    : -EBADMSG;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		if (ring->moments[i].start_ms < -LATEST_MS ||
		    ring->moments[i].start_ms > LATEST_MS ||
		    ring->moments[i].watched_ms > (uint64_t)LATEST_MS)
			r = -EBADMSG;
	}
	if (r == 0) {
		ring->n = n;
		ring->next = n % ring->capacity;
	}
	return r;
}

static int take_kept(struct reader *reader, struct stored_kept *stored)
{
	int r = take(reader, stored, sizeof(*stored));

	if (r < 0 || stored->n_tags > KEPT_TAGS || stored->n_fields > KEPT_FIELDS ||
	    !ends(stored->measurement, NAME))
		return -EBADMSG;
	for (uint32_t t = 0; t < KEPT_TAGS; t++) {
		if (!ends(stored->tags[t], NAME))
			return -EBADMSG;
	}
	for (uint32_t f = 0; f < KEPT_FIELDS; f++) {
		if (!ends(stored->fields[f], NAME))
			return -EBADMSG;
	}
	return 0;
}

static int find_kept(const struct stored_kept *stored)
{
	for (int of = 0; of < KEPT_COUNT; of++) {
		size_t same = 0;

		if (strcmp(measurements[history_kept[of].measurement].name, stored->measurement) !=
			0 ||
		    history_kept[of].n_tags != stored->n_tags)
			continue;
		while (same < stored->n_tags &&
		    strcmp(measure_tags[history_kept[of].tags[same]].name, stored->tags[same]) == 0)
			same++;
		if (same == stored->n_tags)
			return of;
	}
	return -1;
}

static int find_field(int of, const char *text)
{
	for (size_t f = 0; of >= 0 && f < history_kept[of].n_fields; f++) {
		if (strcmp(history_kept[of].fields[f].name, text) == 0)
			return (int)f;
	}
	return -1;
}

/* A verdict by its name, which may have another number here. */
static int64_t translate(const struct header *header, int64_t value)
{
	if (value < 0 || value >= MOST_VERDICTS)
		return PAST_ABSENT;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (strcmp(verdict_name((enum verdict)v), header->verdicts[value]) == 0)
			return v;
	}
	return PAST_ABSENT;
}

static int take_field(struct reader *reader, struct past_series *series, int field)
{
	struct past *past = reader->held->past;
	const bool is_text = series && field >= 0 &&
	    kept_field(&history_kept[series->of], (size_t)field)->type == MEASURE_TEXT;

	for (int t = 0; t < PAST_TIERS; t++) {
		const size_t bytes = past->rings[t].n * PAST_CELL_BYTES;

		if (reader->left < bytes)
			return -EBADMSG;
		for (size_t i = 0; series && field >= 0 && i < past->rings[t].n; i++) {
			const int64_t value = past_cell_value(reader->data + i * PAST_CELL_BYTES);

			past_cell_set(past_cell(past, series, (size_t)field, (enum past_tier)t, i),
			    is_text ? translate(&reader->header, value) : value);
		}
		reader->data += bytes;
		reader->left -= bytes;
	}
	return 0;
}

static int take_series(struct reader *reader)
{
	struct stored_series stored;
	const struct stored_kept *from;
	struct past_series *series = NULL;
	int r = take(reader, &stored, sizeof(stored)), of;

	if (r < 0 || stored.of >= reader->header.n_kept || !isfinite(stored.rate) ||
	    stored.rate < 0)
		return -EBADMSG;
	for (int t = 0; t < KEPT_TAGS; t++) {
		if (!ends(stored.tags[t], PAST_TAG_BYTES))
			return -EBADMSG;
	}
	from = &reader->kept[stored.of];
	of = find_kept(from);
	if (of >= 0)
		series = past_make_series(reader->held->past, (enum kept_id)of,
		    (const char *const[KEPT_TAGS]){stored.tags[0], stored.tags[1]});
	if (series)
		series->rate = stored.rate;
	for (uint32_t f = 0; f < from->n_fields && r == 0; f++)
		r = take_field(reader, series, find_field(of, from->fields[f]));
	return r;
}

static int take_event(struct reader *reader)
{
	struct history_event event;
	int r = take(reader, &event, sizeof(event));

	if (r < 0 || !ends(event.kind, sizeof(event.kind)) ||
	    !ends(event.text, sizeof(event.text)) || event.time_ms < -LATEST_MS ||
	    event.time_ms > LATEST_MS)
		return -EBADMSG;
	held_event(reader->held, &event);
	return 0;
}

static int take_all(struct reader *reader)
{
	int r = take_header(reader);

	for (int t = 0; t < PAST_TIERS && r == 0; t++)
		r = take_moments(reader, (enum past_tier)t);
	for (uint32_t i = 0; i < reader->header.n_kept && r == 0; i++)
		r = take_kept(reader, &reader->kept[i]);
	for (uint32_t i = 0; i < reader->header.n_series && r == 0; i++)
		r = take_series(reader);
	for (uint32_t i = 0; i < reader->header.n_events && r == 0; i++)
		r = take_event(reader);
	return r == 0 && reader->left ? -EBADMSG : r;
}

int held_decode(struct history_next **ret, const uint8_t *data, size_t size)
{
	struct reader *reader;
	uint64_t hash;
	int r;

	if (size < sizeof(hash))
		return -EBADMSG;
	memcpy(&hash, data + size - sizeof(hash), sizeof(hash));
	if (hash != XXH3_64bits(data, size - sizeof(hash)))
		return -EBADMSG;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	reader->data = data;
	reader->left = size - sizeof(hash);
	r = take_all(reader);
	if (r == 0)
		*ret = reader->held;
	else
		history_next_free(reader->held);
	free(reader);
	return r;
}

int held_read(struct history_next **ret, const char *path)
{
	size_t size = 0;
	const int fd = io_open_regular(path, &size);
	uint8_t *data = NULL;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return fd;
	if (size > LONGEST)
		r = -EFBIG;
	else if (!(data = malloc(size + 1)))
		r = -ENOMEM;
	if (r == 0) {
		n = io_read(fd, data, size);
		r = n < 0 ? (int)n : held_decode(ret, data, (size_t)n);
	}
	free(data);
	close(fd);
	return r;
}
