/* SPDX-License-Identifier: BSD-2-Clause */
/* Jumps from one stack to another are what the C library's check of longjmp() is against. */
#undef _FORTIFY_SOURCE
#include "simulation.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define MAX_TASKS   48
#define STACK_BYTES (512 << 10)
#define START_NS    (1000 * (uint64_t)NS_PER_S)
#define START_WALL  (1700000000 * NS_PER_S)
#define MIDNIGHT    (1700006400 * NS_PER_S)
/* A seed that goes round in circles without any time passing. */
#define MAX_TURNS 2000000

struct task {
	ucontext_t context; /* where it begins */
	jmp_buf place;      /* where it goes on: without swapcontext()'s system calls */
	bool begun;
	void *stack;
	void *(*entry)(void *);
	void *argument;
	bool used, done, detached, ours; /* ours: the process's, not the world's */
	const void *waits; /* for a wake-up at this address; NULL: for the time alone */
	bool woken;
	uint64_t until_ns; /* 0: ready */
};

static struct task tasks[MAX_TASKS];
static struct task *current;
static jmp_buf scheduler;
static uint64_t course, order; /* random numbers: of the world, and of the scheduler */
static uint64_t now_ns, stopped_ns, sets;
static int64_t wall_ns;
static bool ended, killed, peeks;
static unsigned kills;

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t sim_random(uint64_t n)
{
	return next_random(&course) % n;
}

bool sim_once_in(uint64_t n)
{
	return sim_random(n) == 0;
}

static uint64_t order_random(uint64_t n)
{
	return next_random(&order) % n;
}

void sim_schedule_init(uint64_t seed)
{
	for (int i = 0; i < MAX_TASKS; i++)
		tasks[i] = (struct task){.stack = tasks[i].stack};
	ended = killed = peeks = false;
	kills = 0;
	stopped_ns = sets = 0;
	course = seed * 0x2545f4914f6cdd1d + 1;
	order = seed ^ 0xd1342543de82ef95;
	now_ns = START_NS;
	wall_ns = START_WALL + (int64_t)sim_random((uint64_t)(3600 * NS_PER_S));
	if (sim_once_in(4)) /* some are there when the day ends */
		wall_ns = MIDNIGHT - (int64_t)sim_random((uint64_t)(30 * NS_PER_S));
}

uint64_t sim_now_ns(void)
{
	return now_ns;
}

int64_t sim_wall_ns(void)
{
	return wall_ns;
}

void sim_set_wall(int64_t value_ns)
{
	wall_ns = value_ns;
	sets++;
}

uint64_t sim_clock_sets(void)
{
	return sets;
}

bool sim_in_process(void)
{
	return current && current->ours;
}

void sim_peek(bool on)
{
	peeks = on;
}

/* -- coroutines */

static void leave(void)
{
	if (_setjmp(current->place) == 0)
		_longjmp(scheduler, 1);
}

/* Until it leaves. */
static void go_on(struct task *task)
{
	if (_setjmp(scheduler))
		return;
	if (task->begun)
		_longjmp(task->place, 1);
	task->begun = true;
	setcontext(&task->context);
}

static void begin(void)
{
	current->entry(current->argument);
	current->done = true;
	sim_wake(current);
	leave();
}

static struct task *make(void *(*entry)(void *), void *argument, bool ours)
{
	struct task *task = NULL;

	for (int i = 0; i < MAX_TASKS && !task; i++) {
		if (!tasks[i].used)
			task = &tasks[i];
	}
	if (!task)
		sim_fail("more than %d threads", MAX_TASKS);
	if (!task->stack) {
		task->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (task->stack == MAP_FAILED)
			sim_fail("no memory for a stack");
	}
	*task = (struct task){
	    .stack = task->stack, .entry = entry, .argument = argument, .used = true, .ours = ours};
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = STACK_BYTES;
	task->context.uc_link = NULL;
	makecontext(&task->context, begin, 0);
	return task;
}

int sim_spawn(void *(*entry)(void *), void *argument)
{
	make(entry, argument, true);
	return 0;
}

static void pass(uint64_t until_ns, const void *what)
{
	current->until_ns = until_ns;
	current->waits = what;
	current->woken = false;
	leave();
}

void sim_wait(const void *what, uint64_t until_ns)
{
	pass(until_ns ? until_ns : 1, what);
}

void sim_sleep_ns(uint64_t ns)
{
	pass(now_ns + ns, NULL);
}

void sim_yield(void)
{
	if (!peeks && sim_in_process() && order_random(16) == 0)
		pass(order_random(64) == 0 ? now_ns + order_random((uint64_t)NS_PER_S) : 1, NULL);
}

void sim_wake(const void *what)
{
	for (int i = 0; i < MAX_TASKS; i++) {
		if (tasks[i].used && tasks[i].waits == what && what)
			tasks[i].woken = true;
	}
}

static void wake_one(const void *what)
{
	const unsigned from = (unsigned)order_random(MAX_TASKS);

	for (unsigned i = 0; i < MAX_TASKS; i++) {
		struct task *task = &tasks[(from + i) % MAX_TASKS];

		if (task->used && task->waits == what && !task->woken) {
			task->woken = true;
			return;
		}
	}
}

void sim_stop_process(uint64_t until_ns)
{
	stopped_ns = until_ns;
}

void sim_kill(void)
{
	killed = true;
	if (sim_in_process())
		leave();
	for (int i = 0; i < MAX_TASKS; i++) {
		if (tasks[i].used && tasks[i].ours)
			tasks[i].used = false;
	}
	killed = false;
	kills++;
	stopped_ns = 0;
}

unsigned sim_kills(void)
{
	return kills;
}

static uint64_t ready_at(const struct task *task)
{
	uint64_t at_ns = task->woken ? 0 : task->until_ns;

	if (task->ours && at_ns < stopped_ns)
		at_ns = stopped_ns;
	return at_ns;
}

/* One of those that can go on; else the time passes until one can. */
static struct task *choose(void)
{
	uint64_t next_ns = UINT64_MAX;
	struct task *ready[MAX_TASKS];
	unsigned n = 0;

	for (int i = 0; i < MAX_TASKS; i++) {
		struct task *task = &tasks[i];
		uint64_t at_ns;

		if (task->used && task->done && (task->detached || !task->ours))
			task->used = false;
		if (!task->used || task->done)
			continue;
		at_ns = ready_at(task);
		if (at_ns <= now_ns)
			ready[n++] = task;
		if (at_ns < next_ns)
			next_ns = at_ns;
	}
	if (n)
		return ready[order_random(n)];
	if (next_ns == UINT64_MAX)
		sim_fail("all threads wait for each other");
	wall_ns += (int64_t)(next_ns - now_ns);
	now_ns = next_ns;
	return NULL;
}

static void *run_world(void *argument)
{
	((void (*)(void))argument)();
	ended = true;
	return NULL;
}

void sim_schedule_run(void (*world)(void))
{
	unsigned turns = 0;
	uint64_t before_ns = now_ns;

	make(run_world, (void *)world, false);
	while (!ended) {
		struct task *task = choose();

		if (now_ns != before_ns)
			turns = 0;
		before_ns = now_ns;
		if (!task)
			continue;
		if (++turns > MAX_TURNS)
			sim_fail("goes on for ever without waiting");
		current = task;
		go_on(task);
		current = NULL;
		if (killed)
			sim_kill();
	}
}

/* -- what the process asks of the C library */

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	const uint64_t ns = id == CLOCK_REALTIME ? (uint64_t)wall_ns
	    : id == CLOCK_MONOTONIC              ? now_ns
						 : 0; /* CPU time */

	ret->tv_sec = (time_t)(ns / (uint64_t)NS_PER_S);
	ret->tv_nsec = (long)(ns % (uint64_t)NS_PER_S);
	if (id == CLOCK_REALTIME && sim_in_process())
		sim_looked();
	return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	sim_sleep_ns((uint64_t)time->tv_sec * (uint64_t)NS_PER_S + (uint64_t)time->tv_nsec);
	return 0;
}

ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)data)[i] = (uint8_t)next_random(&order);
	return (ssize_t)size;
}

/* A mutex's first word is its owner. */
struct lock {
	struct task *owner;
};
_Static_assert(sizeof(struct lock) <= sizeof(pthread_mutex_t), "it has its place");

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	(void)attributes;
	memset(mutex, 0, sizeof(*mutex));
	return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	if (((struct lock *)mutex)->owner)
		sim_fail("a mutex is destroyed while somebody holds it");
	return 0;
}

static void take(struct lock *lock)
{
	while (lock->owner) {
		if (lock->owner == current)
			sim_fail("a thread takes a mutex twice");
		sim_wait(lock, UINT64_MAX);
	}
	lock->owner = current;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (peeks)
		return 0;
	sim_yield();
	take((struct lock *)mutex);
	return 0;
}

static void give(struct lock *lock)
{
	if (lock->owner != current)
		sim_fail("a thread lets go of a mutex that it does not hold");
	lock->owner = NULL;
	wake_one(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	if (peeks)
		return 0;
	give((struct lock *)mutex);
	sim_yield();
	return 0;
}

int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
	(void)attributes;
	memset(condition, 0, sizeof(*condition));
	return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *condition);
int __wrap_pthread_cond_destroy(pthread_cond_t *condition)
{
	(void)condition;
	return 0;
}

/* Now and then for no reason, as POSIX allows. */
static int wait_for(pthread_cond_t *condition, struct lock *lock, uint64_t until_ns)
{
	const bool for_nothing = order_random(64) == 0;
	bool in_time;

	give(lock);
	sim_wait(condition, for_nothing ? now_ns + order_random((uint64_t)NS_PER_S) : until_ns);
	in_time = current->woken || for_nothing;
	take(lock);
	return in_time ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	return wait_for(condition, (struct lock *)mutex, UINT64_MAX);
}

int __wrap_pthread_cond_timedwait(
    pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_timedwait(
    pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	const uint64_t until_ns =
	    (uint64_t)until->tv_sec * (uint64_t)NS_PER_S + (uint64_t)until->tv_nsec;

	if (until_ns <= now_ns) {
		sim_yield();
		return ETIMEDOUT;
	}
	return wait_for(condition, (struct lock *)mutex, until_ns);
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
	wake_one(condition);
	return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
	sim_wake(condition);
	return 0;
}

int __wrap_pthread_create(
    pthread_t *ret, const pthread_attr_t *attributes, void *(*entry)(void *), void *argument);
int __wrap_pthread_create(
    pthread_t *ret, const pthread_attr_t *attributes, void *(*entry)(void *), void *argument)
{
	struct task *task = make(entry, argument, true);
	int state = PTHREAD_CREATE_JOINABLE;

	if (attributes)
		pthread_attr_getdetachstate(attributes, &state);
	task->detached = state == PTHREAD_CREATE_DETACHED;
	*ret = (pthread_t)(uintptr_t)task;
	return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret)
{
	struct task *task = (struct task *)(uintptr_t)thread;

	(void)ret;
	while (!task->done)
		sim_wait(task, UINT64_MAX);
	task->used = false;
	return 0;
}

int __wrap_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread)
{
	((struct task *)(uintptr_t)thread)->detached = true;
	return 0;
}

pthread_t __wrap_pthread_self(void);
pthread_t __wrap_pthread_self(void)
{
	return (pthread_t)(uintptr_t)current;
}

int __wrap_pthread_setname_np(pthread_t thread, const char *name);
int __wrap_pthread_setname_np(pthread_t thread, const char *name)
{
	(void)thread;
	(void)name;
	return 0;
}

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	(void)how;
	(void)set;
	(void)old;
	return 0;
}
