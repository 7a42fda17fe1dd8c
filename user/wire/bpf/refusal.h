/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the kernel refuses BPF: bpf(2) has one error for many causes, and who reads the log wants to
 * know which one to mend. Nothing here changes anything; what it loads to see is gone at once.
 */
#ifndef CROSSTAP_WIRE_BPF_REFUSAL_H
#define CROSSTAP_WIRE_BPF_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#define WIRE_REFUSAL_BYTES 128

/* What of this process and of this kernel decides. */
struct wire_standing {
	/* Effective. CAP_SYS_ADMIN stands for the first two, as before Linux 5.8. */
	bool cap_bpf, cap_perfmon, cap_net_admin;
	bool user_namespace; /* capabilities are those of a container's own users, which do not
				count */
	bool locked_memory;  /* maps count as such (before Linux 5.11), up to an end that cannot be
				moved */
	bool locked_down; /* programs may not read the kernel's memory: lockdown=confidentiality */
};
void wire_standing_read(struct wire_standing *ret);

/* "CAP_BPF, CAP_NET_ADMIN"; empty: none is missing. Returns true if any is. */
bool wire_standing_missing(const struct wire_standing *standing, char *ret, size_t size);
/* The error (negative) in words, and its cause where one is known. */
void wire_refusal_tell(const struct wire_standing *standing, int error, char *ret, size_t size);
/* The same of this process, as it stands now. */
void wire_refusal(int error, char *ret, size_t size);

#endif
