/* SPDX-License-Identifier: BSD-2-Clause */
#include "network/http_client.h"

#define CONNECTING_WAIT_MS 50
#define LONGEST_WAIT_MS    60000

#define SET(option, value) (code = code ? code : curl_easy_setopt(curl, option, value))

CURLcode http_client_init(CURL *curl, const char *ca, char *error)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs must not hold an end up */
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_USERAGENT, "crosstap/" CROSSTAP_VERSION);
	SET(CURLOPT_ERRORBUFFER, error);
	if (ca && *ca)
		SET(CURLOPT_CAINFO, ca);
	return code;
}

CURLcode http_client_direct(CURL *curl)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	return code;
}

int http_client_wait_ms(CURL *curl)
{
	curl_off_t connected_us = 0;

	/* Zero until the connection stands, TLS included, or an old one is taken again. */
	if (curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &connected_us) != CURLE_OK)
		return CONNECTING_WAIT_MS;
	return connected_us ? LONGEST_WAIT_MS : CONNECTING_WAIT_MS;
}
