/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/news.h"

#include "base/clock.h"
#include "base/log.h"
#include "encode/attacks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PRODUCER "producer"
#define WIRE     "wire_mode"
#define SINK     "sink"
#define VERDICT  "verdict"
#define ATTACK   "attack"

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

/* -- attacks */

/* A reflection's share is one of bytes. */
static void say_beginning(const struct news *news, const char *kind, const char *subject,
    const struct attack_row *row, bool bytes)
{
	say(news, ATTACK, "%s begins: %.100s, %llu %s, %.1f %% of all", kind, subject,
	    (unsigned long long)(bytes ? row->response_bytes : row->queries),
	    bytes ? "bytes" : "queries", row->share * 100);
	log_warning("report",
	    "attack begins: %s subject=%s queries=%llu response_bytes=%llu share=%.3f", kind,
	    subject, (unsigned long long)row->queries, (unsigned long long)row->response_bytes,
	    row->share);
}

/* `end_ns`: of the last window in which it went on. */
static void say_attack(const struct news *news, const struct attack *attack, bool begins,
    int64_t end_ns, struct privacy *privacy)
{
	char text[ATTACK_SUBJECT_BYTES];
	struct attack_row row;
	const char *kind = attack_kind_name((enum attack_kind)attack->kind), *subject;

	(void)attack_row(attack, end_ns, privacy, text, &row);
	subject = row.subject ? row.subject : "(private)";
	if (begins) {
		say_beginning(news, kind, subject, &row, attack->known & ATTACK_KNOWS_BYTES);
	} else {
		say(news, ATTACK, "%s ends: %.100s, after %llu s", kind, subject,
		    (unsigned long long)row.since_s);
		log_info("report", "attack is over: %s subject=%s seconds=%llu", kind, subject,
		    (unsigned long long)row.since_s);
	}
}

void news_of_attacks(const struct news *news, const struct attacks_now *attacks, int64_t start_ns,
    int64_t end_ns, struct privacy *privacy)
{
	for (size_t i = 0; i < attacks->n; i++) {
		if (attacks->list[i].since_ns == start_ns)
			say_attack(news, &attacks->list[i], true, end_ns, privacy);
	}
	for (size_t i = 0; i < attacks->n_ended; i++)
		say_attack(news, &attacks->ended[i], false,
		    end_ns - attacks->ended[i].cold * (end_ns - start_ns), privacy);
}
