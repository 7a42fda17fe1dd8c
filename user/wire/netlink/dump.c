/* SPDX-License-Identifier: BSD-2-Clause */
/* Links, addresses and routes. */
#include "wire/netlink/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NEXTHOPS 256
#define TRIES        10

/* A growing array: doubles, and remembers that memory ended. */
struct list {
	void *items;
	size_t n, size, item_bytes;
	int error;
};

static void *list_add(struct list *list)
{
	if (list->n == list->size) {
		const size_t size = list->size ? 2 * list->size : 16;
		void *items = reallocarray(list->items, size, list->item_bytes);

		if (!items) {
			list->error = -ENOMEM;
			return NULL;
		}
		list->items = items;
		list->size = size;
	}
	return (uint8_t *)list->items + list->item_bytes * list->n++;
}

static int dump(struct netlink *netlink, uint16_t type, const void *head, size_t bytes,
    int (*take)(const struct nlmsghdr *message, void *context), struct list *list)
{
	unsigned tries = 0;
	int r = -EINTR;

	while (netlink_client_again(&tries, TRIES, r)) {
		list->n = 0;
		r = netlink_run(
		    netlink, netlink_request(netlink, type, NLM_F_DUMP, head, bytes), take, list);
	}
	if (r == 0)
		r = list->error;
	if (r < 0) {
		free(list->items);
		list->items = NULL;
	}
	return r;
}

static uint32_t u32_of(const struct nlattr *attribute)
{
	return mnl_attr_validate(attribute, MNL_TYPE_U32) < 0 ? 0 : mnl_attr_get_u32(attribute);
}

/* -- links */

struct link_parts {
	struct wire_link *link;
	bool elsewhere; /* `lower` is in another namespace */
	struct {
		uint8_t attached; /* XDP_ATTACHED_* */
		uint32_t id, native, generic;
	} xdp;
};

static void copy_name(char *to, size_t size, const struct nlattr *attribute)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(to, size, "%s", mnl_attr_get_str(attribute));
}

static int take_kind(const struct nlattr *attribute, void *context)
{
	struct wire_link *link = context;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		copy_name(link->kind, sizeof(link->kind), attribute);
	return MNL_CB_OK;
}

static int take_xdp(const struct nlattr *attribute, void *context)
{
	struct link_parts *parts = context;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_XDP_ATTACHED:
		if (mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
			parts->xdp.attached = mnl_attr_get_u8(attribute);
		break;
	case IFLA_XDP_PROG_ID:
		parts->xdp.id = u32_of(attribute);
		break;
	case IFLA_XDP_DRV_PROG_ID:
		parts->xdp.native = u32_of(attribute);
		break;
	case IFLA_XDP_SKB_PROG_ID:
		parts->xdp.generic = u32_of(attribute);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_link_part(const struct nlattr *attribute, void *context)
{
	struct link_parts *parts = context;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		copy_name(parts->link->name, sizeof(parts->link->name), attribute);
		break;
	case IFLA_MTU:
		parts->link->mtu = u32_of(attribute);
		break;
	case IFLA_LINK:
		parts->link->lower = (int)u32_of(attribute);
		break;
	case IFLA_LINK_NETNSID:
		parts->elsewhere = true;
		break;
	case IFLA_MASTER:
		parts->link->master = (int)u32_of(attribute);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attribute, take_kind, parts->link);
		break;
	case IFLA_XDP:
		mnl_attr_parse_nested(attribute, take_xdp, parts);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	struct link_parts parts = {0};

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	parts.link = list_add(context);
	if (!parts.link)
		return MNL_CB_OK;
	*parts.link = (struct wire_link){
	    .index = head->ifi_index, .hardware = head->ifi_type, .flags = head->ifi_flags};
	mnl_attr_parse(message, sizeof(*head), take_link_part, &parts);
	if (parts.elsewhere)
		parts.link->lower = 0;
	parts.link->xdp_native =
	    parts.xdp.attached == XDP_ATTACHED_DRV ? parts.xdp.id : parts.xdp.native;
	parts.link->xdp_generic =
	    parts.xdp.attached == XDP_ATTACHED_SKB ? parts.xdp.id : parts.xdp.generic;
	return MNL_CB_OK;
}

int netlink_links(struct netlink *netlink, struct wire_link **ret, size_t *ret_n)
{
	struct list list = {.item_bytes = sizeof(struct wire_link)};
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	const int r = dump(netlink, RTM_GETLINK, &head, sizeof(head), take_link, &list);

	if (r < 0)
		return r;
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

/* -- addresses */

struct address_parts {
	const struct nlattr *address, *local;
};

static int take_address_part(const struct nlattr *attribute, void *context)
{
	struct address_parts *parts = context;

	if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
		parts->address = attribute;
	else if (mnl_attr_get_type(attribute) == IFA_LOCAL)
		parts->local = attribute;
	return MNL_CB_OK;
}

static int take_address(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	struct address_parts parts = {0};
	struct wire_local *local;
	const struct nlattr *own;
	uint32_t ipv4;

	if (message->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*head), take_address_part, &parts);
	/* On a point-to-point link IFA_ADDRESS is the other end's. */
	own = parts.local ? parts.local : parts.address;
	if (!own || mnl_attr_get_payload_len(own) != (head->ifa_family == AF_INET ? 4 : 16))
		return MNL_CB_OK;
	local = list_add(context);
	if (!local)
		return MNL_CB_OK;
	*local = (struct wire_local){.flags = WIRE_ADDRESS_HOST};
	if (head->ifa_family == AF_INET) {
		local->family = PACKET_IPV4;
		memcpy(&ipv4, mnl_attr_get_payload(own), sizeof(ipv4));
		packet_mapped(&local->address, ipv4);
	} else {
		local->family = PACKET_IPV6;
		packet_address6(&local->address, mnl_attr_get_payload(own));
	}
	return MNL_CB_OK;
}

int netlink_addresses(struct netlink *netlink, struct wire_local **ret, size_t *ret_n)
{
	struct list list = {.item_bytes = sizeof(struct wire_local)};
	const struct ifaddrmsg head = {.ifa_family = AF_UNSPEC};
	const int r = dump(netlink, RTM_GETADDR, &head, sizeof(head), take_address, &list);

	if (r < 0)
		return r;
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

/* -- routes */

struct route_walk {
	bool (*take)(void *context, int index);
	void *context;
	bool done; /* the rest of the dump is only thrown away */
};

struct route_parts {
	struct route_walk *walk;
	bool somewhere; /* not link-local */
	int index;
	const struct nlattr *nexthops;
};

static bool is_local_scope(unsigned family, const uint8_t *address)
{
	return family == AF_INET6 ? address[0] == 0xff || (address[0] == 0xfe && address[1] >= 0x80)
				  : address[0] == 169 && address[1] == 254;
}

static int take_route_part(const struct nlattr *attribute, void *context)
{
	struct route_parts *parts = context;
	const uint16_t bytes = mnl_attr_get_payload_len(attribute);

	switch (mnl_attr_get_type(attribute)) {
	case RTA_DST:
		if (bytes == 4 || bytes == 16)
			parts->somewhere = !is_local_scope(
			    bytes == 4 ? AF_INET : AF_INET6, mnl_attr_get_payload(attribute));
		break;
	case RTA_OIF:
		parts->index = (int)u32_of(attribute);
		break;
	case RTA_MULTIPATH:
		parts->nexthops = attribute;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void take_nexthops(struct route_walk *walk, const struct nlattr *nexthops)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(nexthops);
	int left = mnl_attr_get_payload_len(nexthops);

	for (int i = 0; i < MAX_NEXTHOPS && left >= (int)sizeof(*hop) &&
	     hop->rtnh_len >= sizeof(*hop) && (int)RTNH_ALIGN(hop->rtnh_len) <= left && !walk->done;
	     i++) {
		walk->done = walk->take(walk->context, hop->rtnh_ifindex);
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = (const struct rtnexthop *)((const uint8_t *)hop + RTNH_ALIGN(hop->rtnh_len));
	}
}

static int take_route(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	struct route_walk *walk = context;
	struct route_parts parts = {.somewhere = true};

	if (walk->done || message->nlmsg_type != RTM_NEWROUTE || head->rtm_type != RTN_UNICAST ||
	    head->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*head), take_route_part, &parts);
	if (!parts.somewhere)
		return MNL_CB_OK;
	if (parts.nexthops)
		take_nexthops(walk, parts.nexthops);
	else if (parts.index)
		walk->done = walk->take(walk->context, parts.index);
	return MNL_CB_OK;
}

/* One that is asked for again names some interfaces twice. */
static int walk_routes(struct netlink *netlink, uint8_t family, struct route_walk *walk)
{
	const struct rtmsg head = {.rtm_family = family};
	unsigned tries = 0;
	int r = -EINTR;

	while (netlink_client_again(&tries, TRIES, r))
		r = netlink_run(netlink,
		    netlink_request(netlink, RTM_GETROUTE, NLM_F_DUMP, &head, sizeof(head)),
		    take_route, walk);
	return r;
}

int netlink_routes(struct netlink *netlink, bool (*take)(void *context, int index), void *context)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct route_walk walk = {.take = take, .context = context};
	int r = 0;

	for (size_t i = 0; i < sizeof(families) && r == 0 && !walk.done; i++)
		r = walk_routes(netlink, families[i], &walk);
	return r;
}
