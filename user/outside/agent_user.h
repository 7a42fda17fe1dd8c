/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom the agent runs as (config/systemd/crosstap.service), and what that user may do. */
#ifndef CROSSTAP_OUTSIDE_AGENT_USER_H
#define CROSSTAP_OUTSIDE_AGENT_USER_H

#include <stdbool.h>
#include <sys/types.h>

#define AGENT_USER "crosstap"

struct agent_user {
	const char *name; /* the caller's string */
	uid_t uid;
	gid_t gid;
	bool is_there; /* else the agent is taken to run as whoever asks */
	/* We are that user, or root: what is refused to us is refused to the agent. */
	bool sure;
};

/* For the process that asks now. */
void agent_user_find(struct agent_user *ret, const char *name);
/* 0, or -errno as access(2) of `mode` gives it to the agent's user. Root asks in a child process,
 * since lists of access and mounts have a say too. Else it is the caller's own answer. */
int agent_user_may(const struct agent_user *agent, const char *path, int mode);
/* What `act` says, 0 or -errno, of the agent's user without a capability: it runs in a child
 * process of root's, and what it makes is gone when this returns. Else it runs here. */
int agent_user_try(const struct agent_user *agent, int (*act)(void *context), void *context);

#endif
