/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the answer to a request, by method and path. */
#ifndef CROSSTAP_HTTP_ROUTE_H
#define CROSSTAP_HTTP_ROUTE_H

#include "http/access.h"
#include "http/http.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct route_context {
	struct report *report;
	struct http_hooks hooks;
	const struct access *access;
	bool local_only;              /* refuse hosts that access_host_is_local() does not know */
	_Atomic size_t metrics_bytes; /* of /metrics, made and not yet read */
};

/* Called when a request is complete. */
enum MHD_Result route_request(struct route_context *context, struct MHD_Connection *connection,
    const char *path, const char *method);

#endif
