/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/route.h"

#include "base/clock.h"
#include "base/unused.h"
#include "http/gzip.h"
#include "http/history.h"
#include "http/negotiate.h"
#include "http/page.h"
#include "http/prometheus.h"
#include "http/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JSON_TYPE     "application/json"
#define STREAM_TYPE   "text/event-stream"
#define STREAM_PATH   "/api/v1/events"
#define TEXT_OF(what) #what
#define TO_TEXT(what) TEXT_OF(what)
#define REASONS_BYTES 4096
/* What slow readers of /metrics may keep in memory together. */
#define METRICS_BYTES ((size_t)64 * 1024 * 1024)

struct answer {
	unsigned code;
	const char *type;
	char *text; /* from malloc; NULL: `data` */
	const void *data;
	size_t length;
	/* Is counted until it is sent; varies by what the client takes; is compressed. */
	bool metrics, varies, gzip;
	bool stream; /* is one, or says that there is no place for one */
	bool script; /* 401: to the page's own scripts, which ask for the token themselves */
};

/* Of a request. */
struct wanted {
	const char *name; /* of a document */
	bool open,
	    gzip; /* what /metrics is to be, and gzip /api/v1/history; false for the others */
	struct MHD_Connection *connection;
};
#define VARIANTS 4 /* by both */

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
	struct answer answer = {.code = MHD_HTTP_OK, .metrics = true, .varies = true};

	if (atomic_load(&context->metrics_bytes) >= METRICS_BYTES)
		return constant(MHD_HTTP_SERVICE_UNAVAILABLE,
		    "{\"error\": \"earlier answers have not been read yet\"}\n");
	if (prometheus_text(context->report, wanted->open, &answer.text, &answer.length) < 0)
		return document(NULL);
	answer.type = wanted->open ? PROMETHEUS_OPEN_TYPE : PROMETHEUS_TYPE;
	if (wanted->gzip)
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
	answer.varies = true;
	if (wanted->gzip)
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
    {"/api/v1/magnitude", "magnitude", get_document},
    {"/api/v1/config", "config", get_document},
};

_Static_assert(sizeof(routes) / sizeof(routes[0]) * VARIANTS <= SHARED_ANSWERS,
    "each variant of each route may be shared");

/* NULL: it is none of them. */
static const struct route *find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(path, routes[i].path) == 0)
			return &routes[i];
	}
	return NULL;
}

static struct wanted wanted_of(struct MHD_Connection *connection, const struct route *route)
{
	struct wanted wanted = {.name = route->name, .connection = connection};

	if (route->get == get_metrics)
		wanted.open = negotiate_open_metrics(header(connection, MHD_HTTP_HEADER_ACCEPT));
	if (route->get == get_metrics || route->get == get_history)
		wanted.gzip = negotiate_gzip(header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
	return wanted;
}

static struct answer get_file(struct MHD_Connection *connection, const char *path)
{
	const struct page_file *file = page_find(path);
	struct answer answer = {.code = MHD_HTTP_OK, .varies = true};

	if (!file)
		return constant(MHD_HTTP_NOT_FOUND, "{\"error\": \"no such page\"}\n");
	answer.type = file->type;
	answer.gzip = negotiate_gzip(header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
	answer.data = file->gzip;
	answer.length = answer.gzip ? file->gzip_size : file->size;
	if (!answer.gzip && gzip_undo(file->gzip, file->gzip_size, &answer.text, file->size) < 0)
		return document(NULL);
	return answer;
}

static bool is_health(const char *path)
{
	return strcmp(path, "/healthz") == 0;
}

/* Whoever has the token gets places of an owner's. */
static void remember_owner(struct route_context *context, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct peer peer;

	if (!context->access->bearer || !info || !info->client_addr)
		return;
	peer_of(&peer, info->client_addr);
	places_remember_owner(context->places, &peer);
}

/* Whether it may be answered; if not, *ret says why. */
static bool may_ask(struct route_context *context, struct MHD_Connection *connection,
    const char *path, const char *method, struct answer *ret)
{
	const char *host = header(connection, MHD_HTTP_HEADER_HOST);
	const char *authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION);

	/* A browser always sends Host; scripts with HTTP/1.0 need not. */
	if (context->local_only && host && !access_host_is_local(host))
		*ret = constant(MHD_HTTP_FORBIDDEN,
		    "{\"error\": \"this agent listens on a loopback address and has no token, so "
		    "the Host header must be an IP address or localhost (guard against DNS "
		    "rebinding); set http.token_file to use other names\"}\n");
	else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		*ret =
		    constant(MHD_HTTP_METHOD_NOT_ALLOWED, "{\"error\": \"only GET and HEAD\"}\n");
	else if (access_allows(context->access, authorization)) {
		remember_owner(context, connection);
		return true;
	} else if (is_health(path))
		return true;
	else {
		*ret = constant(MHD_HTTP_UNAUTHORIZED,
		    "{\"error\": \"needs the token of http.token_file: Authorization: Bearer "
		    "TOKEN, or the user " ACCESS_USER " with it as the password\"}\n");
		ret->script = header(connection, "X-Requested-With") != NULL;
	}
	return false;
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
	if (answer->varies)
		ok = ok &&
		    MHD_add_response_header(
			response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding") == MHD_YES;
	if (answer->gzip)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip") ==
			MHD_YES;
	/* nginx passes a stream on as it comes only where it is told so. */
	if (answer->stream && answer->code == MHD_HTTP_OK)
		ok = ok &&
		    MHD_add_response_header(response, "X-Accel-Buffering", "no") == MHD_YES &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") ==
			MHD_YES;
	if (answer->stream && answer->code != MHD_HTTP_OK)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER,
			TO_TEXT(EVENT_STREAMS_RETRY_S)) == MHD_YES;
	if (answer->code == MHD_HTTP_METHOD_NOT_ALLOWED)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") ==
			MHD_YES;
	/* At the word Basic a browser opens a dialogue of its own over the page, and holds the
	 * script's request meanwhile. */
	if (answer->code == MHD_HTTP_UNAUTHORIZED && !answer->script)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Basic realm=\"crosstap\"") == MHD_YES;
	if (answer->code == MHD_HTTP_UNAUTHORIZED)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Bearer realm=\"crosstap\"") == MHD_YES;
	/* What follows on such a connection may be another's request. */
	if (answer->code == MHD_HTTP_BAD_REQUEST)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") ==
			MHD_YES;
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

/* Takes over the answer's text; NULL: no memory. */
static struct MHD_Response *make_response(
    struct route_context *context, const struct answer *answer)
{
	struct MHD_Response *response;

	if (answer->metrics)
		response = hold(context, answer);
	else if (answer->text)
		response = MHD_create_response_from_buffer(
		    answer->length, answer->text, MHD_RESPMEM_MUST_FREE);
	else /* libmicrohttpd does not write to what it must not free. */
		response = MHD_create_response_from_buffer(
		    answer->length, (void *)(uintptr_t)answer->data, MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(answer->text);
		return NULL;
	}
	if (add_headers(response, answer))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

static enum MHD_Result send_answer(
    struct route_context *context, struct MHD_Connection *connection, const struct answer *answer)
{
	struct MHD_Response *response = make_response(context, answer);
	enum MHD_Result result = MHD_NO;

	if (response) {
		result = MHD_queue_response(connection, answer->code, response);
		MHD_destroy_response(response);
	}
	return result;
}

static enum MHD_Result send_route(
    struct route_context *context, struct MHD_Connection *connection, const struct route *route)
{
	const uint64_t now_ns = clock_monotonic_ns();
	/* What a request's own parameters shape is nobody else's answer. */
	const bool crowded = places_crowded(context->places) && route->get != get_history;
	const struct wanted wanted = wanted_of(connection, route);
	const size_t i = (size_t)(route - routes) * VARIANTS + (wanted.open ? 2 : 0) + wanted.gzip;
	struct MHD_Response *response;
	struct answer answer;
	enum MHD_Result result;

	shared_forget(&context->shared, now_ns);
	if (crowded && shared_queue(&context->shared, i, connection, now_ns, &result))
		return result;
	answer = route->get(context, &wanted);
	if (!crowded)
		return send_answer(context, connection, &answer);
	response = make_response(context, &answer);
	if (!response)
		return MHD_NO;
	result = MHD_queue_response(connection, answer.code, response);
	shared_keep(&context->shared, i, response, answer.code, now_ns);
	return result;
}

/* `place` NULL: the header alone. */
static enum MHD_Result send_stream(
    struct route_context *context, struct MHD_Connection *connection, struct place *place)
{
	const char *last_id = header(connection, "Last-Event-ID");
	const struct answer stream = {.code = MHD_HTTP_OK, .type = STREAM_TYPE, .stream = true};
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *response;
	struct answer full;
	int r = event_streams_open(context->streams, connection, place, last_id, &response);

	if (r == -EBUSY) {
		full = constant(
		    MHD_HTTP_SERVICE_UNAVAILABLE, "{\"error\": \"too many streams are open\"}\n");
		full.stream = true;
		return send_answer(context, connection, &full);
	}
	if (r < 0)
		return MHD_NO;
	if (add_headers(response, &stream))
		result = MHD_queue_response(connection, stream.code, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result route_request(struct route_context *context, struct MHD_Connection *connection,
    struct place *place, const char *path, const char *method)
{
	const struct route *route = find_route(path);
	struct answer answer;

	if (!may_ask(context, connection, path, method, &answer))
		return send_answer(context, connection, &answer);
	if (route)
		return send_route(context, connection, route);
	if (strcmp(path, STREAM_PATH) == 0)
		return send_stream(
		    context, connection, strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? NULL : place);
	answer = get_file(connection, path);
	return send_answer(context, connection, &answer);
}

/* Header fields that a request may have once. */
struct single_fields {
	unsigned host, length, encoding;
};

static enum MHD_Result count_field(
    void *context, enum MHD_ValueKind kind UNUSED, const char *name, const char *value UNUSED)
{
	struct single_fields *fields = context;

	fields->host += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
	fields->length += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
	fields->encoding += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
	return MHD_YES;
}

bool route_refuses(
    struct route_context *context, struct MHD_Connection *connection, enum MHD_Result *ret)
{
	struct single_fields fields = {0};
	struct answer answer;

	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_field, &fields);
	if (fields.host > 1)
		answer = constant(MHD_HTTP_BAD_REQUEST, "{\"error\": \"more than one Host\"}\n");
	else if (fields.length + fields.encoding > 1)
		answer = constant(MHD_HTTP_BAD_REQUEST,
		    "{\"error\": \"more than one Content-Length or Transfer-Encoding\"}\n");
	else
		return false;
	*ret = send_answer(context, connection, &answer);
	return true;
}
