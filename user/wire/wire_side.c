/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/wire_side.h"

#include "base/unused.h"
#include "base/log.h"
#include "wire/packet/packet.h"
#include "wire/bpf/wire.h"
#include "wire/wire_join.h"
#include "stats/windows.h"
#include "wire/wire_gap.h"
#include "wire/host/wire_stages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE      "wire"
#define MAX_PENDING 8
#define MAX_PACKET  16
#define MAX_LOCALS  512

/* What was counted from one flip to the next: one window, the last, unless the flip came so late
 * that it ended those before it as well. */
struct pending {
	int64_t first, last;
	struct arena *arena;
	struct wire_window window, gap;
};

struct packet_tap {
	char interface[WIRE_NAME_BYTES];
	struct packet_source *source;
};

struct wire_side {
	const struct config *config;
	const struct clock *clock;
	struct wire_side_listener listener;
	struct wire *wire;
	struct wire_stages *stages;
	struct packet_tap taps[MAX_PACKET];
	size_t n_taps;
	uint64_t own_version; /* that the taps know */
	struct wire_fallback fallback;
	int64_t open;  /* index of the window that is counted into */
	bool settling; /* the one before it was flipped and is not read yet */
	int64_t settling_first, settling_last; /* windows; more than one after a late flip */
	uint64_t settled_ns;                   /* CLOCK_MONOTONIC */
	struct pending pending[MAX_PENDING];
	size_t n_pending;
	struct arena *spare;
};

static void say(void *context UNUSED, enum log_level level, const char *text)
{
	log_write(level, MODULE, "%s", text);
}

/* -- AF_PACKET, by interface */

static int start_tap(void *context, const char *interface, int index UNUSED, int namespace UNUSED,
    char *reason, size_t size)
{
	struct wire_side *side = context;
	struct packet_tap *tap = &side->taps[side->n_taps];
	int r;

	if (side->n_taps == MAX_PACKET) {
		snprintf(reason, size, "more than %d interfaces", MAX_PACKET);
		return -ENOSPC;
	}
	r = packet_new(&tap->source, side->config, &interface, 1, reason, size);
	if (r < 0)
		return r;
	snprintf(tap->interface, sizeof(tap->interface), "%s", interface);
	side->n_taps++;
	side->own_version = 0; /* this one knows no address yet */
	return 0;
}

static void stop_tap(void *context, const char *interface)
{
	struct wire_side *side = context;

	for (size_t i = 0; i < side->n_taps; i++) {
		if (strcmp(side->taps[i].interface, interface) != 0)
			continue;
		packet_free(side->taps[i].source);
		side->taps[i] = side->taps[--side->n_taps];
		return;
	}
}

/* From the form of stats/sources.h: network order bytes, IPv4 in the first four. */
static struct wire_local to_local(const uint64_t own[2], uint32_t flags)
{
	struct wire_local local = {.flags = flags};
	uint32_t words[4];

	memcpy(words, own, sizeof(words));
	if (!words[1] && !words[2] && !words[3]) {
		local.family = PACKET_IPV4;
		((uint8_t *)local.address.words)[10] = 0xff;
		((uint8_t *)local.address.words)[11] = 0xff;
		local.address.words[3] = words[0];
	} else {
		local.family = PACKET_IPV6;
		memcpy(local.address.words, words, sizeof(words));
	}
	return local;
}

static size_t list_locals(
    const struct wire_side *side, struct wire_local *locals, uint64_t *ret_version)
{
	const struct config_wire *config = &side->config->wire;
	const uint32_t flags =
	    config->n_addresses ? WIRE_ADDRESS_HOST : WIRE_ADDRESS_HOST | WIRE_ADDRESS_SERVER;
	const uint64_t(*own)[2];
	size_t n_own = wire_own_addresses(side->wire, &own, ret_version), n = 0;

	for (size_t i = 0; i < n_own && n < MAX_LOCALS; i++)
		locals[n++] = to_local(own[i], flags);
	for (size_t i = 0; i < config->n_addresses && n < MAX_LOCALS; i++) {
		uint64_t address[2] = {0};

		memcpy(address, config->addresses[i].address,
		    config->addresses[i].family == 4 ? 4 : 16);
		locals[n++] = to_local(address, WIRE_ADDRESS_SERVER);
	}
	return n;
}

static void tell_taps(struct wire_side *side)
{
	struct wire_local locals[MAX_LOCALS];
	uint64_t version;
	size_t n;

	if (!side->n_taps)
		return;
	n = list_locals(side, locals, &version);
	if (version == side->own_version)
		return;
	for (size_t i = 0; i < side->n_taps; i++) {
		if (packet_set_addresses(side->taps[i].source, locals, n) < 0)
			log_warning(MODULE, "more addresses than can be told apart interface=%s",
			    side->taps[i].interface);
	}
	side->own_version = version;
}

/* -- life */

int wire_side_new(struct wire_side **ret, const struct config *config, const struct clock *clock,
    const struct wire_side_listener *listener)
{
	struct wire_side *side;
	struct wire_options options = {.config = config, .clock = clock, .say = say};
	int r;

	if (config->wire.mode == WIRE_OFF) {
		*ret = NULL;
		return 0;
	}
	side = calloc(1, sizeof(*side));
	if (!side)
		return -ENOMEM;
	side->config = config_ref(config);
	side->clock = clock;
	side->listener = *listener;
	side->fallback =
	    (struct wire_fallback){.start = start_tap, .stop = stop_tap, .context = side};
	options.fallback = &side->fallback;
	r = wire_new(&side->wire, &options);
	if (r < 0) {
		wire_side_free(side);
		return r;
	}
	*ret = side;
	return 0;
}

static int64_t index_of(const struct wire_side *side, int64_t time_ns)
{
	return window_index(time_ns, (int64_t)side->config->interval_ns);
}

void wire_side_start(struct wire_side *side)
{
	int r;

	if (!side)
		return;
	r = wire_stages_new(&side->stages, side->config);
	if (r < 0)
		log_warning(MODULE, "what the host drops cannot be read: %s", strerror(-r));
	(void)wire_start(side->wire); /* says itself what is missing */
	if (side->stages)
		wire_stages_follow(side->stages, side->wire);
	tell_taps(side);
	side->open = index_of(side, clock_wall_ns(side->clock));
}

void wire_side_note(struct wire_side *side, const void *note, size_t size)
{
	if (side)
		wire_note(side->wire, note, size);
}

bool wire_side_noted(const struct wire_side *side, void *ret, size_t size)
{
	return side && wire_noted(side->wire, ret, size);
}

void wire_side_configure(struct wire_side *side, const struct config *config)
{
	const struct config *before;

	if (!side)
		return;
	before = side->config;
	side->config = config_ref(config);
	if (wire_configure(side->wire, config) < 0)
		log_warning(MODULE, "the configuration is not taken in whole");
	config_unref(before);
	side->open = index_of(side, clock_wall_ns(side->clock));
	tell_taps(side);
}

const struct config *wire_side_config(const struct wire_side *side)
{
	return side->config;
}

void wire_side_stop(struct wire_side *side)
{
	if (side)
		wire_stop(side->wire);
}

void wire_side_free(struct wire_side *side)
{
	if (!side)
		return;
	wire_free(side->wire);
	for (size_t i = 0; i < side->n_taps; i++)
		packet_free(side->taps[i].source);
	wire_stages_free(side->stages);
	for (size_t i = 0; i < side->n_pending; i++)
		arena_free(side->pending[i].arena);
	arena_free(side->spare);
	config_unref(side->config);
	free(side);
}

/* -- windows */

/* Ends the open window, and all until `last`, which should have ended at `boundary_ns`. A slot is
 * late by what has passed since the first of them ended; packets carry their own time. */
static void flip(struct wire_side *side, int64_t last, int64_t boundary_ns)
{
	const int64_t first_ns = (side->open + 1) * (int64_t)side->config->interval_ns;

	wire_flip(side->wire, first_ns < boundary_ns ? first_ns : boundary_ns);
	for (size_t i = 0; i < side->n_taps; i++)
		(void)packet_flip(side->taps[i].source, boundary_ns);
	side->settling = true;
	side->settling_first = side->open;
	side->settling_last = last;
	side->settled_ns =
	    clock_monotonic_ns() + (side->n_taps ? PACKET_SETTLE_NS : WIRE_SETTLE_NS);
}

static struct wire_interface *find_interface(struct wire_window *window, const char *name)
{
	for (size_t i = 0; i < window->n_interfaces; i++) {
		if (strcmp(window->interfaces[i].name, name) == 0)
			return (struct wire_interface *)&window->interfaces[i];
	}
	return NULL;
}

/* Joins what AF_PACKET saw of one interface to what BPF saw of the others. */
static void join_tap(struct wire_window *window, const struct packet_tap *tap,
    const struct wire_window *part, struct arena *arena)
{
	struct wire_interface *interface = find_interface(window, tap->interface);

	if (!part->watched) {
		window->whole = false;
		return;
	}
	if (interface && part->n_interfaces) {
		const char *mode = interface->mode;

		*interface = part->interfaces[0];
		interface->mode = mode;
	}
	if (!window->watched) {
		/* BPF has nothing: the packets are all there is. */
		const struct wire_interface *interfaces = window->interfaces;
		const size_t n = window->n_interfaces;

		*window = *part;
		if (interface) {
			window->interfaces = interfaces;
			window->n_interfaces = n;
		}
		return;
	}
	window->whole &= part->whole;
	window->missed += part->missed;
	if (wire_join_clients(window, part, arena) < 0)
		log_warning(MODULE, "no memory for the clients of interface=%s", tap->interface);
}

static struct arena *take_arena(struct wire_side *side)
{
	struct arena *arena = side->spare;

	side->spare = NULL;
	return arena || arena_new(&arena) == 0 ? arena : NULL;
}

static void give_arena(struct wire_side *side, struct arena *arena)
{
	if (side->spare) {
		arena_free(arena);
		return;
	}
	arena_reset(arena);
	side->spare = arena;
}

static void push(struct wire_side *side, const struct pending *pending)
{
	if (side->n_pending == MAX_PENDING) {
		give_arena(side, side->pending[0].arena);
		memmove(
		    side->pending, side->pending + 1, --side->n_pending * sizeof(side->pending[0]));
	}
	side->pending[side->n_pending++] = *pending;
}

static void collect(struct wire_side *side)
{
	struct arena *arena = take_arena(side);
	struct wire_window window = {0};
	struct pending pending;

	side->settling = false;
	if (!arena) {
		log_error(MODULE, "no memory to read a window of the wire: the next one has it");
		return;
	}
	if (wire_collect(side->wire, &window, arena) < 0)
		log_warning(MODULE, "a window of the wire could not be read: the next one has it");
	for (size_t i = 0; i < side->n_taps; i++) {
		struct wire_window part = {0};

		if (packet_take(side->taps[i].source, arena, &part) == 0)
			join_tap(&window, &side->taps[i], &part, arena);
	}
	if (side->stages)
		wire_stages_read(side->stages, side->wire, &window, arena);
	pending = (struct pending){.first = side->settling_first,
	    .last = side->settling_last,
	    .arena = arena,
	    .window = window};
	if (pending.last > pending.first)
		wire_gap_make(&pending.gap, &pending.window,
		    (uint64_t)(pending.last - pending.first) * side->config->interval_ns, arena);
	push(side, &pending);
}

static void wait_settled(const struct wire_side *side)
{
	const uint64_t now = clock_monotonic_ns();
	struct timespec left;

	if (now >= side->settled_ns)
		return;
	left = (struct timespec){.tv_nsec = (long)(side->settled_ns - now)};
	nanosleep(&left, NULL);
}

int64_t wire_side_tick(struct wire_side *side, int64_t now_ns)
{
	const uint64_t now = clock_monotonic_ns();

	if (!side)
		return INT64_MAX;
	if (side->settling && now >= side->settled_ns)
		collect(side);
	if (!side->settling && now_ns >= (side->open + 1) * (int64_t)side->config->interval_ns) {
		const int64_t open = index_of(side, now_ns);

		flip(side, open - 1, open * (int64_t)side->config->interval_ns);
		side->open = open;
	}
	if (side->settling)
		return now_ns + (int64_t)(side->settled_ns > now ? side->settled_ns - now : 0);
	return (side->open + 1) * (int64_t)side->config->interval_ns;
}

void wire_side_cut(struct wire_side *side, int64_t now_ns, bool whole)
{
	int64_t now;

	if (!side)
		return;
	if (side->settling) {
		wait_settled(side);
		collect(side);
	}
	now = index_of(side, now_ns);
	flip(side, now > side->open ? now : side->open, now_ns);
	side->open = now;
	wait_settled(side);
	collect(side);
	if (side->n_pending && !whole)
		side->pending[side->n_pending - 1].window.whole = false;
}

const struct wire_window *wire_side_get(struct wire_side *side, int64_t index)
{
	if (!side)
		return NULL;
	if (side->settling && side->settling_first <= index && index <= side->settling_last) {
		wait_settled(side);
		collect(side);
	}
	for (size_t i = 0; i < side->n_pending; i++) {
		const struct pending *pending = &side->pending[i];

		if (pending->first <= index && index <= pending->last)
			return index == pending->last ? &pending->window : &pending->gap;
	}
	return NULL;
}

int64_t wire_side_newest(const struct wire_side *side)
{
	if (side && side->settling)
		return side->settling_last;
	return side && side->n_pending ? side->pending[side->n_pending - 1].last : INT64_MIN;
}

bool wire_side_has(const struct wire_side *side, int64_t index)
{
	if (side && side->settling && side->settling_last == index)
		return true;
	for (size_t i = 0; side && i < side->n_pending; i++) {
		if (side->pending[i].last == index)
			return true;
	}
	return false;
}

void wire_side_done(struct wire_side *side, int64_t index)
{
	size_t kept = 0;

	if (!side)
		return;
	for (size_t i = 0; i < side->n_pending; i++) {
		struct pending *pending = &side->pending[i];

		if (pending->last > index) {
			side->pending[kept++] = *pending;
			continue;
		}
		side->listener.on_window(side->listener.context, &pending->window,
		    pending->last * (int64_t)side->config->interval_ns);
		wire_commit(side->wire, pending->window.mark);
		give_arena(side, pending->arena);
	}
	side->n_pending = kept;
}

/* -- what changes */

int wire_side_fd(const struct wire_side *side)
{
	return side ? wire_fd(side->wire) : -1;
}

void wire_side_process(struct wire_side *side)
{
	if (!side)
		return;
	wire_process(side->wire);
	tell_taps(side);
}

size_t wire_side_own(const struct wire_side *side, const uint64_t (**ret)[2], uint64_t *ret_version)
{
	if (!side) {
		*ret = NULL;
		*ret_version = 0;
		return 0;
	}
	return wire_own_addresses(side->wire, ret, ret_version);
}
