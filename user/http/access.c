/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/access.h"

#include "base/secret_file.h"
#include "config/parse/texts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX 1024
#define SPACES    " \t\r\n"

/* RFC 4648 section 4. */
static char *base64(const char *text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = (const uint8_t *)text;
	size_t length = strlen(text);
	char *out = malloc((length + 2) / 3 * 4 + 1), *at = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < length; i += 3) {
		uint32_t group = (uint32_t)in[i] << 16;

		if (i + 1 < length)
			group |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < length)
			group |= in[i + 2];
		*at++ = digits[group >> 18];
		*at++ = digits[group >> 12 & 63];
		*at++ = (char)(i + 1 < length ? digits[group >> 6 & 63] : '=');
		*at++ = (char)(i + 2 < length ? digits[group & 63] : '=');
	}
	*at = '\0';
	return out;
}

/* Printable ASCII without spaces, since it stands in a header. */
static bool is_token(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return length >= SECRET_LEAST_BYTES && length <= TOKEN_MAX;
}

static void trim(char *text)
{
	size_t skip = strspn(text, SPACES), length = strlen(text);

	while (length > skip && strchr(SPACES, text[length - 1]))
		length--;
	memmove(text, text + skip, length - skip);
	memset(text + length - skip, 0, strlen(text + length - skip));
}

int access_init(struct access *access, const char *path, char *error, size_t size)
{
	char user[sizeof(ACCESS_USER) + 1 + TOKEN_MAX], *token = NULL;
	int r;

	memset(access, 0, sizeof(*access));
	if (!*path)
		return 0;
	r = secret_file_read(&token, path, true, error, size);
	if (r < 0)
		return r;
	trim(token);
	if (!is_token(token)) {
		snprintf(error, size, "%s: a token is %d to %d printable ASCII characters", path,
		    SECRET_LEAST_BYTES, TOKEN_MAX);
		secret_free(token);
		return -EINVAL;
	}
	snprintf(user, sizeof(user), "%s:%s", ACCESS_USER, token);
	access->bearer = token;
	access->basic = base64(user);
	explicit_bzero(user, sizeof(user));
	if (access->basic)
		return 0;
	access_done(access);
	snprintf(error, size, "%s", strerror(ENOMEM));
	return -ENOMEM;
}

void access_done(struct access *access)
{
	secret_free(access->bearer);
	secret_free(access->basic);
	memset(access, 0, sizeof(*access));
}

bool access_equal(const struct access *a, const struct access *b)
{
	if (!a->bearer || !b->bearer)
		return a->bearer == b->bearer;
	return secret_equal(a->bearer, b->bearer);
}

/* What follows `scheme` and spaces, or NULL (RFC 9110 section 11.4: without case). */
static const char *after_scheme(const char *text, const char *scheme)
{
	size_t length = strlen(scheme);

	if (strncasecmp(text, scheme, length) != 0 || text[length] != ' ')
		return NULL;
	return text + length + strspn(text + length, " ");
}

bool access_allows(const struct access *access, const char *authorization)
{
	const char *value;

	if (!access->bearer)
		return true;
	if (!authorization)
		return false;
	value = after_scheme(authorization, "Bearer");
	if (value)
		return secret_equal(value, access->bearer);
	value = after_scheme(authorization, "Basic");
	return value && secret_equal(value, access->basic);
}

static bool is_port(const char *text)
{
	return *text == '\0' || (*text == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

static bool is_local_name(const char *name)
{
	static const char local[] = "localhost";
	size_t length = strlen(name), n = sizeof(local) - 1;

	if (length && name[length - 1] == '.')
		length--;
	return length >= n && strncasecmp(name + length - n, local, n) == 0 &&
	    (length == n || name[length - n - 1] == '.');
}

bool access_host_is_local(const char *host)
{
	char name[256];
	const bool bracket = *host == '[';
	size_t length = bracket ? strcspn(host, "]") : strcspn(host, ":");
	uint8_t address[16];

	if (length >= sizeof(name) || (bracket && host[length] != ']'))
		return false;
	memcpy(name, host + bracket, length - bracket);
	name[length - bracket] = '\0';
	if (!is_port(host + length + bracket))
		return false;
	if (bracket)
		return inet_pton(AF_INET6, name, address) == 1;
	return inet_pton(AF_INET, name, address) == 1 || is_local_name(name);
}
