/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/watch_internal.h"

#include "wire/bpf/bpf.h"
#include "wire/netlink/netns.h"
#include "wire/window/join.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void watch_say(const struct watch *watch, enum log_level level, const char *format, ...)
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

struct device *watch_device_at(struct watch *watch, int index)
{
	for (size_t i = 0; i < watch->n_devices; i++) {
		if (watch->devices[i].index == index)
			return &watch->devices[i];
	}
	return NULL;
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
			watch_drop(watch, device, link != NULL);
		else
			watch_update(watch, device, link);
	}
	for (size_t i = 0; i < n; i++) {
		if (chosen[i] && !watch_device_at(watch, links[i].index))
			watch_add(watch, &links[i]);
	}
}

static void read_addresses(struct watch *watch)
{
	struct wire_local *hosts = NULL;
	bool changed = false;
	size_t n = 0;
	int r = netlink_addresses(watch->netlink, &hosts, &n);

	if (r < 0)
		watch_say(watch, LOG_LEVEL_WARNING, "cannot read local addresses: %s",
		    netlink_error(watch->netlink, r));
	else if (wire_rules_addresses(&watch->rules, &watch->config->wire, hosts, n, &changed) < 0)
		watch_say(watch, LOG_LEVEL_ERROR, "no memory for the table of addresses");
	else if (changed && watch->rules.any_address)
		watch_say(watch, LOG_LEVEL_WARNING,
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
		watch_say(watch, LOG_LEVEL_WARNING, "cannot read interfaces: %s",
		    r < 0 ? netlink_error(watch->netlink, r) : strerror(ENOMEM));
		free(links);
		return;
	}
	/* Addresses first: who begins to count knows them. */
	read_addresses(watch);
	if (watch->config->wire.mode != WIRE_OFF)
		watch_choose(watch, links, n, chosen);
	watch->anew = false;
	follow_links(watch, links, n, chosen);
	watch->again = false;
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
		watch_say(watch, LOG_LEVEL_ERROR, "cannot watch %s%s: %s",
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
			watch_attach(watch, &watch->devices[i], link, watch->config->wire.mode, "");
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
		} else {
			watch->again = true;
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
			watch_leave(watch, &watch->devices[i], true);
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
			watch->ways[watch->devices[i].way].used = WATCH_USED;
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
			watch_check(watch, &watch->devices[i], &link);
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
	watch_say(watch, LOG_LEVEL_WARNING,
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
