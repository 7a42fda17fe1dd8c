/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode_agent.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t agent_rss_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void encode_agent(struct points *points, int64_t time_ms, const struct agent_figures *figures)
{
	char hash[20];

	snprintf(hash, sizeof(hash), "%016" PRIx64, figures->config_hash);
	points_begin(points, "crosstap", time_ms);
	points_string(points, "version", CROSSTAP_VERSION, strlen(CROSSTAP_VERSION));
	points_string(points, "config_hash", hash, strlen(hash));
	points_float(points, "interval_s", (double)figures->interval_ns / NS_PER_S);
	points_uint(points, "connections", figures->connections);
	points_uint(points, "resolvers", figures->resolvers);
	points_uint(points, "frames", figures->frames);
	points_uint(points, "frames_bad", figures->frames_bad);
	points_uint(points, "frames_ignored", figures->ignored);
	points_uint(points, "late", figures->late);
	points_uint(points, "skewed", figures->skewed);
	points_uint(points, "merged", figures->merged);
	points_uint(points, "lost", figures->lost);
	points_uint(points, "overflow", figures->overflow);
	points_uint(points, "pairs_evicted", figures->pairs_evicted);
	points_uint(points, "rss_bytes", figures->rss_bytes);
	points_uint(points, "cpu_us", figures->cpu_us);
	points_uint(points, "points", figures->points);
	points_uint(points, "points_dropped", figures->points_dropped);
	points_uint(points, "points_rejected", figures->points_rejected);
	points_uint(points, "spool_bytes", figures->spool_bytes);
	points_float(points, "window_lag_ms", (double)figures->window_lag_ns / NS_PER_MS);
	if (figures->mmdb_age_s >= 0)
		points_float(points, "mmdb_age_s", (double)figures->mmdb_age_s);
	points_end(points);
}

void encode_input(struct points *points, int64_t time_ms, int64_t now_ns,
    const struct report_input *input, const struct dnstap_stats *before)
{
	const struct dnstap_stats none = {0}, *was = before ? before : &none;

	points_begin(points, "crosstap_input", time_ms);
	points_tag(points, "input", input->address);
	points_uint(points, "connections", (uint64_t)input->stats.connections);
	points_uint(points, "frames", input->stats.frames - was->frames);
	points_uint(points, "frames_bad", input->stats.frames_bad - was->frames_bad);
	points_uint(points, "refused", input->stats.refused - was->refused);
	points_uint(points, "late", input->late);
	points_uint(points, "skewed", input->skewed);
	if (input->stats.last_frame_ns && now_ns >= input->stats.last_frame_ns)
		points_float(points, "last_frame_age_s",
		    (double)(now_ns - input->stats.last_frame_ns) / NS_PER_S);
	points_end(points);
}

void encode_event(struct points *points, int64_t time_ms, const char *kind, const char *text)
{
	points_begin(points, "crosstap_event", time_ms);
	points_tag(points, "kind", kind);
	points_string(points, "text", text, strlen(text));
	points_end(points);
}
