/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/replay_wire.h"

#include "replay/others.h"
#include "replay/servers.h"
#include "replay/streams.h"
#include "wire/counter/fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct open_window {
	int64_t index;
	struct counter_window *window;
};

struct replay_wire {
	const struct config_wire *config;
	struct counter *counter;
	struct streams *streams;
	struct servers *servers;
	struct open_window *open; /* few: as many as files are apart */
	size_t n_open;
	struct counter_window *spare; /* cleared; NULL: none */
	struct counter_window *total, *empty;
	uint64_t packets, dns, counted, cut; /* all; to or from wire.ports; a server's */
	struct others others;
};

static int make_counter(struct replay_wire *wire)
{
	struct wire_rules *rules = calloc(1, sizeof(*rules));
	int r = -ENOMEM;

	if (rules) {
		wire_rules_set(rules, wire->config);
		r = counter_new(&wire->counter, rules, 1);
	}
	free(rules);
	/* `servers` has asked already whose the packets are. */
	if (r == 0)
		counter_take_all(wire->counter);
	return r;
}

int replay_wire_new(struct replay_wire **ret, const struct config_wire *config)
{
	struct replay_wire *wire = calloc(1, sizeof(*wire));
	int r;

	if (!wire)
		return -ENOMEM;
	wire->config = config;
	r = make_counter(wire);
	if (r == 0)
		r = streams_new(&wire->streams, wire->counter);
	if (r == 0)
		r = servers_new(&wire->servers, config);
	if (r == 0)
		r = counter_window_new(&wire->total, wire->counter);
	if (r == 0)
		r = counter_window_new(&wire->empty, wire->counter);
	if (r < 0) {
		replay_wire_free(wire);
		return r;
	}
	*ret = wire;
	return 0;
}

void replay_wire_free(struct replay_wire *wire)
{
	if (!wire)
		return;
	for (size_t i = 0; i < wire->n_open; i++)
		counter_window_free(wire->open[i].window);
	free(wire->open);
	counter_window_free(wire->spare);
	counter_window_free(wire->total);
	counter_window_free(wire->empty);
	servers_free(wire->servers);
	streams_free(wire->streams);
	counter_free(wire->counter);
	free(wire);
}

void replay_wire_clear(struct replay_wire *wire)
{
	while (wire->n_open)
		replay_wire_give(wire, wire->open[--wire->n_open].window);
	counter_window_clear(wire->total);
	streams_clear(wire->streams);
	servers_clear(wire->servers);
	counter_clear(wire->counter);
	wire->packets = wire->dns = wire->counted = wire->cut = 0;
	wire->others = (struct others){0};
}

bool replay_wire_must_learn(const struct replay_wire *wire)
{
	return servers_must_learn(wire->servers);
}

int replay_wire_learn(struct replay_wire *wire, const struct pcap_packet *packet)
{
	return servers_learn(wire->servers, packet);
}

static struct open_window *find_open(const struct replay_wire *wire, int64_t index)
{
	for (size_t i = 0; i < wire->n_open; i++) {
		if (wire->open[i].index == index)
			return &wire->open[i];
	}
	return NULL;
}

/* Opens it where it is not yet; NULL: no memory. */
static struct counter_window *window_of(struct replay_wire *wire, int64_t index)
{
	struct open_window *open = find_open(wire, index);

	if (open)
		return open->window;
	open = reallocarray(wire->open, wire->n_open + 1, sizeof(*wire->open));
	if (!open)
		return NULL;
	wire->open = open;
	open += wire->n_open;
	open->index = index;
	open->window = wire->spare;
	wire->spare = NULL;
	if (!open->window && counter_window_new(&open->window, wire->counter) < 0)
		return NULL;
	wire->n_open++;
	return open->window;
}

int replay_wire_count(struct replay_wire *wire, int64_t index, const struct pcap_packet *packet)
{
	struct counter_packet counted = {
	    .data = packet->data,
	    .length = packet->length,
	    .frame_bytes = packet->frame_bytes,
	    .time_ns = (uint64_t)packet->time_ns,
	    .segments = 1,
	    .raw = packet->raw,
	};
	struct counter_window *window;
	struct servers_packet seen;

	servers_look(wire->servers, packet, &seen);
	wire->packets++;
	wire->dns += seen.dns;
	wire->cut += seen.cut;
	if (packet->kind != PACKET_KIND_IP)
		others_add(&wire->others, packet->kind, packet->number);
	if (!seen.ours)
		return 0;
	wire->counted++;
	counted.direction = seen.direction;
	window = window_of(wire, index);
	if (!window)
		return -ENOMEM;
	streams_at(wire->streams, window, packet->time_ns);
	counter_add_packet(wire->counter, window, &counted);
	return 0;
}

int replay_wire_end(struct replay_wire *wire, int64_t index)
{
	struct counter_window *window;

	if (!streams_wait(wire->streams))
		return 0;
	window = window_of(wire, index);
	if (!window)
		return -ENOMEM;
	streams_flush(wire->streams, window);
	return 0;
}

bool replay_wire_first(const struct replay_wire *wire, int64_t *ret_index)
{
	for (size_t i = 0; i < wire->n_open; i++) {
		if (i == 0 || wire->open[i].index < *ret_index)
			*ret_index = wire->open[i].index;
	}
	return wire->n_open != 0;
}

struct counter_window *replay_wire_take(struct replay_wire *wire, int64_t index)
{
	struct open_window *open = find_open(wire, index);
	struct counter_window *window;

	if (!open)
		return NULL;
	window = open->window;
	*open = wire->open[--wire->n_open];
	counter_window_add(wire->counter, wire->total, window);
	return window;
}

void replay_wire_give(struct replay_wire *wire, struct counter_window *window)
{
	if (!window)
		return;
	if (wire->spare) {
		counter_window_free(window);
		return;
	}
	counter_window_clear(window);
	wire->spare = window;
}

int replay_wire_fill(const struct replay_wire *wire, const struct counter_window *window,
    struct arena *arena, struct wire_window *ret)
{
	struct wire_interface *interface = arena_alloc(arena, sizeof(*interface));
	struct wire_window filled;
	int r = -ENOMEM;

	if (interface)
		r = counter_window_fill(window ? window : wire->empty,
		    counter_options(wire->counter), "pcap", arena, &filled);
	if (r < 0)
		return r;
	*interface = filled.interfaces[0];
	snprintf(interface->name, sizeof(interface->name), "%s", interface->mode);
	filled.interfaces = interface;
	*ret = filled;
	return 0;
}

const struct counter_window *replay_wire_total(const struct replay_wire *wire)
{
	return wire->total;
}

bool replay_wire_hint(const struct replay_wire *wire, char *ret, size_t size)
{
	char others[512];

	if (wire->counted || wire->cut)
		return false;
	if (wire->dns && replay_wire_must_learn(wire)) {
		snprintf(ret, size,
		    "nobody answers from wire.ports in the captures: name the servers in "
		    "wire.addresses");
		return true;
	}
	others_print(&wire->others, others, sizeof(others));
	if (wire->dns)
		snprintf(ret, size,
		    "none of the packets to or from wire.ports is of a server in wire.addresses: "
		    "packets=%llu",
		    (unsigned long long)wire->dns);
	else
		snprintf(ret, size,
		    "no packet to or from wire.ports is in the captures: packets=%llu%s%s",
		    (unsigned long long)wire->packets, *others ? " " : "", others);
	return true;
}

uint64_t replay_wire_cut(const struct replay_wire *wire)
{
	return wire->cut;
}
