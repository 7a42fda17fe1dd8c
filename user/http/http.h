/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room shows the agent over HTTP, to people, Prometheus and scripts. The main thread starts
 * and stops it. It listens on every address of its name; for each one thread of libmicrohttpd
 * answers, asleep in epoll while nobody asks, and reads the report by the functions that any thread
 * may call.
 *
 *   GET /                    the status page (its files are part of the program)
 *   GET /metrics             Prometheus text format 0.0.4, see prometheus.h
 *   GET /healthz             200 {"status": "ok", "verdict": "socket-loss"}, or 503 {"status":
 *                            "failing", "verdict": ..., "reasons": [...]}; a verdict is what the
 *                            cross-check found, no fault of the agent: null where none is made
 *   GET /api/v1/window       the last closed window: report_window_json()
 *   GET /api/v1/status       the agent: see status.h
 *   GET /api/v1/history      what is remembered: history/history.h; ?from=&to=&step=&names=
 *   GET /api/v1/events       server-sent events of windows and of what happened: event_streams.h
 *   GET /api/v1/crosscheck   what the document hook gives; 404 while there is nothing
 *   GET /api/v1/resolvers    likewise
 *   GET /api/v1/config       likewise: what each stage has in force, without secrets
 *
 * Slow connections cannot keep others out: places.h says who has which, and for how long.
 *
 * HEAD is answered as GET without a body, other methods by 405. Errors are {"error": "..."}.
 *
 * With http.token_file every route but /healthz wants `Authorization: Bearer TOKEN`, or, for
 * browsers, Basic with the user `crosstap` and the token as password. On a loopback address without
 * a token, a Host header that is neither an address nor a name of loopback is refused: a web page
 * that rebinds its own name to 127.0.0.1 must not read this (DNS rebinding).
 */
#ifndef CROSSTAP_HTTP_HTTP_H
#define CROSSTAP_HTTP_HTTP_H

#include "config/config.h"
#include "report/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

/* Called in HTTP's threads; NULL members do nothing. */
struct http_hooks {
	/* False: writes why as the text of a JSON array of strings. NULL: always healthy. */
	bool (*healthy)(void *context, char *reasons_json, size_t size);
	/* "crosscheck", "resolvers", "config": a JSON document to free(), or NULL: there is none
	 * (404). */
	char *(*document)(void *context, const char *name);
	void *context;
};

/*
 * Listens and starts. Addresses of the name that this host does not have are passed over: `error`
 * names them then, and is empty otherwise. `report` and what `hooks` refers to outlive it; `config`
 * need not. *ret is NULL where http.listen is `off`. Errors with the reason in `error`: those of
 * the socket; -EPERM: others may read the token or the key; -EINVAL: a token, certificate or key
 * that is none.
 */
int http_new(struct http **ret, const struct config *config, struct report *report,
    const struct http_hooks *hooks, char *error, size_t size);
/* True if `config` comes to the same socket, token and certificate, files' contents included. Takes
 * NULL (off). If not: http_free(), then http_new(), since both may want one port. */
bool http_matches(const struct http *http, const struct config *config);
/* Streams of events end at once, and no other begins; all else is answered as before. Takes NULL.
 */
void http_end_streams(struct http *http);
/* Ends running requests. Takes NULL. */
void http_free(struct http *http);
/* When its certificate ends, in seconds since 1970; 0: no TLS. */
int64_t http_certificate_end_s(const struct http *http);
/* Others than this host's own can reach it, and none of them needs a token. */
bool http_is_open(const struct http *http);
/* The port, which the kernel chose if the configuration says 0. */
unsigned http_port(const struct http *http);

#endif
