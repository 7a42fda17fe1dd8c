/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices and their qdiscs, by rtnetlink. */
#include "wire/host/internal.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

static bool is_selected(
    const struct host_links *links, const struct ifinfomsg *info, const char *name)
{
	if (!links->n_names)
		return !(info->ifi_flags & IFF_LOOPBACK);
	for (size_t i = 0; i < links->n_names; i++) {
		if (strcmp(links->names[i], name) == 0)
			return true;
	}
	return false;
}

static int take_link(const struct nlmsghdr *message, void *context)
{
	struct host_links *links = context;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct rtnl_link_stats64 stats = {0};
	const char *name = "";

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		const uint16_t length = mnl_attr_get_payload_len(attribute);

		if (mnl_attr_get_type(attribute) == IFLA_IFNAME &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attribute);
		/* Later kernels have more behind; the payload is aligned to 4 bytes alone. */
		else if (mnl_attr_get_type(attribute) == IFLA_STATS64)
			memcpy(&stats, mnl_attr_get_payload(attribute),
			    length < sizeof(stats) ? length : sizeof(stats));
	}
	if (!is_selected(links, info, name) || links->n_selected == HOST_MAX_LINKS)
		return MNL_CB_OK;
	links->selected[links->n_selected++] = info->ifi_index;
	host_table_add(&links->links, (uint64_t)info->ifi_index,
	    (const uint64_t[HOST_TABLE_VALUES]){
		stats.rx_missed_errors, stats.rx_dropped, stats.tx_dropped});
	return MNL_CB_OK;
}

int host_links_read(struct host_links *links, uint64_t softnet, struct host_counters *ret)
{
	const struct ifinfomsg all = {.ifi_family = AF_UNSPEC};
	struct host_change change = {0};
	unsigned tries = 0;
	int r = -EINTR;

	while (netlink_client_again(&tries, HOST_TRIES, r)) {
		links->n_selected = 0;
		host_table_begin(&links->links);
		r = netlink_client_dump(
		    &links->netlink, RTM_GETLINK, &all, sizeof(all), take_link, links);
	}
	if (r == 0)
		r = host_table_end(&links->links, false, &change);
	if (r < 0)
		return r;
	/* What the backlog had no room for is in rx_dropped as well, and comes behind XDP. */
	ret->nic_drops =
	    change.grown[0] + (change.grown[1] > softnet ? change.grown[1] - softnet : 0);
	ret->tx_drops += change.grown[2];
	ret->known |= WIRE_KNOWS_NIC_DROPS;
	return 0;
}

static uint64_t drops_of(const struct nlattr *stats)
{
	const struct nlattr *attribute;
	struct gnet_stats_queue queue = {0};

	mnl_attr_for_each_nested(attribute, stats)
	{
		if (mnl_attr_get_type(attribute) == TCA_STATS_QUEUE &&
		    mnl_attr_get_payload_len(attribute) >= sizeof(queue))
			memcpy(&queue, mnl_attr_get_payload(attribute), sizeof(queue));
	}
	return queue.drops;
}

/* Of the root alone: it counts what its children drop. */
static int take_qdisc(const struct nlmsghdr *message, void *context)
{
	struct host_links *links = context;
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	uint64_t drops = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tc) || tc->tcm_parent != TC_H_ROOT)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*tc))
	{
		if (mnl_attr_get_type(attribute) == TCA_STATS2)
			drops = drops_of(attribute);
	}
	for (size_t i = 0; i < links->n_selected; i++) {
		if (links->selected[i] != tc->tcm_ifindex)
			continue;
		host_table_add(&links->qdiscs, (uint64_t)tc->tcm_ifindex,
		    (const uint64_t[HOST_TABLE_VALUES]){drops});
		break;
	}
	return MNL_CB_OK;
}

int host_qdiscs_read(struct host_links *links, struct host_counters *ret)
{
	const struct tcmsg all = {.tcm_family = AF_UNSPEC};
	struct host_change change = {0};
	unsigned tries = 0;
	int r = -EINTR;

	while (netlink_client_again(&tries, HOST_TRIES, r)) {
		host_table_begin(&links->qdiscs);
		r = netlink_client_dump(
		    &links->netlink, RTM_GETQDISC, &all, sizeof(all), take_qdisc, links);
	}
	if (r == 0)
		r = host_table_end(&links->qdiscs, false, &change);
	if (r < 0)
		return r;
	ret->tx_drops += change.grown[0];
	ret->known |= WIRE_KNOWS_TX_DROPS;
	return 0;
}
