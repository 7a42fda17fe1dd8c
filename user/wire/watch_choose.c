/* SPDX-License-Identifier: BSD-2-Clause */
/* Which devices are watched: those that are named, or those that routes lead through. */
#include "wire/rules/select.h"
#include "wire/watch_internal.h"

#include <stdlib.h>
#include <string.h>

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
		chosen[i] = !watch->anew && watch_device_at(watch, links[i].index);
		routed.left +=
		    !chosen[i] && links[i].flags & IFF_UP && !(links[i].flags & IFF_LOOPBACK);
	}
	if (!routed.left)
		return;
	r = netlink_routes(watch->netlink, take_route, &routed);
	if (r < 0)
		watch_say(watch, LOG_LEVEL_WARNING, "cannot read routes: %s",
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
			watch_say(watch, LOG_LEVEL_WARNING, "interface %s: does not exist yet",
			    names->items[j]);
		else if (named[i] && !chosen[i])
			watch_say(watch, LOG_LEVEL_WARNING,
			    "interface %s: left out, another one sees its packets",
			    names->items[j]);
	}
}

void watch_choose(struct watch *watch, const struct wire_link *links, size_t n, bool *chosen)
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
