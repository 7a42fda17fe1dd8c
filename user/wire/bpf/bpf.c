/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/internal.h"

#include "base/unused.h"
#include "wire/bpf/dispatcher.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>

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

/* FNV-1a; never 0, which is nobody. */
static uint32_t owner_of(const char *server)
{
	uint32_t hash = 0x811c9dc5;

	for (; *server; server++)
		hash = (hash ^ (uint8_t)*server) * 0x01000193;
	return hash ? hash : 1;
}

int wire_bpf_new(
    struct wire_bpf **ret, const struct wire_bpf_options *options, const struct wire_rules *rules)
{
	struct wire_bpf *wire = calloc(1, sizeof(*wire));
	int r = -ENOMEM;

	if (!wire)
		return r;
	wire->clock = options->clock;
	wire->say = options->say;
	wire->say_context = options->say_context;
	wire->rules = rules;
	wire->owner = owner_of(options->server);
	wire->namespace = -1;
	wire_maps_init(&wire->shared);
	wire->cpus = libbpf_num_possible_cpus();
	if (wire->cpus > 0)
		wire->cpu_values = calloc((size_t)wire->cpus, sizeof(*wire->cpu_values));
	if (wire->cpu_values)
		r = wire_source_rtts_new(&wire->client_rtts);
	if (r == 0)
		r = wire_held_new(&wire->held);
	if (r < 0) {
		wire_bpf_free(wire);
		return r;
	}
	wire_held_take(wire->held, options->passed);
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
	wire_sources_free(wire->clients);
	wire_source_rtts_free(wire->client_rtts);
	wire_held_free(wire->held);
	free(wire->cpu_values);
	free(wire);
}

void wire_bpf_open(struct wire_bpf *wire, struct netlink *netlink, int namespace)
{
	wire_bpf_quiet();
	wire->netlink = netlink;
	wire->namespace = namespace;
}

int wire_bpf_probe(struct wire_bpf *wire)
{
	wire->error = wire_bpf_allowed();
	if (!wire->error) {
		wire->dispatcher = wire_dispatcher_works();
		return 0;
	}
	wire_refusal(wire->error, wire->refusal, sizeof(wire->refusal));
	wire_bpf_say(wire, LOG_LEVEL_WARNING, "no BPF: %s", wire->refusal);
	return wire->error;
}

/* What runs now is what the next process finds, however this one ends. `all`: what an agent before
 * us left is adopted by now, or not to be. */
static void keep_running(struct wire_bpf *wire, bool all)
{
	wire_held_begin(wire->held);
	for (size_t i = 0; i < wire->n_attachments; i++) {
		const struct attachment *attachment = wire->attachments[i];

		if (attachment->gone || !attachment_counts(attachment))
			continue;
		wire_held_keep(wire->held, WIRE_HELD_PROGRAM, attachment->xdp_fd);
		for (int hook = WIRE_HOOK_INGRESS; hook <= WIRE_HOOK_EGRESS; hook++)
			wire_held_keep(wire->held, WIRE_HELD_PROGRAM, attachment->filter_fds[hook]);
		for (int map = 0; map < WIRE_MAPS; map++)
			wire_held_keep(wire->held, WIRE_HELD_MAP, attachment->maps.fds[map]);
	}
	wire_held_end(wire->held, all);
}

void wire_bpf_settled(struct wire_bpf *wire)
{
	bool adopted = false;

	wire->settled = true;
	keep_running(wire, true);
	for (size_t i = 0; i < wire->n_attachments; i++)
		adopted |= wire->attachments[i]->adopted;
	if (!wire->clients || !adopted)
		return;
	wire_sources_skip(wire->clients);
	wire_source_rtts_skip(wire->client_rtts, wire->shared.fds[WIRE_MAP_SOURCE_RTT]);
}

int wire_bpf_config_fd(const struct wire_bpf *wire)
{
	return wire->shared.fds[WIRE_MAP_CONFIG];
}

/* -- the operations */

static struct attachment *attachment_at(const struct wire_bpf *wire, int index)
{
	for (size_t i = 0; i < wire->n_attachments; i++) {
		if (wire->attachments[i]->index == index && !wire->attachments[i]->gone)
			return wire->attachments[i];
	}
	return NULL;
}

static struct attachment *add_attachment(struct wire_bpf *wire, const struct wire_link *link)
{
	struct attachment *attachment;

	if (wire->n_attachments == WIRE_MAX_ATTACHMENTS || attachment_new(&attachment, link) < 0)
		return NULL;
	attachment->serial = ++wire->serials;
	wire->attachments[wire->n_attachments++] = attachment;
	return attachment;
}

static void attach(
    void *way, const struct wire_link *link, enum wire_mode from, struct wire_watched *ret)
{
	struct wire_bpf *wire = way;
	struct attachment *attachment = attachment_at(wire, link->index);

	if (wire->error) {
		snprintf(ret->reason, sizeof(ret->reason), "BPF: %s", wire->refusal);
		return;
	}
	if (!attachment)
		attachment = add_attachment(wire, link);
	if (!attachment) {
		snprintf(ret->reason, sizeof(ret->reason), "BPF: no room for one more");
		return;
	}
	attachment->state.reason[0] = 0;
	attachment_attach(wire, attachment, link, from);
	keep_running(wire, wire->settled);
	*ret = attachment->state;
}

static bool check(void *way, const struct wire_link *link, struct wire_watched *state)
{
	struct wire_bpf *wire = way;
	struct attachment *attachment = attachment_at(wire, link->index);

	if (!attachment || !attachment_check(wire, attachment, link))
		return false;
	keep_running(wire, wire->settled);
	*state = attachment->state;
	return true;
}

static void configure(void *way, const struct wire_rules *rules UNUSED)
{
	config_map_configure(way);
}

static void flip(void *way, int64_t boundary_ns UNUSED, int64_t due_ns)
{
	struct wire_bpf *wire = way;
	const int64_t late_ns = clock_wall_ns(wire->clock) - due_ns;

	if (wire->config_map)
		__atomic_store_n(
		    &wire->config_map->slot, !(wire->config_map->slot & 1), __ATOMIC_RELEASE);
	wire->flip_start_ns = wire->flip_end_ns;
	wire->flip_end_ns = late_ns > 0 ? (uint64_t)late_ns : 0;
}

static void detach(void *way, int index, bool exists)
{
	struct wire_bpf *wire = way;
	struct attachment *attachment = attachment_at(wire, index);

	if (!attachment)
		return;
	if (!exists)
		attachment->gone = true;
	attachment_detach(wire, attachment);
	attachment->gone = true; /* its counters are read once more */
	keep_running(wire, wire->settled);
}

const struct wire_ops wire_bpf_ops = {
    .settle_ns = WIRE_SETTLE_NS,
    .attach = attach,
    .check = check,
    .configure = configure,
    .flip = flip,
    .collect = wire_bpf_collect,
    .detach = detach,
};
