/* SPDX-License-Identifier: BSD-2-Clause */
/* clsact (4.5) and its BPF filters with direct action (4.4). */
#include "wire/netlink/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

static uint32_t parent_of(enum wire_hook hook)
{
	return TC_H_MAKE(
	    TC_H_CLSACT, hook == WIRE_HOOK_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

static int clsact(struct netlink *netlink, int index, uint16_t type, uint16_t flags)
{
	const struct tcmsg head = {
	    .tcm_family = AF_UNSPEC,
	    .tcm_ifindex = index,
	    .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
	    .tcm_parent = TC_H_CLSACT,
	};
	struct nlmsghdr *request =
	    netlink_request(netlink, type, NLM_F_ACK | flags, &head, sizeof(head));

	mnl_attr_put_strz(request, TCA_KIND, "clsact");
	return netlink_run(netlink, request, NULL, NULL);
}

int netlink_add_clsact(struct netlink *netlink, int index)
{
	return clsact(netlink, index, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
}

struct place { /* of clsact, on one device */
	int index;
	bool taken, clsact;
};

static int take_kind(const struct nlattr *attribute, void *context)
{
	struct place *place = context;

	if (mnl_attr_get_type(attribute) == TCA_KIND &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		place->clsact = strcmp(mnl_attr_get_str(attribute), "clsact") == 0;
	return MNL_CB_OK;
}

static int take_qdisc(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *head = mnl_nlmsg_get_payload(message);
	struct place *place = context;

	if (message->nlmsg_type != RTM_NEWQDISC ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*head) ||
	    head->tcm_ifindex != place->index || head->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	place->taken = true;
	mnl_attr_parse(message, sizeof(*head), take_kind, place);
	return MNL_CB_OK;
}

int netlink_check_clsact(struct netlink *netlink, int index)
{
	const struct tcmsg head = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index};
	struct place place = {.index = index};
	/* A dump: the answer to asking for one qdisc goes to everybody who listens for changes,
	 * which is us, and we would look again because of it. */
	const int r = netlink_run(netlink,
	    netlink_request(netlink, RTM_GETQDISC, NLM_F_DUMP, &head, sizeof(head)), take_qdisc,
	    &place);

	if (r < 0)
		return r;
	if (!place.taken)
		return -ENOENT;
	return place.clsact ? 0 : -EBUSY;
}

int netlink_delete_clsact(struct netlink *netlink, int index)
{
	return clsact(netlink, index, RTM_DELQDISC, 0);
}

static struct nlmsghdr *filter_request(struct netlink *netlink, uint16_t type, uint16_t flags,
    int index, enum wire_hook hook, const struct wire_filter *place)
{
	const struct tcmsg head = {
	    .tcm_family = AF_UNSPEC,
	    .tcm_ifindex = index,
	    .tcm_handle = place->handle,
	    .tcm_parent = parent_of(hook),
	    .tcm_info = TC_H_MAKE((uint32_t)place->priority << 16, htons(ETH_P_ALL)),
	};

	return netlink_request(netlink, type, flags, &head, sizeof(head));
}

int netlink_set_filter(struct netlink *netlink, int index, enum wire_hook hook,
    const struct wire_filter *place, int program_fd, const char *name, bool replace)
{
	struct nlmsghdr *request = filter_request(netlink, RTM_NEWTFILTER,
	    NLM_F_ACK | NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL), index, hook, place);
	struct nlattr *options;

	mnl_attr_put_strz(request, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(request, TCA_OPTIONS);
	mnl_attr_put_u32(request, TCA_BPF_FD, (uint32_t)program_fd);
	mnl_attr_put_strz(request, TCA_BPF_NAME, name);
	mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(request, options);
	return netlink_run(netlink, request, NULL, NULL);
}

int netlink_delete_filter(
    struct netlink *netlink, int index, enum wire_hook hook, const struct wire_filter *filter)
{
	struct nlmsghdr *request =
	    filter_request(netlink, RTM_DELTFILTER, NLM_F_ACK, index, hook, filter);

	mnl_attr_put_strz(request, TCA_KIND, "bpf");
	return netlink_run(netlink, request, NULL, NULL);
}

struct listing {
	struct wire_filter *filters;
	size_t size, n;
};

static int take_option(const struct nlattr *attribute, void *context)
{
	struct wire_filter *filter = context;

	if (mnl_attr_get_type(attribute) == TCA_BPF_ID &&
	    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		filter->program = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

struct filter_parts {
	struct wire_filter filter;
	const struct nlattr *options;
	bool bpf;
};

static int take_part(const struct nlattr *attribute, void *context)
{
	struct filter_parts *parts = context;

	if (mnl_attr_get_type(attribute) == TCA_OPTIONS)
		parts->options = attribute;
	else if (mnl_attr_get_type(attribute) == TCA_KIND &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		parts->bpf = strcmp(mnl_attr_get_str(attribute), "bpf") == 0;
	return MNL_CB_OK;
}

static int take_filter(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *head = mnl_nlmsg_get_payload(message);
	struct listing *listing = context;
	struct filter_parts parts = {0};

	if (message->nlmsg_type != RTM_NEWTFILTER)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*head), take_part, &parts);
	/* A classifier's own line, without a filter. */
	if (!head->tcm_handle && !parts.options)
		return MNL_CB_OK;
	parts.filter.handle = head->tcm_handle;
	parts.filter.priority = (uint16_t)(TC_H_MAJ(head->tcm_info) >> 16);
	if (parts.bpf && parts.options)
		mnl_attr_parse_nested(parts.options, take_option, &parts.filter);
	if (listing->n < listing->size)
		listing->filters[listing->n] = parts.filter;
	listing->n++;
	return MNL_CB_OK;
}

int netlink_filters(struct netlink *netlink, int index, enum wire_hook hook,
    struct wire_filter *filters, size_t size, size_t *ret_n)
{
	struct listing listing = {.filters = filters, .size = size};
	const struct tcmsg head = {
	    .tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = parent_of(hook)};
	int r;

	if (hook == WIRE_HOOK_EGRESS && netlink_check_clsact(netlink, index) == -EBUSY) {
		*ret_n = 0; /* the kernel would list those of ingress */
		return 0;
	}
	r = netlink_run(netlink,
	    netlink_request(netlink, RTM_GETTFILTER, NLM_F_DUMP, &head, sizeof(head)), take_filter,
	    &listing);
	/* No clsact: the kernel answers with nothing, or says that the parent does not exist. */
	if (r < 0 && r != -EINVAL && r != -ENOENT && r != -EOPNOTSUPP)
		return r;
	*ret_n = listing.n;
	return 0;
}
