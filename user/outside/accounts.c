/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners and groups of sockets, as dnstap/listen_unix.c will look for them. */
#include "outside/judges.h"

#include "base/account.h"

#include <errno.h>
#include <string.h>

/* getpwnam(3) says one of these, or nothing, which is the first, where there is no such name. */
static bool says_none(int error)
{
	return error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

static void tell(const struct subject *subject, int error, const char *what, const char *tool)
{
	if (says_none(error))
		subject_report(subject, OUTSIDE_ERROR,
		    "there is no %s \"%s\" on this host: %s lists those that are", what,
		    subject->value, tool);
	else
		subject_report(subject, OUTSIDE_UNKNOWN, "the %s \"%s\" cannot be looked up: %s",
		    what, subject->value, strerror(error));
}

void judge_user(const struct subject *subject)
{
	uid_t unused;
	const int r = account_user(subject->value, &unused);

	if (r < 0)
		tell(subject, -r, "user", "getent passwd");
}

void judge_group(const struct subject *subject)
{
	gid_t unused;
	const int r = account_group(subject->value, &unused);

	if (r < 0)
		tell(subject, -r, "group", "getent group");
}
