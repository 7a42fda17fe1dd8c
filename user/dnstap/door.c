/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/door.h"

#include "config/network.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct door {
	_Atomic unsigned references;
	struct tls_identity *tls; /* NULL: none */
	size_t n_allow;           /* 0: everybody */
	struct config_network allow[];
};

int door_new(struct door **ret, const struct config_input *config, char *error, size_t size)
{
	const size_t bytes = config->n_allow * sizeof(config->allow[0]);
	struct door *door = calloc(1, sizeof(*door) + bytes);
	int r = 0;

	if (!door) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	atomic_init(&door->references, 1);
	door->n_allow = config->n_allow;
	if (bytes)
		memcpy(door->allow, config->allow, bytes);
	if (config->tls_cert && *config->tls_cert)
		r = tls_identity_new(&door->tls, config->tls_cert, config->tls_key,
		    config->tls_client_ca, error, size);
	if (r < 0) {
		door_unref(door);
		return r;
	}
	*ret = door;
	return 0;
}

struct door *door_ref(struct door *door)
{
	atomic_fetch_add_explicit(&door->references, 1, memory_order_relaxed);
	return door;
}

void door_unref(struct door *door)
{
	if (!door || atomic_fetch_sub_explicit(&door->references, 1, memory_order_acq_rel) != 1)
		return;
	tls_identity_free(door->tls);
	free(door);
}

bool door_allows(const struct door *door, const struct peer *peer)
{
	return !door->n_allow || !peer->family ||
	    networks_have(door->allow, door->n_allow, peer->family, peer->address);
}

const struct tls_identity *door_tls(const struct door *door)
{
	return door->tls;
}
