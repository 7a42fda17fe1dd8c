/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/attacks.h"

#include "base/clock.h"
#include "encode/row.h"

#include <stdio.h>
#include <string.h>

struct attack_limits attack_limits_of(const struct config *config)
{
	return (struct attack_limits){
	    .names = config->attacks.names,
	    .nxdomain_share = config->attacks.nxdomain_share,
	    .response_bytes = config->attacks.response_bytes,
	    .amplification = config->attacks.amplification,
	    .question_share = config->attacks.question_share,
	    .query_share = config->attacks.query_share,
	    .queries = config->attacks.queries,
	    .times = config->attacks.times,
	};
}

static void put_address(
    const struct attack_subject *subject, struct privacy *privacy, char text[ATTACK_SUBJECT_BYTES])
{
	char address[INET6_ADDRSTRLEN];

	privacy_address(privacy, (const uint8_t *)subject->address, subject->family, address);
	/* `privacy.addresses: prefix` has put the length there. */
	if (*address && subject->form == SUBJECT_SUBNET && !strchr(address, '/'))
		snprintf(text, ATTACK_SUBJECT_BYTES, "%s/%u", address, subject->prefix);
	else
		snprintf(text, ATTACK_SUBJECT_BYTES, "%s", address);
}

void attack_subject_text(
    const struct attack_subject *subject, struct privacy *privacy, char text[ATTACK_SUBJECT_BYTES])
{
	*text = '\0';
	switch ((enum attack_form)subject->form) {
	case SUBJECT_DOMAIN:
		(void)privacy_name(
		    privacy, subject->name, subject->length, text, ATTACK_SUBJECT_BYTES);
		break;
	case SUBJECT_ADDRESS:
	case SUBJECT_SUBNET:
		put_address(subject, privacy, text);
		break;
	case SUBJECT_ASN:
		snprintf(text, ATTACK_SUBJECT_BYTES, "AS%u", subject->asn);
		break;
	}
}

uint32_t attack_row(const struct attack *attack, int64_t end_ns, struct privacy *privacy,
    char text[ATTACK_SUBJECT_BYTES], struct attack_row *ret)
{
	attack_subject_text(&attack->subject, privacy, text);
	*ret = (struct attack_row){.subject = *text ? text : NULL,
	    .queries = attack->queries,
	    .response_bytes = attack->response_bytes,
	    .share = attack->share,
	    .since_s = (uint64_t)(end_ns - attack->since_ns) / NS_PER_S};
	return attack->known;
}

unsigned attack_rank(const struct attacks_now *attacks, size_t i)
{
	unsigned rank = 1;

	for (; i > 0 && attacks->list[i - 1].kind == attacks->list[i].kind; i--)
		rank++;
	return rank;
}

void encode_attacks(struct points *points, int64_t time_ms, int64_t end_ns,
    const struct attacks_now *attacks, const struct encode_context *context)
{
	for (size_t i = 0; i < attacks->n; i++) {
		char text[ATTACK_SUBJECT_BYTES], rank[16];
		struct attack_row row;
		const uint32_t known =
		    attack_row(&attacks->list[i], end_ns, context->privacy, text, &row);

		snprintf(rank, sizeof(rank), "%u", attack_rank(attacks, i));
		row_point(points, &measurements[M_DNS_ATTACK], time_ms,
		    (const char *[]){
			attack_kind_name((enum attack_kind)attacks->list[i].kind), rank},
		    &row, known);
	}
}

void json_add_attack(struct json_build *build, json_t *list, const struct attack *attack,
    unsigned rank, int64_t end_ns, struct privacy *privacy)
{
	json_t *object = json_add_object(build, list);
	char text[ATTACK_SUBJECT_BYTES];
	struct attack_row row;
	const uint32_t known = attack_row(attack, end_ns, privacy, text, &row);

	json_put_text(build, object, "kind", attack_kind_name((enum attack_kind)attack->kind));
	json_put_count(build, object, "rank", rank);
	row_members(build, object, &measurements[M_DNS_ATTACK], &row, known);
}

void json_put_attacks(struct json_build *build, json_t *document, int64_t end_ns,
    const struct attacks_now *attacks, struct privacy *privacy)
{
	json_t *list = json_put_array(build, document, "attacks");

	for (size_t i = 0; i < attacks->n; i++)
		json_add_attack(
		    build, list, &attacks->list[i], attack_rank(attacks, i), end_ns, privacy);
}
