/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/http/probe.h"

#include "base/clock.h"
#include "network/http_client.h"
#include "sink/http/url.h"

#include <errno.h>
#include <stdio.h>

#define LONGEST_NS (5 * (uint64_t)NS_PER_S) /* for one that does not answer */

static int set_url(CURL *easy, const struct http_probe *probe)
{
	CURLU *url = curl_url();
	char *text = NULL;
	int r = 0;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, probe->url, 0))
		r = -EINVAL;
	if (r == 0 && *probe->path)
		r = http_url_append(url, probe->path);
	if (r == 0 &&
	    (curl_url_get(url, CURLUPART_URL, &text, 0) ||
		curl_easy_setopt(easy, CURLOPT_URL, text)))
		r = -ENOMEM;
	curl_free(text);
	curl_url_cleanup(url);
	return r;
}

static int prepare(CURL *easy, const struct http_probe *probe, char *error)
{
	const uint64_t timeout_ns = probe->timeout_ns < LONGEST_NS ? probe->timeout_ns : LONGEST_NS;
	CURLcode code = http_client_init(easy, probe->ca, error);

#define SET(option, value) (code = code ? code : curl_easy_setopt(easy, option, value))
	code = code ? code : http_client_direct(easy);
	SET(CURLOPT_NOBODY, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)(timeout_ns / NS_PER_MS));
#undef SET
	return code ? -ENOMEM : set_url(easy, probe);
}

static void judge(
    const struct http_probe *probe, const char *name, long status, struct sink_finding *ret)
{
	if ((status >= 200 && status < 300) || (probe->any_answer && status < 500)) {
		ret->good = true;
		snprintf(ret->text, sizeof(ret->text), "%s answers", name);
	} else if (status == 401 || status == 403) {
		ret->good = true;
		snprintf(ret->text, sizeof(ret->text),
		    "%s answers, and wants credentials; points show whether these are right", name);
	} else {
		ret->advice = probe->advice;
		snprintf(ret->text, sizeof(ret->text), "%s answers with status %ld", name, status);
	}
}

void http_probe_ask(const struct http_probe *probe, struct sink_finding *ret)
{
	char name[300], error[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	long status = 0;
	CURLcode code;

	*ret = (struct sink_finding){0};
	http_url_origin(probe->url, name, sizeof(name));
	if (!easy || prepare(easy, probe, error) < 0) {
		snprintf(ret->text, sizeof(ret->text), "%s: no request can be made", name);
		curl_easy_cleanup(easy);
		return;
	}
	code = curl_easy_perform(easy);
	if (code == CURLE_OK) {
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		judge(probe, name, status, ret);
	} else {
		ret->unreachable = true;
		snprintf(ret->text, sizeof(ret->text), "%s: %s", name,
		    *error ? error : curl_easy_strerror(code));
	}
	curl_easy_cleanup(easy);
}
