/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/news.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PRODUCER "producer"
#define WIRE     "wire_mode"
#define SINK     "sink"
#define VERDICT  "verdict"

static void say(const struct news *news, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct news *news, const char *kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	events_add(news->events, news->now_ms, kind, format, args);
	va_end(args);
}

void news_of_inputs(const struct news *news, const struct report_input *inputs, size_t n_inputs)
{
	for (size_t i = 0; i < n_inputs; i++) {
		const struct dnstap_stats *stats = &inputs[i].stats;
		char state[128];

		snprintf(state, sizeof(state), "%d connected%s%s", stats->connections,
		    stats->connections && *stats->version ? ", " : "",
		    stats->connections ? stats->version : "");
		if (changes_note(news->changes, PRODUCER, inputs[i].address, state, "0 connected"))
			say(news, PRODUCER, "%s: %s", inputs[i].address, state);
	}
	while (changes_gone(news->changes, PRODUCER))
		; /* an input that was taken out of the configuration: that is a reload */
}

/* Both are made here, so that the journal and the database tell the same. */
void news_of_verdict(
    const struct news *news, const struct crosscheck_result *result, int64_t start_ns)
{
	const struct verdict_sums *sums = &result->horizon;
	const time_t start_s = start_ns / NS_PER_S;
	char since[32] = "?";
	struct tm when;

	if (result->verdict == result->verdict_before)
		return;
	say(news, VERDICT, "%s", verdict_name(result->verdict));
	if (gmtime_r(&start_s, &when))
		strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &when);
	log_write(result->verdict == VERDICT_OK ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, VERDICT,
	    "%s: %s since=%s was=%s windows=%" PRIu64 " wire_queries=%" PRIu64
	    " dnstap_queries=%" PRIu64 " stack_drops=%" PRIu64 " socket_drops=%" PRIu64
	    " unexplained=%" PRId64 " responses=%" PRIu64 " tc=%" PRIu64,
	    verdict_name(result->verdict), verdict_meaning(result->verdict), since,
	    verdict_name(result->verdict_before), sums->windows, sums->wire_queries,
	    sums->dnstap_queries, sums->stack_drops, sums->socket_drops, sums->unexplained,
	    sums->responses, sums->tc);
}

void news_of_wire(const struct news *news, const struct wire_window *wire)
{
	const char *gone;

	for (size_t i = 0; wire && i < wire->n_interfaces; i++) {
		const struct wire_interface *interface = &wire->interfaces[i];

		if (changes_note(news->changes, WIRE, interface->name, interface->mode, ""))
			say(news, WIRE, "%s: %s", interface->name, interface->mode);
	}
	while ((gone = changes_gone(news->changes, WIRE)))
		say(news, WIRE, "%s: off", gone);
}

void news_of_outputs(const struct news *news, struct outputs *outputs)
{
	struct output_status *status;
	size_t n;

	if (outputs_status(outputs, &status, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const bool failing = status[i].stats.failing;

		if (!changes_note(
			news->changes, SINK, status[i].name, failing ? "fails" : "works", "works"))
			continue;
		if (failing)
			say(news, SINK, "%s: fails: %s", status[i].name,
			    status[i].stats.last_error);
		else
			say(news, SINK, "%s: works again", status[i].name);
	}
	free(status);
	while (changes_gone(news->changes, SINK))
		; /* no output any more */
}
