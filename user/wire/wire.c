/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/wire.h"

#include "base/unused.h"
#include "base/log.h"
#include "wire/packet/packet.h"
#include "wire/bpf/bpf.h"
#include "wire/window/join.h"
#include "stats/windows.h"
#include "wire/window/gap.h"
#include "wire/host/stages.h"

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

struct packet_attachment {
	char interface[WIRE_NAME_BYTES];
	struct packet_source *source;
};

struct wire {
	const struct config *config;
	const struct clock *clock;
	struct wire_listener listener;
	struct wire_bpf *bpf;
	struct wire_stages *stages;
	struct packet_attachment attachments[MAX_PACKET];
	size_t n_attachments;
	uint64_t own_version; /* that the attachments know */
	struct wire_bpf_fallback fallback;
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

static int start_attachment(void *context, const char *interface, int index UNUSED,
    int namespace UNUSED, char *reason, size_t size)
{
	struct wire *wire = context;
	struct packet_attachment *attachment = &wire->attachments[wire->n_attachments];
	int r;

	if (wire->n_attachments == MAX_PACKET) {
		snprintf(reason, size, "more than %d interfaces", MAX_PACKET);
		return -ENOSPC;
	}
	r = packet_new(&attachment->source, wire->config, &interface, 1, reason, size);
	if (r < 0)
		return r;
	snprintf(attachment->interface, sizeof(attachment->interface), "%s", interface);
	wire->n_attachments++;
	wire->own_version = 0; /* this one knows no address yet */
	return 0;
}

static void stop_attachment(void *context, const char *interface)
{
	struct wire *wire = context;

	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (strcmp(wire->attachments[i].interface, interface) != 0)
			continue;
		packet_free(wire->attachments[i].source);
		wire->attachments[i] = wire->attachments[--wire->n_attachments];
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

static size_t list_locals(const struct wire *wire, struct wire_local *locals, uint64_t *ret_version)
{
	const struct config_wire *config = &wire->config->wire;
	const uint32_t flags =
	    config->n_addresses ? WIRE_ADDRESS_HOST : WIRE_ADDRESS_HOST | WIRE_ADDRESS_SERVER;
	const uint64_t(*own)[2];
	size_t n_own = wire_bpf_own_addresses(wire->bpf, &own, ret_version), n = 0;

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

static void tell_attachments(struct wire *wire)
{
	struct wire_local locals[MAX_LOCALS];
	uint64_t version;
	size_t n;

	if (!wire->n_attachments)
		return;
	n = list_locals(wire, locals, &version);
	if (version == wire->own_version)
		return;
	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (packet_set_addresses(wire->attachments[i].source, locals, n) < 0)
			log_warning(MODULE, "more addresses than can be told apart interface=%s",
			    wire->attachments[i].interface);
	}
	wire->own_version = version;
}

/* -- life */

int wire_new(struct wire **ret, const struct config *config, const struct clock *clock,
    const struct wire_listener *listener)
{
	struct wire *wire;
	struct wire_bpf_options options = {.config = config, .clock = clock, .say = say};
	int r;

	if (config->wire.mode == WIRE_OFF) {
		*ret = NULL;
		return 0;
	}
	wire = calloc(1, sizeof(*wire));
	if (!wire)
		return -ENOMEM;
	wire->config = config;
	wire->clock = clock;
	wire->listener = *listener;
	wire->fallback = (struct wire_bpf_fallback){
	    .start = start_attachment, .stop = stop_attachment, .context = wire};
	options.fallback = &wire->fallback;
	r = wire_bpf_new(&wire->bpf, &options);
	if (r < 0) {
		wire_free(wire);
		return r;
	}
	*ret = wire;
	return 0;
}

static int64_t index_of(const struct wire *wire, int64_t time_ns)
{
	return window_index(time_ns, (int64_t)wire->config->interval_ns);
}

void wire_start(struct wire *wire)
{
	int r;

	if (!wire)
		return;
	r = wire_stages_new(&wire->stages, wire->config);
	if (r < 0)
		log_warning(MODULE, "what the host drops cannot be read: %s", strerror(-r));
	(void)wire_bpf_start(wire->bpf); /* says itself what is missing */
	if (wire->stages)
		wire_stages_follow(wire->stages, wire->bpf);
	tell_attachments(wire);
	wire->open = index_of(wire, clock_wall_ns(wire->clock));
}

void wire_note(struct wire *wire, const void *note, size_t size)
{
	if (wire)
		wire_bpf_note(wire->bpf, note, size);
}

bool wire_noted(const struct wire *wire, void *ret, size_t size)
{
	return wire && wire_bpf_noted(wire->bpf, ret, size);
}

void wire_configure(struct wire *wire, const struct config *config)
{
	if (!wire)
		return;
	wire->config = config;
	if (wire_bpf_configure(wire->bpf, config) < 0)
		log_warning(MODULE, "the configuration is not taken in whole");
	wire->open = index_of(wire, clock_wall_ns(wire->clock));
	tell_attachments(wire);
}

void wire_stop(struct wire *wire)
{
	if (wire)
		wire_bpf_stop(wire->bpf);
}

void wire_free(struct wire *wire)
{
	if (!wire)
		return;
	wire_bpf_free(wire->bpf);
	for (size_t i = 0; i < wire->n_attachments; i++)
		packet_free(wire->attachments[i].source);
	wire_stages_free(wire->stages);
	for (size_t i = 0; i < wire->n_pending; i++)
		arena_free(wire->pending[i].arena);
	arena_free(wire->spare);
	free(wire);
}

/* -- windows */

/* Ends the open window, and all until `last`, which should have ended at `boundary_ns`. A slot is
 * late by what has passed since the first of them ended; packets carry their own time. */
static void flip(struct wire *wire, int64_t last, int64_t boundary_ns)
{
	const int64_t first_ns = (wire->open + 1) * (int64_t)wire->config->interval_ns;

	wire_bpf_flip(wire->bpf, first_ns < boundary_ns ? first_ns : boundary_ns);
	for (size_t i = 0; i < wire->n_attachments; i++)
		(void)packet_flip(wire->attachments[i].source, boundary_ns);
	wire->settling = true;
	wire->settling_first = wire->open;
	wire->settling_last = last;
	wire->settled_ns =
	    clock_monotonic_ns() + (wire->n_attachments ? PACKET_SETTLE_NS : WIRE_SETTLE_NS);
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
static void join_attachment(struct wire_window *window, const struct packet_attachment *attachment,
    const struct wire_window *part, struct arena *arena)
{
	struct wire_interface *interface = find_interface(window, attachment->interface);

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
		log_warning(
		    MODULE, "no memory for the clients of interface=%s", attachment->interface);
}

static struct arena *take_arena(struct wire *wire)
{
	struct arena *arena = wire->spare;

	wire->spare = NULL;
	return arena || arena_new(&arena) == 0 ? arena : NULL;
}

static void give_arena(struct wire *wire, struct arena *arena)
{
	if (wire->spare) {
		arena_free(arena);
		return;
	}
	arena_reset(arena);
	wire->spare = arena;
}

static void push(struct wire *wire, const struct pending *pending)
{
	if (wire->n_pending == MAX_PENDING) {
		give_arena(wire, wire->pending[0].arena);
		memmove(
		    wire->pending, wire->pending + 1, --wire->n_pending * sizeof(wire->pending[0]));
	}
	wire->pending[wire->n_pending++] = *pending;
}

static void collect(struct wire *wire)
{
	struct arena *arena = take_arena(wire);
	struct wire_window window = {0};
	struct pending pending;

	wire->settling = false;
	if (!arena) {
		log_error(MODULE, "no memory to read a window of the wire: the next one has it");
		return;
	}
	if (wire_bpf_collect(wire->bpf, &window, arena) < 0)
		log_warning(MODULE, "a window of the wire could not be read: the next one has it");
	for (size_t i = 0; i < wire->n_attachments; i++) {
		struct wire_window part = {0};

		if (packet_take(wire->attachments[i].source, arena, &part) == 0)
			join_attachment(&window, &wire->attachments[i], &part, arena);
	}
	if (wire->stages)
		wire_stages_read(wire->stages, wire->bpf, &window, arena);
	pending = (struct pending){.first = wire->settling_first,
	    .last = wire->settling_last,
	    .arena = arena,
	    .window = window};
	if (pending.last > pending.first)
		wire_gap_make(&pending.gap, &pending.window,
		    (uint64_t)(pending.last - pending.first) * wire->config->interval_ns, arena);
	push(wire, &pending);
}

static void wait_settled(const struct wire *wire)
{
	const uint64_t now = clock_monotonic_ns();
	struct timespec left;

	if (now >= wire->settled_ns)
		return;
	left = (struct timespec){.tv_nsec = (long)(wire->settled_ns - now)};
	nanosleep(&left, NULL);
}

int64_t wire_tick(struct wire *wire, int64_t now_ns)
{
	const uint64_t now = clock_monotonic_ns();

	if (!wire)
		return INT64_MAX;
	if (wire->settling && now >= wire->settled_ns)
		collect(wire);
	if (!wire->settling && now_ns >= (wire->open + 1) * (int64_t)wire->config->interval_ns) {
		const int64_t open = index_of(wire, now_ns);

		flip(wire, open - 1, open * (int64_t)wire->config->interval_ns);
		wire->open = open;
	}
	if (wire->settling)
		return now_ns + (int64_t)(wire->settled_ns > now ? wire->settled_ns - now : 0);
	return (wire->open + 1) * (int64_t)wire->config->interval_ns;
}

void wire_cut(struct wire *wire, int64_t now_ns, bool whole)
{
	int64_t now;

	if (!wire)
		return;
	if (wire->settling) {
		wait_settled(wire);
		collect(wire);
	}
	now = index_of(wire, now_ns);
	flip(wire, now > wire->open ? now : wire->open, now_ns);
	wire->open = now;
	wait_settled(wire);
	collect(wire);
	if (wire->n_pending && !whole)
		wire->pending[wire->n_pending - 1].window.whole = false;
}

const struct wire_window *wire_get(struct wire *wire, int64_t index)
{
	if (!wire)
		return NULL;
	if (wire->settling && wire->settling_first <= index && index <= wire->settling_last) {
		wait_settled(wire);
		collect(wire);
	}
	for (size_t i = 0; i < wire->n_pending; i++) {
		const struct pending *pending = &wire->pending[i];

		if (pending->first <= index && index <= pending->last)
			return index == pending->last ? &pending->window : &pending->gap;
	}
	return NULL;
}

int64_t wire_newest(const struct wire *wire)
{
	if (wire && wire->settling)
		return wire->settling_last;
	return wire && wire->n_pending ? wire->pending[wire->n_pending - 1].last : INT64_MIN;
}

bool wire_has(const struct wire *wire, int64_t index)
{
	if (wire && wire->settling && wire->settling_last == index)
		return true;
	for (size_t i = 0; wire && i < wire->n_pending; i++) {
		if (wire->pending[i].last == index)
			return true;
	}
	return false;
}

void wire_done(struct wire *wire, int64_t index)
{
	size_t kept = 0;

	if (!wire)
		return;
	for (size_t i = 0; i < wire->n_pending; i++) {
		struct pending *pending = &wire->pending[i];

		if (pending->last > index) {
			wire->pending[kept++] = *pending;
			continue;
		}
		wire->listener.on_window(wire->listener.context, &pending->window,
		    pending->last * (int64_t)wire->config->interval_ns);
		wire_bpf_reported(wire->bpf, pending->window.mark);
		give_arena(wire, pending->arena);
	}
	wire->n_pending = kept;
}

/* -- what changes */

int wire_fd(const struct wire *wire)
{
	return wire ? wire_bpf_fd(wire->bpf) : -1;
}

void wire_process(struct wire *wire)
{
	if (!wire)
		return;
	wire_bpf_process(wire->bpf);
	tell_attachments(wire);
}

size_t wire_own(const struct wire *wire, const uint64_t (**ret)[2], uint64_t *ret_version)
{
	if (!wire) {
		*ret = NULL;
		*ret_version = 0;
		return 0;
	}
	return wire_bpf_own_addresses(wire->bpf, ret, ret_version);
}
