/* SPDX-License-Identifier: BSD-2-Clause */
/* What a text of the configuration may be. Each function returns NULL for a good one, else what is
 * wrong. */
#ifndef CROSSTAP_CONFIG_PARSE_TEXTS_H
#define CROSSTAP_CONFIG_PARSE_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 (RFC 3629) without control characters. */
const char *text_check_clean(const char *text);
/* HOST:PORT or [IPV6]:PORT, port 1 to 65535; a host is an address or a name. */
const char *text_check_endpoint(const char *text);
/* unix: and an absolute path that fits a socket's address (unix(7)), or tcp: and HOST:PORT; empty:
 * nothing. */
const char *text_check_tee(const char *text);
/* The same as text_check_endpoint(), or `off`. */
const char *text_check_listen(const char *text);
#define SECRET_LEAST_BYTES 4

/* Long enough to be taken out of a message without taking the message apart. */
const char *text_check_secret(const char *text);
/* http:// or https:// and a host; a password in it is a secret. */
const char *text_check_url(const char *text);
/* https only; {edition} may be in it, once. */
const char *text_check_database_url(const char *text);
/* A network device's name: under IFNAMSIZ, no slash, no space (dev_valid_name() of the kernel); not
 * `lo`. */
const char *text_check_interface(const char *text);
/* A user's or group's name or number. */
const char *text_check_account(const char *text);
/* The name of a passed socket: no colon (sd_listen_fds_with_names(3)). */
const char *text_check_fd_name(const char *text);
/* TABLE/COUNTER of nftables. */
const char *text_check_nft_counter(const char *text);
/* An edition's id at MaxMind: letters, digits, hyphens. */
const char *text_check_edition(const char *text);
const char *text_check_prefix(const char *text);
/* A tag's key: not one of the points' own tags, not `time`, not beginning with an underscore
 * (InfluxDB's). */
const char *text_check_tag_key(const char *text);
/* The name of a header that a request may have beside those that an output sets (RFC 9110, section
 * 5.1). */
const char *text_check_header(const char *text);

#endif
