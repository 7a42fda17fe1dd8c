/* SPDX-License-Identifier: BSD-2-Clause */
#include "outside/agent_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

void agent_user_find(struct agent_user *ret, const char *name)
{
	const struct passwd *entry = getpwnam(name);

	*ret = (struct agent_user){.name = name,
	    .uid = entry ? entry->pw_uid : geteuid(),
	    .gid = entry ? entry->pw_gid : getegid(),
	    .is_there = entry};
	ret->sure = geteuid() == 0 || (entry && ret->uid == geteuid());
}

/* What a child ends with: 0 or an errno, which all fit into an exit status. */
static int become_and_try(const struct agent_user *agent, int (*act)(void *context), void *context)
{
	if (initgroups(agent->name, agent->gid) < 0 || setgid(agent->gid) < 0 ||
	    setuid(agent->uid) < 0)
		return errno;
	return -act(context);
}

int agent_user_try(const struct agent_user *agent, int (*act)(void *context), void *context)
{
	int status;
	pid_t pid;

	if (geteuid() != 0 || !agent->is_there)
		return act(context);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(become_and_try(agent, act, context));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

struct wish {
	const char *path;
	int mode;
};

static int may(void *context)
{
	const struct wish *wish = context;

	return faccessat(AT_FDCWD, wish->path, wish->mode, AT_EACCESS) < 0 ? -errno : 0;
}

int agent_user_may(const struct agent_user *agent, const char *path, int mode)
{
	struct wish wish = {.path = path, .mode = mode};

	return agent_user_try(agent, may, &wish);
}
