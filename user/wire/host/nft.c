/* SPDX-License-Identifier: BSD-2-Clause */
/* Named counters of nftables, by nfnetlink. One of that name in several families is their sum. */
#include "wire/host/internal.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

static uint64_t packets_of(const struct nlattr *data)
{
	const struct nlattr *attribute;
	uint64_t packets = 0;

	mnl_attr_for_each_nested(attribute, data)
	{
		if (mnl_attr_get_type(attribute) == NFTA_COUNTER_PACKETS &&
		    mnl_attr_get_payload_len(attribute) >= sizeof(packets))
			memcpy(&packets, mnl_attr_get_payload(attribute), sizeof(packets));
	}
	return be64toh(packets);
}

static void take_counter(
    struct host_nft *nft, const char *table, const char *name, uint64_t packets)
{
	for (size_t i = 0; i < nft->n_counters; i++) {
		struct host_nft_counter *counter = &nft->counters[i];
		const size_t length = (size_t)(counter->after - counter->name);

		if (strlen(table) != length || memcmp(counter->name, table, length) != 0 ||
		    strcmp(counter->after + 1, name) != 0)
			continue;
		counter->found = true;
		counter->packets += packets;
	}
}

static int take_object(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute, *data = NULL;
	const char *table = NULL, *name = NULL;
	uint32_t type = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		const uint16_t kind = mnl_attr_get_type(attribute);
		const bool text = mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0;

		if (kind == NFTA_OBJ_TABLE && text)
			table = mnl_attr_get_str(attribute);
		else if (kind == NFTA_OBJ_NAME && text)
			name = mnl_attr_get_str(attribute);
		else if (kind == NFTA_OBJ_TYPE && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			type = be32toh(mnl_attr_get_u32(attribute));
		else if (kind == NFTA_OBJ_DATA)
			data = attribute;
	}
	if (table && name && data && type == NFT_OBJECT_COUNTER)
		take_counter(context, table, name, packets_of(data));
	return MNL_CB_OK;
}

static int read_packets(struct host_nft *nft)
{
	const struct nfgenmsg all = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	unsigned tries = 0;
	int r = -EINTR;

	while (netlink_client_again(&tries, HOST_TRIES, r)) {
		for (size_t k = 0; k < nft->n_counters; k++)
			nft->counters[k].found = false, nft->counters[k].packets = 0;
		r = netlink_client_dump(&nft->netlink, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ,
		    &all, sizeof(all), take_object, nft);
	}
	return r;
}

static void go_on(struct host_nft_counter *counter)
{
	counter->before = counter->packets;
	counter->begun = true;
}

int host_nft_read(struct host_nft *nft, struct host_counters *ret)
{
	int r = read_packets(nft);

	for (size_t i = 0; i < nft->n_counters && r == 0; i++) {
		struct host_nft_counter *counter = &nft->counters[i];

		/* One that fell was made anew, or reset. */
		if (counter->begun)
			host_add_drop(ret, counter->name,
			    counter->packets -
				(counter->packets >= counter->before ? counter->before : 0));
		go_on(counter);
	}
	return r == 0 && host_nft_missing(nft) ? -ENOENT : r;
}

void host_nft_begin(struct host_nft *nft)
{
	if (!nft->n_counters || !nft->netlink.socket || read_packets(nft) < 0)
		return;
	for (size_t i = 0; i < nft->n_counters; i++) {
		if (!nft->counters[i].begun)
			go_on(&nft->counters[i]);
	}
}

const char *host_nft_missing(const struct host_nft *nft)
{
	for (size_t i = 0; i < nft->n_counters; i++) {
		if (!nft->counters[i].found)
			return nft->counters[i].name;
	}
	return NULL;
}
