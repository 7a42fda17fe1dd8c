/* SPDX-License-Identifier: BSD-2-Clause */
#include "history/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATEST_S  100000000000ll /* the year 5138 */
#define LONGEST_S 172800         /* a step */
#define NAME      64

static int parse_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	const char *digits = text + (*text == '-');
	const size_t n = strspn(digits, "0123456789");
	int64_t value;

	if (!n || n > 15 || digits[n])
		return -EINVAL;
	value = strtoll(text, NULL, 10);
	if (value < min || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int parse_time(
    const char *name, const char *text, int64_t now_ms, int64_t *ret_ms, char *error, size_t size)
{
	int64_t seconds;

	if (!text)
		return 0;
	if (parse_number(text, -LATEST_S, LATEST_S, &seconds) < 0) {
		snprintf(error, size,
		    "%s: seconds since 1970, or a negative number of seconds before now", name);
		return -EINVAL;
	}
	*ret_ms = seconds * 1000 + (seconds < 0 ? now_ms : 0);
	return 0;
}

/* A word of `names`. False: nothing is kept under it. */
static bool take_name(struct history_query *query, const char *name)
{
	const char *dot = strchr(name, '.');
	const size_t length = dot ? (size_t)(dot - name) : strlen(name);
	bool found = false;

	for (int of = 0; of < KEPT_COUNT; of++) {
		const char *measurement = measurements[history_kept[of].measurement].name;

		if (strncmp(measurement, name, length) != 0 || measurement[length])
			continue;
		for (size_t f = 0; f < history_kept[of].n_fields; f++) {
			if (dot && strcmp(history_kept[of].fields[f].name, dot + 1) != 0)
				continue;
			query->fields[of] |= 1u << f;
			found = true;
		}
	}
	return found;
}

static int parse_names(struct history_query *query, const char *names, char *error, size_t size)
{
	for (const char *at = names; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		const size_t length = strcspn(at, ",");
		char name[NAME];

		snprintf(name, sizeof(name), "%.*s", (int)(length < NAME ? length : NAME), at);
		if (length < NAME && take_name(query, name))
			continue;
		snprintf(error, size,
		    "names: a list of MEASUREMENT or MEASUREMENT.FIELD that the history keeps, "
		    "with commas between them");
		return -EINVAL;
	}
	return 0;
}

static void take_all(struct history_query *query)
{
	for (int of = 0; of < KEPT_COUNT; of++)
		query->fields[of] = (1u << history_kept[of].n_fields) - 1;
}

int history_query_parse(struct history_query *ret, const char *from, const char *to,
    const char *step, const char *names, int64_t now_ms, char *error, size_t size)
{
	struct history_query query = {.from_ms = now_ms - 3600000, .to_ms = now_ms + 1};
	int64_t step_s = 0;
	int r = parse_time("from", from, now_ms, &query.from_ms, error, size);

	if (r == 0)
		r = parse_time("to", to, now_ms, &query.to_ms, error, size);
	if (r == 0 && step && parse_number(step, 1, LONGEST_S, &step_s) < 0) {
		snprintf(error, size, "step: 1 to %d seconds", LONGEST_S);
		r = -EINVAL;
	}
	if (r == 0 && query.from_ms >= query.to_ms) {
		snprintf(error, size, "from: not before to");
		r = -EINVAL;
	}
	if (r == 0 && names)
		r = parse_names(&query, names, error, size);
	else
		take_all(&query);
	if (r < 0)
		return r;
	query.step_ms = step_s * 1000;
	*ret = query;
	return 0;
}
