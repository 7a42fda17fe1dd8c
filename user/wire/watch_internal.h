/* SPDX-License-Identifier: BSD-2-Clause */
/* A watch (wire/watch.h), for its own files: which devices are chosen, how each is attached to. */
#ifndef CROSSTAP_WIRE_WATCH_INTERNAL_H
#define CROSSTAP_WIRE_WATCH_INTERNAL_H

#include "wire/netlink/netlink.h"
#include "wire/packet/devices.h"
#include "wire/rules/rules.h"
#include "wire/watch.h"
#include "wire/window/mode.h"
#include "wire/window/ops.h"

#define WATCH_DEVICES 64
#define WATCH_USED    2

enum way { WAY_BPF, WAY_PACKET, WAYS, WAY_NONE = WAYS };

struct device {
	int index;
	char name[IFNAMSIZ];
	uint32_t mtu, flags; /* when it was attached to last */
	enum way way;
	struct wire_watched state;
};

struct watch {
	struct config *config;
	const struct clock *clock;
	void (*say)(void *context, enum log_level level, const char *text);
	void *say_context;
	int namespace; /* -1: the process's */
	struct netlink *netlink;
	struct wire_rules rules;
	struct wire_bpf *bpf;
	struct packet_devices *packets;
	struct {
		const struct wire_ops *ops;
		void *self;
		unsigned used; /* windows that it may still have packets of; 0: no device */
	} ways[WAYS];
	struct device devices[WATCH_DEVICES];
	size_t n_devices;
	bool told_interfaces;              /* those that do not exist */
	bool told_namespace;               /* that it is another one by now */
	bool anew;                         /* what was chosen before is no reason to stay */
	bool again;                        /* what has no mode may have one now */
	bool flipped, whole, next_changed; /* windows */
	struct watch_mode modes[WATCH_DEVICES];
};

void watch_say(const struct watch *watch, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NULL: it is none of the watch's. */
struct device *watch_device_at(struct watch *watch, int index);
/* chosen[i]: links[i] is to be watched. Says what was named and is left out, once. */
void watch_choose(struct watch *watch, const struct wire_link *links, size_t n, bool *chosen);

/* Takes the ways from `from` on, until one has a mode for the device. `why`: what is known already
 * of why it has no better one. */
void watch_attach(struct watch *watch, struct device *device, const struct wire_link *link,
    enum wire_mode from, const char *why);
void watch_leave(struct watch *watch, struct device *device, bool exists);
void watch_add(struct watch *watch, const struct wire_link *link);
/* Another device takes its place in the array. */
void watch_drop(struct watch *watch, struct device *device, bool exists);
/* Is it watched as it was? Where BPF has no mode for it any more, packet sockets have their turn.
 */
void watch_check(struct watch *watch, struct device *device, const struct wire_link *link);
void watch_update(struct watch *watch, struct device *device, const struct wire_link *link);

#endif
