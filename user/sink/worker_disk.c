/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/worker_internal.h"

#include <errno.h>

#define SPOOL_RETRY_NS (30 * (uint64_t)NS_PER_S)

struct spool_stats worker_on_disk(const struct worker *w)
{
	struct spool_stats stats = {0};

	if (w->spool)
		spool_stats(w->spool, &stats);
	return stats;
}

bool worker_spool_usable(const struct worker *w)
{
	return w->spool && clock_monotonic_ns() >= w->spool_retry_ns;
}

/* What lies there is known; else it is tried again later. */
int worker_ready_spool(struct worker *w)
{
	int r = w->spool_loaded ? 0 : spool_load(w->spool);

	if (r < 0) {
		worker_say_spool(w, r);
		w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	} else if (!w->spool_loaded) {
		w->spool_loaded = true;
		if (spool_foreign(w->spool))
			log_warning(WORKER_MODULE,
			    "%s: foreign files in the spool are left alone files=%zu", w->name,
			    spool_foreign(w->spool));
		worker_say_found(w);
	}
	return r;
}

/* Writes what is left of it to disk. The end of the process does not wait for the disk: whoever
 * cuts the power then has the system write first. */
int worker_keep(struct worker *w, struct delivery *d)
{
	const char *text = d->batch->text + d->offset;
	const size_t length = d->batch->length - d->offset;
	size_t removed = 0;
	int r;

	if (d->id && spool_holds(w->spool, d->id))
		return 0;
	d->id = 0;
	if (!w->spool)
		return -ENOENT;
	r = worker_ready_spool(w);
	if (r < 0)
		return r;
	r = spool_put(w->spool, text, length, batch_count_lines(text, length),
	    atomic_load(&w->process_ends) ? REPLACE_FAST : REPLACE_DURABLE, &d->id, &removed);
	worker_count_dropped(w, removed);
	if (r == -EFBIG)
		return r;
	worker_say_spool(w, r);
	if (r == 0)
		d->kept_from = d->offset;
	else
		w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	return r;
}

/* From memory. Its file, without what was delivered, waits for its turn. */
void worker_leave(struct worker *w, struct delivery *d)
{
	if (d->id && !spool_holds(w->spool, d->id) && worker_keep(w, d) < 0) {
		worker_drop(w, d);
		return;
	}
	if (d->id) {
		const char *text = d->batch->text + d->offset;
		const size_t length = d->batch->length - d->offset;

		/* Else sent again later: the same points at the same times. */
		if (d->offset > d->kept_from &&
		    spool_shorten(w->spool, d->id, text, length, batch_count_lines(text, length)) <
			0)
			log_debug(
			    WORKER_MODULE, "%s: spool file keeps what was delivered", w->name);
		spool_release(w->spool, d->id);
	}
	batch_unref(d->batch);
	*d = (struct delivery){0};
}

/* Nobody needs it any more. */
void worker_finish(struct worker *w, struct delivery *d)
{
	if (d->id)
		spool_remove(w->spool, d->id);
	batch_unref(d->batch);
	*d = (struct delivery){0};
}

void worker_drop(struct worker *w, struct delivery *d)
{
	worker_count_dropped(
	    w, batch_count_lines(d->batch->text + d->offset, d->batch->length - d->offset));
	worker_finish(w, d);
}

/* The far end does not take them: what is in memory goes to disk, one fsync() of file and folder a
 * batch, that is a window. The newest stays at hand, to be the first to go. Where the spool fails,
 * memory is all there is, and the queue drops its oldest. */
void worker_spill(struct worker *w)
{
	struct delivery d;
	int r;

	if (!worker_spool_usable(w))
		return;
	if (w->present.batch) {
		r = worker_keep(w, &w->present);
		if (r < 0 && r != -EFBIG)
			return;
	}
	for (;;) {
		d = (struct delivery){0};
		d.batch = queue_pop(w->queue, &d.due_ns);
		if (!d.batch)
			return;
		if (w->next.batch)
			worker_leave(w, &w->next);
		r = worker_keep(w, &d);
		if (r == -EFBIG) {
			worker_drop(w, &d);
		} else if (r < 0) {
			worker_count_dropped(w, queue_unpop(w->queue, d.batch, d.due_ns));
			return;
		} else {
			w->next = d;
		}
	}
}

/* A folder that cannot be read is left alone for a while. */
void worker_take_past(struct worker *w)
{
	struct delivery d = {0};
	size_t lost;
	int r;

	if (w->past.batch || !worker_spool_usable(w) || worker_ready_spool(w) < 0 ||
	    spool_empty(w->spool))
		return;
	while ((r = spool_oldest(w->spool, &d.batch, &d.id, &lost)) == -EBADMSG) {
		worker_count_dropped(w, lost);
		w->damaged_files++;
		w->damaged_points += lost;
		w->dropped_before += lost; /* not for want of room */
	}
	worker_say_damaged(w);
	if (r == 0) {
		w->past = d;
	} else if (r != -ENOENT) {
		worker_say_spool(w, r);
		w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	}
}

/* All that is in memory goes to disk, or is dropped. */
void worker_put_away(struct worker *w)
{
	struct delivery *const held[] = {&w->past, &w->present, &w->next};
	struct delivery d = {0};

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (!held[i]->batch)
			continue;
		if (worker_keep(w, held[i]) < 0)
			worker_drop(w, held[i]);
		else
			worker_leave(w, held[i]);
	}
	while ((d.batch = queue_pop(w->queue, &d.due_ns))) {
		if (worker_keep(w, &d) < 0)
			worker_drop(w, &d);
		else
			worker_leave(w, &d);
	}
}
