/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface's programs: the ladder from native XDP down to nothing. What runs already is
 * adopted or replaced in one step; nobody else's program is ever touched.
 */
#include "wire/bpf/wire_tap.h"

#include "base/unused.h"
#include "wire/bpf/wire_dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILTERS    128
#define MAX_PRIORITIES 16 /* tried, where the first ones hold other kinds of filters */

static const char *const filter_names[] = {"crosstap_in", "crosstap_out"};

int wire_tap_new(struct wire_tap **ret, const struct wire_link *link)
{
	struct wire_tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return -ENOMEM;
	tap->index = link->index;
	memcpy(tap->name, link->name, sizeof(tap->name));
	tap->raw = link->hardware != ARPHRD_ETHER;
	tap->mode = WIRE_OFF;
	tap->xdp_fd = -1;
	wire_maps_init(&tap->maps);
	*ret = tap;
	return 0;
}

void wire_tap_free(struct wire_tap *tap)
{
	if (!tap)
		return;
	wire_tap_close_reading(tap);
	wire_maps_close(&tap->maps, WIRE_SHARED_MAPS, WIRE_MAPS);
	if (tap->xdp_fd >= 0)
		close(tap->xdp_fd);
	free(tap);
}

bool wire_tap_counts(const struct wire_tap *tap)
{
	return tap->mode == WIRE_NATIVE || tap->mode == WIRE_GENERIC || tap->mode == WIRE_TC;
}

void wire_tap_reason(struct wire_tap *tap, const char *format, ...)
{
	const size_t used = strlen(tap->reason);
	va_list arguments;

	va_start(arguments, format);
	if (used)
		snprintf(tap->reason + used, sizeof(tap->reason) - used, "; ");
	vsnprintf(tap->reason + strlen(tap->reason), sizeof(tap->reason) - strlen(tap->reason),
	    format, arguments);
	va_end(arguments);
}

/* -- what runs */

static void find_filter(
    struct wire *wire, struct wire_tap *tap, enum wire_hook hook, struct wire_tap_running *running)
{
	struct wire_filter filters[MAX_FILTERS];
	size_t n = 0;

	if (wire_netlink_filters(wire->netlink, tap->index, hook, filters, MAX_FILTERS, &n) < 0)
		return;
	for (size_t i = 0; i < n && i < MAX_FILTERS; i++) {
		struct wire_running *found = &running->filters[hook];

		if (!filters[i].program || wire_running_find(found, filters[i].program) < 0)
			continue;
		if (found->owner == wire->owner) {
			running->places[hook] = filters[i];
			return;
		}
		wire_running_close(found);
	}
}

static void find_xdp(struct wire *wire, struct wire_tap *tap, const struct wire_link *link,
    struct wire_tap_running *running)
{
	const uint32_t ids[] = {link->xdp_native, link->xdp_generic};

	/* Behind a dispatcher, a detaching tap knows the program by its own id. */
	for (int i = 0; i < 2 && !tap->dispatched; i++) {
		if (!ids[i] || wire_running_find(&running->xdp, ids[i]) < 0)
			continue;
		running->generic = i == 1;
		if (running->xdp.owner == wire->owner)
			return;
		wire_running_close(&running->xdp);
	}
	running->dispatched = wire->dispatcher && link->xdp_native &&
	    wire_dispatcher_find(wire->namespace, tap->index, wire->owner, false, &running->xdp) ==
		0;
}

static void find_running(struct wire *wire, struct wire_tap *tap, const struct wire_link *link,
    struct wire_tap_running *ret)
{
	*ret = (struct wire_tap_running){0};
	wire_running_init(&ret->xdp);
	wire_running_init(&ret->filters[WIRE_HOOK_INGRESS]);
	wire_running_init(&ret->filters[WIRE_HOOK_EGRESS]);
	find_xdp(wire, tap, link, ret);
	find_filter(wire, tap, WIRE_HOOK_INGRESS, ret);
	find_filter(wire, tap, WIRE_HOOK_EGRESS, ret);
}

static void close_running(struct wire_tap_running *running)
{
	wire_running_close(&running->xdp);
	wire_running_close(&running->filters[WIRE_HOOK_INGRESS]);
	wire_running_close(&running->filters[WIRE_HOOK_EGRESS]);
}

/* -- maps */

static void copy_maps(
    struct wire_maps *to, const struct wire_maps *from, enum wire_map first, enum wire_map end)
{
	if (to->fds[first] >= 0)
		return; /* a set has one origin */
	for (int i = (int)first; i < (int)end; i++)
		to->fds[i] = fcntl(from->fds[i], F_DUPFD_CLOEXEC, 3);
}

static void share_maps(struct wire *wire, struct wire_tap *tap)
{
	for (int i = 0; i < WIRE_SHARED_MAPS; i++) {
		if (wire->shared.fds[i] < 0)
			wire->shared.fds[i] = tap->maps.fds[i];
		tap->maps.fds[i] = wire->shared.fds[i];
	}
}

static void adopt_maps(struct wire *wire, struct wire_tap *tap, const struct wire_running *running)
{
	if (running->fd < 0 || !running->compatible)
		return;
	if (tap->maps.fds[WIRE_MAP_COUNTERS] < 0)
		tap->adopted = true;
	copy_maps(&tap->maps, &running->maps, WIRE_SHARED_MAPS, WIRE_MAPS);
	copy_maps(&wire->shared, &running->maps, 0, WIRE_SHARED_MAPS);
}

/* Maps exist and are filled before any program is attached. */
static int prepare(struct wire *wire, struct wire_tap *tap, const struct wire_tap_running *running,
    int *ret_egress)
{
	int r;

	adopt_maps(wire, tap, &running->xdp);
	adopt_maps(wire, tap, &running->filters[WIRE_HOOK_INGRESS]);
	adopt_maps(wire, tap, &running->filters[WIRE_HOOK_EGRESS]);
	share_maps(wire, tap);
	r = wire_program_load(ret_egress, WIRE_PROGRAM_TC_EGRESS, &tap->maps, tap->raw);
	share_maps(wire, tap);
	if (r == 0)
		r = wire_words_open(wire);
	if (r == 0)
		r = wire_tap_open_reading(wire, tap);
	return r;
}

/* -- tc */

static int place_filter(struct wire *wire, struct wire_tap *tap, enum wire_hook hook, int fd)
{
	struct wire_filter place = {.handle = (wire->owner & 0x7fffffff) | 1};
	int r = -EEXIST;

	/* First in line: whoever comes later may end the line. */
	for (place.priority = 1; place.priority <= MAX_PRIORITIES && r < 0; place.priority++) {
		r = wire_netlink_set_filter(
		    wire->netlink, tap->index, hook, &place, fd, filter_names[hook], false);
		if (r < 0 && r != -EEXIST && r != -EINVAL)
			return r;
		if (r == 0 && place.priority > 1)
			wire_tap_reason(tap, "%s filter: behind others, priority %u",
			    hook == WIRE_HOOK_INGRESS ? "ingress" : "egress", place.priority);
	}
	return r;
}

/* Takes over `fd`. */
static int attach_filter(struct wire *wire, struct wire_tap *tap, enum wire_hook hook,
    const struct wire_tap_running *running, int fd)
{
	const struct wire_running *old = &running->filters[hook];
	int r = 0;

	if (wire_running_is(old, fd, &tap->maps)) {
		close(fd);
		return 0;
	}
	if (old->fd >= 0) {
		r = wire_netlink_set_filter(wire->netlink, tap->index, hook, &running->places[hook],
		    fd, filter_names[hook], true);
	} else {
		r = wire_netlink_add_clsact(wire->netlink, tap->index);
		if (r == 0)
			tap->reading->made_clsact = 1;
		else if (r == -EEXIST)
			r = hook == WIRE_HOOK_EGRESS
			    ? wire_netlink_check_clsact(wire->netlink, tap->index)
			    : 0;
		if (r == 0)
			r = place_filter(wire, tap, hook, fd);
	}
	close(fd);
	return r;
}

static void detach_filter(struct wire *wire, struct wire_tap *tap, enum wire_hook hook,
    const struct wire_tap_running *running)
{
	if (running->filters[hook].fd >= 0)
		wire_netlink_delete_filter(wire->netlink, tap->index, hook, &running->places[hook]);
}

static int attach_ingress_filter(
    struct wire *wire, struct wire_tap *tap, const struct wire_tap_running *running)
{
	int fd, r;

	r = wire_program_load(&fd, WIRE_PROGRAM_TC_INGRESS, &tap->maps, tap->raw);
	if (r < 0) {
		wire_tap_reason(tap, "tc: the program cannot be loaded: %s", strerror(-r));
		return r;
	}
	r = attach_filter(wire, tap, WIRE_HOOK_INGRESS, running, fd);
	if (r < 0)
		wire_tap_reason(tap, "tc: %s", wire_netlink_error(wire->netlink, r));
	return r;
}

/* -- the ladder */

static enum wire_mode climb(struct wire *wire, struct wire_tap *tap, const struct wire_link *link,
    struct wire_tap_running *running, enum wire_mode from)
{
	const bool native = from == WIRE_AUTO || from == WIRE_NATIVE;

	if (native && wire_tap_attach_xdp(wire, tap, link, running, false) == 0) {
		detach_filter(wire, tap, WIRE_HOOK_INGRESS, running);
		return WIRE_NATIVE;
	}
	if (from == WIRE_GENERIC && wire_tap_attach_xdp(wire, tap, link, running, true) == 0) {
		detach_filter(wire, tap, WIRE_HOOK_INGRESS, running);
		return WIRE_GENERIC;
	}
	/* Never both: a packet would count twice. */
	wire_tap_detach_xdp(wire, tap, running);
	wire_tap_set_xdp(tap, -1, false);
	if (from != WIRE_PACKET && attach_ingress_filter(wire, tap, running) == 0)
		return WIRE_TC;
	detach_filter(wire, tap, WIRE_HOOK_INGRESS, running);
	return WIRE_OFF;
}

static enum wire_mode fall_back(struct wire *wire, struct wire_tap *tap)
{
	char reason[128] = "";

	if (!wire->fallback) {
		wire_tap_reason(tap, "packet: not available");
		return WIRE_OFF;
	}
	if (wire->fallback->start(wire->fallback->context, tap->name, tap->index, wire->namespace,
		reason, sizeof(reason)) == 0)
		return WIRE_PACKET;
	wire_tap_reason(tap, "packet: %s", reason);
	return WIRE_OFF;
}

static enum wire_mode attach_programs(struct wire *wire, struct wire_tap *tap,
    const struct wire_link *link, struct wire_tap_running *running, enum wire_mode from)
{
	enum wire_mode mode;
	int egress_fd = -1, r = prepare(wire, tap, running, &egress_fd);

	if (r < 0) {
		wire_tap_reason(tap, "BPF: %s", strerror(-r));
		if (egress_fd >= 0)
			close(egress_fd);
		return WIRE_OFF;
	}
	mode = climb(wire, tap, link, running, from);
	if (mode == WIRE_OFF) {
		close(egress_fd);
		detach_filter(wire, tap, WIRE_HOOK_EGRESS, running);
		return mode;
	}
	r = attach_filter(wire, tap, WIRE_HOOK_EGRESS, running, egress_fd);
	tap->egress = r == 0;
	if (r < 0)
		wire_tap_reason(tap, "egress: %s",
		    r == -EBUSY ? "somebody's ingress qdisc has the place of clsact"
				: wire_netlink_error(wire->netlink, r));
	return mode;
}

void wire_tap_attach(
    struct wire *wire, struct wire_tap *tap, const struct wire_link *link, enum wire_mode from)
{
	struct wire_tap_running running;

	if (tap->mode == WIRE_PACKET && wire->fallback)
		wire->fallback->stop(wire->fallback->context, tap->name);
	tap->mtu = link->mtu;
	tap->flags = link->flags;
	tap->egress = false;
	tap->mode = WIRE_OFF;
	if (wire->error)
		wire_tap_reason(tap, "BPF: %s", strerror(-wire->error));
	if (!wire->error && from != WIRE_PACKET && from != WIRE_OFF) {
		find_running(wire, tap, link, &running);
		tap->mode = attach_programs(wire, tap, link, &running, from);
		close_running(&running);
	}
	if (tap->mode == WIRE_OFF && from != WIRE_OFF)
		tap->mode = fall_back(wire, tap);
	wire_say(wire, tap->mode == WIRE_OFF ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
	    "interface %s: mode=%s egress=%s%s%s", tap->name, wire_mode_name(tap->mode),
	    tap->egress ? "yes" : "no", tap->reason[0] ? " because: " : "", tap->reason);
}

static bool is_displaced(const struct wire_tap *tap, const struct wire_link *link UNUSED,
    const struct wire_tap_running *running)
{
	if (tap->mode != WIRE_NATIVE && tap->mode != WIRE_GENERIC)
		return false;
	return running->xdp.fd < 0 || running->xdp.id != tap->xdp_id;
}

bool wire_tap_check(struct wire *wire, struct wire_tap *tap, const struct wire_link *link)
{
	enum wire_mode from = tap->mode;
	struct wire_tap_running running;
	bool displaced, whole;

	memcpy(tap->name, link->name, sizeof(tap->name));
	if (!wire_tap_counts(tap))
		return false;
	find_running(wire, tap, link, &running);
	displaced = is_displaced(tap, link, &running);
	whole = !displaced && (!tap->egress || running.filters[WIRE_HOOK_EGRESS].fd >= 0) &&
	    (tap->mode != WIRE_TC || running.filters[WIRE_HOOK_INGRESS].fd >= 0);
	close_running(&running);
	if (whole)
		return false;
	tap->reason[0] = 0;
	if (displaced) {
		const uint32_t id =
		    tap->mode == WIRE_GENERIC ? link->xdp_generic : link->xdp_native;

		from = WIRE_TC;
		wire_tap_reason(tap,
		    id ? "%s: displaced by another XDP program (id %u)"
		       : "%s: our XDP program was taken away",
		    wire_mode_name(tap->mode), id);
	} else {
		wire_tap_reason(tap, "our filters were taken away, and put back");
	}
	wire_tap_attach(wire, tap, link, from);
	return true;
}

static void remove_clsact(struct wire *wire, struct wire_tap *tap)
{
	size_t ingress = 0, egress = 0;

	if (!tap->reading || !tap->reading->made_clsact)
		return;
	if (wire_netlink_filters(wire->netlink, tap->index, WIRE_HOOK_INGRESS, NULL, 0, &ingress) <
		0 ||
	    wire_netlink_filters(wire->netlink, tap->index, WIRE_HOOK_EGRESS, NULL, 0, &egress) < 0)
		return;
	if (ingress + egress == 0 && wire_netlink_delete_clsact(wire->netlink, tap->index) == 0)
		tap->reading->made_clsact = 0;
}

void wire_tap_detach(struct wire *wire, struct wire_tap *tap)
{
	const struct wire_link link = {
	    .xdp_native = tap->mode == WIRE_NATIVE ? tap->xdp_id : 0,
	    .xdp_generic = tap->mode == WIRE_GENERIC ? tap->xdp_id : 0,
	};
	struct wire_tap_running running;

	if (tap->mode == WIRE_PACKET && wire->fallback)
		wire->fallback->stop(wire->fallback->context, tap->name);
	if (tap->gone && tap->dispatched)
		wire_dispatcher_unpin(tap->xdp_id);
	if (wire_tap_counts(tap) && !tap->gone) {
		find_running(wire, tap, &link, &running);
		wire_tap_detach_xdp(wire, tap, &running);
		detach_filter(wire, tap, WIRE_HOOK_INGRESS, &running);
		detach_filter(wire, tap, WIRE_HOOK_EGRESS, &running);
		close_running(&running);
		remove_clsact(wire, tap);
	}
	wire_tap_set_xdp(tap, -1, false);
	tap->egress = false;
	tap->mode = WIRE_OFF;
}
