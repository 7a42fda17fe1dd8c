/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration names and only this host can tell: accounts, keys, tokens, certificates,
 * databases, folders. For `crosstap check`, from its one thread. The table in outside.c says which
 * option is judged by which function of judges.h. Nothing is made or changed; a child process
 * tries what the agent's user may do.
 */
#ifndef CROSSTAP_OUTSIDE_OUTSIDE_H
#define CROSSTAP_OUTSIDE_OUTSIDE_H

#include "config/config.h"
#include "outside/agent_user.h"

enum outside_level {
	OUTSIDE_ERROR,   /* the agent cannot do what the configuration asks for */
	OUTSIDE_WARNING, /* it goes on without it, or may do so */
	OUTSIDE_UNKNOWN, /* whoever asks may not see it, and the agent's user perhaps may */
};

struct outside_finding {
	enum outside_level level;
	unsigned line, column; /* of the option; of what would hold it, where that is a default */
	const char *key;       /* the whole path, as in `inputs[0].group` */
	const char *text;      /* what is wrong, unescaped */
};

struct outside {
	const struct config *config; /* outputs without a kind are passed over */
	const struct node *root;     /* of its file; NULL: there is none */
	struct agent_user agent;
	/* All that is passed is the caller's, until it returns. */
	void (*report)(void *context, const struct outside_finding *finding);
	void *context;
};

void outside_check(const struct outside *outside);

#endif
