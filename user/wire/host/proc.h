/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of the network stack from the texts of /proc/net
 * (Documentation/networking/snmp_counter.rst). */
#ifndef CROSSTAP_WIRE_HOST_PROC_H
#define CROSSTAP_WIRE_HOST_PROC_H

#include <stddef.h>
#include <stdint.h>

/*
 * Why a datagram did not reach a socket. Left out are IpExt.InCsumErrors, which says the same as
 * Ip.InHdrErrors, and Udp.RcvbufErrors and MemErrors, which are the sockets' own drops.
 * Udp.InErrors has these and InCsumErrors again: the rest are lengths that no packet has.
 *
 * X(id, reason, file, section or "", name)
 */
#define HOST_PROC_COUNTERS(X)                                                                      \
	X(IP_HEADER, "IpInHdrErrors", SNMP, "Ip", "InHdrErrors")                                   \
	X(IP_ADDRESS, "IpInAddrErrors", SNMP, "Ip", "InAddrErrors")                                \
	X(IP_DISCARD, "IpInDiscards", SNMP, "Ip", "InDiscards")                                    \
	X(IP_REASSEMBLY, "IpReasmFails", SNMP, "Ip", "ReasmFails")                                 \
	X(UDP_NO_PORT, "UdpNoPorts", SNMP, "Udp", "NoPorts")                                       \
	X(UDP_CHECKSUM, "UdpInCsumErrors", SNMP, "Udp", "InCsumErrors")                            \
	X(IP6_HEADER, "Ip6InHdrErrors", SNMP6, "", "Ip6InHdrErrors")                               \
	X(IP6_ADDRESS, "Ip6InAddrErrors", SNMP6, "", "Ip6InAddrErrors")                            \
	X(IP6_NO_ROUTE, "Ip6InNoRoutes", SNMP6, "", "Ip6InNoRoutes")                               \
	X(IP6_DISCARD, "Ip6InDiscards", SNMP6, "", "Ip6InDiscards")                                \
	X(IP6_TRUNCATED, "Ip6InTruncatedPkts", SNMP6, "", "Ip6InTruncatedPkts")                    \
	X(IP6_REASSEMBLY, "Ip6ReasmFails", SNMP6, "", "Ip6ReasmFails")                             \
	X(IP6_HEADERS, "Ip6InUnknownProtos", SNMP6, "", "Ip6InUnknownProtos")                      \
	X(UDP6_NO_PORT, "Udp6NoPorts", SNMP6, "", "Udp6NoPorts")                                   \
	X(UDP6_CHECKSUM, "Udp6InCsumErrors", SNMP6, "", "Udp6InCsumErrors")                        \
	X(IP_NO_ROUTE, "IpExtInNoRoutes", NETSTAT, "IpExt", "InNoRoutes")                          \
	X(IP_TRUNCATED, "IpExtInTruncatedPkts", NETSTAT, "IpExt", "InTruncatedPkts")               \
	X(RP_FILTER, "TcpExtIPReversePathFilter", NETSTAT, "TcpExt", "IPReversePathFilter")        \
	X(SOFTNET_DROPS, "softnet", SOFTNET, "", "")                                               \
	X(CONNTRACK_DROPS, "conntrack", CONNTRACK, "", "")

/* No drops of the stack; the last two are no counters but say how it is now. */
#define HOST_PROC_OTHERS(X)                                                                        \
	X(UDP_ERRORS, "", SNMP, "Udp", "InErrors")                                                 \
	X(UDP6_ERRORS, "", SNMP6, "", "Udp6InErrors")                                              \
	X(UDP_RCVBUF, "", SNMP, "Udp", "RcvbufErrors")                                             \
	X(UDP_MEMORY, "", SNMP, "Udp", "MemErrors")                                                \
	X(UDP6_RCVBUF, "", SNMP6, "", "Udp6RcvbufErrors")                                          \
	X(UDP6_MEMORY, "", SNMP6, "", "Udp6MemErrors")                                             \
	X(IP_OVERLAP, "", NETSTAT, "IpExt", "ReasmOverlaps")                                       \
	X(IP6_REASSEMBLY_TIME, "", SNMP6, "", "Ip6ReasmTimeout")                                   \
	X(LISTEN_OVERFLOW, "", NETSTAT, "TcpExt", "ListenOverflows")                               \
	X(REASSEMBLING, "", SOCKSTAT, "FRAG", "inuse")                                             \
	X(REASSEMBLING6, "", SOCKSTAT6, "FRAG6", "inuse")

enum host_proc_file {
	HOST_PROC_SNMP,      /* /proc/net/snmp */
	HOST_PROC_SNMP6,     /* snmp6 */
	HOST_PROC_NETSTAT,   /* netstat */
	HOST_PROC_SOFTNET,   /* softnet_stat: of the whole machine */
	HOST_PROC_CONNTRACK, /* stat/nf_conntrack; there only with conntrack */
	HOST_PROC_SOCKSTAT,  /* sockstat */
	HOST_PROC_SOCKSTAT6, /* sockstat6 */
	HOST_PROC_FILES
};

#define HOST_PROC_(id, reason, file, section, name) HOST_PROC_##id,
enum host_proc_counter {
	HOST_PROC_COUNTERS(HOST_PROC_) HOST_PROC_DROPS,
	HOST_PROC_BEFORE_OTHERS = HOST_PROC_DROPS - 1,
	HOST_PROC_OTHERS(HOST_PROC_) HOST_PROC_COUNT
};
#undef HOST_PROC_

extern const char *const host_proc_reasons[HOST_PROC_DROPS];
extern const char *const host_proc_paths[HOST_PROC_FILES]; /* under /proc/thread-self/net/ */

/* Sets the counters that the file has; others stay. `text` ends with NUL. */
void host_proc_parse(enum host_proc_file file, const char *text, uint64_t ret[HOST_PROC_COUNT]);

#endif
