/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire_stages.h"

#include "base/log.h"
#include "source/host.h"
#include "source/stack_drops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "wire"

struct wire_stages {
	const char *netns; /* of the configuration at the start, as the host's */
	struct host *host; /* NULL: its counters cannot be read */
	struct stack_drops *drops;
	bool tried;     /* to have `drops` */
	bool failed;    /* they cannot be read any more; windows still have their names */
	bool checksums; /* there were wrong ones in the window before */
	uint64_t owed;  /* of the sockets' drops, that were more than these had */
};

int wire_stages_new(struct wire_stages **ret, const struct config *config)
{
	struct wire_stages *stages = calloc(1, sizeof(*stages));
	int r;

	if (!stages)
		return -ENOMEM;
	stages->netns = strdup(config->wire.netns);
	if (!stages->netns) {
		free(stages);
		return -ENOMEM;
	}
	r = host_new(&stages->host, config);
	if (r < 0)
		log_warning(MODULE, "the host's counters cannot be read: %s", strerror(-r));
	*ret = stages;
	return 0;
}

void wire_stages_free(struct wire_stages *stages)
{
	if (!stages)
		return;
	stack_drops_free(stages->drops);
	host_free(stages->host);
	free((void *)stages->netns);
	free(stages);
}

void wire_stages_follow(struct wire_stages *stages, const struct wire *wire)
{
	const struct stack_drops_options options = {
	    .config_fd = wire_config_fd(wire), .netns = stages->netns};
	char problem[160];

	if (stages->tried || options.config_fd < 0)
		return;
	stages->tried = true;
	if (stack_drops_new(&stages->drops, &options, problem, sizeof(problem)) < 0)
		log_warning(MODULE,
		    "stack drops are an upper bound, from the counters of /proc/net: no %s",
		    problem);
	else
		log_info(MODULE, "stack drops are told packet by packet");
}

/* -- joining */

static void join_host(const struct host_counters *counters, struct wire_window *window)
{
	window->known |= counters->known;
	window->nic_drops = counters->nic_drops;
	window->socket_drops = counters->socket_drops;
	window->listen_overflows = counters->listen_overflows;
	window->tx_drops = counters->tx_drops;
	window->queued_bytes = counters->queued_bytes;
	window->sockets_changed = counters->sockets_changed;
	window->stack_drops = counters->stack_drops;
	window->n_stack_drops = counters->n_stack_drops;
}

/*
 * The sockets' own counters, less what the packets say is no drop of a query for a socket's sake.
 * A query that was freed out of a socket had a wrong checksum where such were counted; else the
 * socket went, and the query with it.
 */
static uint64_t socket_drops(struct wire_stages *stages, const struct host_counters *counters,
    const struct stack_drops_window *drops)
{
	const bool checksums = stages->checksums || counters->checksums;
	const struct stack_drops_twice *twice = &drops->twice;
	const uint64_t own = counters->socket_drops + counters->socket_checksums;
	const uint64_t less =
	    stages->owed + twice->checksums + twice->others + (checksums ? twice->unnamed : 0);

	stages->owed = less > own ? less - own : 0;
	return (less > own ? 0 : own - less) + (checksums ? 0 : drops->from_sockets);
}

static void join_drops(struct wire_stages *stages, const struct host_counters *counters,
    const struct stack_drops_window *drops, struct wire_window *window, struct arena *arena)
{
	const bool checksums = stages->checksums || counters->checksums;
	struct wire_drop *list = arena_alloc(arena, (drops->n_drops + 1) * sizeof(*list));

	if (!list)
		return;
	if (drops->n_drops)
		memcpy(list, drops->drops, drops->n_drops * sizeof(*list));
	window->drops_by_packet = true;
	window->known |= WIRE_KNOWS_STACK_DROPS;
	window->stack_drops = list;
	window->n_stack_drops = drops->n_drops;
	if (checksums && drops->from_sockets)
		list[window->n_stack_drops++] =
		    (struct wire_drop){"NOT_SPECIFIED", drops->from_sockets, false};
	if (counters->known & WIRE_KNOWS_SOCKETS)
		window->socket_drops = socket_drops(stages, counters, drops);
}

static bool all_native(struct wire *wire)
{
	const struct wire_mode_info *modes;
	const size_t n = wire_modes(wire, &modes);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(modes[i].mode, "native") != 0)
			return false;
	}
	return n > 0;
}

void wire_stages_read(
    struct wire_stages *stages, struct wire *wire, struct wire_window *window, struct arena *arena)
{
	struct host_counters *counters = arena_alloc(arena, sizeof(*counters));
	struct stack_drops_window drops = {0};
	int r = 0;

	if (!counters)
		return;
	memset(counters, 0, sizeof(*counters));
	/* Packets first: what they take off the sockets' drops is in these then. */
	if (stages->drops && !stages->failed)
		r = stack_drops_read(stages->drops, all_native(wire), arena, &drops);
	if (stages->host)
		host_read(stages->host, counters);
	join_host(counters, window);
	if (r < 0) {
		log_warning(MODULE, "dropped packets cannot be read any more: %s", strerror(-r));
		stages->failed = true;
	}
	if (drops.whole)
		join_drops(stages, counters, &drops, window, arena);
	stages->checksums = counters->checksums > 0;
	wire_stages_follow(stages, wire);
}
