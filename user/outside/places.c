/* SPDX-License-Identifier: BSD-2-Clause */
/* Databases, and folders that the agent writes to. Without one of these it goes on. */
#include "outside/judges.h"

#include "geo/mmdb.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not to be read by the agent's user: -errno; 0 also where that cannot be told. */
static int may_read(const struct subject *subject)
{
	const struct agent_user *agent = &subject->outside->agent;
	const int r = agent_user_may(agent, subject->value, R_OK);

	return agent->sure && agent->is_there ? r : 0;
}

void judge_readable(const struct subject *subject)
{
	const int r = may_read(subject);

	if (r < 0)
		subject_report(subject, OUTSIDE_WARNING,
		    "%s: %s, the agent's user, cannot read it: %s", subject->value,
		    subject->outside->agent.name, strerror(-r));
}

void judge_own(const struct subject *subject)
{
	const char *user = subject->outside->agent.name;
	const int r = may_read(subject);

	if (r < 0)
		subject_report(subject, OUTSIDE_WARNING,
		    "%s: %s, the agent's user, cannot read it: %s: chown %s '%s'", subject->value,
		    user, strerror(-r), user, subject->value);
}

/* -- databases */

/* As config/parse/validate.c assigns editions: ASN is one file's, all others the other's. */
static bool is_downloaded(const struct config *config, enum mmdb_kind kind)
{
	for (size_t i = 0; i < config->geo.maxmind_editions.n; i++) {
		const bool is_asn = strstr(config->geo.maxmind_editions.items[i], "ASN");

		if (is_asn == (kind == MMDB_ASN))
			return true;
	}
	return false;
}

static void judge_database(const struct subject *subject, enum mmdb_kind kind)
{
	char reason[PATH_MAX + 256];
	struct mmdb *mmdb = NULL;
	const int r = mmdb_new(&mmdb, subject->value, kind, NULL, reason, sizeof(reason));

	mmdb_free(mmdb);
	if (r == 0)
		judge_readable(subject);
	else if (r == -ENOENT && is_downloaded(subject->outside->config, kind))
		subject_report(subject, OUTSIDE_WARNING,
		    "%s, until the agent has fetched it (geo.maxmind)", reason);
	else if (r == -EACCES && !subject->outside->agent.sure)
		subject_report(subject, OUTSIDE_UNKNOWN,
		    "%s; root or the agent's user can tell whether that one may read it", reason);
	else
		subject_report(subject, OUTSIDE_ERROR, "%s", reason);
}

void judge_country(const struct subject *subject)
{
	judge_database(subject, MMDB_COUNTRY);
}

void judge_asn(const struct subject *subject)
{
	judge_database(subject, MMDB_ASN);
}

/* -- folders */

/* The folder that a path is in; slashes at its end do not count. */
static const char *folder_of(const char *path, char copy[PATH_MAX])
{
	snprintf(copy, PATH_MAX, "%s", path);
	return dirname(copy);
}

static int may_write(const struct agent_user *agent, const char *folder)
{
	struct stat st;

	if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return agent_user_may(agent, folder, W_OK | X_OK);
}

/* `folder` is what stands in the way, `wanted` what has to be there; NULL: it is, and may be
 * others' as well. */
static void tell(const struct subject *subject, int r, const char *folder, const char *wanted)
{
	const struct agent_user *agent = &subject->outside->agent;
	const char *owner = agent->is_there ? agent->name : "root";

	if (r == -ENOENT)
		subject_report(subject, OUTSIDE_WARNING,
		    "%s: %s, and the agent does not make it: install -d -o %s '%s'", folder,
		    strerror(-r), owner, wanted ? wanted : folder);
	else if (r != -EACCES)
		subject_report(subject, OUTSIDE_WARNING, "%s: %s", folder, strerror(-r));
	else if (!agent->sure)
		subject_report(subject, OUTSIDE_UNKNOWN,
		    "%s: %s; root or the agent's user can tell whether that one may write there",
		    folder, strerror(-r));
	else if (wanted)
		subject_report(subject, OUTSIDE_WARNING,
		    "%s: %s, the agent's user, cannot write there: install -d -o %s '%s'", folder,
		    owner, owner, wanted);
	else
		subject_report(subject, OUTSIDE_WARNING,
		    "%s: %s, the agent's user, cannot write there: take a folder of its own, as "
		    "/var/lib/crosstap",
		    folder, owner);
}

void judge_folder(const struct subject *subject)
{
	const struct agent_user *agent = &subject->outside->agent;
	const char *folder = subject->value;
	char copy[PATH_MAX];
	int r = may_write(agent, folder);

	if (r == -ENOENT) {
		folder = folder_of(subject->value, copy);
		r = may_write(agent, folder);
	}
	if (r < 0)
		tell(subject, r, folder, subject->value);
}

static void judge_folder_of(const struct subject *subject)
{
	char copy[PATH_MAX];
	const char *folder = folder_of(subject->value, copy);
	const int r = may_write(&subject->outside->agent, folder);

	if (r < 0)
		tell(subject, r, folder, NULL);
}

void judge_place(const struct subject *subject)
{
	struct stat st;

	/* base/replace.h leaves these where they are. */
	if (lstat(subject->value, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		subject_report(subject, OUTSIDE_ERROR, "%s: is %s, and a file is written there",
		    subject->value, S_ISDIR(st.st_mode) ? "a folder" : "no file");
	else
		judge_folder_of(subject);
}

void judge_output_file(const struct subject *subject)
{
	const bool is_stdout = strcmp(subject->value, "-") == 0;
	struct stat st;

	if (is_stdout)
		return;
	if (stat(subject->value, &st) == 0 && S_ISDIR(st.st_mode))
		subject_report(subject, OUTSIDE_ERROR,
		    "%s: is a folder, and a file is written there", subject->value);
	else if (agent_user_may(&subject->outside->agent, subject->value, W_OK) < 0)
		judge_folder_of(subject);
}
