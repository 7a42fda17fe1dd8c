/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/agent_rows.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
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

uint32_t input_row_knows(const struct report_input *input)
{
	return input->tees ? INPUT_KNOWS_TEE : 0;
}

void input_row_of(const struct report_input *input, const struct report_input *before,
    int64_t now_ns, struct input_row *ret)
{
	static const struct report_input none;
	const struct report_input *then = before ? before : &none;
	const struct dnstap_stats *stats = &input->stats, *was = &then->stats;
	const int64_t last_ns = stats->last_frame_ns;

	*ret = (struct input_row){
	    .connections = (uint64_t)stats->connections,
	    .accepted = stats->accepted - was->accepted,
	    .refused = stats->refused - was->refused,
	    .timed_out = stats->timed_out - was->timed_out,
	    .denied = stats->denied - was->denied,
	    .cut = stats->cut - was->cut,
	    .frames = stats->frames - was->frames,
	    .frames_bad = stats->frames_bad - was->frames_bad,
	    .bytes = stats->bytes - was->bytes,
	    .late = input->late,
	    .skewed = input->skewed,
	    .tee_frames = input->tee.frames - then->tee.frames,
	    .tee_dropped = input->tee.dropped - then->tee.dropped,
	    .last_frame_age_s =
		last_ns && now_ns >= last_ns ? (double)(now_ns - last_ns) / NS_PER_S : NAN,
	    .last_frame_time_s = (double)last_ns / NS_PER_S,
	};
}

void certificate_row_of(
    const struct report_certificate *certificate, int64_t now_ns, struct certificate_row *ret)
{
	const int64_t now_s = now_ns / NS_PER_S;

	*ret = (struct certificate_row){
	    .expires_in_s = (double)(certificate->end_s - now_s),
	    .not_after_time_s = (double)certificate->end_s,
	};
}

void output_row_of(const struct sink_stats *stats, struct output_row *ret)
{
	const struct sink_client *client = &stats->client;
	const bool known = client->known;

	*ret = (struct output_row){
	    .points = stats->points,
	    .points_dropped = stats->points_dropped,
	    .points_rejected = stats->points_rejected,
	    .bytes = stats->bytes,
	    .errors = stats->errors,
	    .queued = stats->queued,
	    .points_found = stats->points_found,
	    .spool_batches = stats->spool_batches,
	    .spool_points = stats->spool_points,
	    .spool_oldest_time_s = (double)stats->spool_oldest_ns / NS_PER_S,
	    .spool_bytes = stats->spool_bytes,
	    .spool_limit_bytes = stats->spool_limit_bytes,
	    .last_push_time_s = (double)stats->last_push_ns / NS_PER_S,
	    .failing = stats->failing,
	    .kafka_messages = known ? (double)client->messages : NAN,
	    .kafka_brokers = known ? (double)client->brokers : NAN,
	    .kafka_retries = known ? (double)client->retries : NAN,
	    .kafka_round_trip_s = known && client->round_trip_s > 0 ? client->round_trip_s : NAN,
	};
}
