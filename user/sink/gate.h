/* SPDX-License-Identifier: BSD-2-Clause */
/* Something that happens once, for which threads wait: a counted object, so that neither side need
 * outlive the other. Any thread. */
#ifndef CROSSTAP_SINK_GATE_H
#define CROSSTAP_SINK_GATE_H

struct gate;

/* Closed. -ENOMEM. */
int gate_new(struct gate **ret);
struct gate *gate_ref(struct gate *gate);
/* Takes NULL. */
void gate_unref(struct gate *gate);
/* For ever; again is no error. */
void gate_open(struct gate *gate);
/* Returns once it is open. */
void gate_wait(struct gate *gate);

#endif
