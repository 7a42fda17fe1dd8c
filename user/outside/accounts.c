/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners and groups of sockets, as dnstap/listen_unix.c will look for them. */
#include "outside/judges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *name)
{
	char *end;

	(void)strtoul(name, &end, 10);
	return *name && !*end;
}

/* getpwnam(3) says nothing, or one of these, where there is no such name. */
static bool says_none(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
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
	errno = 0;
	if (!is_number(subject->value) && !getpwnam(subject->value))
		tell(subject, errno, "user", "getent passwd");
}

void judge_group(const struct subject *subject)
{
	errno = 0;
	if (!is_number(subject->value) && !getgrnam(subject->value))
		tell(subject, errno, "group", "getent group");
}
