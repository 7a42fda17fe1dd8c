/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_rules.h"

#include "config/network.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct special {
	uint8_t prefix;
	uint8_t refusal; /* enum ping_refusal */
	uint8_t address[16];
};

/* From the IANA special-purpose address registries (RFC 6890) those that are no unicast, leave no
 * link, or carry an IPv4 address inside. Documentation and private networks are not among them:
 * laboratories use both, and `ping.exclude` is there for the rest. The first match counts. */
static const struct special special_ipv4[] = {
    {32, PING_REFUSED_UNSPECIFIED, {0}},
    {8, PING_REFUSED_RESERVED, {0}},
    {8, PING_REFUSED_LOOPBACK, {127}},
    {16, PING_REFUSED_LINK_LOCAL, {169, 254}},
    {4, PING_REFUSED_MULTICAST, {224}},
    {32, PING_REFUSED_BROADCAST, {255, 255, 255, 255}},
    {4, PING_REFUSED_RESERVED, {240}},
};

static const struct special special_ipv6[] = {
    {128, PING_REFUSED_UNSPECIFIED, {0}},
    {128, PING_REFUSED_LOOPBACK, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {80, PING_REFUSED_RESERVED, {0}},                   /* IPv4-mapped, -compatible */
    {96, PING_REFUSED_RESERVED, {0, 0x64, 0xff, 0x9b}}, /* RFC 6052, translated */
    {64, PING_REFUSED_RESERVED, {1}},                   /* RFC 6666, discard-only */
    {10, PING_REFUSED_LINK_LOCAL, {0xfe, 0x80}},
    {10, PING_REFUSED_RESERVED, {0xfe, 0xc0}}, /* RFC 3879, site-local */
    {8, PING_REFUSED_MULTICAST, {0xff}},
};

const char *ping_refusal_name(enum ping_refusal refusal)
{
	static const char *const names[] = {"allowed",
#define X(id, name) name,
	    PING_REFUSALS(X)
#undef X
	};

	return (unsigned)refusal < PING_N_REFUSALS ? names[refusal] : "unknown";
}

static bool in_networks(
    const struct ping_address *address, const struct config_network *networks, size_t n)
{
	return networks_have(networks, n, address->family, address->bytes);
}

static int compare(const void *a, const void *b)
{
	const struct ping_address *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static bool in_list(const struct ping_address *address, const struct ping_address *list, size_t n)
{
	return n && bsearch(address, list, n, sizeof(*list), compare);
}

static int copy_networks(
    struct config_network **ret, const struct config_network *networks, size_t n)
{
	struct config_network *copy = calloc(n ? n : 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, networks, n * sizeof(*copy));
	*ret = copy;
	return 0;
}

int ping_rules_configure(struct ping_rules *rules, const struct config *config)
{
	struct config_network *exclude = NULL, *service = NULL;
	int r = copy_networks(&exclude, config->ping.exclude, config->ping.n_exclude);

	if (r == 0)
		r = copy_networks(&service, config->wire.addresses, config->wire.n_addresses);
	if (r < 0) {
		free(exclude);
		return r;
	}
	free(rules->exclude);
	free(rules->service);
	rules->exclude = exclude;
	rules->n_exclude = config->ping.n_exclude;
	rules->service = service;
	rules->n_service = config->wire.n_addresses;
	return 0;
}

int ping_rules_set_own(struct ping_rules *rules, const struct ping_address *list, size_t n)
{
	struct ping_address *copy = calloc(n ? n : 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n) {
		memcpy(copy, list, n * sizeof(*copy));
		qsort(copy, n, sizeof(*copy), compare);
	}
	free(rules->own);
	rules->own = copy;
	rules->n_own = n;
	return 0;
}

static bool from_sockaddr(const struct sockaddr *sa, struct ping_address *ret)
{
	*ret = (struct ping_address){0};
	if (sa && sa->sa_family == AF_INET) {
		ret->family = 4;
		memcpy(ret->bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa && sa->sa_family == AF_INET6) {
		ret->family = 6;
		memcpy(ret->bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	}
	return ret->family != 0;
}

static bool has_service_address(const struct ping_address *list, size_t n, unsigned family)
{
	static const struct ping_rules none = {0};

	for (size_t i = 0; i < n; i++) {
		if (list[i].family == family &&
		    ping_rules_check(&none, &list[i]) != PING_REFUSED_LOOPBACK)
			return true;
	}
	return false;
}

/* Of all interfaces, or of those that are loopback. */
static int list_addresses(
    const struct ifaddrs *all, bool loopback, struct ping_address **ret, size_t *ret_n)
{
	struct ping_address *list;
	size_t n = 0;

	for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next)
		n++;
	list = calloc(n ? n : 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
		if ((!loopback || (entry->ifa_flags & IFF_LOOPBACK)) &&
		    from_sockaddr(entry->ifa_addr, &list[n]))
			n++;
	}
	if (n)
		qsort(list, n, sizeof(*list), compare);
	*ret = list;
	*ret_n = n;
	return 0;
}

int ping_rules_refresh_host(struct ping_rules *rules)
{
	struct ping_address *host = NULL, *loopback = NULL;
	size_t n_host = 0, n_loopback = 0;
	struct ifaddrs *all;
	int r;

	if (getifaddrs(&all) < 0)
		return -errno;
	r = list_addresses(all, false, &host, &n_host);
	if (r == 0)
		r = list_addresses(all, true, &loopback, &n_loopback);
	freeifaddrs(all);
	if (r < 0) {
		free(host);
		return r;
	}
	free(rules->host);
	free(rules->loopback);
	rules->host = host;
	rules->n_host = n_host;
	rules->loopback = loopback;
	rules->n_loopback = n_loopback;
	rules->service_on_loopback[0] = has_service_address(loopback, n_loopback, 4);
	rules->service_on_loopback[1] = has_service_address(loopback, n_loopback, 6);
	return 0;
}

void ping_rules_clear(struct ping_rules *rules)
{
	free(rules->exclude);
	free(rules->service);
	free(rules->own);
	free(rules->host);
	free(rules->loopback);
	*rules = (struct ping_rules){0};
}

static enum ping_refusal check_special(
    const struct special *table, size_t n, const struct ping_address *address)
{
	for (size_t i = 0; i < n; i++) {
		if (network_prefix_agrees(address->bytes, table[i].address, table[i].prefix))
			return (enum ping_refusal)table[i].refusal;
	}
	return PING_ALLOWED;
}

enum ping_refusal ping_rules_check(
    const struct ping_rules *rules, const struct ping_address *address)
{
	enum ping_refusal refusal = PING_REFUSED_RESERVED;

	if (address->family == 4)
		refusal = check_special(
		    special_ipv4, sizeof(special_ipv4) / sizeof(special_ipv4[0]), address);
	else if (address->family == 6)
		refusal = check_special(
		    special_ipv6, sizeof(special_ipv6) / sizeof(special_ipv6[0]), address);
	if (refusal == PING_REFUSED_LOOPBACK && rules->allow_loopback)
		refusal = PING_ALLOWED;
	if (refusal != PING_ALLOWED)
		return refusal;
	if (in_list(address, rules->own, rules->n_own) ||
	    (!rules->allow_loopback && in_list(address, rules->host, rules->n_host)))
		return PING_REFUSED_OWN;
	if (in_networks(address, rules->exclude, rules->n_exclude))
		return PING_REFUSED_EXCLUDED;
	return PING_ALLOWED;
}

bool ping_rules_source_allowed(const struct ping_rules *rules, const struct ping_address *source)
{
	if (!rules->allow_loopback && in_list(source, rules->loopback, rules->n_loopback))
		return false;
	return !in_networks(source, rules->service, rules->n_service);
}

bool ping_rules_any_source_allowed(const struct ping_rules *rules, unsigned family)
{
	if (!rules->allow_loopback && rules->service_on_loopback[family == 6])
		return false;
	for (size_t i = 0; i < rules->n_service; i++) {
		if (rules->service[i].family == family)
			return false;
	}
	return true;
}
