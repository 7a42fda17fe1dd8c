/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets that an input listens on: a Unix socket with its file, the addresses of a TCP name,
 * or those that were passed to the process. dnstap.c opens them before its thread runs, in the
 * thread that starts or reloads the agent.
 */
#ifndef CROSSTAP_DNSTAP_LISTEN_H
#define CROSSTAP_DNSTAP_LISTEN_H

#include "base/passed.h"
#include "config/config.h"

#include <sys/types.h>

#define LISTEN_MAX 8

/* A Unix socket's file, as bind(2) made it. */
struct listen_file {
	char *path; /* NULL: no file of ours */
	dev_t device;
	ino_t inode;
	uid_t uid;
	gid_t gid;
};

struct listen_sockets {
	int fds[LISTEN_MAX];
	size_t n;
	bool passed; /* duplicates: the sockets live on without us */
	struct listen_file file;
	char seen[PASSED_PATH_BYTES]; /* of the first that was passed: its file's path; "": none is
					 seen */
	char skipped[256]; /* addresses of a name that this host does not have; "": none */
};

/*
 * Non-blocking listening sockets. `passed`, `n_passed`: those that the process was given for this
 * input, by name or, of a Unix socket, by its path; they stay open and the process's own, what is
 * used are duplicates. Errors are those of dnstap_input_open(); *ret is then empty.
 */
int listen_open(struct listen_sockets *ret, const struct config_input *config, const int *passed,
    size_t n_passed, char *error, size_t size);
/* Closes them and removes the file, if it is still the one that was made. */
void listen_close(struct listen_sockets *sockets);
/* The name of sockets that an input made and leaves to the next process. */
#define LISTEN_NAME_BYTES 32
void listen_name(char ret[static LISTEN_NAME_BYTES], const struct config_input *config);
/* They were passed, but an input made them: the file is looked after as before. -errno as
 * listen_set_access(), and what is at the path is then nobody's. */
int listen_take_file(
    struct listen_sockets *sockets, const struct config_input *config, char *error, size_t size);
/* Nobody can connect any more: somebody removed the file of the Unix socket, or its folder. */
bool listen_is_gone(const struct listen_sockets *sockets);
/* The file stays, whoever closes the sockets. */
void listen_leave(struct listen_sockets *sockets);

/* The parts of a Unix socket: listen_unix.c. */
int listen_unix(struct listen_file *ret, const struct config_input *config, char *error,
    size_t size); /* the socket */
/* Mode, owner and group of the file as `config` has them, whatever is at its path now. */
int listen_set_access(int fd, const struct listen_file *file, const struct config_input *config,
    char *error, size_t size);
/* Which file the socket is bound to. -ESTALE: it cannot be told. */
int listen_file_identify(int fd, struct listen_file *file, char *error, size_t size);
void listen_file_remove(struct listen_file *file);
bool listen_path_is_gone(const char *path);

#endif
