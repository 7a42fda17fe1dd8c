/* SPDX-License-Identifier: BSD-2-Clause */
#include "confine/confine.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>

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

static int allow(scmp_filter_ctx filter, const char *name)
{
	const int number = seccomp_syscall_resolve_name(name);
	const int r =
	    number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);

	/* -EDOM: none of this architecture. */
	return r == -EDOM || r == -EEXIST ? 0 : r;
}

static int list_absent(scmp_filter_ctx filter, uint32_t action)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]) && r == 0; i++)
		r = seccomp_rule_add(filter, action, absent[i], 0);
	return r;
}

static int list_allowed(scmp_filter_ctx filter, bool setns)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
		r = allow(filter, allowed[i]);
	if (r == 0 && setns)
		r = allow(filter, "setns");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* Leak detection attaches to its own process. */
	if (r == 0)
		r = allow(filter, "ptrace");
#endif
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_CMP(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, NAMESPACES, 0));
	return r == 0 ? list_absent(filter, SCMP_ACT_ALLOW) : r;
}

/* Two filters, of which the stricter answer holds: what is not to be used for a good reason is no
 * line of the kernel's log each time. */
int confine_system_calls(bool setns)
{
	scmp_filter_ctx older = seccomp_init(SCMP_ACT_ALLOW);
	scmp_filter_ctx listed = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = older && listed ? 0 : -ENOMEM;

	if (r == 0)
		r = list_absent(older, SCMP_ACT_ERRNO(ENOSYS));
	if (r == 0)
		r = list_allowed(listed, setns);
	if (r == 0) {
		/* Where the kernel can (4.14), it logs what it refuses; the list is a tree. */
		(void)seccomp_attr_set(listed, SCMP_FLTATR_CTL_LOG, 1);
		(void)seccomp_attr_set(listed, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		r = seccomp_load(older);
	}
	if (r == 0)
		r = seccomp_load(listed);
	if (older)
		seccomp_release(older);
	if (listed)
		seccomp_release(listed);
	return r == -EINVAL || r == -ENOSYS ? -EOPNOTSUPP : r;
}
