/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/remember.h"

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "base/replace.h"
#include "encode/origins.h"
#include "measure/margin_tag.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MODULE  "history"
#define SAVE_NS (300ull * NS_PER_S)

struct job {
	const struct remember *from;
	struct arena *arena;
	struct past_window window;
	int error;
};

/* Room for `n` items; false: no memory. */
static bool make_room(struct job *job, enum kept_id of, size_t n)
{
	struct past_set *set = &job->window.sets[of];

	set->items = arena_alloc(job->arena, (n + 1) * sizeof(*set->items));
	if (!set->items)
		job->error = -ENOMEM;
	return set->items != NULL;
}

/* Tags live as long as the window. */
static void put(struct job *job, enum kept_id of, const char *tag, const char *next,
    const void *row, uint32_t known, uint64_t weight)
{
	struct past_set *set = &job->window.sets[of];
	int64_t *values = arena_alloc(job->arena, history_kept[of].n_fields * sizeof(*values));

	if (!values) {
		job->error = -ENOMEM;
		return;
	}
	past_take_row(values, of, row, known);
	set->items[set->n++] =
	    (struct past_item){.tags = {tag, next}, .values = values, .weight = weight};
}

/* -- messages, by zone and by transport */

static void add_messages(struct dns_row *sum, const struct margin_slice *slice, unsigned direction)
{
	uint64_t n = 0;

	for (size_t i = 0; i < slice->n; i++)
		n += slice->cells[i].count;
	*(direction == DIR_QUERY ? &sum->queries : &sum->responses) += n;
}

static void put_zones(struct job *job)
{
	const struct window_view *view = job->from->view;

	if (!make_room(job, KEPT_ZONES, view->n_zones))
		return;
	for (size_t i = 0; i < view->n_zones; i++) {
		struct dns_row row = {0};

		for (unsigned d = 0; d < 2; d++) {
			const struct margin_slice slice =
			    margin_of(&view->zones[i].margins[MARGIN_MESSAGES], d);

			add_messages(&row, &slice, d);
		}
		put(job, KEPT_ZONES, view->zones[i].label, NULL, &row, 0,
		    row.queries + row.responses);
	}
}

static void put_transports(struct job *job)
{
	const struct window_view *view = job->from->view;
	struct dns_row rows[TRANSPORT_COUNT] = {0};

	if (!make_room(job, KEPT_TRANSPORTS, TRANSPORT_COUNT))
		return;
	for (size_t i = 0; i < view->n_zones; i++) {
		for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
			for (unsigned d = 0; d < 2; d++) {
				const struct margin_slice slice = margin_of_transport(
				    &view->zones[i].margins[MARGIN_MESSAGES], d, t);

				add_messages(&rows[t], &slice, d);
			}
		}
	}
	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		if (rows[t].queries || rows[t].responses)
			put(job, KEPT_TRANSPORTS, mnemonic_transport(t), NULL, &rows[t], 0, 0);
	}
}

/* -- types and rcodes, over all zones and of each */

static const char *code_text(struct job *job, enum margin margin, const struct cell *cell)
{
	char buffer[MNEMONIC_BYTES], *copy;
	const char *text = margin == MARGIN_QTYPE
	    ? unassigned_qtype(job->from->unassigned, job->from->view->span.time_ms,
		  (uint16_t)margin_value(cell->key), buffer)
	    : margin_tag_text(TAG_RCODE, cell->key, NULL, buffer);

	if (text != buffer)
		return text;
	copy = arena_alloc(job->arena, MNEMONIC_BYTES);
	if (!copy) {
		job->error = -ENOMEM;
		return KEPT_OTHER;
	}
	memcpy(copy, buffer, MNEMONIC_BYTES);
	return copy;
}

/* Adds to what an earlier zone has of the same code. */
static bool join(struct past_set *set, const char *text, uint64_t count)
{
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->items[i].tags[0], text) != 0)
			continue;
		set->items[i].values[0] += (int64_t)count;
		set->items[i].weight += count;
		return true;
	}
	return false;
}

static void put_codes(struct job *job, enum kept_id all, enum kept_id by_zone, enum margin margin)
{
	const struct window_view *view = job->from->view;
	size_t n = 0;

	for (size_t i = 0; i < view->n_zones; i++)
		n += view->zones[i].margins[margin].n;
	if (!make_room(job, all, n) || !make_room(job, by_zone, n))
		return;
	for (size_t i = 0; i < view->n_zones; i++) {
		const struct margin_slice *slice = &view->zones[i].margins[margin];

		for (size_t k = 0; k < slice->n; k++) {
			const struct count_row row = {slice->cells[k].count};
			const char *text = code_text(job, margin, &slice->cells[k]);

			if (!join(&job->window.sets[all], text, row.count))
				put(job, all, text, NULL, &row, 0, row.count);
			put(job, by_zone, view->zones[i].label, text, &row, 0, row.count);
		}
	}
}

/* -- response times */

static void put_latency(
    struct job *job, enum kept_id of, const char *zone, const struct margin_slice *slice)
{
	struct view_latency latency;

	if (!slice->n)
		return;
	if (view_latency(slice, &latency) < 0) {
		job->error = -ENOMEM;
		return;
	}
	put(job, of, zone, NULL,
	    &(struct latency_row){
		.p50_us = latency.p50_ns / NS_PER_US,
		.p90_us = latency.p90_ns / NS_PER_US,
		.p99_us = latency.p99_ns / NS_PER_US,
		.max_us = latency.max_ns / NS_PER_US,
		.count = latency.count,
	    },
	    0, latency.count);
}

static void put_latencies(struct job *job)
{
	const struct window_view *view = job->from->view;
	struct margin_slice all = {0};
	struct cell *cells;
	size_t n = 0;

	for (size_t i = 0; i < view->n_zones; i++)
		n += view->zones[i].margins[MARGIN_LATENCY].n;
	cells = arena_alloc(job->arena, (n + 1) * sizeof(*cells));
	if (!cells || !make_room(job, KEPT_LATENCY, 1) ||
	    !make_room(job, KEPT_ZONE_LATENCY, view->n_zones)) {
		job->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < view->n_zones; i++) {
		const struct margin_slice *slice = &view->zones[i].margins[MARGIN_LATENCY];

		if (slice->n)
			memcpy(&cells[all.n], slice->cells, slice->n * sizeof(*cells));
		all.n += slice->n;
		put_latency(job, KEPT_ZONE_LATENCY, view->zones[i].label, slice);
	}
	all.cells = cells;
	put_latency(job, KEPT_LATENCY, NULL, &all);
}

/* -- who and how far */

static void put_origin(struct job *job, enum kept_id of, const struct zone_view *zone,
    const struct breakdown_row *from)
{
	char org[GEO_ORG_SIZE], *value = arena_alloc(job->arena, ORIGIN_VALUE_BYTES);
	struct origin_row row;
	const char *text;

	if (!value) {
		job->error = -ENOMEM;
		return;
	}
	text = origin_value(from, value);
	origin_row(from, job->from->enrich, org, &row);
	put(job, of, zone->label, text, &row, 0, row.queries);
}

static void put_origins(struct job *job, enum kept_id of, enum breakdown_kind kind)
{
	const struct window_view *view = job->from->view;

	if (!job->from->enrich || !job->from->enriched->has[kind] ||
	    !make_room(job, of, job->from->enriched->n_rows + view->n_zones))
		return;
	job->window.sets[of].counted = true;
	for (size_t i = 0; i < view->n_zones; i++) {
		const struct zone_view *zone = &view->zones[i];
		struct breakdown_row rest;
		size_t n;
		const struct breakdown_row *rows =
		    enrich_rows(job->from->enriched, zone->zone, kind, &n);

		for (size_t k = 0; k < n; k++) {
			if (rows[k].value != BREAKDOWN_OTHER)
				put_origin(job, of, zone, &rows[k]);
		}
		origin_rest(zone, rows, n, &rest);
		if (rest.queries)
			put_origin(job, of, zone, &rest);
	}
}

static void put_handshakes(struct job *job)
{
	const struct wire_window *wire = job->from->wire;

	if (!wire || !wire->watched || !wire->rtt || !make_room(job, KEPT_TCP_RTT, 2))
		return;
	for (unsigned f = 0; f < 2; f++) {
		struct hist_count counts[WIRE_RTT_BINS];
		struct tcp_rtt_row row = {.p50_us = NAN, .p90_us = NAN, .p99_us = NAN};

		for (uint32_t i = 0; i < WIRE_RTT_BINS; i++) {
			counts[i] = (struct hist_count){i, wire->rtt->bins[f][i]};
			row.handshakes += counts[i].count;
		}
		if (row.handshakes) {
			row.p50_us = hist_quantile(counts, WIRE_RTT_BINS, 0.50);
			row.p99_us = hist_quantile(counts, WIRE_RTT_BINS, 0.99);
		}
		put(job, KEPT_TCP_RTT, mnemonic_family(f), NULL, &row, 0, 0);
	}
}

/* -- the two witnesses */

static void put_funnel(struct job *job)
{
	struct funnel_row row;
	uint32_t known;

	if (!job->from->compared || !make_room(job, KEPT_FUNNEL, 1))
		return;
	known = funnel_row(job->from->compared, &row);
	put(job, KEPT_FUNNEL, NULL, NULL, &row, known, 0);
}

static void put_rows(struct job *job)
{
	const struct crosscheck_result *compared = job->from->compared;
	const unsigned directions = compared && compared->responses ? CROSSCHECK_DIRECTIONS : 1;

	if (!compared || !compared->wire || !make_room(job, KEPT_CROSSCHECK, 4))
		return;
	for (unsigned d = 0; d < directions; d++) {
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
			struct crosscheck_point row = {0};

			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
				const struct crosscheck_row *one = &compared->rows[d][t][f];

				row.row.wire += one->wire;
				row.row.dnstap += one->dnstap;
				row.row.difference += one->difference;
				row.row.left_out += one->left_out;
			}
			put(job, KEPT_CROSSCHECK, mnemonic_direction(d), mnemonic_transport(t),
			    &row, 0, 0);
		}
	}
}

static void put_agent(struct job *job)
{
	if (make_room(job, KEPT_AGENT, 1))
		put(job, KEPT_AGENT, NULL, NULL, job->from->figures, 0, 0);
}

/* -- the whole */

static void put_figures(struct job *job)
{
	static const enum kept_id counted[] = {KEPT_TRANSPORTS, KEPT_ZONES, KEPT_QTYPES,
	    KEPT_RCODES, KEPT_ZONE_LATENCY, KEPT_ZONE_QTYPES, KEPT_ZONE_RCODES};

	put_zones(job);
	put_transports(job);
	put_codes(job, KEPT_QTYPES, KEPT_ZONE_QTYPES, MARGIN_QTYPE);
	put_codes(job, KEPT_RCODES, KEPT_ZONE_RCODES, MARGIN_RCODE);
	put_latencies(job);
	put_origins(job, KEPT_COUNTRIES, BREAKDOWN_COUNTRY);
	put_origins(job, KEPT_ASNS, BREAKDOWN_ASN);
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		job->window.sets[counted[i]].counted = true;
}

static void keep_events(struct history *history, const struct events *events)
{
	for (size_t i = 0; i < events->n; i++) {
		struct history_event event = {.time_ms = events->list[i].time_ms};

		snprintf(event.kind, sizeof(event.kind), "%s", events->list[i].kind);
		snprintf(event.text, sizeof(event.text), "%s", events->list[i].text);
		history_event(history, &event);
	}
}

int remember_window(struct history *history, const struct remember *from, struct arena *arena)
{
	struct job job = {.from = from, .arena = arena};
	int r;

	job.window.start_ms = from->view->span.time_ms;
	job.window.watched_ms = from->watched_ms;
	if (from->figured)
		put_figures(&job);
	put_handshakes(&job);
	put_funnel(&job);
	put_rows(&job);
	put_agent(&job);
	r = history_add(history, &job.window);
	keep_events(history, from->events);
	return r < 0 ? r : job.error;
}

/* -- what outlives a restart */

void remember_load(struct history *history, const struct config *config)
{
	char path[HISTORY_PATH];
	int r;

	if (!history_path(path, config))
		return;
	r = history_load(history, path);
	if (r == 0)
		log_info(MODULE, "history read path=%s", path);
	else if (r != -ENOENT)
		log_warning(MODULE, "history not read, it begins anew: %s path=%s",
		    r == -EBADMSG               ? "no sound file, moved to PATH" REPLACE_ASIDE
			: r == -EFBIG           ? "too long a file, moved to PATH" REPLACE_ASIDE
			: r == -EPROTONOSUPPORT ? "a newer version's, moved to PATH" REPLACE_ASIDE
						: strerror(-r),
		    path);
}

void remember_save(struct history *history, const struct config *config)
{
	char path[HISTORY_PATH], words[ERROR_TEXT_BYTES];
	int r = history_path(path, config) ? history_save(history, path) : 0;

	if (r < 0)
		log_warning(MODULE, "history not written: %s path=%s", error_text(words, -r), path);
}

void remember_save_when_due(struct history *history, const struct config *config, uint64_t *due_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();

	if (*due_ns && now_ns >= *due_ns)
		remember_save(history, config);
	if (!*due_ns || now_ns >= *due_ns)
		*due_ns = now_ns + SAVE_NS;
}
