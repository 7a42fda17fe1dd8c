/* SPDX-License-Identifier: BSD-2-Clause */
/* What a network device says of XDP (Linux 6.3, Documentation/netlink/specs/netdev.yaml). */
#ifndef CROSSTAP_WIRE_BPF_FEATURES_H
#define CROSSTAP_WIRE_BPF_FEATURES_H

#include <stdbool.h>

struct wire_features {
	bool native;          /* its driver runs XDP programs */
	bool several_buffers; /* ... on frames that do not fit in a page */
};

/* In the network namespace of the thread. -ENOENT: the kernel cannot tell; -ENODEV: no such device.
 */
int wire_features_read(int index, struct wire_features *ret);

#endif
