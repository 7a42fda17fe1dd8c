/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/route.h"

#include "base/unused.h"
#include "base/clock.h"
#include "http/gzip.h"
#include "http/history.h"
#include "http/negotiate.h"
#include "http/page.h"
#include "http/prometheus.h"
#include "http/status.h"

#include <stdlib.h>
#include <string.h>

#define JSON_TYPE     "application/json"
#define REASONS_BYTES 4096
/* What slow readers of /metrics may keep in memory together. */
#define METRICS_BYTES ((size_t)64 * 1024 * 1024)

struct answer {
	unsigned code;
	const char *type;
	char *text; /* from malloc; NULL: `data` */
	const void *data;
	size_t length;
	bool metrics, gzip; /* varies by what the client takes; is compressed */
};

/* Of a request. */
struct wanted {
	const char *name;              /* of a document */
	const char *accept, *encoding; /* header fields; NULL: not there */
	struct MHD_Connection *connection;
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static struct answer constant(unsigned code, const char *json)
{
	return (struct answer){
	    .code = code, .type = JSON_TYPE, .data = json, .length = strlen(json)};
}

static struct answer document(char *json)
{
	if (!json)
		return constant(MHD_HTTP_INTERNAL_SERVER_ERROR, "{\"error\": \"no memory\"}\n");
	return (struct answer){
	    .code = MHD_HTTP_OK, .type = JSON_TYPE, .text = json, .length = strlen(json)};
}

/* Uncompressed where there is no memory for both. */
static void compress(struct answer *answer)
{
	size_t length;
	char *text;

	if (gzip_make(answer->text, answer->length, &text, &length) < 0)
		return;
	free(answer->text);
	answer->text = text;
	answer->length = length;
	answer->gzip = true;
}

static struct answer get_metrics(struct route_context *context, const struct wanted *wanted)
{
	struct answer answer = {.code = MHD_HTTP_OK, .metrics = true};
	const bool open = negotiate_open_metrics(wanted->accept);

	if (atomic_load(&context->metrics_bytes) >= METRICS_BYTES)
		return constant(MHD_HTTP_SERVICE_UNAVAILABLE,
		    "{\"error\": \"earlier answers have not been read yet\"}\n");
	if (prometheus_text(context->report, open, &answer.text, &answer.length) < 0)
		return document(NULL);
	answer.type = open ? PROMETHEUS_OPEN_TYPE : PROMETHEUS_TYPE;
	if (negotiate_gzip(wanted->encoding))
		compress(&answer);
	return answer;
}

static struct answer get_health(struct route_context *context, const struct wanted *wanted UNUSED)
{
	const char *verdict = report_verdict(context->report);
	char reasons[REASONS_BYTES] = "[]", *text = NULL;
	const bool healthy = !context->hooks.healthy ||
	    context->hooks.healthy(context->hooks.context, reasons, sizeof(reasons));
	const char *quote = verdict ? "\"" : "";
	struct answer answer;

	if (!verdict)
		verdict = "null";
	if ((healthy ? asprintf(&text, "{\"status\": \"ok\", \"verdict\": %s%s%s}\n", quote,
			   verdict, quote)
		     : asprintf(&text,
			   "{\"status\": \"failing\", \"verdict\": %s%s%s, \"reasons\": %s}\n",
			   quote, verdict, quote, reasons)) < 0)
		text = NULL;
	answer = document(text);
	if (!healthy)
		answer.code = MHD_HTTP_SERVICE_UNAVAILABLE;
	return answer;
}

static struct answer get_window(struct route_context *context, const struct wanted *wanted UNUSED)
{
	return document(report_window_json(context->report));
}

static struct answer get_status(struct route_context *context, const struct wanted *wanted UNUSED)
{
	struct report_status *status = NULL;
	char *json = NULL;

	if (report_get_status(context->report, &status) == 0)
		json = status_json(status, clock_wall_ns(&clock_system));
	report_status_free(status);
	return document(json);
}

/* As large as /metrics, and so of the same bound. */
static struct answer get_history(struct route_context *context, const struct wanted *wanted)
{
	unsigned code;
	char *json;
	struct answer answer;

	if (atomic_load(&context->metrics_bytes) >= METRICS_BYTES)
		return constant(MHD_HTTP_SERVICE_UNAVAILABLE,
		    "{\"error\": \"earlier answers have not been read yet\"}\n");
	json = http_history(context->report, wanted->connection, &code);
	answer = document(json);
	if (!json)
		return answer;
	answer.code = code;
	answer.metrics = true;
	if (negotiate_gzip(wanted->encoding))
		compress(&answer);
	return answer;
}

static struct answer get_document(struct route_context *context, const struct wanted *wanted)
{
	char *json = NULL;

	if (context->hooks.document)
		json = context->hooks.document(context->hooks.context, wanted->name);
	if (!json)
		return constant(MHD_HTTP_NOT_FOUND, "{\"error\": \"nothing to show yet\"}\n");
	return document(json);
}

static const struct route {
	const char *path, *name;
	struct answer (*get)(struct route_context *context, const struct wanted *wanted);
} routes[] = {
    {"/metrics", NULL, get_metrics},
    {"/healthz", NULL, get_health},
    {"/api/v1/window", NULL, get_window},
    {"/api/v1/status", NULL, get_status},
    {"/api/v1/history", NULL, get_history},
    {"/api/v1/crosscheck", "crosscheck", get_document},
    {"/api/v1/resolvers", "resolvers", get_document},
    {"/api/v1/config", "config", get_document},
};

static struct answer get(
    struct route_context *context, struct MHD_Connection *connection, const char *path)
{
	struct wanted wanted = {.accept = header(connection, MHD_HTTP_HEADER_ACCEPT),
	    .encoding = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING),
	    .connection = connection};
	const struct page_file *file;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		wanted.name = routes[i].name;
		if (strcmp(path, routes[i].path) == 0)
			return routes[i].get(context, &wanted);
	}
	file = page_find(path);
	if (file)
		return (struct answer){.code = MHD_HTTP_OK,
		    .type = file->type,
		    .data = file->data,
		    .length = file->size};
	return constant(MHD_HTTP_NOT_FOUND, "{\"error\": \"no such page\"}\n");
}

static bool is_health(const char *path)
{
	return strcmp(path, "/healthz") == 0;
}

static struct answer answer_request(struct route_context *context,
    struct MHD_Connection *connection, const char *path, const char *method)
{
	const char *host = header(connection, MHD_HTTP_HEADER_HOST);
	const char *authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION);

	/* A browser always sends Host; scripts with HTTP/1.0 need not. */
	if (context->local_only && host && !access_host_is_local(host))
		return constant(MHD_HTTP_FORBIDDEN,
		    "{\"error\": \"this agent listens on a loopback address and has no token, so "
		    "the Host header must be an IP address or localhost (guard against DNS "
		    "rebinding); set http.token_file to use other names\"}\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return constant(
		    MHD_HTTP_METHOD_NOT_ALLOWED, "{\"error\": \"only GET and HEAD\"}\n");
	if (!is_health(path) && !access_allows(context->access, authorization))
		return constant(
		    MHD_HTTP_UNAUTHORIZED, "{\"error\": \"needs the token of http.token_file\"}\n");
	return get(context, connection, path);
}

/* An answer whose header does not fit its connection's memory ends the connection. */
static bool add_headers(struct MHD_Response *response, const struct answer *answer)
{
	static const char *const always[][2] = {
	    {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	    {"Content-Security-Policy",
		"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	    {"Cross-Origin-Resource-Policy", "same-origin"},
	    {"Referrer-Policy", "no-referrer"},
	    {"X-Content-Type-Options", "nosniff"},
	};
	bool ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) ==
	    MHD_YES;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		ok = ok && MHD_add_response_header(response, always[i][0], always[i][1]) == MHD_YES;
	if (answer->metrics)
		ok = ok &&
		    MHD_add_response_header(
			response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding") == MHD_YES;
	if (answer->gzip)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip") ==
			MHD_YES;
	if (answer->code == MHD_HTTP_METHOD_NOT_ALLOWED)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") ==
			MHD_YES;
	if (answer->code == MHD_HTTP_UNAUTHORIZED)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Basic realm=\"crosstap\"") == MHD_YES &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Bearer realm=\"crosstap\"") == MHD_YES;
	return ok;
}

/* A text of /metrics, until its last byte is sent or its reader is gone. */
struct held {
	_Atomic size_t *bytes;
	char *text;
	size_t length;
};

static void let_go(void *context)
{
	struct held *held = context;

	atomic_fetch_sub(held->bytes, held->length);
	free(held->text);
	free(held);
}

static struct MHD_Response *hold(struct route_context *context, const struct answer *answer)
{
	struct held *held = malloc(sizeof(*held));
	struct MHD_Response *response;

	if (!held)
		return NULL;
	*held = (struct held){&context->metrics_bytes, answer->text, answer->length};
	atomic_fetch_add(held->bytes, held->length);
	response = MHD_create_response_from_buffer_with_free_callback_cls(
	    held->length, held->text, let_go, held);
	if (!response) {
		atomic_fetch_sub(held->bytes, held->length);
		free(held);
	}
	return response;
}

/* NULL: the answer's text is still the caller's. */
static struct MHD_Response *respond(struct route_context *context, const struct answer *answer)
{
	if (answer->metrics)
		return hold(context, answer);
	if (answer->text)
		return MHD_create_response_from_buffer(
		    answer->length, answer->text, MHD_RESPMEM_MUST_FREE);
	/* libmicrohttpd does not write to what it must not free. */
	return MHD_create_response_from_buffer(
	    answer->length, (void *)(uintptr_t)answer->data, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result route_request(struct route_context *context, struct MHD_Connection *connection,
    const char *path, const char *method)
{
	struct answer answer = answer_request(context, connection, path, method);
	struct MHD_Response *response = respond(context, &answer);
	enum MHD_Result result = MHD_NO;

	if (!response) {
		free(answer.text);
		return MHD_NO;
	}
	if (add_headers(response, &answer))
		result = MHD_queue_response(connection, answer.code, response);
	MHD_destroy_response(response);
	return result;
}
