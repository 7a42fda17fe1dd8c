/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, tokens, certificates: read as the agent will read them. */
#include "outside/judges.h"

#include "base/secret_file.h"
#include "http/access.h"
#include "network/certificate.h"
#include "privacy/key_file.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#define REASON_BYTES (PATH_MAX + 256)

/* What is refused to whoever asks may be open to the agent's user. */
static void tell(const struct subject *subject, int r, const char *reason)
{
	if (r == -EACCES && !subject->outside->agent.sure)
		subject_report(subject, OUTSIDE_UNKNOWN,
		    "%s; root or the agent's user can tell whether that one may read it", reason);
	else
		subject_report(subject, OUTSIDE_ERROR, "%s", reason);
}

void judge_key(const struct subject *subject)
{
	uint8_t key[KEY_FILE_BYTES];
	char reason[REASON_BYTES];
	const int r = key_file_read_for(
	    subject->outside->agent.uid, subject->value, key, reason, sizeof(reason));

	explicit_bzero(key, sizeof(key));
	if (r < 0)
		tell(subject, r, reason);
	else
		judge_own(subject);
}

void judge_token(const struct subject *subject)
{
	struct access access;
	char reason[REASON_BYTES];
	const int r = access_init(&access, subject->value, reason, sizeof(reason));

	if (r < 0) {
		tell(subject, r, reason);
		return;
	}
	access_done(&access);
	judge_own(subject);
}

/* NULL: it was said why. secret_free() it. */
static char *read_pem(const struct subject *subject, bool is_private)
{
	char *text, reason[REASON_BYTES];
	const int r = secret_file_read(&text, subject->value, is_private, reason, sizeof(reason));

	if (r == 0)
		return text;
	tell(subject, r, reason);
	return NULL;
}

static void tell_end(const struct subject *subject, int64_t end_s, const char *what)
{
	char day[32];
	const time_t end = (time_t)end_s;
	struct tm tm;

	if (end >= time(NULL) || !gmtime_r(&end, &tm))
		return;
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%SZ", &tm);
	subject_report(subject, OUTSIDE_ERROR, "%s: %s expired at %s", subject->value, what, day);
}

/* A chain ends with the first of its certificates, a list of authorities with the last. */
static void judge_certificates(const struct subject *subject, bool is_chain)
{
	char *text = read_pem(subject, false);
	int64_t first_s, last_s;

	if (!text)
		return;
	if (certificate_ends(text, &first_s, &last_s) < 0)
		subject_report(
		    subject, OUTSIDE_ERROR, "%s: holds no certificate in PEM", subject->value);
	else if (is_chain)
		tell_end(subject, first_s, "a certificate in it");
	else
		tell_end(subject, last_s, "the last certificate in it");
	secret_free(text);
	judge_readable(subject);
}

void judge_certificate(const struct subject *subject)
{
	judge_certificates(subject, true);
}

void judge_authorities(const struct subject *subject)
{
	judge_certificates(subject, false);
}

void judge_tls_key(const struct subject *subject)
{
	const char *cert_path = subject->beside;
	char *key = read_pem(subject, true), *cert = NULL, reason[REASON_BYTES];
	int64_t end_s;

	if (!key)
		return;
	/* What is wrong with the certificate its own row says. */
	if (*cert_path && secret_file_read(&cert, cert_path, false, reason, sizeof(reason)) == 0 &&
	    certificate_ends(cert, &end_s, NULL) == 0 &&
	    certificate_fits(cert, key, reason, sizeof(reason)) < 0)
		subject_report(
		    subject, OUTSIDE_ERROR, "%s: with %s: %s", subject->value, cert_path, reason);
	secret_free(cert);
	secret_free(key);
	judge_readable(subject);
}
