/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the far end of a sink over HTTP there? One HEAD request, without credentials of ours. */
#ifndef CROSSTAP_SINK_HTTP_PROBE_H
#define CROSSTAP_SINK_HTTP_PROBE_H

#include "sink/sink.h"

struct http_probe {
	const char *url;
	const char *path; /* below the URL's own; empty: that one */
	const char *ca;
	uint64_t timeout_ns;
	bool any_answer;    /* a 4xx is fine, too */
	const char *advice; /* when the answer is none of what was asked for */
};

void http_probe_ask(const struct http_probe *probe, struct sink_finding *ret);

#endif
