/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/top_client.h"

#include "network/http_client.h"
#include "base/unused.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS       3000L
#define MAX_ANSWER_BYTES ((size_t)64 << 20)

struct top_client {
	CURL *curl;
	struct curl_slist *headers;
	char *url; /* without slashes at its end */
	char reason[CURL_ERROR_SIZE];
	char *text; /* of the answer being read */
	size_t length;
};

static size_t take(char *data, size_t size UNUSED, size_t n, void *context)
{
	struct top_client *client = context;
	char *text;

	if (n > MAX_ANSWER_BYTES - client->length)
		return 0;
	text = realloc(client->text, client->length + n + 1);
	if (!text)
		return 0;
	memcpy(text + client->length, data, n);
	client->text = text;
	client->length += n;
	return n;
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
	free(client->text);
	free(client);
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
	client->reason[0] = '\0';
	result = curl_easy_setopt(client->curl, CURLOPT_URL, url);
	if (result == CURLE_OK)
		result = curl_easy_perform(client->curl);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
	free(url);
	if (result == CURLE_OK)
		return code;
	snprintf(error, size, "no agent answers at %s: %s", client->url,
	    *client->reason ? client->reason : curl_easy_strerror(result));
	return result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL
	    ? -EINVAL
	    : -ECONNREFUSED;
}

/* `*ret` is NULL after a 404. */
static int get_json(
    struct top_client *client, const char *path, json_t **ret, char *error, size_t size)
{
	long code = get(client, path, error, size);
	json_t *json;

	if (code < 0)
		return (int)code;
	*ret = NULL;
	if (code == 401) {
		snprintf(
		    error, size, "the agent at %s wants its token: --token-file FILE", client->url);
		return -EACCES;
	}
	if (code == 404)
		return 0;
	json = code == 200 ? json_loadb(client->text ? client->text : "", client->length, 0, NULL)
			   : NULL;
	if (!json_is_object(json)) {
		snprintf(error, size, "%s%s answers %ld, and not as an agent does", client->url,
		    path, code);
		json_decref(json);
		return -EPROTO;
	}
	*ret = json;
	return 0;
}

int top_client_ask(struct top_client *client, struct top_answer *ret, char *error, size_t size)
{
	struct top_answer answer = {0};
	int r = get_json(client, "/api/v1/status", &answer.status, error, size);

	if (r == 0)
		r = get_json(client, "/api/v1/window", &answer.window, error, size);
	if (r == 0)
		r = get_json(client, "/api/v1/crosscheck", &answer.crosscheck, error, size);
	if (r == 0 && (!answer.status || !answer.window)) {
		snprintf(error, size, "%s is not an agent's address: it has no /api/v1/status",
		    client->url);
		r = -EPROTO;
	}
	if (r < 0) {
		top_answer_done(&answer);
		return r;
	}
	*ret = answer;
	return 0;
}

int top_client_health(
    struct top_client *client, char *text, size_t size, char *error, size_t error_size)
{
	const long code = get(client, "/healthz", error, error_size);

	if (code < 0)
		return (int)code;
	if (code != 200 && code != 503) {
		snprintf(error, error_size, "%s/healthz answers %ld, and not as an agent does",
		    client->url, code);
		return -EPROTO;
	}
	snprintf(text, size, "%.*s", (int)client->length, client->text ? client->text : "");
	return code != 200;
}

void top_answer_done(struct top_answer *answer)
{
	json_decref(answer->status);
	json_decref(answer->window);
	json_decref(answer->crosscheck);
	*answer = (struct top_answer){0};
}
