/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/peer.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMM_BYTES 16 /* TASK_COMM_LEN */

/* Another network namespace's process has pid 0, and one that ended has no name. */
static void read_comm(char comm[static COMM_BYTES], pid_t pid)
{
	char path[40];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, COMM_BYTES - 1);
		close(fd);
	}
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
}

static void describe_process(char ret[static PEER_BYTES], int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char comm[COMM_BYTES];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		snprintf(ret, PEER_BYTES, "peer=?");
		return;
	}
	read_comm(comm, peer.pid);
	snprintf(ret, PEER_BYTES, "pid=%ld uid=%lu%s%s", (long)peer.pid, (unsigned long)peer.uid,
	    *comm ? " comm=" : "", comm);
}

void peer_describe(
    char ret[static PEER_BYTES], int fd, const struct sockaddr_storage *peer, socklen_t length)
{
	char host[64], port[8];

	if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6)
		describe_process(ret, fd);
	else if (getnameinfo((const struct sockaddr *)peer, length, host, sizeof(host), port,
		     sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(ret, PEER_BYTES, "peer=?");
	else if (peer->ss_family == AF_INET)
		snprintf(ret, PEER_BYTES, "peer=%s:%s", host, port);
	else
		snprintf(ret, PEER_BYTES, "peer=[%s]:%s", host, port);
}
