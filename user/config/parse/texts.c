/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/parse/texts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define LETTERS       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS        "0123456789"
#define MAX_NAME      253 /* RFC 1035 2.3.4, as text */
#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path))
#define MAX_NUMBER    5 /* digits of a port */

/* Bytes of the UTF-8 sequence at `p`, 0 for none. RFC 3629: no surrogates, nothing overlong. */
static size_t utf8_length(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((p[0] & 0xf0) == 0xe0) {
		if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

/* Controls of C0, DEL and C1, the line breaks U+2028 and U+2029, and what YAML 1.1 (5.1) does not
 * let a file hold: U+FEFF, U+FFFE, U+FFFF. */
static bool is_control(const unsigned char *p)
{
	if (*p < 0x20 || *p == 0x7f)
		return true;
	if (p[0] == 0xc2)
		return p[1] < 0xa0;
	if (p[0] == 0xe2)
		return p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
	return p[0] == 0xef && ((p[1] == 0xbb && p[2] == 0xbf) || (p[1] == 0xbf && p[2] >= 0xbe));
}

const char *text_check_clean(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = utf8_length(p);

		if (!n)
			return "is not UTF-8";
		if (is_control(p))
			return "holds a control character";
		p += n;
	}
	return NULL;
}

static const char *check_port(const char *text)
{
	size_t length = strlen(text);
	long port = length <= MAX_NUMBER ? strtol(text, NULL, 10) : 0;

	if (!length || strspn(text, DIGITS) != length || port < 1 || port > UINT16_MAX)
		return "needs a port from 1 to 65535 after the last colon";
	return NULL;
}

static const char *check_host(const char *host)
{
	size_t length = strlen(host);
	struct in_addr address;

	if (!length)
		return "needs an address before the colon";
	if (strspn(host, DIGITS ".") == length)
		return inet_pton(AF_INET, host, &address) == 1
		    ? NULL
		    : "is not an IPv4 address and a port";
	if (length > MAX_NAME || strspn(host, LETTERS DIGITS "-._") != length)
		return "is not HOST:PORT or [IPV6]:PORT";
	return NULL;
}

static const char *check_bracketed(const char *text)
{
	const char *end = strchr(text, ']');
	size_t length = end ? (size_t)(end - text) - 1 : 0;
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	struct in6_addr address;
	char *scope;

	if (!end || end[1] != ':' || !length || length >= sizeof(host))
		return "is not [IPV6]:PORT";
	memcpy(host, text + 1, length);
	host[length] = '\0';
	scope = strchr(host, '%');
	if (scope)
		*scope = '\0';
	if (inet_pton(AF_INET6, host, &address) != 1)
		return "is not an IPv6 address in brackets";
	return check_port(end + 2);
}

const char *text_check_endpoint(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[MAX_NAME + 2];
	size_t length;
	const char *problem;

	if (*text == '[')
		return check_bracketed(text);
	if (!colon)
		return "needs a port, as in 127.0.0.1:6000";
	length = (size_t)(colon - text);
	if (memchr(text, ':', length))
		return "needs brackets around the IPv6 address, as in [::1]:6000";
	if (length >= sizeof(host))
		return "has a host name over 253 characters";
	memcpy(host, text, length);
	host[length] = '\0';
	problem = check_host(host);
	return problem ? problem : check_port(colon + 1);
}

const char *text_check_tee(const char *text)
{
	static const char path[] = "unix:", tcp[] = "tcp:";

	if (strncmp(text, tcp, sizeof(tcp) - 1) == 0)
		return text_check_endpoint(text + sizeof(tcp) - 1);
	if (*text && strncmp(text, path, sizeof(path) - 1) != 0)
		return "is not unix:PATH or tcp:HOST:PORT";
	if (*text && text[sizeof(path) - 1] != '/')
		return "needs an absolute path, as in unix:/run/reader.sock";
	return strlen(text) < sizeof(path) - 1 + UNIX_PATH_MAX
	    ? NULL
	    : "has a path over 107 bytes, which no socket can have";
}

const char *text_check_listen(const char *text)
{
	return strcmp(text, "off") == 0 ? NULL : text_check_endpoint(text);
}

const char *text_check_secret(const char *text)
{
	return *text && strlen(text) < SECRET_LEAST_BYTES
	    ? "is a secret of fewer than 4 bytes, which messages could not be kept free of"
	    : NULL;
}

/* Bytes of the password before the host, with %XX as one; 0: there is none. */
static size_t password_length(const char *host)
{
	const char *end = host + strcspn(host, "/?#"),
		   *at = memrchr(host, '@', (size_t)(end - host)),
		   *p = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
	size_t n = 0;

	for (; p && ++p < at; n++) {
		if (*p == '%' && at - p > 2)
			p += 2;
	}
	return n;
}

const char *text_check_url(const char *text)
{
	const char *host;
	size_t password;

	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		return "is not a URL that begins with http:// or https://";
	host = strstr(text, "://") + 3;
	if (!strcspn(host, "/?#"))
		return "is a URL without a host";
	if (strpbrk(text, " \"<>\\^`{|}"))
		return "is a URL with a character that must be percent-encoded";
	password = password_length(host);
	if (password && password < SECRET_LEAST_BYTES)
		return "is a URL with a password of fewer than 4 bytes, which messages could not "
		       "be kept free of";
	return NULL;
}

/* Where an account's key goes: never in the clear. */
const char *text_check_database_url(const char *text)
{
	static const char placeholder[] = "{edition}";
	const char *at = strstr(text, placeholder);
	char plain[4096];

	if (strncmp(text, "https://", 8) != 0)
		return "is not a URL that begins with https://";
	if (at &&
	    snprintf(plain, sizeof(plain), "%.*sx%s", (int)(at - text), text,
		at + sizeof(placeholder) - 1) >= (int)sizeof(plain))
		return "is too long for a URL";
	return text_check_url(at ? plain : text);
}

const char *text_check_interface(const char *text)
{
	if (strlen(text) >= IF_NAMESIZE)
		return "is over 15 characters, too long for an interface";
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strpbrk(text, "/: "))
		return "is not the name of an interface";
	if (strcmp(text, "lo") == 0)
		return "cannot be `lo`, whose packets never cross a wire";
	if (strcmp(text, "auto") == 0)
		return "cannot stand in a list: write `interfaces: auto`";
	return NULL;
}

const char *text_check_account(const char *text)
{
	if (*text == '-' || strspn(text, LETTERS DIGITS "_.-$@\\") != strlen(text))
		return "is not the name or number of an account";
	return NULL;
}

const char *text_check_fd_name(const char *text)
{
	return strchr(text, ':') ? "cannot hold a colon" : NULL;
}

const char *text_check_nft_counter(const char *text)
{
	const char *slash = strchr(text, '/');

	if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
		return "is not TABLE/COUNTER";
	if (strspn(text, LETTERS DIGITS "_.-/\\") != strlen(text))
		return "is not TABLE/COUNTER: an nftables identifier has letters, digits, and _ . "
		       "\\";
	return NULL;
}

/* What begins the name of a custom metric of RSSAC002. */
const char *text_check_prefix(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789")]
	    ? "is not of lower case letters and digits alone"
	    : NULL;
}

const char *text_check_edition(const char *text)
{
	if (strspn(text, LETTERS DIGITS "-") != strlen(text))
		return "is not the id of an edition, as in GeoLite2-Country";
	return NULL;
}

const char *text_check_tag_key(const char *text)
{
	static const char *const reserved[] = {"server", "zone", "transport", "family", "qtype",
	    "rcode", "opcode", "direction", "country", "asn", "rank", "kind", "interface", "reason",
	    "input", "class", "version", "code", "prefix", "trait", "range", "address", "identity",
	    "by", "certificate", "verdict", "time"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(text, reserved[i]) == 0)
			return "is a tag of the points themselves";
	}
	if (*text == '_')
		return "begins with an underscore, which InfluxDB keeps for itself";
	return NULL;
}

const char *text_check_header(const char *text)
{
	static const char *const ours[] = {"accept", "connection", "content-encoding",
	    "content-length", "content-type", "expect", "host", "transfer-encoding"};

	if (strspn(text, LETTERS DIGITS "!#$%&'*+-.^_`|~") != strlen(text))
		return "is not the name of a header";
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strcasecmp(text, ours[i]) == 0)
			return "is a header that the output sets itself";
	}
	return NULL;
}
