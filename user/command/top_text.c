/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/top_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_WIDTH 28
#define MAX_NAME   512
#define TOP_ROWS   10

char *top_clean(char *out, size_t size, const char *text, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		const unsigned char c = (unsigned char)text[i];
		const bool plain = c >= ' ' && c <= '~';

		if (n + (plain ? 1 : 4) >= size)
			break;
		if (plain) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
	return out;
}

/* The member as clean text, "" if it is none. */
static const char *text_of(const json_t *object, const char *key, char buffer[MAX_NAME])
{
	const json_t *value = json_object_get(object, key);

	return top_clean(buffer, MAX_NAME, json_is_string(value) ? json_string_value(value) : "",
	    json_string_length(value));
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static double sum_of(const json_t *object)
{
	double sum = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) sum +=
	    json_number_value(value);
	return sum;
}

static void put_duration(FILE *out, double seconds)
{
	const uint64_t s = seconds > 0 && seconds < 1e12 ? (uint64_t)seconds : 0;

	if (s >= 86400)
		fprintf(out, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		fprintf(out, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		fprintf(out, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		fprintf(out, "%" PRIu64 " s", s);
}

static void put_time(FILE *out, double time_ms)
{
	const time_t seconds = time_ms > 0 && time_ms < 1e15 ? (time_t)(time_ms / 1000) : 0;
	struct tm parts;
	char text[32];

	if (!localtime_r(&seconds, &parts) || !strftime(text, sizeof(text), "%H:%M:%S", &parts))
		return;
	fputs(text, out);
}

/* A quantile in microseconds, right-aligned in 9 columns. */
static void put_us(FILE *out, const json_t *times, const char *key)
{
	const double us = number_of(times, key);

	if (!json_object_get(times, key))
		fprintf(out, " %9s", "-");
	else if (us < 1000)
		fprintf(out, " %6.0f us", us);
	else if (us < 1e6)
		fprintf(out, " %6.1f ms", us / 1e3);
	else
		fprintf(out, " %7.1f s", us / 1e6);
}

static void put_head(FILE *out, const struct top_answer *answer, double seconds)
{
	const json_t *status = answer->status, *zones = json_object_get(answer->window, "zones");
	const double up = (number_of(status, "now_ms") - number_of(status, "started_ms")) / 1000;
	const json_t *window = json_object_get(status, "window");
	double queries = 0, responses = 0;
	char server[MAX_NAME], version[MAX_NAME];
	const char *key;
	json_t *zone;

	json_object_foreach((json_t *)(uintptr_t)zones, key, zone)
	{
		queries += number_of(zone, "queries");
		responses += number_of(zone, "responses");
	}
	fprintf(out, "%s   crosstap %s   up ", text_of(status, "server", server),
	    text_of(status, "version", version));
	put_duration(out, up);
	if (window) {
		fprintf(out, "   window of %g s until ", seconds);
		put_time(out, number_of(window, "end_ms"));
	} else {
		fputs("   no window has closed yet", out);
	}
	fprintf(out,
	    "\n%.1f queries/s   %.1f responses/s   %.0f sources   %.1f MiB   %.2f %% of a core\n\n",
	    queries / seconds, responses / seconds, number_of(status, "resolvers"),
	    number_of(status, "rss_bytes") / (1 << 20),
	    up > 0 ? number_of(status, "cpu_us") / up / 1e4 : 0);
}

static void put_crosscheck(FILE *out, const json_t *check)
{
	const json_t *funnel = json_object_get(check, "funnel");
	char verdict[MAX_NAME];

	if (!check)
		return;
	funnel = funnel ? funnel : check;
	text_of(json_object_get(check, "verdict") ? check : funnel, "verdict", verdict);
	fprintf(out,
	    "CROSS-CHECK  %s   wire %.0f   dnstap %.0f   unexplained %.0f   balance %.0f\n\n",
	    *verdict ? verdict : "no verdict yet", number_of(funnel, "wire_queries"),
	    number_of(funnel, "dnstap_queries"), number_of(funnel, "unexplained"),
	    number_of(funnel, "balance"));
}

struct row {
	char name[MAX_NAME];
	const json_t *value;
	double weight;
};

static int heavier(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return strcmp(x->name, y->name);
}

static double weight_of(const json_t *value)
{
	return json_is_object(value) ? number_of(value, "queries") : json_number_value(value);
}

/* The members by number, or by number of queries, largest first. NULL: none, or no memory. */
static struct row *sorted(const json_t *object, size_t *ret_n)
{
	struct row *rows = calloc(json_object_size(object) + 1, sizeof(*rows));
	size_t n = 0, length;
	const char *key;
	json_t *value;

	*ret_n = 0;
	if (!rows)
		return NULL;
	json_object_keylen_foreach((json_t *)(uintptr_t)object, key, length, value)
	{
		top_clean(rows[n].name, sizeof(rows[n].name), key, length);
		rows[n].value = value;
		rows[n++].weight = weight_of(value);
	}
	qsort(rows, n, sizeof(*rows), heavier);
	*ret_n = n;
	return rows;
}

static void put_zones(FILE *out, const json_t *zones, double seconds)
{
	size_t n;
	struct row *rows = sorted(zones, &n);

	fprintf(out, "%-*s %11s %11s %9s %9s %9s %9s %9s\n", NAME_WIDTH, "ZONE", "QUERIES/s",
	    "RESPONSES/s", "SOURCES", "MEDIAN", "99 %", "NXDOMAIN", "MALFORMED");
	for (size_t i = 0; i < n; i++) {
		const json_t *zone = rows[i].value,
			     *times = json_object_get(zone, "response_time_us");
		const double responses = number_of(zone, "responses");
		const double nxdomain = number_of(json_object_get(zone, "rcode"), "NXDOMAIN");

		fprintf(out, "%-*s %11.1f %11.1f %9.0f", NAME_WIDTH, rows[i].name,
		    rows[i].weight / seconds, responses / seconds, number_of(zone, "sources"));
		put_us(out, times, "p50");
		put_us(out, times, "p99");
		fprintf(out, " %7.1f %% %9.0f\n", responses > 0 ? 100 * nxdomain / responses : 0,
		    sum_of(json_object_get(zone, "malformed")));
	}
	fputc('\n', out);
	free(rows);
}

/* The sum of a member of all zones that holds counts by name. */
static json_t *over_zones(const json_t *zones, const char *member)
{
	json_t *sums = json_object();
	const char *zone_key, *key;
	json_t *zone, *value;

	json_object_foreach((json_t *)(uintptr_t)zones, zone_key, zone)
	{
		json_object_foreach(json_object_get(zone, member), key, value) json_object_set_new(
		    sums, key, json_real(number_of(sums, key) + json_number_value(value)));
	}
	return sums;
}

static void put_share(FILE *out, const struct row *row, double total, double seconds)
{
	fprintf(out, "%-14.14s %11.1f/s %6.2f %%", row->name, row->weight / seconds,
	    total > 0 ? 100 * row->weight / total : 0);
}

static void put_mix(FILE *out, const json_t *zones, double seconds)
{
	json_t *qtypes = over_zones(zones, "qtype"), *rcodes = over_zones(zones, "rcode");
	const double queries = sum_of(qtypes), responses = sum_of(rcodes);
	size_t n_types, n_codes;
	struct row *types = sorted(qtypes, &n_types), *codes = sorted(rcodes, &n_codes);

	fprintf(out, "%-41s%s\n", "QUERY TYPE", "RESPONSE CODE");
	for (size_t i = 0; i < TOP_ROWS && (i < n_types || i < n_codes); i++) {
		if (i < n_types)
			put_share(out, &types[i], queries, seconds);
		else
			fprintf(out, "%37s", "");
		if (i < n_codes) {
			fputs("    ", out);
			put_share(out, &codes[i], responses, seconds);
		}
		fputc('\n', out);
	}
	fputc('\n', out);
	free(types);
	free(codes);
	json_decref(qtypes);
	json_decref(rcodes);
}

static void put_inputs(FILE *out, const json_t *inputs)
{
	char address[MAX_NAME];
	json_t *input;
	size_t i;

	fprintf(out, "%-*s %11s %11s %9s %9s  %s\n", NAME_WIDTH, "INPUT", "PRODUCERS", "FRAMES",
	    "BAD", "LATE", "LAST FRAME");
	json_array_foreach(inputs, i, input)
	{
		fprintf(out, "%-*s %11.0f %11.0f %9.0f %9.0f  ", NAME_WIDTH,
		    text_of(input, "address", address), number_of(input, "connections"),
		    number_of(input, "frames"), number_of(input, "frames_bad"),
		    number_of(input, "late"));
		if (json_object_get(input, "last_frame_age_s")) {
			put_duration(out, number_of(input, "last_frame_age_s"));
			fputs(" ago\n", out);
		} else {
			fputs("none yet\n", out);
		}
	}
	fputc('\n', out);
}

static void put_outputs(FILE *out, const json_t *outputs)
{
	char name[MAX_NAME], message[MAX_NAME];
	json_t *output;
	size_t i;

	fprintf(out, "%-9s %11s %9s %9s %9s  %s\n", "STATE", "POINTS", "DROPPED", "REJECTED",
	    "QUEUED", "OUTPUT");
	json_array_foreach(outputs, i, output)
	{
		const bool failing = json_is_true(json_object_get(output, "failing"));

		fprintf(out, "%-9s %11.0f %9.0f %9.0f %9.0f  %s", failing ? "failing" : "ok",
		    number_of(output, "points"), number_of(output, "points_dropped"),
		    number_of(output, "points_rejected"), number_of(output, "queued"),
		    text_of(output, "name", name));
		text_of(output, "last_error", message);
		fprintf(out, failing && *message ? "  (%s)\n" : "\n", message);
	}
}

void top_text(FILE *out, const struct top_answer *answer)
{
	const json_t *zones = json_object_get(answer->window, "zones");
	double seconds = number_of(answer->window, "interval_s");

	if (!(seconds > 0))
		seconds = number_of(answer->status, "interval_s");
	if (!(seconds > 0))
		seconds = 1;
	put_head(out, answer, seconds);
	put_crosscheck(out, answer->crosscheck);
	put_zones(out, zones, seconds);
	put_mix(out, zones, seconds);
	put_inputs(out, json_object_get(answer->status, "inputs"));
	put_outputs(out, json_object_get(answer->status, "outputs"));
}
