/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/packet/filter.h"

#include "crosstap/packet.h"

#define MAX_PORTS 64      /* four lists of 16 */
#define WHOLE     0x40000 /* bytes of the frame that are wanted: all */

enum label { IPV4, IPV6, PORTS, ACCEPT, REFUSE, LABELS };

/* Jumps to labels are written as jumps to the label's number, and patched at the end. */
struct assembler {
	struct packet_filter *filter;
	unsigned at[LABELS];
};

static void emit(struct assembler *as, uint16_t code, uint32_t k)
{
	as->filter->code[as->filter->n++] = (struct sock_filter)BPF_STMT(code, k);
}

static void go(struct assembler *as, enum label label)
{
	emit(as, BPF_JMP | BPF_JA, (uint32_t)label);
}

/* If the accumulator is k. `test`: BPF_JEQ or BPF_JSET. */
static void go_if(struct assembler *as, uint16_t test, uint32_t k, enum label label)
{
	as->filter->code[as->filter->n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, k, 0, 1);
	go(as, label);
}

static void here(struct assembler *as, enum label label)
{
	as->at[label] = as->filter->n;
}

static void patch(struct assembler *as)
{
	for (unsigned i = 0; i < as->filter->n; i++) {
		struct sock_filter *code = &as->filter->code[i];

		if (code->code == (BPF_JMP | BPF_JA))
			code->k = as->at[code->k] - i - 1;
	}
}

/* X becomes the offset of the IP header. */
static void ethernet(struct assembler *as)
{
	for (uint32_t tags = 0; tags <= PACKET_MAX_TAGS; tags++) {
		emit(as, BPF_LDX | BPF_IMM, 14 + 4 * tags);
		emit(as, BPF_LD | BPF_H | BPF_ABS, 12 + 4 * tags);
		go_if(as, BPF_JEQ, PACKET_ETH_IPV4, IPV4);
		go_if(as, BPF_JEQ, PACKET_ETH_IPV6, IPV6);
		/* Over the refusal to the next tag. */
		as->filter->code[as->filter->n++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_ETH_VLAN, 3, 0);
		as->filter->code[as->filter->n++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_ETH_QINQ, 2, 0);
		as->filter->code[as->filter->n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, PACKET_ETH_QINQ_9, 1, 0);
		go(as, REFUSE);
	}
	go(as, REFUSE);
}

static void raw_ip(struct assembler *as)
{
	emit(as, BPF_LDX | BPF_IMM, 0);
	emit(as, BPF_LD | BPF_B | BPF_ABS, 0);
	emit(as, BPF_ALU | BPF_RSH | BPF_K, 4);
	go_if(as, BPF_JEQ, 4, IPV4);
	go_if(as, BPF_JEQ, 6, IPV6);
	go(as, REFUSE);
}

/* X becomes the offset of the ports. */
static void ipv4(struct assembler *as)
{
	here(as, IPV4);
	emit(as, BPF_LD | BPF_B | BPF_IND, 9);
	as->filter->code[as->filter->n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_UDP, 2, 0);
	as->filter->code[as->filter->n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_TCP, 1, 0);
	go(as, REFUSE);
	emit(as, BPF_LD | BPF_H | BPF_IND, 6);
	go_if(as, BPF_JSET, 0x1fff, ACCEPT);
	emit(as, BPF_LD | BPF_B | BPF_IND, 0);
	emit(as, BPF_ALU | BPF_AND | BPF_K, 15);
	emit(as, BPF_ALU | BPF_LSH | BPF_K, 2);
	emit(as, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(as, BPF_MISC | BPF_TAX, 0);
	go(as, PORTS);
}

static void ipv6(struct assembler *as)
{
	static const uint8_t extensions[] = {0, 43, 44, 51, 60, 135};

	here(as, IPV6);
	emit(as, BPF_LD | BPF_B | BPF_IND, 6);
	for (size_t i = 0; i < sizeof(extensions); i++)
		go_if(as, BPF_JEQ, extensions[i], ACCEPT);
	as->filter->code[as->filter->n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_UDP, 2, 0);
	as->filter->code[as->filter->n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_TCP, 1, 0);
	go(as, REFUSE);
	emit(as, BPF_MISC | BPF_TXA, 0);
	emit(as, BPF_ALU | BPF_ADD, 40);
	emit(as, BPF_MISC | BPF_TAX, 0);
}

static void test_ports(struct assembler *as, const uint8_t ports[65536])
{
	here(as, PORTS);
	for (uint32_t end = 0; end < 2; end++) {
		uint32_t left = MAX_PORTS;

		emit(as, BPF_LD | BPF_H | BPF_IND, 2 * end);
		for (uint32_t port = 0; port < 65536 && left; port++) {
			if (!ports[port])
				continue;
			go_if(as, BPF_JEQ, port, ACCEPT);
			left--;
		}
	}
}

void packet_filter_make(struct packet_filter *ret, const uint8_t ports[65536], bool raw)
{
	struct assembler as = {.filter = ret};

	ret->n = 0;
	if (raw)
		raw_ip(&as);
	else
		ethernet(&as);
	ipv4(&as);
	ipv6(&as);
	test_ports(&as, ports);
	here(&as, REFUSE);
	emit(&as, BPF_RET | BPF_K, 0);
	here(&as, ACCEPT);
	emit(&as, BPF_RET | BPF_K, WHOLE);
	patch(&as);
}
