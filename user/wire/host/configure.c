/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration names: ports, interfaces and counters of nftables. */
#include "wire/host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host_next {
	struct config_ports ports;
	struct host_links links; /* names alone */
	struct host_nft nft;     /* counters alone */
};

static int set_names(struct host_links *links, const struct config_wire *wire)
{
	if (wire->interfaces_auto || !wire->interfaces.n)
		return 0;
	links->names = calloc(wire->interfaces.n, sizeof(*links->names));
	if (!links->names)
		return -ENOMEM;
	for (size_t i = 0; i < wire->interfaces.n; i++)
		snprintf(links->names[i], sizeof(links->names[i]), "%s", wire->interfaces.items[i]);
	links->n_names = wire->interfaces.n;
	return 0;
}

static int set_counters(struct host_nft *nft, const struct config_strings *names)
{
	nft->counters = calloc(names->n + 1, sizeof(*nft->counters));
	if (!nft->counters)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		struct host_nft_counter *counter = &nft->counters[nft->n_counters];

		counter->name = strdup(names->items[i]);
		if (!counter->name)
			return -ENOMEM;
		counter->after = strchr(counter->name, '/');
		if (counter->after)
			nft->n_counters++;
		else
			free(counter->name);
	}
	return 0;
}

void host_choice_free(struct host_links *links, struct host_nft *nft)
{
	for (size_t i = 0; i < nft->n_counters; i++)
		free(nft->counters[i].name);
	free(nft->counters);
	free(links->names);
}

int host_prepare(const struct config *config, struct host_next **ret)
{
	struct host_next *next = calloc(1, sizeof(*next));
	int r = next ? 0 : -ENOMEM;

	if (r == 0)
		r = set_names(&next->links, &config->wire);
	if (r == 0)
		r = set_counters(&next->nft, &config->nft_counters);
	if (r < 0) {
		host_next_free(next);
		return r;
	}
	next->ports = config->wire.ports;
	*ret = next;
	return 0;
}

void host_next_free(struct host_next *next)
{
	if (!next)
		return;
	host_choice_free(&next->links, &next->nft);
	free(next);
}

void host_choose(struct host *host, struct host_next *next)
{
	host_choice_free(&host->links, &host->nft);
	host->links.names = next->links.names;
	host->links.n_names = next->links.n_names;
	host->nft.counters = next->nft.counters;
	host->nft.n_counters = next->nft.n_counters;
	host->sockets.ports = next->ports;
	free(next);
}

static void keep_readings(const struct host_nft *from, struct host_nft *to)
{
	for (size_t i = 0; i < to->n_counters; i++) {
		for (size_t j = 0; j < from->n_counters; j++) {
			if (strcmp(to->counters[i].name, from->counters[j].name) != 0)
				continue;
			to->counters[i].before = from->counters[j].before;
			to->counters[i].begun = from->counters[j].begun;
		}
	}
}

static bool same_ports(const struct config_ports *a, const struct config_ports *b)
{
	return a->n == b->n && memcmp(a->ports, b->ports, a->n * sizeof(a->ports[0])) == 0;
}

void host_commit(struct host *host, struct host_next *next)
{
	const bool other_ports = !same_ports(&host->sockets.ports, &next->ports);
	struct host_counters first = {0};

	keep_readings(&host->nft, &next->nft);
	host_choose(host, next);
	/* What sockets of other ports have dropped before is nothing of ours. */
	if (other_ports) {
		host_table_done(&host->sockets.table);
		if (!host->open_errors[HOST_SOCKETS])
			(void)host_sockets_read(&host->sockets, &first);
	}
	host_nft_begin(&host->nft);
	host->problems[HOST_NFT][0] = '\0';
}
