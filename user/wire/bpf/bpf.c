/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/internal.h"

#include "wire/bpf/dispatcher.h"
#include "wire/netlink/netns.h"
#include "wire/netlink/select.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void wire_bpf_say(const struct wire_bpf *wire, enum log_level level, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (!wire->say)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	wire->say(wire->say_context, level, text);
}

const char *wire_mode_name(enum wire_mode mode)
{
	static const char *const names[] = {[WIRE_AUTO] = "auto",
	    [WIRE_NATIVE] = "native",
	    [WIRE_GENERIC] = "generic",
	    [WIRE_TC] = "tc",
	    [WIRE_PACKET] = "packet",
	    [WIRE_OFF] = "off"};

	return names[mode];
}

/* FNV-1a; never 0, which is nobody. */
static uint32_t owner_of(const char *server)
{
	uint32_t hash = 0x811c9dc5;

	for (; *server; server++)
		hash = (hash ^ (uint8_t)*server) * 0x01000193;
	return hash ? hash : 1;
}

int wire_bpf_new(struct wire_bpf **ret, const struct wire_bpf_options *options)
{
	struct wire_bpf *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return -ENOMEM;
	wire->config = options->config;
	wire->mode = options->config->wire.mode;
	wire->clock = options->clock;
	wire->say = options->say;
	wire->say_context = options->say_context;
	wire->fallback = options->fallback;
	wire->owner = owner_of(options->config->server);
	wire->namespace = -1;
	wire_maps_init(&wire->shared);
	wire->cpus = libbpf_num_possible_cpus();
	if (wire->cpus > 0)
		wire->cpu_values = calloc((size_t)wire->cpus, sizeof(*wire->cpu_values));
	if (!wire->cpu_values) {
		wire_bpf_free(wire);
		return -ENOMEM;
	}
	*ret = wire;
	return 0;
}

void wire_bpf_free(struct wire_bpf *wire)
{
	if (!wire)
		return;
	for (size_t i = 0; i < wire->n_attachments; i++)
		attachment_free(wire->attachments[i]);
	config_map_close(wire);
	wire_maps_close(&wire->shared, 0, WIRE_SHARED_MAPS);
	netlink_close(wire->netlink);
	if (wire->namespace >= 0)
		close(wire->namespace);
	wire_sources_free(wire->clients);
	wire_source_rtts_free(wire->client_rtts);
	free(wire->own);
	free(wire->locals);
	free(wire->cpu_values);
	free(wire);
}

/* -- which interfaces */

static struct attachment *attachment_at(const struct wire_bpf *wire, int index)
{
	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (wire->attachments[i]->index == index && !wire->attachments[i]->gone)
			return wire->attachments[i];
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
    struct wire_bpf *wire, const struct wire_link *links, size_t n, bool *chosen)
{
	struct routed routed = {.links = links, .chosen = chosen, .n = n};
	int r;

	/* What was chosen stays while it exists: a link that goes down for a moment is no reason to
	 * reset it. */
	for (size_t i = 0; i < n; i++) {
		chosen[i] = attachment_at(wire, links[i].index) != NULL;
		routed.left +=
		    !chosen[i] && links[i].flags & IFF_UP && !(links[i].flags & IFF_LOOPBACK);
	}
	if (!routed.left)
		return;
	r = netlink_routes(wire->netlink, take_route, &routed);
	if (r < 0)
		wire_bpf_say(wire, LOG_LEVEL_WARNING, "cannot read routes: %s",
		    netlink_error(wire->netlink, r));
}

static void choose_named(
    struct wire_bpf *wire, const struct wire_link *links, size_t n, bool *chosen)
{
	const struct config_strings *names = &wire->config->wire.interfaces;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < names->n; j++)
			chosen[i] |= strcmp(links[i].name, names->items[j]) == 0;
	}
}

static void say_missing(struct wire_bpf *wire, const struct wire_link *links, size_t n,
    const bool *named, const bool *chosen)
{
	const struct config_strings *names = &wire->config->wire.interfaces;

	if (wire->told_interfaces)
		return;
	wire->told_interfaces = true;
	for (size_t j = 0; j < names->n && !wire->config->wire.interfaces_auto; j++) {
		size_t i = 0;

		while (i < n && strcmp(links[i].name, names->items[j]) != 0)
			i++;
		if (i == n)
			wire_bpf_say(wire, LOG_LEVEL_WARNING, "interface %s: does not exist yet",
			    names->items[j]);
		else if (named[i] && !chosen[i])
			wire_bpf_say(wire, LOG_LEVEL_WARNING,
			    "interface %s: left out, another one sees its packets",
			    names->items[j]);
	}
}

static void choose(struct wire_bpf *wire, const struct wire_link *links, size_t n, bool *chosen)
{
	bool *named = NULL;

	if (wire->config->wire.interfaces_auto)
		choose_routed(wire, links, n, chosen);
	else
		choose_named(wire, links, n, chosen);
	if (!wire->told_interfaces)
		named = malloc(n * sizeof(*named) + 1);
	if (named)
		memcpy(named, chosen, n * sizeof(*named));
	wire_select_once(links, n, chosen);
	if (named)
		say_missing(wire, links, n, named, chosen);
	free(named);
}

/* -- keeping up */

static void add_attachment(struct wire_bpf *wire, const struct wire_link *link)
{
	struct attachment *attachment;

	if (wire->n_attachments == WIRE_MAX_ATTACHMENTS || attachment_new(&attachment, link) < 0) {
		wire_bpf_say(wire, LOG_LEVEL_WARNING, "interface %s: left out, %s", link->name,
		    wire->n_attachments == WIRE_MAX_ATTACHMENTS ? "too many of them"
								: strerror(ENOMEM));
		return;
	}
	attachment->serial = ++wire->serials;
	wire->attachments[wire->n_attachments++] = attachment;
	attachment_attach(wire, attachment, link, wire->config->wire.mode);
	wire->next_whole = false;
}

static void drop_attachment(struct wire_bpf *wire, struct attachment *attachment, bool exists)
{
	wire_bpf_say(wire, LOG_LEVEL_INFO, "interface %s: %s", attachment->name,
	    exists ? "no longer watched" : "vanished");
	if (!exists)
		attachment->gone = true;
	attachment_detach(wire, attachment);
	attachment->gone = true; /* its counters are read once more */
	wire->next_whole = false;
}

/* What failed is tried again when the device is another. */
static bool is_worth_a_try(const struct attachment *attachment, const struct wire_link *link)
{
	return !attachment_counts(attachment) &&
	    (attachment->mtu != link->mtu || (attachment->flags ^ link->flags) & IFF_UP);
}

static void update_attachment(
    struct wire_bpf *wire, struct attachment *attachment, const struct wire_link *link)
{
	if (is_worth_a_try(attachment, link)) {
		attachment->reason[0] = 0;
		attachment_attach(wire, attachment, link, wire->config->wire.mode);
		wire->next_whole = false;
	} else if (attachment_check(wire, attachment, link)) {
		wire->next_whole = false;
	}
}

static const struct wire_link *link_at(const struct wire_link *links, size_t n, int index)
{
	for (size_t i = 0; i < n; i++) {
		if (links[i].index == index)
			return &links[i];
	}
	return NULL;
}

static void follow_links(
    struct wire_bpf *wire, const struct wire_link *links, size_t n, const bool *chosen)
{
	for (size_t i = 0; i < wire->n_attachments; i++) {
		struct attachment *attachment = wire->attachments[i];
		const struct wire_link *link = link_at(links, n, attachment->index);

		if (attachment->gone)
			continue;
		if (!link || !chosen[link - links])
			drop_attachment(wire, attachment, link != NULL);
		else
			update_attachment(wire, attachment, link);
	}
	for (size_t i = 0; i < n; i++) {
		if (chosen[i] && !attachment_at(wire, links[i].index))
			add_attachment(wire, &links[i]);
	}
}

/* Everything anew: whatever was missed of the news, this finds. */
static void synchronise(struct wire_bpf *wire)
{
	struct wire_link *links = NULL;
	bool *chosen;
	size_t n = 0;
	int r = netlink_links(wire->netlink, &links, &n);

	chosen = r == 0 ? calloc(n + 1, sizeof(*chosen)) : NULL;
	if (!chosen) {
		wire_bpf_say(wire, LOG_LEVEL_WARNING, "cannot read interfaces: %s",
		    r < 0 ? netlink_error(wire->netlink, r) : strerror(ENOMEM));
		free(links);
		return;
	}
	if (wire->config->wire.mode != WIRE_OFF)
		choose(wire, links, n, chosen);
	follow_links(wire, links, n, chosen);
	if (config_map_addresses(wire))
		wire->next_whole = false;
	if (config_map_configure(wire))
		wire->next_whole = false;
	free(chosen);
	free(links);
}

int wire_bpf_fd(const struct wire_bpf *wire)
{
	return wire->netlink ? netlink_fd(wire->netlink) : -1;
}

void wire_bpf_process(struct wire_bpf *wire)
{
	if (wire->netlink && netlink_changed(wire->netlink))
		synchronise(wire);
}

/* -- start and stop */

static void say_lack(struct wire_bpf *wire)
{
	wire_bpf_say(wire, LOG_LEVEL_WARNING, "no BPF: %s%s", strerror(-wire->error),
	    wire->error == -EPERM ? " (needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or root; with "
				    "CAP_SYS_ADMIN before Linux 5.8)"
				  : "");
}

static int open_netlink(struct wire_bpf *wire)
{
	const char *name = wire->config->wire.netns;
	int r = 0;

	if (*name) {
		r = netns_open(name);
		if (r < 0)
			return r;
		wire->namespace = r;
	}
	return netlink_open(&wire->netlink, wire->namespace);
}

/* By client, what an agent before us left counted is its own: only sums go on. */
static void skip_adopted(struct wire_bpf *wire)
{
	bool adopted = false;

	for (size_t i = 0; i < wire->n_attachments; i++)
		adopted |= wire->attachments[i]->adopted;
	if (!wire->clients || !adopted)
		return;
	wire_sources_skip(wire->clients);
	wire_source_rtts_skip(wire->client_rtts, wire->shared.fds[WIRE_MAP_SOURCE_RTT]);
}

int wire_bpf_start(struct wire_bpf *wire)
{
	int r;

	wire_bpf_quiet();
	r = open_netlink(wire);
	if (r < 0) {
		wire_bpf_say(wire, LOG_LEVEL_ERROR, "cannot watch %s%s: %s",
		    *wire->config->wire.netns ? "network namespace " : "the network",
		    wire->config->wire.netns, strerror(-r));
		wire->error = r;
		return r;
	}
	if (wire->config->wire.mode != WIRE_OFF && wire->config->wire.mode != WIRE_PACKET) {
		wire->error = wire_bpf_probe();
		if (wire->error)
			say_lack(wire);
		else
			wire->dispatcher = wire_dispatcher_works();
	}
	r = wire_source_rtts_new(&wire->client_rtts);
	if (r < 0)
		return r;
	synchronise(wire);
	skip_adopted(wire);
	return wire->error;
}

/* Another mode: every interface begins its ladder again, on the maps that it has. */
static void attach_again(struct wire_bpf *wire)
{
	struct wire_link *links;
	size_t n;

	if (netlink_links(wire->netlink, &links, &n) < 0)
		return;
	for (size_t i = 0; i < wire->n_attachments; i++) {
		struct attachment *attachment = wire->attachments[i];
		const struct wire_link *link = link_at(links, n, attachment->index);

		if (attachment->gone || !link)
			continue;
		attachment->reason[0] = 0;
		attachment_attach(wire, attachment, link, wire->config->wire.mode);
	}
	free(links);
}

int wire_bpf_configure(struct wire_bpf *wire, const struct config *config)
{
	const enum wire_mode before = wire->mode;

	wire->config = config;
	wire->mode = config->wire.mode;
	wire->told_interfaces = false;
	if (!wire->netlink)
		return wire->error;
	if (config->wire.mode != before && config->wire.mode != WIRE_OFF)
		attach_again(wire);
	synchronise(wire);
	/* The programs' words tell whether anything is counted otherwise. */
	if (config->wire.mode != before || !wire->config_map)
		wire->next_whole = false;
	return wire->error;
}

void wire_bpf_stop(struct wire_bpf *wire)
{
	const bool keep = wire->config->wire.on_exit == WIRE_KEEP;

	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (!keep || wire->attachments[i]->mode == WIRE_PACKET)
			attachment_detach(wire, wire->attachments[i]);
	}
}

/* -- windows */

void wire_bpf_flip(struct wire_bpf *wire, int64_t boundary_ns)
{
	const int64_t late_ns = clock_wall_ns(wire->clock) - boundary_ns;

	if (wire->config_map)
		__atomic_store_n(
		    &wire->config_map->slot, !(wire->config_map->slot & 1), __ATOMIC_RELEASE);
	wire->flip_start_ns = wire->flip_end_ns;
	wire->flip_end_ns = late_ns > 0 ? (uint64_t)late_ns : 0;
	wire->whole = wire->flipped && wire->next_whole;
	wire->next_whole = true;
	wire->flipped = true;
}

size_t wire_bpf_modes(struct wire_bpf *wire, const struct wire_bpf_mode_info **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < wire->n_attachments; i++) {
		const struct attachment *attachment = wire->attachments[i];

		if (!attachment->gone)
			wire->modes[n++] = (struct wire_bpf_mode_info){attachment->name,
			    wire_mode_name(attachment->mode), attachment->egress,
			    attachment->reason};
	}
	*ret = wire->modes;
	return n;
}

size_t wire_bpf_own_addresses(
    const struct wire_bpf *wire, const uint64_t (**ret)[2], uint64_t *ret_version)
{
	*ret = (const uint64_t(*)[2])wire->own;
	*ret_version = wire->own_version;
	return wire->n_own;
}

size_t wire_bpf_locals(const struct wire_bpf *wire, const struct wire_local **ret)
{
	*ret = wire->locals;
	return wire->n_locals;
}

int wire_bpf_config_fd(const struct wire_bpf *wire)
{
	return wire->shared.fds[WIRE_MAP_CONFIG];
}
