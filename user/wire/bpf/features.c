/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/features.h"

#include "wire/netlink/client.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stdint.h>

/* <linux/netdev.h>, which is younger than the headers that this is built with. */
#define NETDEV_FAMILY       "netdev"
#define NETDEV_DEV_GET      1
#define NETDEV_DEV_IFINDEX  1
#define NETDEV_XDP_FEATURES 3
#define NETDEV_XDP_BASIC    (1u << 0)
#define NETDEV_XDP_RX_SG    (1u << 5)

struct answer {
	uint16_t family;
	uint64_t features;
	bool found;
};

static int take_family(const struct nlattr *attribute, void *context)
{
	struct answer *answer = context;

	if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0) {
		answer->family = mnl_attr_get_u16(attribute);
		answer->found = true;
	}
	return MNL_CB_OK;
}

static int take_features(const struct nlattr *attribute, void *context)
{
	struct answer *answer = context;

	if (mnl_attr_get_type(attribute) == NETDEV_XDP_FEATURES &&
	    mnl_attr_validate(attribute, MNL_TYPE_U64) >= 0) {
		answer->features = mnl_attr_get_u64(attribute);
		answer->found = true;
	}
	return MNL_CB_OK;
}

static int take_family_message(const struct nlmsghdr *message, void *context)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), take_family, context);
}

static int take_device_message(const struct nlmsghdr *message, void *context)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), take_features, context);
}

static int ask_family(struct netlink_client *netlink, struct answer *answer)
{
	const struct {
		struct genlmsghdr generic;
		struct nlattr name;
		char text[8];
	} request = {.generic = {.cmd = CTRL_CMD_GETFAMILY, .version = 1},
	    .name = {.nla_len = MNL_ATTR_HDRLEN + sizeof(NETDEV_FAMILY),
		.nla_type = CTRL_ATTR_FAMILY_NAME},
	    .text = NETDEV_FAMILY};

	return netlink_client_ask(netlink, GENL_ID_CTRL, NLM_F_ACK, &request, sizeof(request),
	    take_family_message, answer);
}

static int ask_device(struct netlink_client *netlink, int index, struct answer *answer)
{
	const struct {
		struct genlmsghdr generic;
		struct nlattr device;
		uint32_t index;
	} request = {.generic = {.cmd = NETDEV_DEV_GET, .version = 1},
	    .device = {.nla_len = MNL_ATTR_HDRLEN + sizeof(uint32_t),
		.nla_type = NETDEV_DEV_IFINDEX},
	    .index = (uint32_t)index};

	return netlink_client_ask(netlink, answer->family, NLM_F_ACK, &request, sizeof(request),
	    take_device_message, answer);
}

int wire_features_read(int index, struct wire_features *ret)
{
	struct netlink_client netlink;
	struct answer answer = {0};
	int r = netlink_client_open(&netlink, NETLINK_GENERIC);

	if (r < 0)
		return r;
	r = ask_family(&netlink, &answer);
	if (r == 0 && answer.found) {
		answer.found = false;
		r = ask_device(&netlink, index, &answer);
	}
	netlink_client_close(&netlink);
	if (r == 0 && !answer.found)
		r = -ENOENT;
	if (r == 0)
		*ret = (struct wire_features){
		    .native = answer.features & NETDEV_XDP_BASIC,
		    .several_buffers = answer.features & NETDEV_XDP_RX_SG,
		};
	return r;
}
