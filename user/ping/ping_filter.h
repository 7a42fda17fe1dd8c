/* SPDX-License-Identifier: BSD-2-Clause */
/* What a raw ICMP socket lets through: the kernel hands it every ICMP message of the host. */
#ifndef CROSSTAP_PING_PING_FILTER_H
#define CROSSTAP_PING_PING_FILTER_H

#include <stdint.h>

int ping_filter_attach(int fd, unsigned family, uint16_t id);

#endif
