/* SPDX-License-Identifier: BSD-2-Clause */
/* One device: the best way to watch it that can be had, for as long as it can. */
#include "wire/watch_internal.h"

#include <stdio.h>
#include <string.h>

void watch_leave(struct watch *watch, struct device *device, bool exists)
{
	if (device->way != WAY_NONE)
		watch->ways[device->way].ops->detach(
		    watch->ways[device->way].self, device->index, exists);
	device->way = WAY_NONE;
}

static void add_reason(struct wire_watched *state, const char *reason)
{
	const size_t used = strlen(state->reason);

	if (*reason)
		snprintf(state->reason + used, sizeof(state->reason) - used, "%s%s",
		    used ? "; " : "", reason);
}

static void say_mode(const struct watch *watch, const struct device *device)
{
	const struct wire_watched *state = &device->state;

	watch_say(watch, state->mode == WIRE_OFF ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
	    "interface %s: mode=%s egress=%s%s%s", device->name, wire_mode_name(state->mode),
	    state->egress ? "yes" : "no", *state->reason ? " because: " : "", state->reason);
}

void watch_attach(struct watch *watch, struct device *device, const struct wire_link *link,
    enum wire_mode from, const char *why)
{
	enum way way = from == WIRE_PACKET ? WAY_PACKET : WAY_BPF;

	/* Never both: a packet would count twice. */
	if (device->way != way)
		watch_leave(watch, device, true);
	device->mtu = link->mtu;
	device->flags = link->flags;
	device->state = (struct wire_watched){.mode = WIRE_OFF};
	add_reason(&device->state, why);
	for (; way < WAYS && device->state.mode == WIRE_OFF; way++) {
		struct wire_watched state = {.mode = WIRE_OFF};

		watch->ways[way].ops->attach(watch->ways[way].self, link, from, &state);
		device->state.mode = state.mode;
		device->state.egress = state.egress;
		add_reason(&device->state, state.reason);
		device->way = state.mode == WIRE_OFF ? WAY_NONE : way;
		if (state.mode != WIRE_OFF)
			watch->ways[way].used = WATCH_USED;
	}
	watch->next_changed = true;
	say_mode(watch, device);
}

void watch_add(struct watch *watch, const struct wire_link *link)
{
	struct device *device = &watch->devices[watch->n_devices];

	if (watch->n_devices == WATCH_DEVICES) {
		watch_say(watch, LOG_LEVEL_WARNING, "interface %s: left out, too many of them",
		    link->name);
		return;
	}
	watch->n_devices++;
	*device = (struct device){.index = link->index, .way = WAY_NONE};
	memcpy(device->name, link->name, sizeof(device->name));
	watch_attach(watch, device, link, watch->config->wire.mode, "");
}

void watch_drop(struct watch *watch, struct device *device, bool exists)
{
	watch_say(watch, LOG_LEVEL_INFO, "interface %s: %s", device->name,
	    exists ? "no longer watched" : "vanished");
	for (enum way way = 0; way < WAYS; way++)
		watch->ways[way].ops->detach(watch->ways[way].self, device->index, exists);
	*device = watch->devices[--watch->n_devices];
	watch->next_changed = true;
}

/* What failed, or has a lesser mode, is tried again when the device is another; what has none, as
 * when packet sockets took more than they may, also with another configuration. */
static bool is_worth_a_try(
    const struct watch *watch, const struct device *device, const struct wire_link *link)
{
	return (watch->again && device->way == WAY_NONE) ||
	    (device->way != WAY_BPF &&
		(device->mtu != link->mtu || (device->flags ^ link->flags) & IFF_UP));
}

void watch_check(struct watch *watch, struct device *device, const struct wire_link *link)
{
	const enum way way = device->way;
	struct wire_watched state = device->state;

	if (way == WAY_NONE || !watch->ways[way].ops->check(watch->ways[way].self, link, &state))
		return;
	watch->next_changed = true;
	if (state.mode == WIRE_OFF && way == WAY_BPF) {
		watch_attach(watch, device, link, WIRE_PACKET, state.reason);
		return;
	}
	device->state = state;
	if (state.mode == WIRE_OFF)
		watch_leave(watch, device, true);
	say_mode(watch, device);
}

void watch_update(struct watch *watch, struct device *device, const struct wire_link *link)
{
	memcpy(device->name, link->name, sizeof(device->name));
	if (is_worth_a_try(watch, device, link))
		watch_attach(watch, device, link, watch->config->wire.mode, "");
	else
		watch_check(watch, device, link);
}
