/* SPDX-License-Identifier: BSD-2-Clause */
/* The fixtures and all that they must count. Worked out from the frames in fixtures_*.h. */
#ifndef CROSSTAP_TESTS_TABLE_H
#define CROSSTAP_TESTS_TABLE_H

#include "fixtures_tcp.h"
#include "fixtures_udp.h"

static const struct fixture fixtures[] = {
    {"udp_query", make_udp_query,
	"in.udp4.packets=2 in.udp4.bytes=120 in.udp4.messages=2 in.udp4.message_bytes=64 "
	"in.udp6.packets=2 in.udp6.bytes=160 in.udp6.messages=2 in.udp6.message_bytes=64 "
	"in.udp_size.32=4 in.opcode.0=4 in.qtype.1=4 sources=2 source_messages=4",
	0},
    {"padded", make_padded,
	"in.udp4.packets=2 in.udp4.bytes=68 in.udp4.messages=2 in.udp4.message_bytes=12 "
	"in.udp4.malformed=1 in.udp_size.0=2 in.malformed.1=1 in.opcode.0=1 in.class.0=1 "
	"sources=1 source_messages=2",
	0},
    {"vlan", make_vlan,
	"in.udp4.packets=3 in.udp4.bytes=180 in.udp4.messages=3 in.udp4.message_bytes=96 "
	"in.udp6.packets=1 in.udp6.bytes=80 in.udp6.messages=1 in.udp6.message_bytes=32 "
	"in.udp_size.32=4 in.opcode.0=4 in.qtype.28=4 sources=2 source_messages=4",
	0},
    {"ipv4_options", make_ipv4_options,
	"in.udp4.packets=2 in.udp4.bytes=164 in.udp4.messages=2 in.udp4.message_bytes=64 "
	"in.udp_size.32=2 in.opcode.0=2 in.qtype.1=2 sources=1 source_messages=2",
	0},
    {"ipv6_extensions", make_ipv6_extensions,
	"in.udp6.packets=5 in.udp6.bytes=3568 in.udp6.messages=5 in.udp6.message_bytes=160 "
	"in.udp_size.32=5 in.opcode.0=5 in.qtype.1=5 sources=1 source_messages=5",
	0},
    {"not_ours", make_not_ours, "", 0},
    {"responses", make_responses,
	"out.udp4.packets=13 out.udp4.bytes=825 out.udp4.messages=13 "
	"out.udp4.message_bytes=461 out.udp4.not_query=1 out.udp4.tc=1 out.udp4.left_out=1 "
	"out.udp_size.16=1 out.udp_size.32=12 out.rcode.0=3 out.rcode.1=1 out.rcode.2=1 "
	"out.rcode.3=1 out.rcode.5=1 out.rcode.7=1 out.rcode.16=2 out.rcode.23=1 "
	"out.class.3=1 out.class.6=2 out.rare=1 rare.133820=1",
	0},
    {"query_classes", make_query_classes,
	"in.udp4.packets=14 in.udp4.bytes=860 in.udp4.messages=14 in.udp4.message_bytes=468 "
	"in.udp4.malformed=1 in.udp4.not_query=1 in.udp4.left_out=2 in.udp6.packets=8 "
	"in.udp6.bytes=640 in.udp6.messages=8 in.udp6.message_bytes=256 in.udp_size.0=1 "
	"in.udp_size.32=19 in.udp_size.48=2 in.malformed.4=1 in.opcode.0=19 in.opcode.5=1 "
	"in.qtype.1=1 in.qtype.6=1 in.qtype.16=17 in.qtype_left_out.6=1 "
	"in.qtype_left_out.16=1 in.class.0=2 in.class.1=4 in.class.2=8 sources=2 "
	"source_messages=19",
	0},
    {"answer_classes", make_answer_classes,
	"out.udp4.packets=32 out.udp4.bytes=1975 out.udp4.messages=32 "
	"out.udp4.message_bytes=1079 out.udp4.not_query=1 out.udp4.left_out=1 "
	"out.udp_size.0=1 out.udp_size.32=30 out.udp_size.48=1 out.rcode.0=1 out.rcode.1=11 "
	"out.rcode.2=1 out.rcode.3=1 out.rcode.4=3 out.rcode.5=6 out.rcode.9=3 "
	"out.rcode.16=4 out.rcode.23=1 out.class.3=2 out.class.4=2 out.class.5=2 "
	"out.class.6=6 out.class.7=2 out.class.8=3 out.class.9=3",
	0},
    {"left_out", make_left_out,
	"in.udp4.packets=7 in.udp4.bytes=405 in.udp4.messages=7 in.udp4.message_bytes=209 "
	"in.udp4.malformed=1 in.udp4.not_query=1 in.udp4.not_query_aa=1 in.udp4.left_out=6 "
	"in.udp4.malformed_uncompared=1 in.udp6.packets=1 in.udp6.bytes=80 "
	"in.udp6.messages=1 in.udp6.message_bytes=32 in.udp6.left_out=1 in.udp_size.16=1 "
	"in.udp_size.32=7 in.malformed.3=1 in.opcode.0=4 in.opcode.4=1 in.opcode.5=1 "
	"in.qtype.1=2 in.qtype.6=2 in.qtype.251=1 in.qtype.252=1 in.qtype_left_out.1=2 "
	"in.qtype_left_out.6=2 in.qtype_left_out.251=1 in.qtype_left_out.252=1 "
	"out.udp4.packets=1 out.udp4.bytes=60 out.udp4.messages=1 out.udp4.message_bytes=32 "
	"out.udp4.left_out=1 out.udp_size.32=1 out.rcode.0=1",
	0},
    {"qtypes", make_qtypes,
	"in.udp4.packets=9 in.udp4.bytes=540 in.udp4.messages=9 in.udp4.message_bytes=288 "
	"in.udp4.left_out=1 in.udp_size.32=9 in.opcode.0=8 in.opcode.15=1 in.qtype.0=1 "
	"in.qtype.1=1 in.qtype.255=1 in.qtype.261=1 in.qtype.511=1 in.rare=4 rare.512=1 "
	"rare.32769=1 rare.65280=1 rare.65535=1 rare.130816=1 sources=1 source_messages=8",
	0},
    {"malformed", make_malformed,
	"in.udp4.packets=6 in.udp4.bytes=241 in.udp4.messages=6 in.udp4.message_bytes=73 "
	"in.udp4.malformed=6 in.udp_size.0=4 in.udp_size.16=2 in.malformed.1=2 "
	"in.malformed.2=2 in.malformed.3=1 in.malformed.4=1 out.udp4.packets=3 "
	"out.udp4.bytes=143 out.udp4.messages=3 out.udp4.message_bytes=59 "
	"out.udp4.malformed=3 out.udp4.not_query=1 out.udp4.malformed_uncompared=1 "
	"out.udp_size.0=1 out.udp_size.16=2 out.malformed.1=1 out.malformed.6=2 sources=1 "
	"source_messages=6",
	0},
    {"long_names", make_long_names,
	"in.udp4.packets=10 in.udp4.bytes=2781 in.udp4.messages=10 "
	"in.udp4.message_bytes=2501 in.udp4.malformed=1 in.udp_size.16=1 in.udp_size.256=8 "
	"in.udp_size.304=1 in.malformed.5=1 in.opcode.0=9 in.qtype.2=1 in.qtype.16=8 "
	"out.udp4.packets=8 out.udp4.bytes=2401 out.udp4.messages=8 "
	"out.udp4.message_bytes=2177 out.udp4.malformed=8 out.udp_size.272=8 "
	"out.malformed.5=8 sources=1 source_messages=10",
	0},
    {"udp_length", make_udp_length,
	"in.udp4.packets=4 in.udp4.bytes=240 in.udp4.messages=4 in.udp4.message_bytes=62 "
	"in.udp4.malformed=3 in.udp6.packets=3 in.udp6.bytes=240 in.udp6.fragments=1 "
	"in.udp6.messages=3 in.udp6.message_bytes=65591 in.udp_size.0=2 in.udp_size.16=1 "
	"in.udp_size.32=3 in.udp_size.4096=1 in.malformed.1=2 in.malformed.6=1 in.opcode.0=4 "
	"in.qtype.1=3 sources=2 source_messages=7",
	0},
    {"fragments", make_fragments,
	"in.udp4.packets=3 in.udp4.bytes=124 in.udp4.fragments=2 in.udp4.messages=3 "
	"in.udp4.message_bytes=96 in.udp4.not_query=1 in.udp4.not_query_aa=1 "
	"in.udp4.left_out=1 in.udp6.packets=2 in.udp6.bytes=176 in.udp6.fragments=2 "
	"in.udp6.messages=2 in.udp6.message_bytes=1432 in.udp6.not_query=2 "
	"in.udp6.not_query_aa=2 in.udp_size.32=4 in.udp_size.1392=1 in.opcode.0=1 "
	"in.opcode.4=1 out.udp4.packets=3 out.udp4.bytes=140 out.udp4.fragments=4 "
	"out.udp4.messages=2 out.udp4.message_bytes=2800 out.udp_size.1392=2 out.rcode.0=2 "
	"sources=1 source_messages=1",
	0},
    {"padded_fragments", make_padded_fragments,
	"in.udp4.packets=2 in.udp4.bytes=86 in.udp4.fragments=2 in.udp4.messages=2 "
	"in.udp4.message_bytes=64 in.udp6.packets=2 in.udp6.bytes=142 in.udp6.fragments=2 "
	"in.udp6.messages=2 in.udp6.message_bytes=64 in.udp_size.32=4 in.opcode.0=4 "
	"out.udp4.packets=1 out.udp4.bytes=44 out.udp4.fragments=1 out.udp4.messages=1 "
	"out.udp4.message_bytes=32 out.udp_size.32=1 out.rcode.0=1 sources=2 "
	"source_messages=4",
	0},
    {"opt_data", make_opt_data,
	"out.udp4.packets=4 out.udp4.bytes=252 out.udp4.messages=4 "
	"out.udp4.message_bytes=140 out.udp_size.16=2 out.udp_size.32=2 out.rcode.3=2 "
	"out.rcode.19=2",
	0},
    {"truncated", make_truncated,
	"in.udp4.packets=33 in.udp4.bytes=1980 in.udp4.messages=21 in.udp4.message_bytes=672 "
	"in.udp6.packets=33 in.udp6.bytes=2640 in.udp6.messages=21 in.udp6.message_bytes=672 "
	"in.udp_size.32=42 in.opcode.0=42 in.qtype.1=6 sources=2 source_messages=42",
	0},
    {"sources", make_sources,
	"in.udp4.packets=100 in.udp4.bytes=6000 in.udp4.messages=100 "
	"in.udp4.message_bytes=3200 in.udp6.packets=100 in.udp6.bytes=8000 "
	"in.udp6.messages=100 in.udp6.message_bytes=3200 in.udp_size.32=200 in.opcode.0=200 "
	"in.qtype.1=200 in.sources_other=192 sources=4 source_messages=8",
	0},
    {"doq", make_doq,
	"in.doh4.packets=1 in.doh4.bytes=1228 in.doq4.packets=3 in.doq4.bytes=2524 "
	"in.doq4.connections=2 out.doq4.packets=1 out.doq4.bytes=68",
	0},
    {"dot_doh", make_dot_doh,
	"in.dot4.packets=2 in.dot4.bytes=112 in.dot4.connections=1 in.doh4.packets=2 "
	"in.doh4.bytes=112 in.doh4.connections=1 out.dot4.packets=2 out.dot4.bytes=80 "
	"out.dot4.connections=1 out.dot4.resets=1 out.doh4.packets=2 out.doh4.bytes=80 "
	"out.doh4.connections=1 out.doh4.resets=1",
	0},
    {"tcp_connection", make_tcp_connection,
	"in.tcp4.packets=4 in.tcp4.bytes=226 in.tcp4.messages=1 in.tcp4.message_bytes=32 "
	"in.tcp4.connections=1 in.tcp_size.32=1 in.opcode.0=1 in.qtype.1=1 in.handshakes4=1 "
	"in.flows=1 out.tcp4.packets=2 out.tcp4.bytes=134 out.tcp4.messages=1 "
	"out.tcp4.message_bytes=32 out.tcp4.connections=1 out.tcp_size.32=1 out.rcode.0=1 "
	"out.flows=1 sources=1 source_messages=1 rtt4=1",
	0},
    {"tcp_prefix_alone", make_tcp_prefix_alone,
	"in.tcp4.packets=4 in.tcp4.bytes=228 in.tcp4.messages=2 in.tcp4.message_bytes=64 "
	"in.tcp_size.32=2 in.opcode.0=2 in.qtype.1=1 in.qtype.2=1 in.flows=1 sources=1 "
	"source_messages=2",
	0},
    {"tcp_pipelined", make_tcp_pipelined,
	"in.tcp4.packets=14 in.tcp4.bytes=1920 in.tcp4.messages=40 "
	"in.tcp4.message_bytes=1280 in.tcp_size.32=40 in.opcode.0=40 in.qtype.1=1 "
	"in.qtype.2=1 in.qtype.3=1 in.qtype.4=1 in.qtype.5=1 in.qtype.6=1 in.qtype.7=1 "
	"in.qtype.8=1 in.qtype.9=1 in.qtype.10=1 in.qtype.11=1 in.qtype.12=1 in.qtype.13=1 "
	"in.qtype.14=1 in.qtype.15=1 in.qtype.16=1 in.qtype.17=1 in.qtype.18=1 in.qtype.19=1 "
	"in.qtype.20=1 in.qtype.21=1 in.qtype.22=1 in.qtype.23=1 in.qtype.24=1 in.qtype.25=1 "
	"in.qtype.26=1 in.qtype.27=1 in.qtype.28=1 in.qtype.29=1 in.qtype.30=1 in.qtype.31=1 "
	"in.qtype.32=1 in.qtype.33=1 in.qtype.34=1 in.qtype.35=1 in.qtype.36=1 in.qtype.37=1 "
	"in.qtype.38=1 in.qtype.39=1 in.qtype.40=1 in.flows=1 sources=1 source_messages=40",
	0},
    {"tcp_bytes", make_tcp_bytes,
	"in.tcp4.packets=170 in.tcp4.bytes=6970 in.tcp4.messages=5 in.tcp4.message_bytes=160 "
	"in.tcp_size.32=5 in.opcode.0=5 in.qtype.1=1 in.qtype.2=1 in.qtype.3=1 in.qtype.4=1 "
	"in.qtype.5=1 in.flows=1 sources=1 source_messages=5",
	0},
    {"tcp_repeated", make_tcp_repeated,
	"in.tcp4.packets=7 in.tcp4.bytes=655 in.tcp4.messages=6 in.tcp4.message_bytes=192 "
	"in.tcp_size.32=6 in.opcode.0=6 in.qtype.1=1 in.qtype.2=1 in.qtype.3=1 in.qtype.4=1 "
	"in.qtype.5=1 in.qtype.6=1 in.flows=1 sources=1 source_messages=6",
	0},
    {"tcp_hole", make_tcp_hole,
	"in.tcp4.packets=5 in.tcp4.bytes=386 in.tcp4.messages=4 in.tcp4.message_bytes=128 "
	"in.tcp4.resync=2 in.tcp_size.32=4 in.opcode.0=4 in.qtype.1=1 in.qtype.3=1 "
	"in.qtype.5=1 in.qtype.6=1 in.flows=1 sources=1 source_messages=4",
	0},
    {"tcp_middle", make_tcp_middle,
	"in.tcp4.packets=3 in.tcp4.bytes=314 in.tcp4.messages=3 in.tcp4.message_bytes=96 "
	"in.tcp4.resync=1 in.tcp_size.32=3 in.opcode.0=3 in.qtype.4=1 in.qtype.5=1 "
	"in.qtype.6=1 in.flows=1 sources=1 source_messages=3",
	0},
    {"tcp_again", make_tcp_again,
	"in.tcp4.packets=7 in.tcp4.bytes=484 in.tcp4.messages=5 in.tcp4.message_bytes=160 "
	"in.tcp4.connections=1 in.tcp4.resync=1 in.tcp_size.32=5 in.opcode.0=5 in.qtype.1=4 "
	"in.qtype.2=1 in.flows=2 sources=2 source_messages=5",
	0},
    {"tcp_late", make_tcp_late,
	"in.tcp4.packets=5 in.tcp4.bytes=506 in.tcp4.messages=2 in.tcp4.message_bytes=64 "
	"in.tcp4.resync=2 in.tcp_size.32=2 in.opcode.0=2 in.qtype.3=1 in.qtype.4=1 "
	"in.flows=1 sources=1 source_messages=2",
	0},
    {"tcp_lower", make_tcp_lower,
	"in.tcp4.packets=4 in.tcp4.bytes=364 in.tcp4.messages=6 in.tcp4.message_bytes=192 "
	"in.tcp4.connections=1 in.tcp_size.32=6 in.opcode.0=6 in.qtype.1=2 in.qtype.2=2 "
	"in.qtype.3=2 in.flows=1 sources=1 source_messages=6",
	0},
    {"tcp_short_first", make_tcp_short_first,
	"in.tcp4.packets=1 in.tcp4.bytes=76 in.tcp4.resync=1 in.flows=1", 0},
    {"tcp_malformed", make_tcp_malformed,
	"in.tcp4.packets=446 in.tcp4.bytes=18732 in.tcp4.messages=19 "
	"in.tcp4.message_bytes=854 in.tcp4.malformed=15 in.tcp_size.0=5 in.tcp_size.16=8 "
	"in.tcp_size.32=4 in.tcp_size.272=2 in.malformed.1=5 in.malformed.2=2 "
	"in.malformed.3=2 in.malformed.4=2 in.malformed.5=2 in.malformed.6=2 in.opcode.0=4 "
	"in.qtype.1=2 in.qtype.28=2 in.flows=3 sources=3 source_messages=19",
	0},
    {"tcp_axfr", make_tcp_axfr,
	"in.tcp4.packets=1 in.tcp4.bytes=108 in.tcp4.messages=2 in.tcp4.message_bytes=64 "
	"in.tcp4.left_out=1 in.tcp_size.32=2 in.opcode.0=2 in.qtype.6=1 in.qtype.252=1 "
	"in.qtype_left_out.252=1 in.flows=1 out.tcp4.packets=4 out.tcp4.bytes=1770 "
	"out.tcp4.messages=5 out.tcp4.message_bytes=1600 out.tcp4.left_out=3 "
	"out.tcp_size.0=1 out.tcp_size.32=1 out.tcp_size.320=1 out.tcp_size.608=2 "
	"out.rcode.0=4 out.rcode.1=1 out.flows=1 sources=1 source_messages=1",
	0},
    {"tcp_body_hole", make_tcp_body_hole,
	"out.tcp4.packets=3 out.tcp4.bytes=1556 out.tcp4.messages=2 "
	"out.tcp4.message_bytes=1832 out.tcp_size.32=1 out.tcp_size.1792=1 out.rcode.0=2 "
	"out.flows=1",
	0},
    {"tcp_merged", make_tcp_merged,
	"out.tcp4.packets=5 out.tcp4.bytes=940 out.tcp4.messages=20 "
	"out.tcp4.message_bytes=640 out.tcp_size.32=20 out.rcode.0=20 out.flows=1",
	0},
    {"tcp_badvers", make_tcp_badvers,
	"out.tcp4.packets=2 out.tcp4.bytes=170 out.tcp4.messages=2 out.tcp4.message_bytes=86 "
	"out.tcp_size.32=2 out.rcode.0=1 out.rcode.16=1 out.flows=1",
	0},
    {"tcp_opt_data", make_tcp_opt_data,
	"out.tcp4.packets=2 out.tcp4.bytes=178 out.tcp4.messages=2 "
	"out.tcp4.message_bytes=94 out.tcp_size.32=2 out.rcode.3=1 out.rcode.19=1 "
	"out.flows=1",
	0},
    {"tcp_no_data", make_tcp_no_data,
	"in.tcp4.packets=12 in.tcp4.bytes=888 in.tcp4.messages=4 "
	"in.tcp4.message_bytes=128 in.tcp4.resets=4 in.tcp_size.32=4 in.opcode.0=4 "
	"in.qtype.1=4 in.flows=4 sources=4 source_messages=4",
	0},
    {"tcp_reset_by_another", make_tcp_reset_by_another,
	"in.tcp4.packets=6 in.tcp4.bytes=376 in.tcp4.messages=4 in.tcp4.message_bytes=128 "
	"in.tcp4.resets=2 in.tcp4.resync=1 in.tcp_size.32=4 in.opcode.0=4 in.qtype.1=2 "
	"in.qtype.3=2 in.flows=2 sources=2 source_messages=4",
	0},
    {"handshakes", make_handshakes,
	"in.tcp4.packets=5 in.tcp4.bytes=200 in.tcp6.packets=4 in.tcp6.bytes=240 "
	"in.handshakes4=1 in.handshakes6=1 in.retransmitted4=1 out.tcp4.packets=3 "
	"out.tcp4.bytes=120 out.tcp4.connections=3 out.tcp6.packets=1 out.tcp6.bytes=60 "
	"out.tcp6.connections=1 rtt4=1 rtt6=1",
	0},
    {"handshake_syn", make_handshake_syn,
	"in.tcp4.packets=5 in.tcp4.bytes=200 in.tcp4.connections=3 in.handshakes4=1 "
	"in.retransmitted4=1 out.tcp4.packets=1 out.tcp4.bytes=40 out.tcp4.connections=1 rtt4=1",
	WIRE_RTT_SYN},
};

#define FIXTURES (sizeof(fixtures) / sizeof(*fixtures))

#endif
