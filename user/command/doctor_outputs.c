/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: one request to each output that is elsewhere. No point is sent. */
#include "command/doctor.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#define LONGEST_NS (5 * NS_PER_S) /* for one that does not answer */

/* Scheme, host and port: what else may be in a URL is no one's business. */
static void make_name(const char *text, char *ret, size_t size)
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

/* /ping answers 204 without credentials, in InfluxDB 1 and 2. */
static int set_url(CURL *easy, const struct config_output *output)
{
	char url[2048];
	size_t length = strlen(output->url);

	while (length && output->url[length - 1] == '/')
		length--;
	if ((size_t)snprintf(url, sizeof(url), "%.*s%s", (int)length, output->url,
		output->kind == OUTPUT_INFLUXDB ? "/ping" : "") >= sizeof(url))
		return -ENAMETOOLONG;
	return curl_easy_setopt(easy, CURLOPT_URL, url) ? -ENOMEM : 0;
}

/* As sink/http_post.c, but for the request. */
static int prepare(CURL *easy, const struct config_output *output, char *error)
{
	const uint64_t timeout_ns =
	    output->timeout_ns < LONGEST_NS ? output->timeout_ns : LONGEST_NS;
	CURLcode code = CURLE_OK;

#define SET(option, value) code = code ? code : curl_easy_setopt(easy, option, value)
	SET(CURLOPT_NOBODY, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_USERAGENT, "crosstap/" CROSSTAP_VERSION);
	SET(CURLOPT_TIMEOUT_MS, (long)(timeout_ns / NS_PER_MS));
	SET(CURLOPT_ERRORBUFFER, error);
	if (output->ca[0])
		SET(CURLOPT_CAINFO, output->ca);
#undef SET
	return code ? -ENOMEM : set_url(easy, output);
}

static void note_status(
    struct doctor *doctor, const struct config_output *output, const char *name, long status)
{
	/* OTLP answers POST alone; that it answers is all there is to see. */
	if ((status >= 200 && status < 300) || (output->kind == OUTPUT_OTLP && status < 500))
		doctor_note(doctor, DOCTOR_OK, NULL, "%s answers", name);
	else if (status == 401 || status == 403)
		doctor_note(doctor, DOCTOR_OK, NULL,
		    "%s answers, and wants credentials; points show whether these are right", name);
	else
		doctor_note(doctor, DOCTOR_WARNING,
		    output->kind == OUTPUT_INFLUXDB ? "is it an InfluxDB? see outputs.influxdb.url"
						    : "see outputs.otlp.url",
		    "%s answers with status %ld", name, status);
}

static void ask(struct doctor *doctor, const struct config_output *output)
{
	char name[300], error[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	long status = 0;
	CURLcode code;

	make_name(output->url, name, sizeof(name));
	if (!easy || prepare(easy, output, error) < 0) {
		doctor_note(doctor, DOCTOR_WARNING, NULL, "%s: no request can be made", name);
		curl_easy_cleanup(easy);
		return;
	}
	code = curl_easy_perform(easy);
	if (code == CURLE_OK) {
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		note_status(doctor, output, name, status);
	} else {
		doctor_note(doctor, DOCTOR_WARNING,
		    *doctor->config->spool_path ? "points wait in the spool until it answers"
						: "points are lost until it answers",
		    "%s: %s", name, *error ? error : curl_easy_strerror(code));
	}
	curl_easy_cleanup(easy);
}

void doctor_outputs(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	size_t asked = 0;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (size_t i = 0; i < config->n_outputs; i++) {
		if (config->outputs[i].kind == OUTPUT_FILE)
			continue;
		ask(doctor, &config->outputs[i]);
		asked++;
	}
	if (!asked)
		doctor_note(doctor, DOCTOR_OK, NULL, "none that would have to be asked");
}
