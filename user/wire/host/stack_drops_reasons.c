/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/stack_drops_reasons.h"

#include <errno.h>
#include <stdio.h>
#include <bpf/btf.h>

#define PREFIX "SKB_DROP_REASON_"

/* include/net/dropreason-core.h, Linux 6.18. What is not here is unsure: a newer kernel's reasons
 * explain no more than is missing until someone has looked at them. */
static const struct {
	const char *name;
	enum stack_stage stage;
} stages[] = {
    {"NO_SOCKET", STACK_STACK},
    {"PKT_TOO_SMALL", STACK_STACK},
    {"UDP_CSUM", STACK_STACK},
    {"SKB_CSUM", STACK_STACK},
    {"NETFILTER_DROP", STACK_STACK}, /* conntrack's too */
    {"OTHERHOST", STACK_STACK},
    {"IP_CSUM", STACK_STACK},
    {"IP_INHDR", STACK_STACK},
    {"IP_RPFILTER", STACK_STACK},
    {"IP_INADDRERRORS", STACK_STACK},
    {"IP_INNOROUTES", STACK_STACK},
    {"IP_LOCAL_SOURCE", STACK_STACK},
    {"IP_INVALID_SOURCE", STACK_STACK},
    {"IP_INVALID_DEST", STACK_STACK},
    {"IP_LOCALNET", STACK_STACK},
    {"IPV6DISABLED", STACK_STACK},
    {"IPV6_BAD_EXTHDR", STACK_STACK},
    {"UNICAST_IN_L2_MULTICAST", STACK_STACK},
    {"DUP_FRAG", STACK_STACK},
    {"FRAG_REASM_TIMEOUT", STACK_STACK},
    {"FRAG_TOO_FAR", STACK_STACK},
    {"CPU_BACKLOG", STACK_EARLY},
    {"TC_INGRESS", STACK_EARLY},
    {"SOCKET_RCVBUFF", STACK_SOCKET},
    {"PROTO_MEM", STACK_SOCKET},
    {"SOCKET_FILTER", STACK_SOCKET},
    {"SECURITY_HOOK", STACK_SOCKET},
    {"PFMEMALLOC", STACK_SOCKET},
    /* A copy that a packet socket could not take. */
    {"PACKET_SOCK_ERROR", STACK_NONE},
};

/* A kernel that does not tell these apart tells nothing. */
static const char *const needed[] = {
    "NO_SOCKET", "UDP_CSUM", "NETFILTER_DROP", "IP_RPFILTER", "OTHERHOST", "SOCKET_RCVBUFF"};

static enum stack_stage stage_of(const char *name)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++) {
		if (strcmp(stages[i].name, name) == 0)
			return stages[i].stage;
	}
	return STACK_UNSURE;
}

static bool has(const struct stack_reason *reasons, const char *name)
{
	for (size_t i = 0; i < WIRE_DROP_REASONS; i++) {
		if (strcmp(reasons[i].name, name) == 0)
			return true;
	}
	return false;
}

static int take_enum(const struct btf *btf, int id, struct stack_reason reasons[WIRE_DROP_REASONS])
{
	const struct btf_type *type = btf__type_by_id(btf, (uint32_t)id);
	const struct btf_enum *values = btf_enum(type);

	/* The last place is everything else's. */
	for (int i = 0; i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(btf, values[i].name_off);
		struct stack_reason *reason;

		if (!name || strncmp(name, PREFIX, strlen(PREFIX)) != 0 || values[i].val < 0 ||
		    values[i].val >= WIRE_DROP_REASONS - 1)
			continue;
		reason = &reasons[values[i].val];
		snprintf(reason->name, sizeof(reason->name), "%s", name + strlen(PREFIX));
		reason->stage = stage_of(reason->name);
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		if (!has(reasons, needed[i]))
			return -ENOTSUP;
	}
	return 0;
}

int stack_drops_reasons(struct stack_reason ret[WIRE_DROP_REASONS])
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM) : -ENOTSUP;
	int r = -ENOTSUP;

	memset(ret, 0, WIRE_DROP_REASONS * sizeof(*ret));
	snprintf(ret[WIRE_DROP_REASONS - 1].name, STACK_DROPS_NAME_BYTES, "OTHER");
	if (id > 0)
		r = take_enum(btf, id, ret);
	btf__free(btf);
	return r;
}
