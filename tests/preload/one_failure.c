/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For LD_PRELOAD: one call that a program makes fails, once; all others do what they do, and so do
 * those of libraries, but for jansson, libyaml and libseccomp, which build what the program asked
 * for: not all libraries look at what they get. FAIL_KIND=memory: an allocation; FAIL_KIND=system:
 * one of CALLS. FAIL_AT=n: the n-th from the start on; 0: none. At the exit FAIL_TELL, a file, has
 * their number. Not for programs with a sanitizer. glibc.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <unistd.h>

/* Result, name, parameters, arguments, and the reason that the kernel would give. */
#define CALLS(X)                                                                                   \
	X(int, fstat, (int fd, struct stat *to), (fd, to), EIO)                                    \
	X(int, stat, (const char *path, struct stat *to), (path, to), EACCES)                      \
	X(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), EIO)                           \
	X(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), EIO)            \
	X(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), ENOSPC)             \
	X(int, fsync, (int fd), (fd), EIO)                                                         \
	X(int, ftruncate, (int fd, off_t size), (fd, size), ENOSPC)                                \
	X(int, rename, (const char *from, const char *to), (from, to), EACCES)                     \
	X(int, renameat, (int at, const char *from, int in, const char *to), (at, from, in, to),   \
	    EACCES)                                                                                \
	X(int, mkdir, (const char *path, mode_t mode), (path, mode), EACCES)                       \
	X(int, unlink, (const char *path), (path), EACCES)                                         \
	X(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), EACCES)         \
	X(int, socket, (int family, int type, int protocol), (family, type, protocol), EMFILE)     \
	X(int, bind, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n), EADDRINUSE)    \
	X(int, listen, (int fd, int most), (fd, most), EADDRINUSE)                                 \
	X(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n), EAGAIN)     \
	X(int, accept4, (int fd, struct sockaddr *from, socklen_t *n, int flags),                  \
	    (fd, from, n, flags), EMFILE)                                                          \
	X(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t n),          \
	    (fd, level, name, value, n), EPERM)                                                    \
	X(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *n),               \
	    (fd, level, name, value, n), EPERM)                                                    \
	X(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), ECONNRESET)  \
	X(ssize_t, recvmsg, (int fd, struct msghdr *to, int flags), (fd, to, flags), ENOBUFS)      \
	X(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags),    \
	    ENOBUFS)                                                                               \
	X(ssize_t, sendmsg, (int fd, const struct msghdr *from, int flags), (fd, from, flags),     \
	    ENOBUFS)                                                                               \
	X(int, epoll_create1, (int flags), (flags), EMFILE)                                        \
	X(int, epoll_ctl, (int fd, int operation, int on, struct epoll_event *event),              \
	    (fd, operation, on, event), ENOSPC)                                                    \
	X(int, timerfd_create, (clockid_t clock, int flags), (clock, flags), EMFILE)               \
	X(int, timerfd_settime,                                                                    \
	    (int fd, int flags, const struct itimerspec *to, struct itimerspec *before),           \
	    (fd, flags, to, before), ECANCELED)                                                    \
	X(int, eventfd, (unsigned n, int flags), (n, flags), EMFILE)                               \
	X(int, pipe2, (int fds[2], int flags), (fds, flags), EMFILE)                               \
	X(int, memfd_create, (const char *name, unsigned flags), (name, flags), EMFILE)            \
	X(ssize_t, getrandom, (void *to, size_t n, unsigned flags), (to, n, flags), ENOSYS)        \
	X(pid_t, fork, (void), (), EAGAIN)

static uint64_t fail_at;
static bool of_memory, of_system;
static _Atomic uint64_t seen;

/* Code of which allocations fail. */
#define MOST_RANGES 8
static struct {
	uintptr_t from, to;
} ranges[MOST_RANGES];
static unsigned n_ranges;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);

static int add_range(struct dl_phdr_info *object, size_t size, void *context)
{
	(void)size;
	(void)context;
	if (*object->dlpi_name && !strstr(object->dlpi_name, "libjansson") &&
	    !strstr(object->dlpi_name, "libyaml") && !strstr(object->dlpi_name, "libseccomp"))
		return 0;
	for (unsigned i = 0; i < object->dlpi_phnum && n_ranges < MOST_RANGES; i++) {
		const uintptr_t from = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;

		if (object->dlpi_phdr[i].p_type != PT_LOAD ||
		    !(object->dlpi_phdr[i].p_flags & PF_X))
			continue;
		ranges[n_ranges].from = from;
		ranges[n_ranges++].to = from + object->dlpi_phdr[i].p_memsz;
	}
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *kind = getenv("FAIL_KIND"), *n = getenv("FAIL_AT");

	dl_iterate_phdr(add_range, NULL);
	fail_at = n ? strtoull(n, NULL, 10) : 0;
	of_memory = kind && strcmp(kind, "memory") == 0;
	of_system = kind && strcmp(kind, "system") == 0;
}

/* What runs behind main(), as what counts coverage, is not the program. */
static void stop(void)
{
	of_memory = of_system = false;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAIL_TELL");
	const uint64_t n = atomic_load(&seen);
	FILE *file;

	stop();
	file = path ? fopen(path, "w") : NULL;
	if (!file)
		return;
	fprintf(file, "%llu\n", (unsigned long long)n);
	fclose(file);
}

static bool is_ours(const void *caller)
{
	for (unsigned i = 0; i < n_ranges; i++) {
		if ((uintptr_t)caller >= ranges[i].from && (uintptr_t)caller < ranges[i].to)
			return true;
	}
	return false;
}

static void stop_at_exit(void)
{
	static atomic_flag done = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&done))
		atexit(stop);
}

static bool fails(bool kind, const void *caller, int reason)
{
	if (!kind || !is_ours(caller))
		return false;
	stop_at_exit();
	if (atomic_fetch_add(&seen, 1) + 1 != fail_at)
		return false;
	errno = reason;
	return true;
}

#define FAILS(kind, reason) fails(kind, __builtin_return_address(0), reason)

void *malloc(size_t size)
{
	return FAILS(of_memory, ENOMEM) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return FAILS(of_memory, ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
	return FAILS(of_memory, ENOMEM) ? NULL : __libc_realloc(memory, size);
}

#define DEFINE(result, name, parameters, arguments, reason)                                        \
	result name parameters                                                                     \
	{                                                                                          \
		static result(*_Atomic real) parameters;                                           \
                                                                                                   \
		if (FAILS(of_system, reason))                                                      \
			return -1;                                                                 \
		if (!real)                                                                         \
			real = (result(*) parameters)dlsym(RTLD_NEXT, #name);                      \
		return real arguments;                                                             \
	}
CALLS(DEFINE)

/* The argument behind the flags is a mode where a file may come to be. */
static int open_at(const void *caller, int folder, const char *path, int flags, va_list arguments)
{
	const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;

	if (fails(of_system, caller, EMFILE))
		return -1;
	return (int)syscall(__NR_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	int fd;

	va_start(arguments, flags);
	fd = open_at(__builtin_return_address(0), AT_FDCWD, path, flags, arguments);
	va_end(arguments);
	return fd;
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list arguments;
	int fd;

	va_start(arguments, flags);
	fd = open_at(__builtin_return_address(0), folder, path, flags, arguments);
	va_end(arguments);
	return fd;
}

int pthread_create(
    pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *context)
{
	static int (*_Atomic real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (FAILS(of_system, EAGAIN))
		return EAGAIN;
	if (!real)
		real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
		    void *))dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, how, run, context);
}
