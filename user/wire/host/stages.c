/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/stages.h"

#include "base/log.h"
#include "wire/host/host.h"
#include "wire/host/stack_drops.h"
#include "wire/host/stages_join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "wire"

struct wire_stages {
	const char *netns; /* of the configuration at the start, as the host's */
	struct host *host; /* NULL: its counters cannot be read */
	struct stack_drops *drops;
	bool tried;  /* to have `drops` */
	bool failed; /* they cannot be read any more; windows still have their names */
	struct wire_stages_state state;
};

struct wire_stages_next {
	struct host_next *host;
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

int wire_stages_prepare(
    struct wire_stages *stages, const struct config *config, struct wire_stages_next **ret)
{
	struct wire_stages_next *next = calloc(1, sizeof(*next));
	int r = next ? 0 : -ENOMEM;

	if (r == 0 && stages->host)
		r = host_prepare(config, &next->host);
	if (r < 0) {
		wire_stages_next_free(next);
		return r;
	}
	*ret = next;
	return 0;
}

void wire_stages_commit(struct wire_stages *stages, struct wire_stages_next *next)
{
	if (stages->host && next->host) {
		host_commit(stages->host, next->host);
		next->host = NULL;
	}
	wire_stages_next_free(next);
}

void wire_stages_next_free(struct wire_stages_next *next)
{
	if (!next)
		return;
	host_next_free(next->host);
	free(next);
}

void wire_stages_follow(struct wire_stages *stages, int config_fd)
{
	const struct stack_drops_options options = {.config_fd = config_fd, .netns = stages->netns};
	char problem[240];

	if (stages->tried || config_fd < 0)
		return;
	stages->tried = true;
	if (stack_drops_new(&stages->drops, &options, problem, sizeof(problem)) < 0)
		log_warning(MODULE,
		    "stack drops are an upper bound, from the counters of /proc/net: no %s",
		    problem);
	else
		log_info(MODULE, "stack drops are told packet by packet");
}

void wire_stages_read(struct wire_stages *stages, bool native, int config_fd,
    struct wire_window *window, struct arena *arena)
{
	struct host_counters *counters = arena_alloc(arena, sizeof(*counters));
	struct stack_drops_window drops = {0};
	int r = 0;

	if (!counters)
		return;
	memset(counters, 0, sizeof(*counters));
	/* Packets first: what they take off the sockets' drops is in these then. */
	if (stages->drops && !stages->failed)
		r = stack_drops_read(stages->drops, native, arena, &drops);
	if (stages->host)
		host_read(stages->host, counters);
	if (r < 0) {
		log_warning(MODULE, "dropped packets cannot be read any more: %s", strerror(-r));
		stages->failed = true;
	}
	wire_stages_join(&stages->state, counters, drops.whole ? &drops : NULL, window, arena);
	wire_stages_follow(stages, config_fd);
}
