/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/packet/devices.h"

#include "base/clock.h"
#include "base/unused.h"
#include "wire/netlink/netlink.h"
#include "wire/packet/packet.h"
#include "wire/window/join.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_DEVICES 16

struct device {
	int index;
	struct packet_source *source;
	bool gone;    /* to be read once more, then forgotten ... */
	bool flipped; /* ... since its window was flipped */
};

struct packet_devices {
	const struct wire_rules *rules;
	const struct clock *clock;
	uint64_t told_version; /* of the rules, that all sources know */
	int namespace;
	struct device devices[2 * MAX_DEVICES]; /* also those to be read once more */
	size_t n;
};

int packet_devices_new(
    struct packet_devices **ret, const struct wire_rules *rules, const struct clock *clock)
{
	struct packet_devices *devices = calloc(1, sizeof(*devices));

	if (!devices)
		return -ENOMEM;
	devices->rules = rules;
	devices->clock = clock;
	devices->namespace = -1;
	*ret = devices;
	return 0;
}

void packet_devices_free(struct packet_devices *devices)
{
	for (size_t i = 0; devices && i < devices->n; i++)
		packet_free(devices->devices[i].source);
	free(devices);
}

void packet_devices_open(struct packet_devices *devices, int namespace)
{
	devices->namespace = namespace;
}

static struct device *device_at(struct packet_devices *devices, int index)
{
	for (size_t i = 0; i < devices->n; i++) {
		if (devices->devices[i].index == index && !devices->devices[i].gone)
			return &devices->devices[i];
	}
	return NULL;
}

static size_t count_watched(const struct packet_devices *devices)
{
	size_t n = 0;

	for (size_t i = 0; i < devices->n; i++)
		n += !devices->devices[i].gone;
	return n;
}

/* What it has counted, and what is still in its ring, belongs to the open window. */
static void detach(void *way, int index, bool exists UNUSED)
{
	struct packet_devices *devices = way;
	struct device *device = device_at(devices, index);

	if (!device)
		return;
	device->gone = true;
	packet_end(device->source, clock_wall_ns(devices->clock));
}

static void forget_gone(struct packet_devices *devices)
{
	size_t kept = 0;

	for (size_t i = 0; i < devices->n; i++) {
		if (devices->devices[i].gone && devices->devices[i].flipped)
			packet_free(devices->devices[i].source);
		else
			devices->devices[kept++] = devices->devices[i];
	}
	devices->n = kept;
}

static int open_device(struct packet_devices *devices, const struct wire_link *link,
    struct device *ret, char *reason, size_t size)
{
	const char *name = link->name;

	if (count_watched(devices) == MAX_DEVICES || devices->n == 2 * MAX_DEVICES) {
		snprintf(reason, size, "more than %d interfaces", MAX_DEVICES);
		return -ENOSPC;
	}
	*ret = (struct device){.index = link->index};
	return packet_new(&ret->source, devices->rules, devices->namespace, &name, 1, reason, size);
}

static void attach(
    void *way, const struct wire_link *link, enum wire_mode from UNUSED, struct wire_watched *ret)
{
	struct packet_devices *devices = way;
	char reason[128] = "";
	struct device device;

	detach(way, link->index, true); /* one that has stopped begins anew */
	if (open_device(devices, link, &device, reason, sizeof(reason)) < 0) {
		snprintf(ret->reason, sizeof(ret->reason), "packet: %s", reason);
		return;
	}
	devices->devices[devices->n++] = device;
	ret->mode = WIRE_PACKET;
	ret->egress = true;
}

static bool check(void *way, const struct wire_link *link, struct wire_watched *state)
{
	struct device *device = device_at(way, link->index);
	const char *problem = device ? packet_problem(device->source) : NULL;

	if (!problem)
		return false;
	*state = (struct wire_watched){.mode = WIRE_OFF};
	snprintf(state->reason, sizeof(state->reason), "packet: %s", problem);
	return true;
}

static void configure(void *way, const struct wire_rules *rules)
{
	struct packet_devices *devices = way;

	if (devices->told_version == rules->version)
		return;
	/* What lies in the ring of one that went was for addresses that went with it. */
	for (size_t i = 0; i < devices->n; i++) {
		if (!devices->devices[i].gone)
			packet_configure(devices->devices[i].source, rules);
	}
	devices->told_version = rules->version;
}

static void flip(void *way, int64_t boundary_ns, int64_t due_ns UNUSED)
{
	struct packet_devices *devices = way;

	for (size_t i = 0; i < devices->n; i++)
		devices->devices[i].flipped |=
		    packet_flip(devices->devices[i].source, boundary_ns) == 0 &&
		    devices->devices[i].gone;
}

static int collect(void *way, struct wire_window *window, struct arena *arena)
{
	struct packet_devices *devices = way;
	int r = 0;

	for (size_t i = 0; i < devices->n && r == 0; i++) {
		struct wire_window part = {0};

		r = packet_take(devices->devices[i].source, arena, &part);
		if (r == -EINVAL) /* it began after the flip */
			r = 0;
		else if (r == 0 && !part.watched)
			window->whole = false;
		else if (r == 0)
			r = wire_join(window, &part, arena);
	}
	if (r == 0)
		forget_gone(devices);
	return r;
}

const struct wire_ops packet_devices_ops = {
    .settle_ns = PACKET_SETTLE_NS,
    .attach = attach,
    .check = check,
    .configure = configure,
    .flip = flip,
    .collect = collect,
    .detach = detach,
};
