/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon in a world that is made of one number. All of the agent runs in it as it is shipped,
 * but for what touches the machine, which is replaced when this program is linked (--wrap):
 *
 *   schedule.c   threads are coroutines; the seed says who is next, clocks wait for them
 *   disk.c       files in memory; the disk fails, is full, forgets what was not synced
 *   memory.c     allocations that fail
 *   far_end.c    the databases that points are sent to
 *   witnesses.c  the producers' sockets, and the counters of the kernel
 *   ledger.c     every point that the agent made, and what became of it
 *   kept.c       what outlives the agent: RSSAC002, DNS Magnitude, the history
 *   relay.c      second readers of the frames, behind inputs[].tee
 *   streams.c    those who read the stream of events
 *   faults.c     faults that are planted on purpose
 *   world.c      what happens when, and what must hold at the end
 *   main.c       many seeds, some of them in a process of their own
 */
#ifndef CROSSTAP_TESTS_SIMULATION_H
#define CROSSTAP_TESTS_SIMULATION_H

#include "base/clock.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SIM_ROOT "/sim"

/* -- main.c */

extern bool sim_verbose;

/* One thing that happens once, at every place where it can, one after the other: a seed is played
 * for each. */
enum sim_every {
	SIM_EVERY_NOTHING,
	SIM_EVERY_WRITE,      /* a kill before or after a change of the disk */
	SIM_EVERY_DISK,       /* an operation of the disk fails */
	SIM_EVERY_ALLOCATION, /* there is no memory */
};
extern enum sim_every sim_every;
/* Another place of that kind, in the process. True: here it is to happen. */
bool sim_every_here(enum sim_every kind);
/* No more of them in this seed. */
void sim_every_end(void);
/* What happened, with its times; only shown when one seed is played. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What must hold does not: says so and ends this seed. */
void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* -- schedule.c: randomness, time, threads */

/* Of the world's course, and apart from it of who runs when: 0 to n - 1; n at least 1. */
uint64_t sim_random(uint64_t n);
/* True once in `n` times. */
bool sim_once_in(uint64_t n);

void sim_schedule_init(uint64_t seed);
/* Runs until the world ends; `world` is a coroutine that outlives the process that it watches. */
void sim_schedule_run(void (*world)(void));
uint64_t sim_now_ns(void);
int64_t sim_wall_ns(void);
void sim_set_wall(int64_t wall_ns);
/* How often the wall clock was set. */
uint64_t sim_clock_sets(void);
void sim_sleep_ns(uint64_t ns);
/* Waits for sim_wake() with the same address, or until then; UINT64_MAX: for ever. */
void sim_wait(const void *what, uint64_t until_ns);
void sim_wake(const void *what);
/* A place where another thread may come first. */
void sim_yield(void);
/* Starts a thread of the process. */
int sim_spawn(void *(*entry)(void *), void *argument);
/* No thread of the process runs until then (SIGSTOP). */
void sim_stop_process(uint64_t until_ns);
/* The process is gone, from this very moment: does not return in one of its own threads. */
void sim_kill(void);
bool sim_in_process(void);
/* How many processes were killed. */
unsigned sim_kills(void);
/* Locks are not looked at: the world reads counters of a process that was killed. */
void sim_peek(bool on);

/* -- disk.c */

enum sim_disk_fault {
	SIM_DISK_FULL = 1,
	SIM_DISK_SYNC = 2,
	SIM_DISK_RENAME = 4,
	SIM_DISK_OPEN = 8,
	SIM_DISK_READ = 16,
	SIM_DISK_REMOVE = 32,
};
void sim_disk_init(void);
void sim_disk_fail(unsigned faults); /* enum sim_disk_fault; 0: none */
/* The process is killed at the n-th change from now on; 0: never. */
void sim_disk_kill_at(unsigned changes);
/* Whether an operation failed that would have worked, since the last call. */
bool sim_disk_failed(void);
/* What was not synced is gone, whole or in part. */
void sim_disk_power_cut(void);
/* The system had the time to write all of it. */
void sim_disk_write_back(void);
/* Damages a batch in a spool. False: there is none. */
bool sim_disk_damage(void);
/* Descriptors of the process that was killed. */
void sim_disk_close_all(void);
/* Each file whose path begins so, as it was before it was damaged. */
void sim_disk_each(const char *prefix,
    void (*each)(void *context, const char *path, const char *data, size_t size), void *context);

/* -- memory.c */

/* One allocation of the process in `n` fails; 0: none. */
void sim_memory_fail(uint64_t n);
bool sim_memory_failed(void); /* since the last call */
/* While it is on, none fails: a witness looks, on the process's own stack. */
void sim_memory_spare(bool on);

/* -- far_end.c */

#define SIM_DATABASES 2

enum sim_answer {
	SIM_ANSWER_GOOD,
	SIM_ANSWER_LATE,    /* within the timeout */
	SIM_ANSWER_STATUS,  /* an outage, with Retry-After or without */
	SIM_ANSWER_PARTIAL, /* 400 with some of the points refused */
	SIM_ANSWER_REFUSED, /* 400 or 422 for all of them */
	SIM_ANSWER_SMALL,   /* 413 beyond some size */
	SIM_ANSWER_SILENT,  /* the timeout passes */
	SIM_ANSWER_CLOSED,  /* nobody listens */
	SIM_ANSWER_DIES,    /* it has the points, and dies before it says so */
	SIM_ANSWER_GARBAGE, /* a status with nonsense behind it, or no HTTP */
	SIM_ANSWER_CUT,     /* the connection ends in the middle of the answer */
	SIM_ANSWERS
};
void sim_far_end_init(void);
void sim_far_end_set(unsigned database, enum sim_answer answer);
/* Whoever has asked is gone. */
void sim_far_end_killed(void);

/* -- witnesses.c */

#define SIM_INPUTS 2

/* A query that reached the wire at this moment, its answer, and which of both the nameserver
 * logged. */
enum sim_loss { SIM_LOSS_NONE, SIM_LOSS_DNSTAP, SIM_LOSS_SOCKET, SIM_LOSS_STACK };
void sim_query(unsigned input, enum sim_loss loss, uint64_t lag_ns);
/* What producers have held back so far goes to the agent. */
void sim_flush(void);
/* Frames that the agent's collectors were given, of which queries. */
struct sim_fed {
	uint64_t queries, responses;
};
extern struct sim_fed sim_fed;
struct sim_wire_counts {
	uint64_t in, out, lost_dnstap;
};
extern struct sim_wire_counts sim_wire;
/* After a kill: sockets are gone, the kernel's counters stay. */
void sim_witnesses_killed(bool power);
/* Whether the agent reads there. */
bool sim_listens(unsigned input);
void sim_witnesses_init(void);

/* -- ledger.c */

struct sink;
struct batch;
void sim_ledger_init(void);
/* A request's lines have come; `refuse`: the last so many are not taken. `said`: the answer reaches
 * the agent. */
void sim_ledger_arrive(
    unsigned database, const char *text, size_t length, size_t refuse, bool said);
/* The process is gone. */
struct sim_end {
	bool killed;                          /* not stopped in order */
	bool power;                           /* and the power with it */
	bool disturbed;                       /* disk or memory failed in this life */
	uint64_t accepted, dropped, rejected; /* as the agent counted them */
};
void sim_ledger_end(const struct sim_end *end);
struct sim_made { /* by points that were handed to the first database */
	uint64_t queries, responses, wire_in, lost;
};
extern struct sim_made sim_made;
/* Points of which nobody knows that a database has them, or that they are lost, made so long ago.
 */
uint64_t sim_ledger_undelivered(uint64_t age_ns);
void sim_ledger_new_life(void);
/* In this life a file may be delivered again, since the disk fails. */
void sim_ledger_excuse(void);
/* The process stood still for so long. */
void sim_ledger_stalled(uint64_t ns);

/* -- kept.c */

struct history;
/* What this seed's agent keeps. */
struct sim_kept {
	bool rssac002, from_dnstap; /* else from the wire */
	bool magnitude, history;
	bool
	    fails; /* a state may not be read, or not written: its day begins anew, which is said */
};
/* At the end of a life. */
struct sim_kept_truth {
	bool killed, power;
	bool disturbed;    /* disk or memory failed, in this life or before */
	bool lost;         /* the power was cut, or what was counted had nobody to tell */
	uint64_t counted;  /* queries, by the witness that RSSAC002 is from */
	uint64_t made;     /* in points */
	uint64_t began_ns; /* this life */
	uint64_t slack_ns; /* by which a window can be late */
};
void sim_kept_init(const struct sim_kept *which);
/* Of a point that was handed to the first database. */
void sim_kept_point(int64_t time_ms, uint64_t queries, uint64_t responses);
/* What RSSAC002 has been told the witness need not tell again. */
void sim_kept_reported(void);
/* Of the process that has just ended, in whatever way. */
void sim_kept_check_history(struct history *history, bool disturbed);
void sim_kept_end(const struct sim_kept_truth *truth);

/* -- relay.c */

enum sim_mood { /* of a second reader */
	SIM_MOOD_GOOD,
	SIM_MOOD_ABSENT,  /* nobody listens */
	SIM_MOOD_STALLED, /* it reads nothing */
	SIM_MOOD_SILENT,  /* it reads, and does not answer */
	SIM_MOOD_GARBAGE, /* its answers are damaged */
	SIM_MOOD_DIES,    /* it closes, in the middle of a frame as well */
	SIM_MOODS
};
void sim_relay_init(void);
void sim_relay_set(unsigned reader, enum sim_mood mood);
/* From now on nothing excuses what is left out. */
void sim_relay_good(bool is);
bool sim_relay_is_good(void);
void sim_relay_killed(void);
/* Descriptors of it. */
bool sim_is_end(int fd);
ssize_t sim_end_read(int fd, void *data, size_t size);
ssize_t sim_end_write(int fd, const void *data, size_t size);
int sim_end_close(int fd);

/* -- streams.c */

struct report;
void sim_streams_init(void);
/* Readers come to a process, and go before it ends. */
void sim_streams_begin(struct report *report);
void sim_streams_end(void);
void sim_streams_killed(void);
/* Nobody sleeps while there is news. */
void sim_streams_check(void);

/* -- faults.c */

enum sim_fault {
	SIM_FAULT_NONE,
	SIM_FAULT_WINDOW_TWICE,
	SIM_FAULT_SPOOL_EARLY,
	SIM_FAULT_LATE_TWICE,
	SIM_FAULT_RETRY,
	SIM_FAULT_RELOAD_WINDOW,
	SIM_FAULT_BALANCE,
	SIM_FAULT_TORN,
	SIM_FAULT_DROPS,
	SIM_FAULT_SYNC,
	SIM_FAULT_MERGE,
	SIM_FAULT_STEP,
	SIM_FAULT_WIRE,
	SIM_FAULT_TWO_LOOKS,
	SIM_FAULT_RSSAC_STATE,
	SIM_FAULT_RSSAC_DAY,
	SIM_FAULT_MAGNITUDE,
	SIM_FAULT_HISTORY_TWICE,
	SIM_FAULT_HISTORY_FILE,
	SIM_FAULT_STREAM,
	SIM_FAULT_TEE_PIECE,
	SIM_FAULT_TEE_DROPS,
	SIM_FAULTS
};
extern enum sim_fault sim_fault;
extern const char *const sim_fault_names[SIM_FAULTS];
bool sim_planted(enum sim_fault fault);

/* -- world.c */

void sim_world(void);
/* The process has looked at the wall clock. */
void sim_looked(void);
struct crosscheck_result;
void sim_judged(const struct crosscheck_result *result);
/* The agent takes another configuration at this moment. */
bool sim_reloading(void);

#endif
