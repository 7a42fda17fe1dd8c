/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/worker_internal.h"

#include "base/error_text.h"

#include <stdio.h>
#include <string.h>

#define LOG_INTERVAL_NS    (60 * (uint64_t)NS_PER_S)
#define REMIND_INTERVAL_NS (3600 * (uint64_t)NS_PER_S)

uint64_t worker_dropped(struct worker *w)
{
	uint64_t n;

	pthread_mutex_lock(&w->lock);
	n = w->stats.points_dropped;
	pthread_mutex_unlock(&w->lock);
	return n;
}

void worker_count_dropped(struct worker *w, size_t points)
{
	if (!points)
		return;
	pthread_mutex_lock(&w->lock);
	w->stats.points_dropped += points;
	pthread_mutex_unlock(&w->lock);
}

void worker_count(struct worker *w, const struct send_result *result, size_t accepted_bytes)
{
	bool failed = result->retry || result->lost || result->rejected;

	pthread_mutex_lock(&w->lock);
	w->stats.points += result->accepted;
	if (result->accepted)
		w->stats.last_push_ns = clock_wall_ns(&clock_system);
	w->stats.bytes += accepted_bytes;
	w->stats.points_rejected += result->rejected;
	w->stats.points_dropped += result->lost;
	w->stats.errors += failed;
	w->stats.failing = failed && !result->accepted;
	w->stats.refused = result->rejected && !result->accepted && !result->retry;
	if (result->error[0])
		snprintf(w->stats.last_error, sizeof(w->stats.last_error), "%s", result->error);
	pthread_mutex_unlock(&w->lock);
}

/* Once when it begins, then for each other reason, and for the same one once an hour. */
static void say_failing(struct worker *w, const char *reason, uint64_t now_ns)
{
	uint64_t suppressed;

	w->failed++;
	if (!log_reason_pass(&w->failures, reason, REMIND_INTERVAL_NS, &suppressed))
		return;
	if (w->retry_ns > now_ns)
		log_warning(WORKER_MODULE,
		    "%s: failing: %s retry_in_s=%.1f attempts=%u since_s=%.1f", w->name, reason,
		    (double)(w->retry_ns - now_ns) / NS_PER_S, w->failed,
		    (double)(now_ns - w->down_since_ns) / NS_PER_S);
	else
		log_warning(WORKER_MODULE, "%s: failing: %s attempts=%u since_s=%.1f", w->name,
		    reason, w->failed, (double)(now_ns - w->down_since_ns) / NS_PER_S);
}

static void say_down(struct worker *w, uint64_t now_ns, size_t lost)
{
	w->down = true;
	w->down_since_ns = now_ns;
	w->dropped_before = worker_dropped(w) - lost;
	w->failed = 0;
	w->failures = (struct log_reasons){0};
}

static void say_works(struct worker *w, uint64_t now_ns)
{
	char last[sizeof(w->stats.last_error)];

	w->down = false;
	pthread_mutex_lock(&w->lock);
	memcpy(last, w->stats.last_error, sizeof(last));
	pthread_mutex_unlock(&w->lock);
	log_info(WORKER_MODULE,
	    "%s: works again after_s=%.1f attempts=%u dropped=%llu waiting_batches=%zu "
	    "spool_bytes=%llu last: %s",
	    w->name, (double)(now_ns - w->down_since_ns) / NS_PER_S, w->failed,
	    (unsigned long long)(worker_dropped(w) - w->dropped_before), queue_length(w->queue),
	    (unsigned long long)worker_on_disk(w).bytes, last);
	w->dropped_before = worker_dropped(w);
}

void worker_say_state(struct worker *w, const struct send_result *result)
{
	uint64_t now_ns = clock_monotonic_ns(), suppressed;

	if (result->rejected &&
	    log_reason_pass(&w->rejected, result->error, LOG_INTERVAL_NS, &suppressed))
		log_warning(WORKER_MODULE, "%s: rejected points=%zu suppressed=%llu: %s", w->name,
		    result->rejected, (unsigned long long)suppressed, result->error);
	if (result->retry || result->lost) {
		if (!w->down)
			say_down(w, now_ns, result->lost);
		say_failing(w, result->error, now_ns);
	} else if (w->down && result->accepted) {
		say_works(w, now_ns);
	}
}

/* The back end's, in the worker's own thread, while it waits within an attempt. */
void worker_say_stuck(void *context, const char *why)
{
	struct worker *w = context;
	const uint64_t now_ns = clock_monotonic_ns();

	pthread_mutex_lock(&w->lock);
	w->stats.errors++;
	w->stats.failing = true;
	snprintf(w->stats.last_error, sizeof(w->stats.last_error), "%s", why);
	pthread_mutex_unlock(&w->lock);
	w->retry_ns = 0;
	if (!w->down)
		say_down(w, now_ns, 0);
	say_failing(w, why, now_ns);
}

/* A far end that is up but slower than the points come. */
void worker_say_dropped(struct worker *w)
{
	uint64_t now = worker_dropped(w), suppressed;

	if (w->down || now == w->dropped_before ||
	    !log_limit_pass(&w->dropped_limit, LOG_INTERVAL_NS, &suppressed))
		return;
	log_warning(WORKER_MODULE, "%s: too slow, queue full dropped=%llu", w->name,
	    (unsigned long long)(now - w->dropped_before));
	w->dropped_before = now;
}

/* Once when it begins, the same reason once an hour, and when it is over. */
void worker_say_spool(struct worker *w, int error)
{
	const uint64_t now_ns = clock_monotonic_ns();
	char words[ERROR_TEXT_BYTES];
	uint64_t suppressed;

	if (error == 0 && w->spool_down)
		log_info(WORKER_MODULE, "%s: spool works again after_s=%.1f dropped=%llu", w->name,
		    (double)(now_ns - w->spool_down_since_ns) / NS_PER_S,
		    (unsigned long long)(worker_dropped(w) - w->spool_dropped_before));
	if (error < 0 && !w->spool_down) {
		w->spool_down_since_ns = now_ns;
		w->spool_dropped_before = worker_dropped(w);
		w->spool_failures = (struct log_reasons){0};
	}
	w->spool_down = error < 0;
	if (error < 0 &&
	    log_reason_pass(&w->spool_failures, strerror(-error), REMIND_INTERVAL_NS, &suppressed))
		log_warning(WORKER_MODULE,
		    "%s: spool fails, what does not fit the queue is dropped: %s since_s=%.1f",
		    w->name, error_text(words, -error),
		    (double)(now_ns - w->spool_down_since_ns) / NS_PER_S);
}

/* What the process before, however it ended, had not delivered. What a sink before this one left
 * has been told of. */
void worker_say_found(struct worker *w)
{
	const struct spool_stats found = worker_on_disk(w);
	const uint64_t now_ns = (uint64_t)clock_wall_ns(&clock_system);

	if (!found.batches || w->before)
		return;
	pthread_mutex_lock(&w->lock);
	w->stats.points_found = found.points;
	pthread_mutex_unlock(&w->lock);
	log_info(WORKER_MODULE,
	    "%s: not delivered before windows=%llu points=%llu bytes=%llu oldest_s=%.1f", w->name,
	    (unsigned long long)found.batches, (unsigned long long)found.points,
	    (unsigned long long)found.bytes,
	    now_ns > found.oldest_ns ? (double)(now_ns - found.oldest_ns) / NS_PER_S : 0.0);
}

/* One line for all that were found since the last. */
void worker_say_damaged(struct worker *w)
{
	uint64_t suppressed;

	if (!w->damaged_files || !log_limit_pass(&w->damaged_limit, LOG_INTERVAL_NS, &suppressed))
		return;
	log_warning(WORKER_MODULE,
	    "%s: spool files damaged or of another version, put aside as *.bad or removed "
	    "files=%llu dropped=%llu",
	    w->name, (unsigned long long)w->damaged_files, (unsigned long long)w->damaged_points);
	w->damaged_files = w->damaged_points = 0;
}
