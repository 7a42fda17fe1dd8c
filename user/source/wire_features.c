/* SPDX-License-Identifier: BSD-2-Clause */
#include "source/wire_features.h"

#include "source/host_netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stdint.h>
#include <string.h>

/* <linux/netdev.h>, which is younger than the headers that this is built with. */
#define NETDEV_FAMILY       "netdev"
#define NETDEV_DEV_GET      1
#define NETDEV_DEV_IFINDEX  1
#define NETDEV_XDP_FEATURES 3
#define NETDEV_XDP_BASIC    (1u << 0)
#define NETDEV_XDP_RX_SG    (1u << 5)

#define BUFFER_BYTES 8192

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

struct taker {
	mnl_attr_cb_t take;
	struct answer *answer;
};

static int take_message(const struct nlmsghdr *message, void *context)
{
	const struct taker *taker = context;

	return mnl_attr_parse(message, sizeof(struct genlmsghdr), taker->take, taker->answer);
}

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint8_t command)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	generic->cmd = command;
	generic->version = 1;
	return header;
}

static int ask(struct host_netlink *netlink, struct nlmsghdr *header, const struct taker *taker)
{
	_Alignas(struct nlmsghdr) uint8_t in[BUFFER_BYTES];
	int r = MNL_CB_OK;

	header->nlmsg_seq = ++netlink->sequence;
	if (mnl_socket_sendto(netlink->socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		const ssize_t n = mnl_socket_recvfrom(netlink->socket, in, sizeof(in));

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = mnl_cb_run(in, (size_t)n, netlink->sequence,
		    mnl_socket_get_portid(netlink->socket), take_message, (void *)taker);
	}
	if (r < 0)
		return -errno;
	return taker->answer->found ? 0 : -ENOENT;
}

int wire_features_read(int index, struct wire_features *ret)
{
	_Alignas(struct nlmsghdr) uint8_t out[256] = {0};
	struct host_netlink netlink;
	struct answer answer = {0};
	struct nlmsghdr *header;
	int r = host_netlink_open(&netlink, NETLINK_GENERIC);

	if (r < 0)
		return r;
	header = begin(out, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(header, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	r = ask(&netlink, header, &(struct taker){take_family, &answer});
	if (r == 0) {
		answer.found = false;
		memset(out, 0, sizeof(out));
		header = begin(out, answer.family, NETDEV_DEV_GET);
		mnl_attr_put_u32(header, NETDEV_DEV_IFINDEX, (uint32_t)index);
		r = ask(&netlink, header, &(struct taker){take_features, &answer});
	}
	host_netlink_close(&netlink);
	if (r == 0)
		*ret = (struct wire_features){
		    .native = answer.features & NETDEV_XDP_BASIC,
		    .several_buffers = answer.features & NETDEV_XDP_RX_SG,
		};
	return r;
}
