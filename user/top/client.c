/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/client.h"

#include "base/unused.h"
#include "network/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS       3000L
#define MAX_ANSWER_BYTES ((size_t)32 << 20) /* of a document; 10,000 zones need half of it */
#define MAX_HEALTH_BYTES 4096

struct top_client {
	CURL *curl;
	struct curl_slist *headers;
	char *url; /* without slashes at its end */
	char reason[CURL_ERROR_SIZE];
	size_t length;           /* of the answer so far */
	struct top_model *model; /* that takes the answer; NULL: `health` does */
	int result;              /* of what was taken; 0 or -errno */
	char health[MAX_HEALTH_BYTES + 1];
};

static int take_model(struct top_client *client, const char *data, size_t n)
{
	long code = 0;

	if (n > MAX_ANSWER_BYTES - client->length)
		return -EMSGSIZE;
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
	return code == 200 ? top_model_feed(client->model, data, n) : 0;
}

static int take_health(struct top_client *client, const char *data, size_t n)
{
	if (n > MAX_HEALTH_BYTES - client->length)
		return -EMSGSIZE;
	memcpy(client->health + client->length, data, n);
	client->health[client->length + n] = '\0';
	return 0;
}

static size_t take(char *data, size_t size UNUSED, size_t n, void *context)
{
	struct top_client *client = context;

	client->result = client->model ? take_model(client, data, n) : take_health(client, data, n);
	client->length += n;
	return client->result < 0 ? CURL_WRITEFUNC_ERROR : n;
}

static int set_token(struct top_client *client, const char *token)
{
	char *header = NULL;

	if (asprintf(&header, "Authorization: Bearer %s", token) < 0)
		return -ENOMEM;
	client->headers = curl_slist_append(NULL, header);
	explicit_bzero(header, strlen(header));
	free(header);
	return client->headers ? 0 : -ENOMEM;
}

/* The token goes to this place only. */
static int set_options(struct top_client *client, const char *ca)
{
	CURL *curl = client->curl;
	CURLcode code = http_client_init(curl, ca, client->reason);

#define SET(option, value) (code = code ? code : curl_easy_setopt(curl, option, value))
	code = code ? code : http_client_direct(curl);
	SET(CURLOPT_DEFAULT_PROTOCOL, "http");
	SET(CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	SET(CURLOPT_HTTPHEADER, client->headers);
	SET(CURLOPT_WRITEFUNCTION, take);
	SET(CURLOPT_WRITEDATA, client);
#undef SET
	return code ? -ENOMEM : 0;
}

int top_client_new(struct top_client **ret, const char *url, const char *token, const char *ca)
{
	struct top_client *client = calloc(1, sizeof(*client));
	size_t length = strlen(url);
	int r = -ENOMEM;

	if (!client)
		return r;
	while (length && url[length - 1] == '/')
		length--;
	client->url = strndup(url, length);
	client->curl = curl_easy_init();
	if (client->url && client->curl)
		r = length ? 0 : -EINVAL;
	if (r == 0 && token)
		r = set_token(client, token);
	if (r == 0)
		r = set_options(client, ca);
	if (r < 0) {
		top_client_free(client);
		return r;
	}
	*ret = client;
	return 0;
}

void top_client_free(struct top_client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	curl_slist_free_all(client->headers);
	free(client->url);
	free(client);
}

static int refuse(struct top_client *client, const char *path, char *error, size_t size)
{
	if (client->result == -EMSGSIZE)
		snprintf(error, size, "%s%s answers more than any agent does, and was cut off",
		    client->url, path);
	else
		snprintf(error, size, "%s%s answers, and not as an agent does", client->url, path);
	return client->result;
}

/* The status code, or -errno. */
static long get(struct top_client *client, const char *path, char *error, size_t size)
{
	char *url = NULL;
	long code = 0;
	CURLcode result;

	if (asprintf(&url, "%s%s", client->url, path) < 0)
		return -ENOMEM;
	client->length = 0;
	client->result = 0;
	client->health[0] = '\0';
	client->reason[0] = '\0';
	result = curl_easy_setopt(client->curl, CURLOPT_URL, url);
	if (result == CURLE_OK)
		result = curl_easy_perform(client->curl);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
	free(url);
	if (client->result < 0)
		return refuse(client, path, error, size);
	if (result == CURLE_OK)
		return code;
	/* A page of HTTPS ends a connection that begins with words. */
	snprintf(error, size, "no agent answers at %s: %s%s", client->url,
	    *client->reason ? client->reason : curl_easy_strerror(result),
	    result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR
		? " (with http.tls: --url https://...)"
		: "");
	return result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL
	    ? -EINVAL
	    : -ECONNREFUSED;
}

/* 0; 1: there is no such document (404). */
static int get_document(struct top_client *client, const char *path, enum top_document document,
    char *error, size_t size)
{
	long code;

	top_model_begin(client->model, document);
	code = get(client, path, error, size);
	if (code < 0)
		return (int)code;
	if (code == 401) {
		snprintf(
		    error, size, "the agent at %s wants its token: --token-file FILE", client->url);
		return -EACCES;
	}
	if (code == 404)
		return 1;
	if (code == 200 && top_model_end(client->model) == 0)
		return 0;
	snprintf(
	    error, size, "%s%s answers %ld, and not as an agent does", client->url, path, code);
	return -EPROTO;
}

int top_client_ask(struct top_client *client, struct top_model *model, char *error, size_t size)
{
	static const char *const paths[TOP_DOCUMENTS] = {
	    [TOP_STATUS] = "/api/v1/status",
	    [TOP_WINDOW] = "/api/v1/window",
	    [TOP_CROSSCHECK] = "/api/v1/crosscheck",
	    [TOP_RESOLVERS] = "/api/v1/resolvers",
	};

	top_model_clear(model);
	client->model = model;
	for (unsigned i = 0; i < TOP_DOCUMENTS; i++) {
		const int r = get_document(client, paths[i], i, error, size);

		if (r < 0)
			return r;
		if (r > 0 && (i == TOP_STATUS || i == TOP_WINDOW)) {
			snprintf(error, size, "%s is not an agent's address: it has no %s",
			    client->url, paths[i]);
			return -EPROTO;
		}
	}
	return 0;
}

int top_client_health(
    struct top_client *client, char *text, size_t size, char *error, size_t error_size)
{
	long code;

	client->model = NULL;
	code = get(client, "/healthz", error, error_size);
	if (code < 0)
		return (int)code;
	if (code != 200 && code != 503) {
		snprintf(error, error_size, "%s/healthz answers %ld, and not as an agent does",
		    client->url, code);
		return -EPROTO;
	}
	snprintf(text, size, "%s", client->health);
	return code != 200;
}
