/* SPDX-License-Identifier: BSD-2-Clause */
/* How what an option names is judged. Within the room. */
#ifndef CROSSTAP_OUTSIDE_JUDGES_H
#define CROSSTAP_OUTSIDE_JUDGES_H

#include "outside/outside.h"

struct subject {
	const struct outside *outside;
	const struct node *node; /* where the option is, or what would hold it; NULL: nowhere */
	const char *key;
	const char *value; /* not empty */
	const char
	    *beside; /* of the option that belongs to it; "": it is not set, or there is none */
};

void subject_report(const struct subject *subject, enum outside_level level, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* accounts.c: names or numbers, of which the latter need no entry. */
void judge_user(const struct subject *subject);
void judge_group(const struct subject *subject);

/* secrets.c */
void judge_key(const struct subject *subject);   /* privacy/key_file.h */
void judge_token(const struct subject *subject); /* http/access.h */
void judge_certificate(const struct subject *subject);
void judge_tls_key(const struct subject *subject); /* also whether it is that of `beside` */
void judge_authorities(const struct subject *subject);

/* places.c */
void judge_country(const struct subject *subject); /* databases */
void judge_asn(const struct subject *subject);
void judge_readable(const struct subject *subject); /* that the agent's user may read it, too */
void judge_own(const struct subject *subject);      /* likewise, of a file for the agent alone */
void judge_folder(const struct subject *subject);   /* which the agent makes in one that is there */
void judge_place(const struct subject *subject);    /* a file that is replaced in its folder */
void judge_output_file(const struct subject *subject); /* one that is written on, or is made */

#endif
