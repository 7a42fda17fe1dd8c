/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the two sides of handshake_oracle share. */
#ifndef CROSSTAP_TESTS_HANDSHAKE_ORACLE_H
#define CROSSTAP_TESTS_HANDSHAKE_ORACLE_H

#include <linux/types.h>

#define ORACLE_CONNECTIONS 65536
#define ORACLE_PORT        53
#define ORACLE_IPV4        2 /* AF_INET */

struct oracle_peer {
	__u32 address[4]; /* network order; IPv4 in the first */
	__u32 port, family;
};

struct oracle_handshake {
	__u64 established_ns; /* CLOCK_MONOTONIC */
	__u32 rtt_us, pad;
};

struct oracle_sums {
	__u64 established, refused; /* refused: found the table full */
};

#endif
