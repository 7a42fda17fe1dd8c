/* SPDX-License-Identifier: BSD-2-Clause */
/* What the running kernel's drop reasons mean. For stack_drops*.c only. */
#ifndef CROSSTAP_WIRE_HOST_STACK_DROPS_REASONS_H
#define CROSSTAP_WIRE_HOST_STACK_DROPS_REASONS_H

#include "crosstap/wire_abi.h"

#define STACK_DROPS_NAME_BYTES 48

enum stack_stage {
	STACK_UNSURE, /* other packets have it, too: an upper bound */
	STACK_STACK,  /* between the wire and the socket */
	STACK_EARLY,  /* the same where the wire counts in native XDP, else perhaps before it */
	STACK_SOCKET, /* a socket's refusal: in the socket's own drops */
	STACK_NONE,   /* the packet lives on */
};

struct stack_reason {
	char name[STACK_DROPS_NAME_BYTES]; /* without SKB_DROP_REASON_; empty: there is none */
	enum stack_stage stage;
};

/* From the kernel's BTF. -ENOTSUP: it has no BTF, or does not name what matters. */
int stack_drops_reasons(struct stack_reason ret[WIRE_DROP_REASONS]);

#endif
