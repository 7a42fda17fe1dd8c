/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all inputs of a process share: places for connections, and memory for them. Every input has
 * a share of the places that no other takes, and beyond it whoever comes first: a storm at one
 * input keeps nobody out of another. Any thread.
 */
#ifndef CROSSTAP_DNSTAP_BUDGET_H
#define CROSSTAP_DNSTAP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	_Atomic int pool;     /* places taken beyond the inputs' own shares */
	_Atomic size_t bytes; /* of beginnings of long frames, and of TLS */
};

enum budget_place {
	BUDGET_NONE, /* none: it is about to be closed */
	BUDGET_OWN,  /* of its input's share */
	BUDGET_POOL,
};

/* Of `places` over `inputs`: half is shared out, at least one each. */
int budget_share(int places, int inputs);
/* For an input that has `own` of its share taken. BUDGET_NONE: there is none. */
enum budget_place budget_take(struct budget *budget, int places, int inputs, int own);
void budget_leave(struct budget *budget, enum budget_place place);
/* How many places one address may have at an input: half of what the input could get, at least one.
 */
int budget_of_address(int places, int inputs);

/* False, and nothing is taken, beyond `most` bytes. */
bool budget_charge(struct budget *budget, size_t bytes, size_t most);
void budget_uncharge(struct budget *budget, size_t bytes);

#endif
