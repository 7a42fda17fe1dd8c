/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/parse/value_scalar.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
    {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"", 1}};
static const struct unit time_units[] = {{"d", 86400ULL * NS_PER_S}, {"h", 3600ULL * NS_PER_S},
    {"m", 60ULL * NS_PER_S}, {"s", NS_PER_S}, {"ms", NS_PER_MS}};

#define N_UNITS(units) (sizeof(units) / sizeof((units)[0]))
#define REAL_BYTES     32               /* of a number */
#define REAL_DIGITS    (REAL_BYTES - 2) /* behind "0." */

/* Digits only: strtoull alone takes signs, spaces and hexadecimal. */
static int take_digits(const char *text, uint64_t *ret, const char **ret_rest)
{
	size_t n = strspn(text, "0123456789");
	char *end;

	if (!n)
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	*ret_rest = end;
	return errno ? -EINVAL : 0;
}

static int parse_unit(const char *text, const struct unit *units, size_t n, uint64_t *ret)
{
	const char *rest;
	uint64_t value;

	if (take_digits(text, &value, &rest) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		return __builtin_mul_overflow(value, units[i].factor, ret) ? -EINVAL : 0;
	}
	return -EINVAL;
}

int scalar_parse_bool(const char *text, bool *ret)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t i = 0; i < N_UNITS(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

int scalar_parse_uint(const char *text, uint64_t *ret)
{
	const char *rest;
	uint64_t value;

	if (take_digits(text, &value, &rest) < 0 || *rest)
		return -EINVAL;
	*ret = value;
	return 0;
}

int scalar_parse_real(const char *text, double *ret)
{
	size_t n = strspn(text, "0123456789.");
	double value;
	char *end;

	if (!n || text[n] || n > REAL_BYTES)
		return -EINVAL;
	value = strtod(text, &end);
	if (*end || !isfinite(value))
		return -EINVAL;
	*ret = value;
	return 0;
}

int scalar_parse_size(const char *text, uint64_t *ret)
{
	return parse_unit(text, size_units, N_UNITS(size_units), ret);
}

int scalar_parse_time(const char *text, uint64_t *ret)
{
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	return parse_unit(text, time_units, N_UNITS(time_units), ret);
}

int scalar_parse_rate(const char *text, double *ret)
{
	size_t length = strlen(text);
	char number[SCALAR_TEXT_SIZE];

	if (length < 3 || length >= sizeof(number) || strcmp(text + length - 2, "/s") != 0)
		return -EINVAL;
	memcpy(number, text, length - 2);
	number[length - 2] = '\0';
	return scalar_parse_real(number, ret);
}

/* True if a bit past the prefix is set, which is more likely a slip than meant. */
static bool has_host_bits(const struct config_network *network, unsigned bits)
{
	for (unsigned bit = network->prefix; bit < bits; bit++) {
		if (network->address[bit / 8] & (0x80 >> bit % 8))
			return true;
	}
	return false;
}

int scalar_parse_network(const char *text, struct config_network *ret, const char **ret_problem)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct config_network network = {.family = 4};
	unsigned bits = 32;
	char address[INET6_ADDRSTRLEN];
	uint64_t prefix;

	*ret_problem = "is not an address or ADDRESS/PREFIX";
	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, network.address) != 1) {
		if (inet_pton(AF_INET6, address, network.address) != 1)
			return -EINVAL;
		network.family = 6;
		bits = 128;
	}
	prefix = bits;
	if (slash && (scalar_parse_uint(slash + 1, &prefix) < 0 || prefix > bits))
		return -EINVAL;
	network.prefix = (uint8_t)prefix;
	if (has_host_bits(&network, bits)) {
		*ret_problem = "has bits set past its prefix";
		return -EINVAL;
	}
	*ret = network;
	return 0;
}

static void format_unit(char *out, uint64_t value, const struct unit *units, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (value && value % units[i].factor == 0) {
			snprintf(out, SCALAR_TEXT_SIZE, "%" PRIu64 "%s", value / units[i].factor,
			    units[i].name);
			return;
		}
	}
	snprintf(out, SCALAR_TEXT_SIZE, "0");
}

void scalar_format_size(char *out, uint64_t bytes)
{
	format_unit(out, bytes, size_units, N_UNITS(size_units));
}

void scalar_format_time(char *out, uint64_t ns)
{
	format_unit(out, ns, time_units, N_UNITS(time_units));
	if (!ns)
		snprintf(out, SCALAR_TEXT_SIZE, "0s");
}

/* Of all decimals that are this number the shortest: what was written can be read again. */
void scalar_format_real(char *out, double value)
{
	for (int digits = 0; digits <= REAL_DIGITS; digits++) {
		snprintf(out, SCALAR_TEXT_SIZE, "%.*f", digits, value);
		if (strtod(out, NULL) == value)
			return;
	}
}

void scalar_format_rate(char *out, double rate)
{
	char number[SCALAR_TEXT_SIZE];

	scalar_format_real(number, rate);
	snprintf(out, SCALAR_TEXT_SIZE, "%.*s/s", SCALAR_TEXT_SIZE - 3, number);
}

void scalar_format_network(char *out, const struct config_network *network)
{
	char address[INET6_ADDRSTRLEN] = "";
	unsigned bits = network->family == 4 ? 32 : 128;

	inet_ntop(
	    network->family == 4 ? AF_INET : AF_INET6, network->address, address, sizeof(address));
	if (network->prefix == bits)
		snprintf(out, SCALAR_TEXT_SIZE, "%s", address);
	else
		snprintf(out, SCALAR_TEXT_SIZE, "%s/%u", address, network->prefix);
}
