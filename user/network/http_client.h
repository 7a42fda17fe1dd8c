/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all HTTP requests that this program makes have in common: no signals, TLS from 1.2 on, the
 * certificate and its name are checked, and the program says who it is. libcurl tries every
 * address of a name: the first of each family at almost the same time (RFC 8305), then the others
 * in turn, each with a share of the time that is left to connect.
 */
#ifndef CROSSTAP_NETWORK_HTTP_CLIENT_H
#define CROSSTAP_NETWORK_HTTP_CLIENT_H

#include <curl/curl.h>

/* `ca`: a PEM file of the authorities to trust; NULL or empty: the system's. `error` holds
 * CURL_ERROR_SIZE bytes and outlives the handle. */
CURLcode http_client_init(CURL *curl, const char *ca, char *error);
/* For requests with credentials of the configured place only: http and https, no redirects, and no
 * proxy of the environment's. */
CURLcode http_client_direct(CURL *curl);
/* For who waits for a transfer by curl_multi_poll(): at most so many milliseconds at a time. While
 * it connects that is short: libcurl (7.88) does not watch the socket of the address that it has
 * moved on to, and looks at it only when it is called. */
int http_client_wait_ms(CURL *curl);

#endif
