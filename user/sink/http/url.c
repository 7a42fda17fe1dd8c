/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/http/url.h"

#include "base/arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *http_url_public(struct arena *arena, const char *text)
{
	CURLU *url = curl_url();
	char *clean = NULL, *copy;
	size_t length;

	if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
		curl_url_set(url, CURLUPART_USER, NULL, 0);
		curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(url, CURLUPART_QUERY, NULL, 0);
		curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
		if (curl_url_get(url, CURLUPART_URL, &clean, 0))
			clean = NULL;
	}
	length = clean ? strlen(clean) : 0;
	while (length && clean[length - 1] == '/')
		length--;
	copy = clean ? arena_strndup(arena, clean, length) : arena_strdup(arena, "?");
	curl_free(clean);
	curl_url_cleanup(url);
	return copy;
}

/* "p" and "password" are InfluxDB's. */
static bool is_secret(const char *parameter)
{
	static const char *const names[] = {
	    "p=", "password=", "token=", "key=", "api_key=", "apikey="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncasecmp(parameter, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

char *http_url_query(struct arena *arena, const char *text)
{
	CURLU *url = curl_url();
	char *query = NULL, *copy, *out, *next;

	if (!url || curl_url_set(url, CURLUPART_URL, text, 0) ||
	    curl_url_get(url, CURLUPART_QUERY, &query, 0))
		query = NULL;
	copy = out = arena_strdup(arena, query ? query : "");
	for (char *at = copy; at && *at; at = next) {
		const size_t length = strcspn(at, "&") + 1;

		next = at[length - 1] ? at + length : at + length - 1;
		if (is_secret(at))
			continue;
		memmove(out, at, (size_t)(next - at));
		out += next - at;
	}
	if (out)
		*out = '\0';
	curl_free(query);
	curl_url_cleanup(url);
	return copy;
}

const char *http_url_problem(const char *text)
{
	CURLU *url = curl_url();
	const bool is_one = !url || curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;

	curl_url_cleanup(url);
	return is_one ? NULL
		      : "`url` cannot be read: its port is 65535 at most, and an IPv6 address "
			"stands in brackets";
}

void http_url_origin(const char *text, char *ret, size_t size)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;

	snprintf(ret, size, "an output");
	if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
		snprintf(ret, size, "%s://%s:%s", scheme, host, port);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
}

int http_url_append(CURLU *url, const char *path)
{
	char *prefix, *whole;
	size_t length;
	CURLUcode code;

	if (curl_url_get(url, CURLUPART_PATH, &prefix, 0))
		return -EINVAL;
	length = strlen(prefix);
	while (length && prefix[length - 1] == '/')
		length--;
	if (asprintf(&whole, "%.*s%s", (int)length, prefix, path) < 0)
		whole = NULL;
	curl_free(prefix);
	if (!whole)
		return -ENOMEM;
	code = curl_url_set(url, CURLUPART_PATH, whole, 0);
	free(whole);
	return code ? -ENOMEM : 0;
}

int http_url_add_query(CURLU *url, const char *key, const char *value)
{
	char *part;
	CURLUcode code;

	if (!value[0])
		return 0;
	if (asprintf(&part, "%s=%s", key, value) < 0)
		return -ENOMEM;
	code = curl_url_set(url, CURLUPART_QUERY, part, CURLU_APPENDQUERY | CURLU_URLENCODE);
	free(part);
	return code ? -ENOMEM : 0;
}
