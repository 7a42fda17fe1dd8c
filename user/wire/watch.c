/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/watch.h"

#include "wire/bpf/bpf.h"
#include "wire/netlink/netlink.h"
#include "wire/netlink/netns.h"
#include "wire/packet/devices.h"
#include "wire/rules/rules.h"
#include "wire/rules/select.h"
#include "wire/window/join.h"
#include "wire/window/mode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEVICES 64
#define USED        2

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
	struct device devices[MAX_DEVICES];
	size_t n_devices;
	bool told_interfaces;              /* those that do not exist */
	bool told_namespace;               /* that it is another one by now */
	bool anew;                         /* what was chosen before is no reason to stay */
	bool flipped, whole, next_changed; /* windows */
	struct watch_mode modes[MAX_DEVICES];
};

static void say(const struct watch *watch, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct watch *watch, enum log_level level, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (!watch->say)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	watch->say(watch->say_context, level, text);
}

int watch_new(struct watch **ret, const struct watch_options *options)
{
	const struct wire_bpf_options bpf = {.server = options->config->server,
	    .passed = options->passed,
	    .clock = options->clock,
	    .say = options->say,
	    .say_context = options->say_context};
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->config = config_ref(options->config);
	watch->clock = options->clock;
	watch->say = options->say;
	watch->say_context = options->say_context;
	watch->namespace = -1;
	r = wire_bpf_new(&watch->bpf, &bpf, &watch->rules);
	if (r == 0)
		r = packet_devices_new(&watch->packets, &watch->rules, options->clock);
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	watch->ways[WAY_BPF].ops = &wire_bpf_ops;
	watch->ways[WAY_BPF].self = watch->bpf;
	watch->ways[WAY_PACKET].ops = &packet_devices_ops;
	watch->ways[WAY_PACKET].self = watch->packets;
	*ret = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	wire_bpf_free(watch->bpf);
	packet_devices_free(watch->packets);
	netlink_close(watch->netlink);
	if (watch->namespace >= 0)
		close(watch->namespace);
	wire_rules_clear(&watch->rules);
	config_unref(watch->config);
	free(watch);
}

/* -- which devices */

static struct device *device_at(struct watch *watch, int index)
{
	for (size_t i = 0; i < watch->n_devices; i++) {
		if (watch->devices[i].index == index)
			return &watch->devices[i];
	}
	return NULL;
}

struct routed {
	const struct wire_link *links;
	bool *chosen;
	size_t n, left; /* links that may still be named */
};

static bool take_route(void *context, int index)
{
	struct routed *routed = context;

	for (size_t i = 0; i < routed->n; i++) {
		if (routed->links[i].index == index && !routed->chosen[i]) {
			routed->chosen[i] = true;
			routed->left--;
		}
	}
	return routed->left == 0;
}

static void choose_routed(
    struct watch *watch, const struct wire_link *links, size_t n, bool *chosen)
{
	struct routed routed = {.links = links, .chosen = chosen, .n = n};
	int r;

	/* What was chosen stays while it exists: a link that goes down for a moment is no reason to
	 * reset it. */
	for (size_t i = 0; i < n; i++) {
		chosen[i] = !watch->anew && device_at(watch, links[i].index);
		routed.left +=
		    !chosen[i] && links[i].flags & IFF_UP && !(links[i].flags & IFF_LOOPBACK);
	}
	if (!routed.left)
		return;
	r = netlink_routes(watch->netlink, take_route, &routed);
	if (r < 0)
		say(watch, LOG_LEVEL_WARNING, "cannot read routes: %s",
		    netlink_error(watch->netlink, r));
}

static void choose_named(
    const struct config_strings *names, const struct wire_link *links, size_t n, bool *chosen)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < names->n; j++)
			chosen[i] |= strcmp(links[i].name, names->items[j]) == 0;
	}
}

static void say_missing(struct watch *watch, const struct wire_link *links, size_t n,
    const bool *named, const bool *chosen)
{
	const struct config_strings *names = &watch->config->wire.interfaces;

	if (watch->told_interfaces)
		return;
	watch->told_interfaces = true;
	for (size_t j = 0; j < names->n && !watch->config->wire.interfaces_auto; j++) {
		size_t i = 0;

		while (i < n && strcmp(links[i].name, names->items[j]) != 0)
			i++;
		if (i == n)
			say(watch, LOG_LEVEL_WARNING, "interface %s: does not exist yet",
			    names->items[j]);
		else if (named[i] && !chosen[i])
			say(watch, LOG_LEVEL_WARNING,
			    "interface %s: left out, another one sees its packets",
			    names->items[j]);
	}
}

static void choose(struct watch *watch, const struct wire_link *links, size_t n, bool *chosen)
{
	bool *named = NULL;

	if (watch->config->wire.interfaces_auto)
		choose_routed(watch, links, n, chosen);
	else
		choose_named(&watch->config->wire.interfaces, links, n, chosen);
	if (!watch->told_interfaces)
		named = malloc(n * sizeof(*named) + 1);
	if (named)
		memcpy(named, chosen, n * sizeof(*named));
	wire_select_once(links, n, chosen);
	if (named)
		say_missing(watch, links, n, named, chosen);
	free(named);
}

/* -- one device */

static void leave(struct watch *watch, struct device *device, bool exists)
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

	say(watch, state->mode == WIRE_OFF ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
	    "interface %s: mode=%s egress=%s%s%s", device->name, wire_mode_name(state->mode),
	    state->egress ? "yes" : "no", *state->reason ? " because: " : "", state->reason);
}

/* The ways from the best on, until one has a mode for the device. `why`: what is known already of
 * why it has no better one. */
static void attach(struct watch *watch, struct device *device, const struct wire_link *link,
    enum wire_mode from, const char *why)
{
	enum way way = from == WIRE_PACKET ? WAY_PACKET : WAY_BPF;

	/* Never both: a packet would count twice. */
	if (device->way != way)
		leave(watch, device, true);
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
			watch->ways[way].used = USED;
	}
	watch->next_changed = true;
	say_mode(watch, device);
}

static void add_device(struct watch *watch, const struct wire_link *link)
{
	struct device *device = &watch->devices[watch->n_devices];

	if (watch->n_devices == MAX_DEVICES) {
		say(watch, LOG_LEVEL_WARNING, "interface %s: left out, too many of them",
		    link->name);
		return;
	}
	watch->n_devices++;
	*device = (struct device){.index = link->index, .way = WAY_NONE};
	memcpy(device->name, link->name, sizeof(device->name));
	attach(watch, device, link, watch->config->wire.mode, "");
}

static void drop_device(struct watch *watch, struct device *device, bool exists)
{
	say(watch, LOG_LEVEL_INFO, "interface %s: %s", device->name,
	    exists ? "no longer watched" : "vanished");
	for (enum way way = 0; way < WAYS; way++)
		watch->ways[way].ops->detach(watch->ways[way].self, device->index, exists);
	*device = watch->devices[--watch->n_devices];
	watch->next_changed = true;
}

/* What failed, or has a lesser mode, is tried again when the device is another. */
static bool is_worth_a_try(const struct device *device, const struct wire_link *link)
{
	return device->way != WAY_BPF &&
	    (device->mtu != link->mtu || (device->flags ^ link->flags) & IFF_UP);
}

/* Is it watched as it was? Where BPF has no mode for it any more, packet sockets have their turn.
 */
static void check(struct watch *watch, struct device *device, const struct wire_link *link)
{
	const enum way way = device->way;
	struct wire_watched state = device->state;

	if (way == WAY_NONE || !watch->ways[way].ops->check(watch->ways[way].self, link, &state))
		return;
	watch->next_changed = true;
	if (state.mode == WIRE_OFF && way == WAY_BPF) {
		attach(watch, device, link, WIRE_PACKET, state.reason);
		return;
	}
	device->state = state;
	if (state.mode == WIRE_OFF)
		leave(watch, device, true);
	say_mode(watch, device);
}

static void update_device(struct watch *watch, struct device *device, const struct wire_link *link)
{
	memcpy(device->name, link->name, sizeof(device->name));
	if (is_worth_a_try(device, link))
		attach(watch, device, link, watch->config->wire.mode, "");
	else
		check(watch, device, link);
}

/* -- keeping up */

static const struct wire_link *link_at(const struct wire_link *links, size_t n, int index)
{
	for (size_t i = 0; i < n; i++) {
		if (links[i].index == index)
			return &links[i];
	}
	return NULL;
}

static void follow_links(
    struct watch *watch, const struct wire_link *links, size_t n, const bool *chosen)
{
	for (size_t i = watch->n_devices; i-- > 0;) {
		struct device *device = &watch->devices[i];
		const struct wire_link *link = link_at(links, n, device->index);

		if (!link || !chosen[link - links])
			drop_device(watch, device, link != NULL);
		else
			update_device(watch, device, link);
	}
	for (size_t i = 0; i < n; i++) {
		if (chosen[i] && !device_at(watch, links[i].index))
			add_device(watch, &links[i]);
	}
}

static void read_addresses(struct watch *watch)
{
	struct wire_local *hosts = NULL;
	bool changed = false;
	size_t n = 0;
	int r = netlink_addresses(watch->netlink, &hosts, &n);

	if (r < 0)
		say(watch, LOG_LEVEL_WARNING, "cannot read local addresses: %s",
		    netlink_error(watch->netlink, r));
	else if (wire_rules_addresses(&watch->rules, &watch->config->wire, hosts, n, &changed) < 0)
		say(watch, LOG_LEVEL_ERROR, "no memory for the table of addresses");
	else if (changed && watch->rules.any_address)
		say(watch, LOG_LEVEL_WARNING,
		    "too many local addresses for the table: packets to any address are counted "
		    "addresses=%zu",
		    watch->rules.n_locals);
	watch->next_changed |= changed;
	free(hosts);
}

/* Everything anew: whatever was missed of the news, this finds. */
static void synchronise(struct watch *watch)
{
	struct wire_link *links = NULL;
	bool *chosen;
	size_t n = 0;
	int r = netlink_links(watch->netlink, &links, &n);

	chosen = r == 0 ? calloc(n + 1, sizeof(*chosen)) : NULL;
	if (!chosen) {
		say(watch, LOG_LEVEL_WARNING, "cannot read interfaces: %s",
		    r < 0 ? netlink_error(watch->netlink, r) : strerror(ENOMEM));
		free(links);
		return;
	}
	/* Addresses first: who begins to count knows them. */
	read_addresses(watch);
	if (watch->config->wire.mode != WIRE_OFF)
		choose(watch, links, n, chosen);
	watch->anew = false;
	follow_links(watch, links, n, chosen);
	for (enum way way = 0; way < WAYS; way++)
		watch->ways[way].ops->configure(watch->ways[way].self, &watch->rules);
	free(chosen);
	free(links);
}

int watch_fd(const struct watch *watch)
{
	return watch->netlink ? netlink_fd(watch->netlink) : -1;
}

void watch_process(struct watch *watch)
{
	if (watch->netlink && netlink_changed(watch->netlink))
		synchronise(watch);
}

/* -- start, stop, another configuration */

static int open_netlink(struct watch *watch)
{
	const char *name = watch->config->wire.netns;
	int r = 0;

	if (*name) {
		r = netns_open(name);
		if (r < 0)
			return r;
		watch->namespace = r;
	}
	return netlink_open(&watch->netlink, watch->namespace);
}

static bool wants_bpf(const struct config *config)
{
	return config->wire.mode != WIRE_OFF && config->wire.mode != WIRE_PACKET;
}

int watch_start(struct watch *watch)
{
	int r = open_netlink(watch);

	if (r < 0) {
		say(watch, LOG_LEVEL_ERROR, "cannot watch %s%s: %s",
		    *watch->config->wire.netns ? "network namespace " : "the network",
		    watch->config->wire.netns, strerror(-r));
		return r;
	}
	wire_rules_configure(&watch->rules, watch->config);
	packet_devices_open(watch->packets, watch->namespace);
	wire_bpf_open(watch->bpf, watch->netlink, watch->namespace);
	r = wants_bpf(watch->config) ? wire_bpf_probe(watch->bpf) : 0;
	synchronise(watch);
	wire_bpf_settled(watch->bpf);
	return r;
}

/* Another mode: every device begins its ladder again, on the counters that it has. */
static void attach_again(struct watch *watch)
{
	struct wire_link *links = NULL;
	size_t n = 0;

	if (netlink_links(watch->netlink, &links, &n) < 0)
		return;
	for (size_t i = 0; i < watch->n_devices; i++) {
		const struct wire_link *link = link_at(links, n, watch->devices[i].index);

		if (link)
			attach(watch, &watch->devices[i], link, watch->config->wire.mode, "");
	}
	free(links);
}

void watch_configure(struct watch *watch, const struct config *config)
{
	struct config *old = watch->config;

	watch->config = config_ref(config);
	watch->told_interfaces = false;
	/* `auto` begins anew only where names were given before: else what it chose stays. */
	watch->anew = !old->wire.interfaces_auto;
	if (watch->netlink) {
		watch->next_changed |= wire_rules_configure(&watch->rules, config);
		if (config->wire.mode != old->wire.mode && config->wire.mode != WIRE_OFF) {
			if (wants_bpf(config))
				(void)wire_bpf_probe(watch->bpf);
			attach_again(watch);
		}
		synchronise(watch);
	}
	config_unref(old);
}

void watch_stop(struct watch *watch)
{
	const bool keep = watch->config->wire.on_exit == WIRE_KEEP;

	for (size_t i = 0; i < watch->n_devices; i++) {
		if (!keep || watch->devices[i].way == WAY_PACKET)
			leave(watch, &watch->devices[i], true);
	}
}

/* -- windows */

void watch_flip(struct watch *watch, int64_t boundary_ns, int64_t due_ns)
{
	for (enum way way = 0; way < WAYS; way++)
		watch->ways[way].ops->flip(watch->ways[way].self, boundary_ns, due_ns);
	watch->whole = watch->flipped && !watch->next_changed;
	watch->next_changed = false;
	watch->flipped = true;
}

uint64_t watch_settle_ns(const struct watch *watch)
{
	uint64_t most = watch->ways[WAY_BPF].ops->settle_ns;

	for (enum way way = 0; way < WAYS; way++) {
		if (watch->ways[way].used && watch->ways[way].ops->settle_ns > most)
			most = watch->ways[way].ops->settle_ns;
	}
	return most;
}

/* A way that was left has packets of this window, or of the next where that was flipped already. */
static void note_use(struct watch *watch)
{
	for (enum way way = 0; way < WAYS; way++)
		watch->ways[way].used -= watch->ways[way].used > 0;
	for (size_t i = 0; i < watch->n_devices; i++) {
		if (watch->devices[i].way != WAY_NONE)
			watch->ways[watch->devices[i].way].used = USED;
	}
}

/* Every device has a row with its mode, whether anything was counted there or not. */
static int name_devices(const struct watch *watch, struct wire_window *window, struct arena *arena)
{
	struct wire_interface *rows = arena_alloc(arena, (watch->n_devices + 1) * sizeof(*rows));
	const struct wire_window devices = {
	    .watched = true, .whole = true, .interfaces = rows, .n_interfaces = watch->n_devices};

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < watch->n_devices; i++) {
		memcpy(rows[i].name, watch->devices[i].name, sizeof(rows[i].name));
		rows[i].mode = wire_mode_name(watch->devices[i].state.mode);
		rows[i].egress = watch->devices[i].state.egress;
	}
	return wire_join_interfaces(window, &devices, arena);
}

/* A socket's thread may have stopped by itself: what it watched is seen by nobody from then on. */
static void notice_stopped(struct watch *watch)
{
	for (size_t i = 0; i < watch->n_devices; i++) {
		const struct wire_link link = {.index = watch->devices[i].index};

		if (watch->devices[i].way == WAY_PACKET)
			check(watch, &watch->devices[i], &link);
	}
}

/* Its name was taken away and given to another one, as when a container starts again. This one
 * lives on, as nothing but what the agent holds open. */
static void notice_namespace(struct watch *watch)
{
	const char *name = watch->config->wire.netns;

	if (watch->told_namespace || watch->namespace < 0 ||
	    !netns_is_another(watch->namespace, name))
		return;
	watch->told_namespace = true;
	say(watch, LOG_LEVEL_WARNING,
	    "network namespace %s is another one by now, which nobody watches: restart crosstap",
	    name);
}

int watch_collect(struct watch *watch, struct wire_window *ret, struct arena *arena)
{
	struct wire_window window = {.whole = watch->whole};
	int r = 0;

	for (enum way way = 0; way < WAYS; way++) {
		int error = watch->ways[way].ops->collect(watch->ways[way].self, &window, arena);

		r = r < 0 ? r : error;
	}
	notice_stopped(watch);
	notice_namespace(watch);
	if (name_devices(watch, &window, arena) < 0)
		r = -ENOMEM;
	note_use(watch);
	*ret = window;
	return r;
}

/* -- questions */

size_t watch_modes(struct watch *watch, const struct watch_mode **ret)
{
	for (size_t i = 0; i < watch->n_devices; i++) {
		const struct device *device = &watch->devices[i];

		watch->modes[i] = (struct watch_mode){device->name,
		    wire_mode_name(device->state.mode), device->state.egress, device->state.reason};
	}
	*ret = watch->modes;
	return watch->n_devices;
}

bool watch_is_native(const struct watch *watch)
{
	for (size_t i = 0; i < watch->n_devices; i++) {
		if (watch->devices[i].state.mode != WIRE_NATIVE)
			return false;
	}
	return watch->n_devices > 0;
}

size_t watch_own(const struct watch *watch, const uint64_t (**ret)[2], uint64_t *ret_version)
{
	*ret = (const uint64_t(*)[2])watch->rules.own;
	*ret_version = watch->rules.own_version;
	return watch->rules.n_own;
}

struct wire_bpf *watch_bpf(const struct watch *watch)
{
	return watch->bpf;
}
