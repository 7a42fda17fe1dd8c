/* SPDX-License-Identifier: BSD-2-Clause */
/* What `crosstap top` asks a running agent. */
#ifndef CROSSTAP_TOP_CLIENT_H
#define CROSSTAP_TOP_CLIENT_H

#include "top/model.h"

#include <stddef.h>

struct top_client;

/* `url`: where the agent listens, without a path. `token`, `ca` (a PEM file): NULL for none.
 * -EINVAL: a URL that is none. */
int top_client_new(struct top_client **ret, const char *url, const char *token, const char *ca);
void top_client_free(struct top_client *client);
/*
 * Waits for the agent, some seconds at most; `model` holds a part of what it says if that fails.
 * Errors with the reason in `error`, in text that a peer may have chosen: -ECONNREFUSED nobody
 * answers, -EACCES it wants a token, -EPROTO the answer is no agent's, -EMSGSIZE it is longer than
 * any agent's.
 */
int top_client_ask(struct top_client *client, struct top_model *model, char *error, size_t size);
/* What /healthz says, cut to `size`: 0 it is well, 1 it is not. Waits and errors as
 * top_client_ask(). */
int top_client_health(
    struct top_client *client, char *text, size_t size, char *error, size_t error_size);

#endif
