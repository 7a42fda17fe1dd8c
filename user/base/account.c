/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>

static bool parse_number(const char *name, unsigned long *ret)
{
	char *end;

	*ret = strtoul(name, &end, 10);
	return *name && !*end;
}

int account_user(const char *name, uid_t *ret)
{
	const struct passwd *entry;
	unsigned long id;

	if (parse_number(name, &id)) {
		*ret = (uid_t)id;
		return 0;
	}
	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	*ret = entry->pw_uid;
	return 0;
}

int account_group(const char *name, gid_t *ret)
{
	const struct group *entry;
	unsigned long id;

	if (parse_number(name, &id)) {
		*ret = (gid_t)id;
		return 0;
	}
	errno = 0;
	entry = getgrnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	*ret = entry->gr_gid;
	return 0;
}
