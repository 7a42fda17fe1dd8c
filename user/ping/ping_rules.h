/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom never to ask, and from which addresses never to ask. */
#ifndef CROSSTAP_PING_PING_RULES_H
#define CROSSTAP_PING_PING_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "ping/ping.h"

struct ping_rules {
	bool allow_loopback;
	struct config_network *exclude; /* ping.exclude */
	size_t n_exclude;
	struct config_network *service; /* wire.addresses */
	size_t n_service;
	struct ping_address *own; /* sorted */
	size_t n_own;
	struct ping_address *host; /* what all interfaces hold; sorted */
	size_t n_host;
	struct ping_address *loopback; /* what the interfaces with IFF_LOOPBACK hold; sorted */
	size_t n_loopback;
	bool service_on_loopback[2]; /* IPv4, IPv6: more than loopback addresses is there */
};

/* Copies the networks. -ENOMEM leaves the rules as they were, as in all of these. */
int ping_rules_configure(struct ping_rules *rules, const struct config *config);
int ping_rules_set_own(struct ping_rules *rules, const struct ping_address *list, size_t n);
/* Asks the kernel for the addresses of all interfaces. */
int ping_rules_refresh_host(struct ping_rules *rules);
void ping_rules_clear(struct ping_rules *rules);

enum ping_refusal ping_rules_check(
    const struct ping_rules *rules, const struct ping_address *address);
/* Whether an answer to this address of ours comes back to this host for certain. */
bool ping_rules_source_allowed(const struct ping_rules *rules, const struct ping_address *source);
/* No address of this family can be one that is not allowed: no need to look which it is. */
bool ping_rules_any_source_allowed(const struct ping_rules *rules, unsigned family);

#endif
