/* SPDX-License-Identifier: BSD-2-Clause */
/* What `crosstap top` asks a running agent. */
#ifndef CROSSTAP_COMMAND_TOP_CLIENT_H
#define CROSSTAP_COMMAND_TOP_CLIENT_H

#include <jansson.h>
#include <stddef.h>

struct top_client;

/* JSON documents of the agent (http/http.h); who holds them frees them with top_answer_done(). */
struct top_answer {
	json_t *status, *window;
	json_t *crosscheck; /* NULL: there is none */
};

/* `url`: where the agent listens, without a path. `token`, `ca` (a PEM file): NULL for none.
 * -EINVAL: a URL that is none. */
int top_client_new(struct top_client **ret, const char *url, const char *token, const char *ca);
void top_client_free(struct top_client *client);
/* Waits for the agent, some seconds at most. Errors with the reason in `error`, in text that a peer
 * may have chosen: -ECONNREFUSED nobody answers, -EACCES it wants a token, -EPROTO the answer is no
 * agent's. */
int top_client_ask(struct top_client *client, struct top_answer *ret, char *error, size_t size);
/* What /healthz says, cut to `size`: 0 it is well, 1 it is not. Waits and errors as
 * top_client_ask(). */
int top_client_health(
    struct top_client *client, char *text, size_t size, char *error, size_t error_size);
void top_answer_done(struct top_answer *answer);

#endif
