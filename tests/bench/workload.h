/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams of dnstap frames for benchmarks: queries and responses as Knot logs them (AUTH_QUERY and
 * AUTH_RESPONSE, identity and version in each frame, fields in order), made by protobuf-c; or a
 * user's own capture.
 */
#ifndef CROSSTAP_BENCH_WORKLOAD_H
#define CROSSTAP_BENCH_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

enum workload_sources { SOURCES_ZIPF, SOURCES_RANDOM };

struct workload_options {
	size_t frames;
	enum workload_sources sources;
	size_t n_sources; /* of SOURCES_ZIPF; SOURCES_RANDOM: all different, up to this many */
	size_t n_zones; /* names are spread over zone0.example, zone1.example, ..., by Zipf's law */
	const char
	    *sample; /* a Frame Streams file instead; its frames are repeated up to `frames` */
};

struct workload {
	uint8_t *stream; /* data frames, each behind its length; no control frames */
	size_t length;
	size_t frames;
};

/* Ends the program with a message where it cannot be made. */
void workload_make(struct workload *ret, const struct workload_options *options);
void workload_free(struct workload *workload);

/*
 * Writes READY, START, the stream in pieces of `chunk` bytes, STOP, and reads ACCEPT and FINISH.
 * `per_second`: frames; 0: as fast as they are read. Returns how many writes found no room.
 */
size_t workload_send(
    const struct workload *workload, const char *socket_path, size_t chunk, double per_second);

/* Connects to a socket, for which it waits up to 5 s, and writes READY and START. Returns the
 * descriptor. */
int workload_open(const char *socket_path);
/* Writes STOP, waits for FINISH, closes. */
void workload_close(int fd);

/* The median of n values; sorts them. */
double median(double *values, size_t n);

#endif
