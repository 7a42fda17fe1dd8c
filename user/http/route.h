/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the answer to a request, by method and path. */
#ifndef CROSSTAP_HTTP_ROUTE_H
#define CROSSTAP_HTTP_ROUTE_H

#include "http/access.h"
#include "http/event_streams.h"
#include "http/http.h"
#include "http/places.h"
#include "http/shared.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct route_context {
	struct report *report;
	struct http_hooks hooks;
	const struct access *access;
	struct places *places;
	struct event_streams *streams;
	struct shared_answers shared;
	bool local_only;              /* refuse hosts that access_host_is_local() does not know */
	_Atomic size_t metrics_bytes; /* of /metrics, made and not yet read; outlives `shared` */
};

/* Called when a request's headers have come. True if no proxy and no server would agree on where it
 * ends or whom it is for (RFC 9112 sections 3.2 and 6.3): it is answered 400, and its connection
 * ends with that. */
bool route_refuses(
    struct route_context *context, struct MHD_Connection *connection, enum MHD_Result *ret);
/* Called when a request is complete. `place`: of its connection. */
enum MHD_Result route_request(struct route_context *context, struct MHD_Connection *connection,
    struct place *place, const char *path, const char *method);

#endif
