/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/exposition.h"

#include "base/clock.h"
#include "base/hist.h"
#include "text/decimal.h"
#include "text/escape.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MAX_LABEL    1024
#define EXACT_DOUBLE 9007199254740992.0 /* 2^53 */

static bool ends_with(const char *text, size_t length, const char *end)
{
	const size_t n = strlen(end);

	return length > n && memcmp(text + length - n, end, n) == 0;
}

/* OpenMetrics escapes quotes in HELP, format 0.0.4 does not; both escape these two. */
static void put_help(struct exposition *to, const char *help)
{
	for (; *help; help++) {
		if (*help == '\\' || *help == '\n' || (*help == '"' && to->open_metrics))
			fputc('\\', to->out);
		fputc(*help == '\n' ? 'n' : *help, to->out);
	}
	fputc('\n', to->out);
}

static void open_metrics_family(
    struct exposition *to, const char *name, const char *type, const char *help)
{
	static const char *const units[] = {"_seconds", "_bytes"};
	size_t length = strlen(name);

	if (ends_with(name, length, "_total"))
		length -= strlen("_total");
	if (ends_with(name, length, "_info")) {
		length -= strlen("_info");
		type = "info";
	}
	fprintf(to->out, "# TYPE %.*s %s\n", (int)length, name, type);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ends_with(name, length, units[i]))
			fprintf(to->out, "# UNIT %.*s %s\n", (int)length, name, units[i] + 1);
	}
	fprintf(to->out, "# HELP %.*s ", (int)length, name);
	put_help(to, help);
}

void exposition_family(struct exposition *to, const char *name, const char *type, const char *help)
{
	if (to->open_metrics) {
		open_metrics_family(to, name, type, help);
		return;
	}
	fprintf(to->out, "# HELP %s ", name);
	put_help(to, help);
	fprintf(to->out, "# TYPE %s %s\n", name, type);
}

void exposition_end(struct exposition *to)
{
	if (to->open_metrics)
		fputs("# EOF\n", to->out);
}

void exposition_begin(struct exposition *to, const char *name)
{
	fputs(name, to->out);
	to->labelled = false;
}

void exposition_label(struct exposition *to, const char *name, const char *value)
{
	char clean[4 * MAX_LABEL];
	size_t length =
	    escape_write(clean, ESCAPE_PLAIN, value, strnlen(value, MAX_LABEL), sizeof(clean));

	fprintf(to->out, "%c%s=\"", to->labelled ? ',' : '{', name);
	for (size_t i = 0; i < length; i++) {
		if (clean[i] == '\\' || clean[i] == '"')
			fputc('\\', to->out);
		fputc(clean[i], to->out);
	}
	fputc('"', to->out);
	to->labelled = true;
}

static void end_labels(struct exposition *to)
{
	fputs(to->labelled ? "} " : " ", to->out);
}

void exposition_count(struct exposition *to, uint64_t count)
{
	end_labels(to);
	fprintf(to->out, "%" PRIu64 "\n", count);
}

void exposition_integer(struct exposition *to, int64_t value)
{
	end_labels(to);
	fprintf(to->out, "%" PRId64 "\n", value);
}

void exposition_value(struct exposition *to, double value)
{
	char text[DECIMAL_MAX];

	if (value >= 0 && value < EXACT_DOUBLE && value == floor(value)) {
		exposition_count(to, (uint64_t)value);
		return;
	}
	end_labels(to);
	fprintf(to->out, "%.*s\n", (int)decimal_write(text, value), text);
}

#define UPPER_(upper_ns, text) upper_ns,
#define TEXT_(upper_ns, text)  text,
static const uint64_t uppers_ns[] = {EXPOSITION_BOUNDS(UPPER_)};
static const char *const texts[] = {EXPOSITION_BOUNDS(TEXT_) "+Inf"};
#undef UPPER_
#undef TEXT_

void exposition_histogram_add(
    struct exposition_histogram *histogram, uint32_t bucket, uint64_t count)
{
	const double middle_ns = hist_middle(bucket);
	size_t i = 0;

	while (i < EXPOSITION_BUCKETS && middle_ns > (double)uppers_ns[i])
		i++;
	histogram->counts[i] += count;
	histogram->sum_ns += middle_ns * (double)count;
}

static void begin_part(struct exposition *to, const char *name, const char *part,
    const struct exposition_pair *labels, size_t n)
{
	exposition_begin(to, name);
	fputs(part, to->out);
	for (size_t i = 0; i < n; i++)
		exposition_label(to, labels[i].name, labels[i].value);
}

/* A number of OpenMetrics has a point or an exponent. */
static void put_bound(struct exposition *to, const char *bound)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%s", bound,
	    to->open_metrics && !strpbrk(bound, ".eI") ? ".0" : "");
	exposition_label(to, "le", text);
}

void exposition_buckets_put(struct exposition *to, const char *name, const char *const *bounds,
    const uint64_t *counts, size_t n_counts, double sum, const struct exposition_pair *labels,
    size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n_counts; i++) {
		count += counts[i];
		begin_part(to, name, "_bucket", labels, n);
		put_bound(to, bounds[i]);
		exposition_count(to, count);
	}
	begin_part(to, name, "_sum", labels, n);
	exposition_value(to, sum);
	begin_part(to, name, "_count", labels, n);
	exposition_count(to, count);
}

void exposition_histogram_put(struct exposition *to, const char *name,
    const struct exposition_histogram *histogram, const struct exposition_pair *labels, size_t n)
{
	exposition_buckets_put(to, name, texts, histogram->counts, EXPOSITION_BUCKETS + 1,
	    histogram->sum_ns / NS_PER_S, labels, n);
}
