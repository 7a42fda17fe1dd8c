/* SPDX-License-Identifier: BSD-2-Clause */
#include "download/fetch.h"

#include "base/io.h"
#include "base/unused.h"
#include "download/unpack.h"
#include "network/http_client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PLACEHOLDER   "{edition}"
#define EXCERPT_BYTES 512 /* of an error page, to look for the word "limit" */

struct transfer {
	const struct fetch_request *request;
	CURL *curl;
	struct unpack *unpack;
	char excerpt[EXCERPT_BYTES + 1];
	size_t n_excerpt;
	int unpack_error;
	char curl_text[CURL_ERROR_SIZE];
};

static bool is_edition(const char *edition)
{
	if (!*edition)
		return false;
	for (; *edition; edition++)
		if (!isalnum((unsigned char)*edition) && *edition != '-' && *edition != '_')
			return false;
	return true;
}

int fetch_build_url(const char *template, const char *edition, char *url, size_t size)
{
	const char *place = strstr(template, PLACEHOLDER);
	size_t n = strlen(template);
	int written;

	if (!is_edition(edition) || strncasecmp(template, "https://", 8) != 0)
		return -EINVAL;
	if (place) {
		written = snprintf(url, size, "%.*s%s%s", (int)(place - template), template,
		    edition, place + sizeof(PLACEHOLDER) - 1);
	} else {
		while (n > 0 && template[n - 1] == '/')
			n--;
		written = snprintf(
		    url, size, "%.*s/%s/download?suffix=tar.gz", (int)n, template, edition);
	}
	return written < 0 || (size_t)written >= size ? -ENAMETOOLONG : 0;
}

static int write_out(void *context, const uint8_t *data, size_t n)
{
	const struct transfer *transfer = context;

	return io_write(transfer->request->fd, data, n);
}

/* The body of the last answer only: libcurl reads over those of redirects that it follows. */
static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	struct transfer *transfer = context;
	long status = 0;

	(void)size; /* always 1 */
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200) {
		transfer->unpack_error = unpack_write(transfer->unpack, (const uint8_t *)data, n);
		return transfer->unpack_error < 0 ? CURL_WRITEFUNC_ERROR : n;
	}
	if (transfer->n_excerpt < EXCERPT_BYTES) {
		size_t room = EXCERPT_BYTES - transfer->n_excerpt, taken = n < room ? n : room;

		memcpy(transfer->excerpt + transfer->n_excerpt, data, taken);
		transfer->n_excerpt += taken;
	}
	return n;
}

static int on_progress(void *context, curl_off_t down_total UNUSED, curl_off_t down UNUSED,
    curl_off_t up_total UNUSED, curl_off_t up UNUSED)
{
	const struct transfer *transfer = context;

	return transfer->request->cancel && atomic_load(transfer->request->cancel);
}

#define SET(option, value) (r = r ? r : curl_easy_setopt(curl, option, value))

static CURLcode set_target(CURL *curl, const struct fetch_request *request, char *error)
{
	CURLcode r = http_client_init(curl, request->ca, error);

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, (long)FETCH_MAX_REDIRECTS);
	if (request->user && request->password) {
		SET(CURLOPT_UNRESTRICTED_AUTH, 0L); /* to the first host alone */
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERNAME, request->user);
		SET(CURLOPT_PASSWORD, request->password);
	}
	if (request->modified_since_s > 0) {
		SET(CURLOPT_TIMECONDITION, (long)CURL_TIMECOND_IFMODSINCE);
		SET(CURLOPT_TIMEVALUE_LARGE, (curl_off_t)request->modified_since_s);
	}
	return r;
}

static CURLcode set_transfer(CURL *curl, struct transfer *transfer)
{
	CURLcode r = CURLE_OK;

	SET(CURLOPT_FILETIME, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, (long)FETCH_CONNECT_TIMEOUT);
	SET(CURLOPT_TIMEOUT, (long)FETCH_TIMEOUT);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_STALL_RATE);
	SET(CURLOPT_LOW_SPEED_TIME, (long)FETCH_STALL_TIMEOUT);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, transfer);
	SET(CURLOPT_NOPROGRESS, 0L);
	return r;
}

static enum fetch_outcome unpack_failed(
    const struct transfer *transfer, int error, struct fetch_result *ret)
{
	if (error == -EBADMSG) {
		snprintf(ret->text, sizeof(ret->text), "what came is no database: %s",
		    unpack_problem(transfer->unpack));
		return FETCH_CONTENT;
	}
	snprintf(ret->text, sizeof(ret->text), "writing the database: %s", strerrordesc_np(-error));
	return FETCH_LOCAL;
}

static enum fetch_outcome by_status(
    struct transfer *transfer, long status, struct fetch_result *ret)
{
	const char *excerpt = transfer->excerpt;

	transfer->excerpt[transfer->n_excerpt] = '\0';
	snprintf(ret->text, sizeof(ret->text), "the site answers %ld", status);
	/* The site's words: "Daily GeoIP database download limit reached". */
	if (status == 429 ||
	    (strcasestr(excerpt, "limit") &&
		(strcasestr(excerpt, "reached") || strcasestr(excerpt, "exceeded")))) {
		snprintf(ret->text, sizeof(ret->text),
		    "the site answers %ld: the account's limit of downloads is reached", status);
		return FETCH_LIMIT;
	}
	if (status == 401 || status == 403) {
		snprintf(ret->text, sizeof(ret->text),
		    "the site answers %ld: account id or licence key are refused", status);
		return FETCH_REFUSED;
	}
	if (status == 404 || status == 410)
		return FETCH_CONTENT;
	return FETCH_SITE;
}

static enum fetch_outcome judge(struct transfer *transfer, CURLcode code, struct fetch_result *ret)
{
	long status = 0, unmet = 0;
	curl_off_t modified = -1;
	int r;

	if (code == CURLE_ABORTED_BY_CALLBACK) {
		snprintf(ret->text, sizeof(ret->text), "cancelled");
		return FETCH_CANCELLED;
	}
	if (transfer->unpack_error < 0)
		return unpack_failed(transfer, transfer->unpack_error, ret);
	if (code != CURLE_OK) {
		snprintf(ret->text, sizeof(ret->text), "%s",
		    *transfer->curl_text ? transfer->curl_text : curl_easy_strerror(code));
		return code == CURLE_OUT_OF_MEMORY ? FETCH_LOCAL : FETCH_SITE;
	}
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->curl, CURLINFO_CONDITION_UNMET, &unmet);
	if (status == 304 || (status == 200 && unmet)) {
		snprintf(ret->text, sizeof(ret->text), "there is none newer");
		return FETCH_FRESH;
	}
	if (status != 200)
		return by_status(transfer, status, ret);
	r = unpack_finish(transfer->unpack);
	if (r < 0)
		return unpack_failed(transfer, r, ret);
	if (curl_easy_getinfo(transfer->curl, CURLINFO_FILETIME_T, &modified) == CURLE_OK &&
	    modified > 0)
		ret->modified_s = modified;
	snprintf(ret->text, sizeof(ret->text), "a newer one has come");
	return FETCH_NEW;
}

enum fetch_outcome fetch_database(const struct fetch_request *request, struct fetch_result *ret)
{
	struct transfer transfer = {.request = request};
	enum fetch_outcome outcome = FETCH_LOCAL;
	CURLcode code;

	*ret = (struct fetch_result){.text = "no memory"};
	transfer.curl = curl_easy_init();
	if (!transfer.curl)
		return FETCH_LOCAL;
	if (unpack_new(&transfer.unpack, request->max_bytes, write_out, &transfer) < 0)
		goto out;
	code = set_target(transfer.curl, request, transfer.curl_text);
	if (code == CURLE_OK)
		code = set_transfer(transfer.curl, &transfer);
	if (code != CURLE_OK) {
		snprintf(ret->text, sizeof(ret->text), "libcurl: %s", curl_easy_strerror(code));
		goto out;
	}
	code = curl_easy_perform(transfer.curl);
	outcome = judge(&transfer, code, ret);
out:
	unpack_free(transfer.unpack);
	curl_easy_cleanup(transfer.curl);
	return outcome;
}
