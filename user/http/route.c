/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/route.h"

#include "base/unused.h"
#include "base/clock.h"
#include "http/page.h"
#include "http/prometheus.h"
#include "http/status.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JSON_TYPE     "application/json"
#define REASONS_BYTES 4096

struct answer {
	unsigned code;
	const char *type;
	char *text; /* from malloc; NULL: `data` */
	const void *data;
	size_t length;
};

static struct answer constant(unsigned code, const char *json)
{
	return (struct answer){code, JSON_TYPE, NULL, json, strlen(json)};
}

static struct answer document(char *json)
{
	if (!json)
		return constant(MHD_HTTP_INTERNAL_SERVER_ERROR, "{\"error\": \"no memory\"}\n");
	return (struct answer){MHD_HTTP_OK, JSON_TYPE, json, NULL, strlen(json)};
}

static struct answer get_metrics(struct route_context *context, const char *name UNUSED)
{
	struct answer answer = {MHD_HTTP_OK, PROMETHEUS_TYPE, NULL, NULL, 0};

	if (prometheus_text(context->report, &answer.text, &answer.length) < 0)
		return document(NULL);
	return answer;
}

static struct answer get_health(struct route_context *context, const char *name UNUSED)
{
	static const char format[] = "{\"status\": \"failing\", \"reasons\": %s}\n";
	char reasons[REASONS_BYTES] = "[]", *text = NULL;
	struct answer answer;

	if (!context->hooks.healthy ||
	    context->hooks.healthy(context->hooks.context, reasons, sizeof(reasons)))
		return constant(MHD_HTTP_OK, "{\"status\": \"ok\"}\n");
	if (asprintf(&text, format, reasons) < 0)
		text = NULL;
	answer = document(text);
	answer.code = MHD_HTTP_SERVICE_UNAVAILABLE;
	return answer;
}

static struct answer get_window(struct route_context *context, const char *name UNUSED)
{
	return document(report_window_json(context->report));
}

static struct answer get_status(struct route_context *context, const char *name UNUSED)
{
	struct report_status *status = NULL;
	char *json = NULL;

	if (report_get_status(context->report, &status) == 0)
		json = status_json(status, clock_wall_ns(&clock_system));
	report_status_free(status);
	return document(json);
}

static struct answer get_document(struct route_context *context, const char *name)
{
	char *json = NULL;

	if (context->hooks.document)
		json = context->hooks.document(context->hooks.context, name);
	if (!json)
		return constant(MHD_HTTP_NOT_FOUND, "{\"error\": \"nothing to show yet\"}\n");
	return document(json);
}

static const struct route {
	const char *path, *name;
	struct answer (*get)(struct route_context *context, const char *name);
} routes[] = {
    {"/metrics", NULL, get_metrics},
    {"/healthz", NULL, get_health},
    {"/api/v1/window", NULL, get_window},
    {"/api/v1/status", NULL, get_status},
    {"/api/v1/crosscheck", "crosscheck", get_document},
    {"/api/v1/resolvers", "resolvers", get_document},
    {"/api/v1/config", "config", get_document},
};

_Static_assert(sizeof(routes) / sizeof(routes[0]) <= SHARED_ANSWERS, "each route may be shared");

/* NULL: it is none of them. */
static const struct route *find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(path, routes[i].path) == 0)
			return &routes[i];
	}
	return NULL;
}

static struct answer get_file(const char *path)
{
	const struct page_file *file = page_find(path);

	if (file)
		return (struct answer){MHD_HTTP_OK, file->type, NULL, file->data, file->size};
	return constant(MHD_HTTP_NOT_FOUND, "{\"error\": \"no such page\"}\n");
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
	const char *host =
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	const char *authorization =
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

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
	else
		*ret = constant(
		    MHD_HTTP_UNAUTHORIZED, "{\"error\": \"needs the token of http.token_file\"}\n");
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
	/* What follows on such a connection may be another's request. */
	if (answer->code == MHD_HTTP_BAD_REQUEST)
		ok = ok &&
		    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") ==
			MHD_YES;
	return ok;
}

/* Takes over the answer's text; NULL: no memory. */
static struct MHD_Response *make_response(const struct answer *answer)
{
	struct MHD_Response *response;

	/* libmicrohttpd does not write to what it must not free. */
	response = answer->text
	    ? MHD_create_response_from_buffer(answer->length, answer->text, MHD_RESPMEM_MUST_FREE)
	    : MHD_create_response_from_buffer(
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

static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct answer *answer)
{
	struct MHD_Response *response = make_response(answer);
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
	const size_t i = (size_t)(route - routes);
	const bool crowded = places_crowded(context->places);
	struct MHD_Response *response;
	struct answer answer;
	enum MHD_Result result;

	if (crowded && shared_queue(&context->shared, i, connection, now_ns, &result))
		return result;
	answer = route->get(context, route->name);
	if (!crowded)
		return send_answer(connection, &answer);
	response = make_response(&answer);
	if (!response)
		return MHD_NO;
	result = MHD_queue_response(connection, answer.code, response);
	shared_keep(&context->shared, i, response, answer.code, now_ns);
	return result;
}

enum MHD_Result route_request(struct route_context *context, struct MHD_Connection *connection,
    const char *path, const char *method)
{
	const struct route *route = find_route(path);
	struct answer answer;

	if (!may_ask(context, connection, path, method, &answer))
		return send_answer(connection, &answer);
	if (route)
		return send_route(context, connection, route);
	answer = get_file(path);
	return send_answer(connection, &answer);
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

bool route_refuses(struct MHD_Connection *connection, enum MHD_Result *ret)
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
	*ret = send_answer(connection, &answer);
	return true;
}
