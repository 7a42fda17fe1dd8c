/* SPDX-License-Identifier: BSD-2-Clause */
/* The closed slot: what it counted since it was read last. Nobody clears a counter. */
#include "wire/bpf/mark.h"

#include "wire/window/join.h"
#include "wire/window/mode.h"
#include "wire/window/sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <bpf/bpf.h>

#define MAX_SAMPLING 12 /* one in 4,096: past this a table that is full costs nothing */

static const struct wire_read_sums *sums_reported(const struct attachment *attachment)
{
	return &attachment->reading->sums[attachment->reading->active & 1];
}

void attachment_close_reading(struct attachment *attachment)
{
	if (attachment->reading)
		munmap(attachment->reading, sizeof(*attachment->reading));
	if (attachment->rare)
		munmap(attachment->rare, 2 * WIRE_RARE_READ * sizeof(*attachment->rare));
	free(attachment->now);
	free(attachment->before);
	free(attachment->rare_before);
	attachment->reading = NULL;
	attachment->rare = NULL;
	attachment->now = attachment->before = NULL;
	attachment->rare_before = NULL;
}

/* Structures of u64 alone. */
static void add_words(void *to, const void *from, size_t bytes)
{
	uint64_t *sums = to;
	const uint64_t *words = from;

	for (size_t i = 0; i < bytes / sizeof(*sums); i++)
		sums[i] += words[i];
}

/* to += now - then */
static void add_difference(void *to, const void *now, const void *then, size_t bytes)
{
	uint64_t *sums = to;
	const uint64_t *a = now, *b = then;

	for (size_t i = 0; i < bytes / sizeof(*sums); i++)
		sums[i] += a[i] - b[i];
}

static int read_slot(struct wire_bpf *wire, struct attachment *attachment, uint32_t slot)
{
	for (uint32_t direction = 0; direction < WIRE_DIRECTIONS; direction++) {
		const uint32_t index = wire_counters_index(0, direction, slot);
		struct wire_counters *sum = &attachment->now->counters[direction][slot];
		int r = bpf_map_lookup_elem(
		    attachment->maps.fds[WIRE_MAP_COUNTERS], &index, wire->cpu_values);

		if (r < 0)
			return r;
		memset(sum, 0, sizeof(*sum));
		for (int cpu = 0; cpu < wire->cpus; cpu++)
			add_words(sum, &wire->cpu_values[cpu], sizeof(*sum));
	}
	return bpf_map_lookup_elem(
	    attachment->maps.fds[WIRE_MAP_RTT], &slot, &attachment->now->rtt[slot]);
}

/* Pages without a count are never written, so they take no memory. */
static void copy_rare(struct attachment *attachment)
{
	const uint64_t *reported = attachment->rare + WIRE_RARE_READ;

	for (size_t i = 0; i < WIRE_RARE_READ && attachment->adopted; i++) {
		if (reported[i])
			attachment->rare_before[i] = reported[i];
	}
}

int attachment_open_reading(struct wire_bpf *wire, struct attachment *attachment)
{
	if (attachment->now)
		return 0;
	attachment->reading =
	    wire_map_memory(attachment->maps.fds[WIRE_MAP_READING], sizeof(*attachment->reading));
	attachment->rare = wire_map_memory(
	    attachment->maps.fds[WIRE_MAP_RARE], 2 * WIRE_RARE_READ * sizeof(*attachment->rare));
	attachment->now = malloc(sizeof(*attachment->now));
	attachment->before = malloc(sizeof(*attachment->before));
	attachment->rare_before = calloc(WIRE_RARE_READ, sizeof(*attachment->rare_before));
	if (!attachment->reading || !attachment->rare || !attachment->now || !attachment->before ||
	    !attachment->rare_before) {
		attachment_close_reading(attachment);
		return -ENOMEM;
	}
	*attachment->now = *attachment->before = *sums_reported(attachment);
	copy_rare(attachment);
	/* An agent before us may have died before it read or reported its closed slot: that is read
	 * now, while nobody counts there, and reported with our first window. */
	return attachment->adopted ? read_slot(wire, attachment, !(wire->config_map->slot & 1)) : 0;
}

/* -- one interface */

struct rares { /* per kind, of all interfaces of one name */
	struct wire_rare *items;
	size_t n;
};

static int grow_rares(struct rares *rares, struct arena *arena)
{
	struct wire_rare *items;

	if (rares->n & (rares->n - 1) || rares->n == 1)
		return 0; /* full at 0, 2, 4, 8, ... only */
	items = arena_alloc(arena, (rares->n ? 2 * rares->n : 2) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	if (rares->n)
		memcpy(items, rares->items, rares->n * sizeof(*items));
	rares->items = items;
	return 0;
}

static int add_rare(
    struct rares *rares, struct arena *arena, uint16_t code, uint64_t messages, uint64_t left_out)
{
	int r;

	if (!messages && !left_out)
		return 0;
	r = grow_rares(rares, arena);
	if (r == 0)
		rares->items[rares->n++] = (struct wire_rare){code, messages, left_out};
	return r;
}

/* One entry, which others count into meanwhile: what is marked is what was looked at. */
static int mark_rare(
    struct attachment_mark *mark, uint32_t index, uint64_t now, uint64_t then, struct arena *arena)
{
	return now == then ? 0 : wire_mark_rare(mark, index, now, arena);
}

static int read_rare(struct attachment *attachment, uint32_t slot, struct rares *qtypes,
    struct rares *rcodes, struct attachment_mark *mark, struct arena *arena)
{
	const uint32_t first = wire_rare_index(0, slot);
	const uint64_t *now = attachment->rare + first, *then = attachment->rare_before + first;
	int r = 0;

	for (uint32_t i = 0; i < 65536 && r == 0; i++) {
		const uint64_t messages = now[WIRE_RARE_QTYPES + i],
			       left_out = now[WIRE_RARE_LEFT_OUT + i];

		if (messages == then[WIRE_RARE_QTYPES + i] &&
		    left_out == then[WIRE_RARE_LEFT_OUT + i])
			continue;
		r = add_rare(qtypes, arena, (uint16_t)i, messages - then[WIRE_RARE_QTYPES + i],
		    left_out - then[WIRE_RARE_LEFT_OUT + i]);
		if (r == 0)
			r = mark_rare(mark, first + WIRE_RARE_QTYPES + i, messages,
			    then[WIRE_RARE_QTYPES + i], arena);
		if (r == 0)
			r = mark_rare(mark, first + WIRE_RARE_LEFT_OUT + i, left_out,
			    then[WIRE_RARE_LEFT_OUT + i], arena);
	}
	for (uint32_t i = WIRE_RARE_RCODES; i < WIRE_RARE_ENTRIES && r == 0; i++) {
		const uint64_t messages = now[i];

		if (messages == then[i])
			continue;
		r = add_rare(
		    rcodes, arena, (uint16_t)(i - WIRE_RARE_RCODES), messages - then[i], 0);
		if (r == 0)
			r = wire_mark_rare(mark, first + i, messages, arena);
	}
	return r;
}

static bool has_rare(const struct attachment *attachment, uint32_t slot)
{
	const struct wire_read_sums *then = attachment->before;

	return attachment->now->counters[WIRE_IN][slot].rare !=
	    then->counters[WIRE_IN][slot].rare ||
	    attachment->now->counters[WIRE_OUT][slot].rare != then->counters[WIRE_OUT][slot].rare;
}

struct collection {
	struct wire_bpf *wire;
	struct arena *arena;
	struct wire_interface *interfaces;
	struct rares qtypes[WIRE_MAX_ATTACHMENTS], rcodes[WIRE_MAX_ATTACHMENTS];
	size_t n;
	struct wire_rtt *rtt;
	struct wire_mark *mark;
	uint64_t compared, other;
};

/* An interface that vanished and returned is one: no series is written twice. */
static size_t interface_row(struct collection *all, const struct attachment *attachment)
{
	size_t row = 0;

	while (row < all->n && strcmp(all->interfaces[row].name, attachment->name) != 0)
		row++;
	if (row == all->n) {
		memcpy(all->interfaces[row].name, attachment->name, sizeof(attachment->name));
		all->interfaces[row].mode = wire_mode_name(WIRE_OFF);
		all->n++;
	}
	/* What counted until the interface went still says what the window's counts are of. */
	if (attachment_counts(attachment) || !wire_interface_watched(&all->interfaces[row])) {
		all->interfaces[row].mode = wire_mode_name(attachment->counted_by);
		all->interfaces[row].egress = attachment->counted_egress;
	}
	return row;
}

static int read_attachment(struct collection *all, struct attachment *attachment, uint32_t closed)
{
	const struct wire_read_sums *then = attachment->before;
	const size_t row = interface_row(all, attachment);
	struct wire_counters *in = &all->interfaces[row].counters[WIRE_IN];
	struct attachment_mark *mark = NULL;
	int r = read_slot(all->wire, attachment, closed);

	if (r == 0 && attachment->gone)
		r = read_slot(all->wire, attachment, !closed);
	if (r == 0)
		r = wire_mark_attachment(all->mark, attachment, all->arena, &mark);
	for (uint32_t slot = 0; slot < WIRE_SLOTS && r == 0; slot++) {
		for (uint32_t direction = 0; direction < WIRE_DIRECTIONS; direction++)
			add_difference(&all->interfaces[row].counters[direction],
			    &attachment->now->counters[direction][slot],
			    &then->counters[direction][slot], sizeof(struct wire_counters));
		add_difference(
		    all->rtt, &attachment->now->rtt[slot], &then->rtt[slot], sizeof(*all->rtt));
		if (has_rare(attachment, slot))
			r = read_rare(attachment, slot, &all->qtypes[row], &all->rcodes[row], mark,
			    all->arena);
	}
	all->other += in->sources_other;
	for (int family = 0; family < 2; family++)
		for (int transport = WIRE_UDP; transport <= WIRE_TCP; transport++)
			all->compared += wire_cell_compared(&in->cells[transport][family]);
	return r;
}

static int compare_rare(const void *a, const void *b)
{
	const struct wire_rare *x = a, *y = b;

	return (x->code > y->code) - (x->code < y->code);
}

/* Sorted, each code once: slots and interfaces of one name were added one by one. */
static void finish_rares(const struct rares *from, struct wire_rares *to)
{
	size_t kept = 0;

	if (from->n)
		qsort(from->items, from->n, sizeof(*from->items), compare_rare);
	for (size_t i = 0; i < from->n; i++) {
		struct wire_rare *item = &from->items[i];

		if (kept && from->items[kept - 1].code == item->code) {
			from->items[kept - 1].messages += item->messages;
			from->items[kept - 1].left_out += item->left_out;
		} else {
			from->items[kept++] = *item;
		}
	}
	to->items = from->items;
	to->n = kept;
}

/* -- clients */

/* When new clients find no room, ever fewer of their messages try. */
static void adapt_sampling(struct collection *all)
{
	struct wire_bpf *wire = all->wire;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is mapped before clients are */
	const uint32_t sampling = wire->config_map->source_sampling;
	const bool full = all->other > 64 && all->other > all->compared / 16;
	const bool empty = wire_sources_count(wire->clients) < WIRE_MAX_SOURCES / 2;

	if (full && !empty && sampling < MAX_SAMPLING)
		wire->config_map->source_sampling = sampling + 2;
	else if (empty && sampling)
		wire->config_map->source_sampling = sampling - 1;
}

static int read_clients(struct collection *all, struct wire_window *ret, uint32_t slot)
{
	const struct wire_client *clients;
	struct wire_client *copy;
	size_t n;

	wire_sources_read(all->wire->clients, slot, &clients, &n);
	wire_sources_grow(all->wire->clients);
	adapt_sampling(all);
	copy = arena_alloc(all->arena, (n + 1) * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, clients, n * sizeof(*copy));
	ret->clients = copy;
	ret->n_clients = n;
	ret->known |= WIRE_KNOWS_SOURCES;
	return 0;
}

static int read_client_rtts(struct collection *all, struct wire_window *ret, uint32_t slot)
{
	struct wire_bpf *wire = all->wire;
	const struct wire_client_rtt *rtts;
	struct wire_client_rtt *copy;
	size_t n;
	const int fd = wire->shared.fds[WIRE_MAP_SOURCE_RTT];
	int r = wire_source_rtts_read(wire->client_rtts, fd, slot, &rtts, &n);

	if (r < 0)
		return r;
	copy = arena_alloc(all->arena, (n + 1) * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, rtts, n * sizeof(*copy));
	ret->client_rtts = copy;
	ret->n_client_rtts = n;
	wire_source_rtts_tidy(wire->client_rtts, fd);
	return 0;
}

static int read_all(struct collection *all, struct wire_window *ret)
{
	struct wire_bpf *wire = all->wire;
	const uint32_t closed = wire->config_map ? !(wire->config_map->slot & 1) : 0;
	const uint32_t options = wire->rules->options;
	int r = 0;

	for (size_t i = 0; i < wire->n_attachments && r == 0; i++) {
		if (wire->attachments[i]->now)
			r = read_attachment(all, wire->attachments[i], closed);
		ret->watched |=
		    attachment_counts(wire->attachments[i]) || wire->attachments[i]->gone;
	}
	if (r == 0 && wire->clients && options & WIRE_PER_SOURCE)
		r = read_clients(all, ret, closed);
	if (r == 0 && wire->config_map && options & WIRE_RTT)
		r = read_client_rtts(all, ret, closed);
	return r;
}

static void forget_gone(struct wire_bpf *wire)
{
	size_t kept = 0;

	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (!attachment_counts(wire->attachments[i]))
			wire->attachments[i]->counted_by = WIRE_OFF;
		if (wire->attachments[i]->gone)
			attachment_free(wire->attachments[i]);
		else
			wire->attachments[kept++] = wire->attachments[i];
	}
	wire->n_attachments = kept;
}

int wire_bpf_collect(void *way, struct wire_window *ret, struct arena *arena)
{
	struct wire_bpf *wire = way;
	struct collection *all = arena_alloc(arena, sizeof(*all));
	struct wire_window window = {
	    .flip_start_ns = wire->flip_start_ns, .flip_end_ns = wire->flip_end_ns, .whole = true};
	int r;

	if (!all)
		return -ENOMEM;
	all->wire = wire;
	all->arena = arena;
	all->interfaces = arena_alloc(arena, (wire->n_attachments + 1) * sizeof(*all->interfaces));
	all->rtt = arena_alloc(arena, sizeof(*all->rtt));
	if (!all->interfaces || !all->rtt || wire_mark_new(&all->mark, wire, arena) < 0)
		return -ENOMEM;
	r = read_all(all, &window);
	if (r < 0)
		return r;
	for (size_t i = 0; i < all->n; i++) {
		finish_rares(&all->qtypes[i], &all->interfaces[i].qtypes);
		finish_rares(&all->rcodes[i], &all->interfaces[i].rcodes);
	}
	window.mark = all->mark;
	window.interfaces = all->interfaces;
	window.n_interfaces = all->n;
	window.rtt = window.watched && wire->rules->options & WIRE_RTT ? all->rtt : NULL;
	r = wire_join(ret, &window, arena);
	if (r < 0)
		return r;
	wire_mark_advance(all->mark, wire);
	forget_gone(wire);
	return 0;
}
