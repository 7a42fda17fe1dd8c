/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packets count: the ports, options and addresses that the configuration and this host give.
 * Plain data that is made once, by watch.c in the thread that ends windows, and told to whoever
 * counts: the BPF programs and the counters of packet sockets and captures read it in the same
 * form, a struct wire_config. So all count the same packets.
 */
#ifndef CROSSTAP_WIRE_RULES_RULES_H
#define CROSSTAP_WIRE_RULES_RULES_H

#include "config/config.h"
#include "crosstap/wire_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_rules {
	uint32_t options;          /* WIRE_RTT, WIRE_PER_SOURCE */
	uint8_t ports[65536];      /* enum wire_port */
	double cpu;                /* of one processor that a thread which counts may take */
	struct wire_local *locals; /* this host's addresses, with what they are to us, and those of
				      `wire.addresses` that no interface has */
	size_t n_locals;
	bool any_address;   /* more than the table holds: packets to any address count */
	uint64_t (*own)[2]; /* this host's, as in struct source of stats/sources.h; sorted */
	size_t n_own;
	uint64_t own_version; /* changes with `own` */
	uint64_t version;     /* changes with anything */
};

/* Ports and options of the configuration, over zeros; nothing of it is kept. */
void wire_rules_set(struct wire_rules *rules, const struct config_wire *config);
/* Ports, options and cpu, over those of before; true: anything is another. */
bool wire_rules_configure(struct wire_rules *rules, const struct config *config);
/* Addresses: `hosts` are those of all interfaces, with WIRE_ADDRESS_HOST. *ret_changed: they or
 * what they are to us. -ENOMEM: the old ones stay. */
int wire_rules_addresses(struct wire_rules *rules, const struct config_wire *config,
    const struct wire_local *hosts, size_t n, bool *ret_changed);
void wire_rules_clear(struct wire_rules *rules);

/* Writes the rules where packets are counted meanwhile: each byte once, so that no packet finds a
 * port or address missing that was there and stays. `more` options are on, too. */
void wire_rules_tell(const struct wire_rules *rules, struct wire_config *config, uint32_t more);

/* What the ports of the configuration are used for, over `ports`, which are zeros. */
void wire_rules_ports(uint8_t ports[65536], const struct config_wire *config);
/* Is the address in one of `wire.addresses`? `family`: enum packet_family. */
bool wire_rules_named(
    const struct config_wire *config, uint32_t family, const struct packet_address *address);

#endif
