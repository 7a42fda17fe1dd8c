/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/points.h"

#include "encode/histogram.h"
#include "text/decimal.h"
#include "text/escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STRING_MAX 65535 /* InfluxDB v2: a string field holds 64 KB */
/* InfluxDB v1 bounds measurement, tags and field key together to 65,535 bytes (MaxKeyLength). */
#define KEY_MAX       64000
#define FIELD_KEY_MAX 1024
#define INITIAL_BYTES 4096
#define TIME_LIMIT_MS 9223372036854LL /* in ns an int64_t */

struct text {
	char *at;
	size_t length, size;
};

/* One encoded tag in a text: key, separator, value. */
struct tag {
	size_t at, key_length, length;
};

struct tag_list { /* sorted by key */
	struct tag *tags;
	size_t n, size;
	struct text text;
};

enum state { STATE_NONE, STATE_TAGS, STATE_FIELDS, STATE_SKIP };

struct points {
	enum points_format format;
	enum state state;
	bool full;
	int error;
	size_t limit, count, dropped;
	size_t point_start;
	int64_t time_ms;
	struct text out;
	struct tag_list common, own;
};

int points_new(struct points **ret, enum points_format format, size_t limit)
{
	struct points *p;

	if (limit == 0 || limit > SIZE_MAX / 4)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->format = format;
	p->limit = limit;
	*ret = p;
	return 0;
}

static void tag_list_clear(struct tag_list *list)
{
	free(list->tags);
	free(list->text.at);
}

void points_free(struct points *p)
{
	if (!p)
		return;
	tag_list_clear(&p->common);
	tag_list_clear(&p->own);
	free(p->out.at);
	free(p);
}

void points_fail(struct points *p, int error)
{
	if (!p->error)
		p->error = error;
	p->state = STATE_SKIP;
}

int points_error(const struct points *p)
{
	return p->error;
}

static int text_reserve(struct text *text, size_t more)
{
	size_t need = text->length + more, size = text->size ? text->size : INITIAL_BYTES;
	char *at;

	if (need <= text->size)
		return 0;
	while (size < need)
		size *= 2;
	at = realloc(text->at, size);
	if (!at)
		return -ENOMEM;
	text->at = at;
	text->size = size;
	return 0;
}

/* Room for `more` bytes, and for the NUL. */
static bool reserve(struct points *p, struct text *text, size_t more)
{
	int r = text_reserve(text, more + 1);

	if (r < 0)
		points_fail(p, r);
	return r == 0;
}

static void put(struct text *text, const char *bytes, size_t length)
{
	memcpy(text->at + text->length, bytes, length);
	text->length += length;
}

static void put_char(struct text *text, char c)
{
	text->at[text->length++] = c;
}

static void put_escaped(
    struct text *text, enum escape_place place, const char *value, size_t length, size_t max)
{
	text->length += escape_write(text->at + text->length, place, value, length, max);
}

/* A name of ours: InfluxDB v2 reserves a leading underscore, v1 the key `time`, and a line that
 * begins with
 * `#` is a comment. Their first character is written as \xNN. */
static void put_name(
    struct text *text, enum escape_place place, const char *name, size_t length, size_t max)
{
	if (name[0] == '_' || name[0] == '#' ||
	    (place == ESCAPE_KEY && length == 4 && memcmp(name, "time", 4) == 0)) {
		put(text, name[0] == '_' ? "\\x5f" : name[0] == '#' ? "\\x23" : "\\x74", 4);
		name++;
		length--;
		max -= max > 4 ? 4 : max;
	}
	put_escaped(text, place, name, length, max);
}

static void put_quoted(
    struct text *text, enum escape_place place, const char *value, size_t length, size_t max)
{
	put_char(text, '"');
	put_escaped(text, place, value, length, max);
	put_char(text, '"');
}

static void put_unsigned(struct text *text, uint64_t value)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put(text, digits + n, sizeof(digits) - n);
}

static void put_signed(struct text *text, int64_t value)
{
	if (value < 0)
		put_char(text, '-');
	put_unsigned(text, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* Orders keys by their bytes, as InfluxDB does. */
static int compare_keys(const struct tag_list *a, size_t i, const struct tag_list *b, size_t k)
{
	const struct tag *x = &a->tags[i], *y = &b->tags[k];
	size_t n = x->key_length < y->key_length ? x->key_length : y->key_length;
	int r = memcmp(a->text.at + x->at, b->text.at + y->at, n);

	return r ? r : (x->key_length > y->key_length) - (x->key_length < y->key_length);
}

/* Lists are short and mostly written in order: insertion from the end. An equal key is replaced. */
static void tag_list_sort_last(struct tag_list *list)
{
	struct tag tag = list->tags[list->n - 1];
	size_t i = list->n - 1;

	while (i > 0) {
		int r = compare_keys(list, i - 1, list, list->n - 1);

		if (r == 0) {
			list->tags[i - 1] = tag;
			list->n--;
			return;
		}
		if (r < 0)
			break;
		i--;
	}
	memmove(&list->tags[i + 1], &list->tags[i], (list->n - 1 - i) * sizeof(tag));
	list->tags[i] = tag;
}

static bool tag_list_reserve(
    struct points *p, struct tag_list *list, size_t key_length, size_t value_length)
{
	if (!reserve(p, &list->text,
		escape_bound(key_length, KEY_MAX) + escape_bound(value_length, KEY_MAX) + 16))
		return false;
	if (list->n == list->size) {
		size_t size = list->size ? 2 * list->size : 16;
		struct tag *tags = realloc(list->tags, size * sizeof(*tags));

		if (!tags) {
			points_fail(p, -ENOMEM);
			return false;
		}
		list->tags = tags;
		list->size = size;
	}
	return true;
}

static void tag_list_add(
    struct points *p, struct tag_list *list, const char *key, const char *value)
{
	size_t key_length = strlen(key), value_length = strlen(value);
	struct text *text = &list->text;
	struct tag *tag;

	if (!key_length || !value_length || !tag_list_reserve(p, list, key_length, value_length))
		return;
	tag = &list->tags[list->n++];
	tag->at = text->length;
	if (p->format != POINTS_LINE) {
		put_quoted(text, ESCAPE_JSON, key, key_length, KEY_MAX);
		tag->key_length = text->length - tag->at;
		put_char(text, ':');
		put_quoted(text, ESCAPE_JSON, value, value_length, KEY_MAX);
	} else {
		put_name(text, ESCAPE_KEY, key, key_length, KEY_MAX);
		tag->key_length = text->length - tag->at;
		put_char(text, '=');
		put_escaped(text, ESCAPE_KEY, value, value_length, KEY_MAX);
	}
	tag->length = text->length - tag->at;
	tag_list_sort_last(list);
}

void points_common_tag(struct points *p, const char *key, const char *value)
{
	if (!p->error)
		tag_list_add(p, &p->common, key, value);
}

void points_begin(struct points *p, const char *measurement, int64_t time_ms)
{
	size_t length = strlen(measurement);

	if (p->state != STATE_NONE)
		points_end(p);
	p->point_start = p->out.length;
	p->time_ms = time_ms;
	p->own.n = 0;
	p->own.text.length = 0;
	p->state = STATE_SKIP;
	if (p->error || p->full || !reserve(p, &p->out, escape_bound(length, KEY_MAX) + 64))
		return;
	if (p->format != POINTS_LINE) {
		static const char open[] = "{\"measurement\":";

		put(&p->out, open, sizeof(open) - 1);
		put_quoted(&p->out, ESCAPE_JSON, measurement, length, KEY_MAX);
	} else {
		put_name(&p->out, ESCAPE_MEASUREMENT, measurement, length, KEY_MAX);
	}
	p->state = STATE_TAGS;
}

void points_tag(struct points *p, const char *key, const char *value)
{
	if (p->state == STATE_TAGS)
		tag_list_add(p, &p->own, key, value);
	else if (p->state != STATE_SKIP)
		points_fail(p, -EINVAL);
}

static void put_tag(struct points *p, const struct tag_list *list, size_t i, bool first)
{
	const struct tag *tag = &list->tags[i];

	if (!first || p->format == POINTS_LINE)
		put_char(&p->out, ',');
	put(&p->out, list->text.at + tag->at, tag->length);
}

/* Merges the two sorted lists; a point's own tag takes the place of a common one. */
static bool put_tags(struct points *p)
{
	const struct tag_list *a = &p->common, *b = &p->own;
	size_t i = 0, k = 0;
	bool first = true;

	if (!reserve(p, &p->out, a->text.length + b->text.length + a->n + b->n + 64))
		return false;
	if (p->format != POINTS_LINE)
		put(&p->out, ",\"tags\":{", 9);
	while (i < a->n || k < b->n) {
		int r = i == a->n ? 1 : k == b->n ? -1 : compare_keys(a, i, b, k);

		if (r < 0)
			put_tag(p, a, i++, first);
		else
			put_tag(p, b, k++, first);
		i += r == 0;
		first = false;
	}
	if (p->format != POINTS_LINE)
		put(&p->out, "},\"fields\":{", 12);
	else
		put_char(&p->out, ' ');
	return true;
}

/* Writes the key of a field, with room for `value_bytes` and what ends the line. */
static bool begin_field(struct points *p, const char *key, size_t value_bytes)
{
	size_t length = strlen(key);
	bool first = p->state == STATE_TAGS;

	if (p->state == STATE_NONE)
		points_fail(p, -EINVAL);
	if (p->state == STATE_SKIP || p->state == STATE_NONE || !length)
		return false;
	if (first) {
		if (!put_tags(p))
			return false;
		p->state = STATE_FIELDS;
	}
	if (!reserve(p, &p->out, escape_bound(length, FIELD_KEY_MAX) + value_bytes + 64))
		return false;
	if ((first && p->out.length - p->point_start > KEY_MAX) || p->out.length > p->limit) {
		p->full = p->out.length > p->limit;
		p->state = STATE_SKIP;
		return false;
	}
	if (!first)
		put_char(&p->out, ',');
	if (p->format != POINTS_LINE) {
		put_quoted(&p->out, ESCAPE_JSON, key, length, FIELD_KEY_MAX);
		put_char(&p->out, ':');
	} else {
		put_name(&p->out, ESCAPE_KEY, key, length, FIELD_KEY_MAX);
		put_char(&p->out, '=');
	}
	return true;
}

static void put_integer_end(struct points *p)
{
	if (p->format == POINTS_LINE)
		put_char(&p->out, 'i');
}

void points_uint(struct points *p, const char *key, uint64_t value)
{
	if (!begin_field(p, key, DECIMAL_MAX))
		return;
	put_unsigned(&p->out, value > INT64_MAX ? INT64_MAX : value);
	put_integer_end(p);
}

void points_int(struct points *p, const char *key, int64_t value)
{
	if (!begin_field(p, key, DECIMAL_MAX))
		return;
	put_signed(&p->out, value);
	put_integer_end(p);
}

void points_float(struct points *p, const char *key, double value)
{
	char digits[DECIMAL_MAX];
	size_t n = decimal_write(digits, value);

	if (n && begin_field(p, key, n))
		put(&p->out, digits, n);
}

void points_string(struct points *p, const char *key, const char *value, size_t length)
{
	if (!begin_field(p, key, escape_bound(length, STRING_MAX)))
		return;
	put_quoted(&p->out, p->format != POINTS_LINE ? ESCAPE_JSON : ESCAPE_STRING, value, length,
	    STRING_MAX);
}

void points_bool(struct points *p, const char *key, int value)
{
	if (!begin_field(p, key, 8))
		return;
	if (value)
		put(&p->out, "true", 4);
	else
		put(&p->out, "false", 5);
}

/* [sum, count, ...] */
void points_histogram(struct points *p, const char *key, const struct histogram *histogram)
{
	char digits[DECIMAL_MAX];
	const size_t n = decimal_write(digits, histogram->sum);

	if (!points_are_running(p) || !n ||
	    !begin_field(p, key, DECIMAL_MAX * (HISTOGRAM_BOUNDS + 3)))
		return;
	put_char(&p->out, '[');
	put(&p->out, digits, n);
	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		put_char(&p->out, ',');
		put_unsigned(&p->out, histogram->counts[i]);
	}
	put_char(&p->out, ']');
}

bool points_are_running(const struct points *p)
{
	return p->format == POINTS_CUMULATIVE || p->format == POINTS_DELTA;
}

static void put_time(struct points *p)
{
	int64_t ms = p->time_ms;

	if (ms > TIME_LIMIT_MS)
		ms = TIME_LIMIT_MS;
	else if (ms < -TIME_LIMIT_MS)
		ms = -TIME_LIMIT_MS;
	if (p->format != POINTS_LINE) {
		put(&p->out, "},\"time\":", 9);
		put_signed(&p->out, ms);
		put_char(&p->out, '}');
	} else {
		put_char(&p->out, ' ');
		put_signed(&p->out, ms * 1000000);
	}
	put_char(&p->out, '\n');
}

void points_end(struct points *p)
{
	/* begin_field left room for the end of the line. */
	if (p->state == STATE_FIELDS) {
		put_time(p);
		if (p->out.length > p->limit) {
			p->full = true;
			p->state = STATE_SKIP;
		} else {
			p->count++;
		}
	}
	if (p->state == STATE_SKIP)
		p->dropped++;
	if (p->state == STATE_SKIP || p->state == STATE_TAGS)
		p->out.length = p->point_start;
	p->state = STATE_NONE;
}

int points_finish(struct points *p, const char **ret_text, size_t *ret_length)
{
	if (p->state != STATE_NONE)
		points_end(p);
	if (p->error)
		return p->error;
	if (!reserve(p, &p->out, 0))
		return p->error;
	p->out.at[p->out.length] = '\0';
	*ret_text = p->out.at;
	*ret_length = p->out.length;
	return 0;
}

int points_take(struct points *p, char **ret_text, size_t *ret_length)
{
	const char *text;
	char *taken = NULL;
	size_t bytes;
	int r = points_finish(p, &text, ret_length);

	if (r < 0)
		return r;
	bytes = p->out.length + 1;
	if (bytes > 1)
		taken = realloc(p->out.at, bytes);
	*ret_text = taken ? taken : p->out.at; /* as large as it was */
	p->out = (struct text){.at = NULL};
	return 0;
}

size_t points_count(const struct points *p)
{
	return p->count;
}

size_t points_dropped(const struct points *p)
{
	return p->dropped;
}

void points_reset(struct points *p)
{
	p->state = STATE_NONE;
	p->full = false;
	p->error = 0;
	p->count = p->dropped = 0;
	p->out.length = p->point_start = 0;
}
