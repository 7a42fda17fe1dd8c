/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/netlink/netns.h"

#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct visit {
	int namespace, error;
	void (*work)(void *context);
	void *context;
};

int netns_open(const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO would keep us for ever */
	if (fd < 0)
		return -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

bool netns_is_another(int namespace, const char *name)
{
	const int fd = netns_open(name);
	struct stat now, then;
	bool another;

	if (fd < 0)
		return false;
	another = fstat(fd, &now) == 0 && fstat(namespace, &then) == 0 &&
	    (now.st_dev != then.st_dev || now.st_ino != then.st_ino);
	close(fd);
	return another;
}

static void *run(void *context)
{
	struct visit *visit = context;

	if (setns(visit->namespace, CLONE_NEWNET) < 0)
		visit->error = -errno;
	else
		visit->work(visit->context);
	return NULL;
}

int netns_call(int namespace, void (*work)(void *context), void *context)
{
	struct visit visit = {.namespace = namespace, .work = work, .context = context};
	pthread_t thread;
	int r;

	if (namespace < 0) {
		work(context);
		return 0;
	}
	r = thread_start(&thread, run, &visit);
	if (r < 0)
		return r;
	pthread_join(thread, NULL);
	return visit.error;
}
