/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a day: RSSAC002 and DNS Magnitude. */
#include "report/report_internal.h"

#include "base/clock.h"
#include "base/error_text.h"
#include "report/feed.h"

#include <string.h>

#define REMIND_INTERVAL_NS (3600 * (uint64_t)NS_PER_S)
/* Sorts some thousand domains; less than a default window, which ends now early and now late. */
#define MAGNITUDE_EVERY_NS (9 * (uint64_t)NS_PER_S)

/* Once when it begins, the same reason once an hour, and when it is over. */
static void say_files(struct day_files *files, const char *what, const char *dir, int error)
{
	char words[ERROR_TEXT_BYTES];
	uint64_t suppressed;

	if (error == 0 && files->fails)
		log_info(REPORT_MODULE, "%s files are written again dir=%s", what, dir);
	if (error < 0 && !files->fails)
		files->failures = (struct log_reasons){0};
	files->fails = error < 0;
	if (error < 0 &&
	    log_reason_pass(&files->failures, strerror(-error), REMIND_INTERVAL_NS, &suppressed))
		log_warning(REPORT_MODULE, "%s files not written: %s dir=%s suppressed=%llu", what,
		    error_text(words, -error), dir, (unsigned long long)suppressed);
}

static void keep_rssac002(struct report *report, int fed)
{
	const int flushed = rssac002_flush_when_due(report->rssac, clock_monotonic_ns());

	say_files(&report->rssac_files, "RSSAC002", report->config->rssac002.dir,
	    fed < 0 ? fed : flushed);
}

/* What both have to tell is fed before the state is written. */
void report_keep_rssac002(struct report *report, const struct window_view *view)
{
	const bool custom = *report->config->rssac002.prefix != '\0',
		   all = report->config->rssac002.source == RSSAC002_DNSTAP;
	const int of_custom = custom ? feed_rssac002_custom(report->rssac, view) : 0;
	const int of_all = all ? feed_rssac002_dnstap(report->rssac, view) : 0;

	if (custom || all)
		keep_rssac002(report, of_custom < 0 ? of_custom : of_all);
}

void report_keep_magnitude(struct report *report, const struct shard *total, int64_t start_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();
	const int added = magnitude_add(report->magnitude, start_ns, total->tally);
	const int flushed = magnitude_flush_when_due(report->magnitude, now_ns);

	say_files(&report->magnitude_files, "DNS Magnitude", report->config->magnitude.dir,
	    added < 0 ? added : flushed);
	if (now_ns < report->magnitude_due_ns)
		return;
	report->magnitude_due_ns = now_ns + MAGNITUDE_EVERY_NS;
	board_put(report->board, BOARD_MAGNITUDE, magnitude_json(report->magnitude));
}

void report_wire(struct report *report, const struct wire_window *wire, int64_t start_ns)
{
	if (report->rssac && report->config->rssac002.source == RSSAC002_WIRE)
		keep_rssac002(report, feed_rssac002_wire(report->rssac, wire, start_ns));
}
