/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks as rows (measure/rows.h) and as texts: what points, documents, /metrics, events and the
 * log have in common. */
#ifndef CROSSTAP_ENCODE_ATTACKS_H
#define CROSSTAP_ENCODE_ATTACKS_H

#include "attack/attack.h"
#include "encode/encode.h"
#include "measure/rows.h"
#include "text/json_build.h"

#define ATTACK_SUBJECT_BYTES (PRIVACY_NAME_SIZE + 16)

/* As the option `attacks` has them. */
struct attack_limits attack_limits_of(const struct config *config);

/* Domain, address, network or AS as it may leave; "": not at all. */
void attack_subject_text(
    const struct attack_subject *subject, struct privacy *privacy, char text[ATTACK_SUBJECT_BYTES]);
/* Returns what it knows. `text` is where the row keeps its subject. */
uint32_t attack_row(const struct attack *attack, int64_t end_ns, struct privacy *privacy,
    char text[ATTACK_SUBJECT_BYTES], struct attack_row *ret);
/* Of the i-th of a sorted list: its rank among those of its kind, from 1 on. */
unsigned attack_rank(const struct attacks_now *attacks, size_t i);

/* dns_attack. */
void encode_attacks(struct points *points, int64_t time_ms, int64_t end_ns,
    const struct attacks_now *attacks, const struct encode_context *context);
/* [{"kind": "flood", "rank": 1, "subject": ..., ...}, ...] */
void json_put_attacks(struct json_build *build, json_t *document, int64_t end_ns,
    const struct attacks_now *attacks, struct privacy *privacy);
/* One of them. */
void json_add_attack(struct json_build *build, json_t *list, const struct attack *attack,
    unsigned rank, int64_t end_ns, struct privacy *privacy);

#endif
