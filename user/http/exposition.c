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

void exposition_family(struct exposition *to, const char *name, const char *type, const char *help)
{
	fprintf(to->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
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

static const struct bound {
	uint64_t upper_ns;
	const char *text;
} bounds[] = {
#define BOUND_(upper_ns, text) {upper_ns, text},
    EXPOSITION_BOUNDS(BOUND_)
#undef BOUND_
	{UINT64_MAX, "+Inf"},
};

void exposition_histogram_add(
    struct exposition_histogram *histogram, uint32_t bucket, uint64_t count)
{
	const double middle_ns = hist_middle(bucket);
	size_t i = 0;

	while (i < EXPOSITION_BUCKETS && middle_ns > (double)bounds[i].upper_ns)
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

void exposition_histogram_put(struct exposition *to, const char *name,
    const struct exposition_histogram *histogram, const struct exposition_pair *labels, size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= EXPOSITION_BUCKETS; i++) {
		count += histogram->counts[i];
		begin_part(to, name, "_bucket", labels, n);
		exposition_label(to, "le", bounds[i].text);
		exposition_count(to, count);
	}
	begin_part(to, name, "_sum", labels, n);
	exposition_value(to, histogram->sum_ns / NS_PER_S);
	begin_part(to, name, "_count", labels, n);
	exposition_count(to, count);
}
