/* SPDX-License-Identifier: BSD-2-Clause */
#include "confine/confine.h"

#include <endian.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By what they are for; a name that an architecture or a libseccomp does not have is passed over.
 */
static const char *const allowed[] = {
    /* files: inputs' sockets, outputs, the spool, databases, /proc, names and zones of the C
       library */
    "access",
    "chdir",
    "chmod",
    "chown",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchown32",
    "fchownat",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "flock",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "fsync",
    "ftruncate",
    "ftruncate64",
    "getcwd",
    "getdents",
    "getdents64",
    "inotify_add_watch",
    "inotify_init1",
    "inotify_rm_watch",
    "ioctl",
    "lchown",
    "link",
    "linkat",
    "lseek",
    "_llseek",
    "lstat",
    "lstat64",
    "memfd_create",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "sendfile64",
    "splice",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statx",
    "sync_file_range",
    "symlink",
    "symlinkat",
    "syncfs",
    "name_to_handle_at",
    "tee",
    "truncate",
    "truncate64",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "write",
    "writev",
    /* sockets */
    "accept",
    "accept4",
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
    "socketcall",
    "socketpair",
    /* waiting, and time to be read */
    "alarm",
    "_newselect",
    "clock_getres",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "getitimer",
    "gettimeofday",
    "nanosleep",
    "poll",
    "ppoll",
    "pselect6",
    "select",
    "setitimer",
    "time",
    "timer_create",
    "timer_delete",
    "timer_gettime",
    "timer_settime",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    "times",
    /* memory */
    "brk",
    "madvise",
    "membarrier",
    "mincore",
    "mlock",
    "mlock2",
    "mmap",
    "mmap2",
    "mprotect",
    "mremap",
    "msync",
    "munlock",
    "munmap",
    "shmctl",
    "shmget",
    /* threads, and a process in which a file of a stranger is looked at; its own limits and rights
     */
    "arch_prctl",
    "capget",
    "capset",
    "exit",
    "exit_group",
    "fork",
    "futex",
    "get_robust_list",
    "get_thread_area",
    "getcpu",
    "getegid",
    "getegid32",
    "geteuid",
    "geteuid32",
    "getgid",
    "getgid32",
    "getgroups",
    "getgroups32",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "ioprio_get",
    "ioprio_set",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "gettid",
    "getuid",
    "getuid32",
    "prctl",
    "prlimit64",
    "restart_syscall",
    "rseq",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_yield",
    "seccomp",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "setpriority",
    "setrlimit",
    "setsid",
    "sysinfo",
    "ugetrlimit",
    "uname",
    "vfork",
    "wait4",
    "waitid",
    "waitpid",
    /* signals */
    "kill",
    "pause",
    "pidfd_open",
    "pidfd_send_signal",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    "sigreturn",
    "tgkill",
    "tkill",
    /* the wire */
    "bpf",
};

/* The C library, and systemd's, try these before older ones that do as well, and look whether the
 * kernel has them. By number: they are younger than the library that this is built with. */
static const int absent[] = {
    435, /* clone3: nobody sees the flags behind its pointer */
    441, /* epoll_pwait2 */
    447, /* memfd_secret */
    449, /* futex_waitv */
    451, /* cachestat */
    452, /* fchmodat2 */
    453, /* map_shadow_stack */
    454, /* futex_wake */
    455, /* futex_wait */
    456, /* futex_requeue */
    457, /* statmount */
    458, /* listmount */
};

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	    CLONE_NEWCGROUP)
/* On s390x the flags come second. */
#ifdef __s390x__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif
#if BYTE_ORDER == BIG_ENDIAN
#define LOW_WORD 4
#else
#define LOW_WORD 0
#endif

#define N_OF(array)  (sizeof(array) / sizeof((array)[0]))
#define CALLS_MAX    (N_OF(allowed) + N_OF(absent) + 2)
#define LEAF         4
#define PROGRAM_SIZE (4 * CALLS_MAX)

/*
 * libseccomp knows the numbers. The programs are made here: without memory it crashes, turns in a
 * circle, or makes one in which calls are missing.
 */
struct program {
	struct sock_filter code[PROGRAM_SIZE];
	unsigned short n;
	uint32_t hit, miss; /* what is done with a call that is in the list, or is not */
	unsigned flags;     /* of seccomp(2) */
};

static void put(struct program *p, uint16_t code, uint32_t k, size_t hit, size_t miss)
{
	p->code[p->n++] =
	    (struct sock_filter){.code = code, .jt = (uint8_t)hit, .jf = (uint8_t)miss, .k = k};
}

/* The sorted numbers as a tree: few steps for each call. */
static void put_tree(struct program *p, const uint32_t *numbers, size_t n)
{
	const size_t half = n / 2, at = p->n;

	if (n <= LEAF) {
		for (size_t i = 0; i < n; i++)
			put(p, BPF_JMP | BPF_JEQ | BPF_K, numbers[i], n - i, 0);
		put(p, BPF_RET | BPF_K, p->miss, 0, 0);
		put(p, BPF_RET | BPF_K, p->hit, 0, 0);
		return;
	}
	put(p, BPF_JMP | BPF_JGE | BPF_K, numbers[half], 0, 1);
	put(p, BPF_JMP | BPF_JA, 0, 0, 0);
	put_tree(p, numbers, half);
	p->code[at + 1].k = (uint32_t)(p->n - (at + 2));
	put_tree(p, numbers + half, n - half);
}

/* Calls of another architecture have other numbers. */
static void begin(struct program *p)
{
	p->n = 0;
	put(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
	put(p, BPF_RET | BPF_K, SECCOMP_RET_KILL, 0, 0);
	put(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

static void put_clone(struct program *p)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4);
	put(p, BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, args[CLONE_FLAGS]) + LOW_WORD, 0, 0);
	put(p, BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1);
	put(p, BPF_RET | BPF_K, p->miss, 0, 0);
	put(p, BPF_RET | BPF_K, p->hit, 0, 0);
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static size_t add(uint32_t numbers[CALLS_MAX], size_t n, const char *name)
{
	const int number = seccomp_syscall_resolve_name(name);

	/* Negative: this architecture has none of the name. */
	if (number >= 0)
		numbers[n++] = (uint32_t)number;
	return n;
}

static size_t add_absent(uint32_t numbers[CALLS_MAX], size_t n)
{
	for (size_t i = 0; i < N_OF(absent); i++)
		numbers[n++] = (uint32_t)absent[i];
	return n;
}

static size_t add_allowed(uint32_t numbers[CALLS_MAX], bool setns)
{
	size_t n = 0;

	for (size_t i = 0; i < N_OF(allowed); i++)
		n = add(numbers, n, allowed[i]);
	if (setns)
		n = add(numbers, n, "setns");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* Leak detection attaches to its own process. */
	n = add(numbers, n, "ptrace");
#endif
	return add_absent(numbers, n);
}

static int load(const struct program *p)
{
	const struct sock_fprog program = {p->n, (struct sock_filter *)(uintptr_t)p->code};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->flags, &program) == 0 ||
	    (errno == EINVAL && p->flags &&
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0))
		return 0;
	return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

/* Two filters, of which the stricter answer holds: what is not to be used for a good reason is no
 * line of the kernel's log each time. What else is refused is, where the kernel can (4.14). */
int confine_system_calls(bool setns)
{
	struct program older = {.hit = SECCOMP_RET_ERRNO | ENOSYS, .miss = SECCOMP_RET_ALLOW};
	struct program listed = {.hit = SECCOMP_RET_ALLOW,
	    .miss = SECCOMP_RET_ERRNO | EPERM,
	    .flags = SECCOMP_FILTER_FLAG_LOG};
	uint32_t numbers[CALLS_MAX];
	size_t n;
	int r;

	n = add_absent(numbers, 0);
	qsort(numbers, n, sizeof(numbers[0]), compare);
	begin(&older);
	put_tree(&older, numbers, n);
	n = add_allowed(numbers, setns);
	qsort(numbers, n, sizeof(numbers[0]), compare);
	begin(&listed);
	put_clone(&listed);
	put_tree(&listed, numbers, n);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = load(&older);
	return r < 0 ? r : load(&listed);
}
