/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Echo replies with our identifier; for IPv4 (at the IP header) also the deprecated source quench,
 * which has no other way to us. Others' pings then never fill our queue. */
static int attach_program(int fd, unsigned family, uint16_t id)
{
	struct sock_filter ipv4[] = {
	    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	    BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP_SOURCE_QUENCH, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP_ECHOREPLY, 0, 3),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter ipv6[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP6_ECHO_REPLY, 0, 3),
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {
	    .len = family == 4 ? sizeof(ipv4) / sizeof(ipv4[0]) : sizeof(ipv6) / sizeof(ipv6[0]),
	    .filter = family == 4 ? ipv4 : ipv6,
	};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* By type, before the packet is even copied for us. */
static int set_icmp_filter(int fd, unsigned family)
{
	struct icmp_filter ipv4 = {.data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_SOURCE_QUENCH)};
	struct icmp6_filter ipv6;

	if (family == 4)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &ipv4, sizeof(ipv4)) < 0 ? -errno : 0;
	ICMP6_FILTER_SETBLOCKALL(&ipv6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &ipv6);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &ipv6, sizeof(ipv6)) < 0 ? -errno : 0;
}

int ping_filter_attach(int fd, unsigned family, uint16_t id)
{
	int r = set_icmp_filter(fd, family);

	return r < 0 ? r : attach_program(fd, family, id);
}
