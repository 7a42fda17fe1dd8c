/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /api/v1/status. Counts are since the start, as of the end of the last closed window but for
 * `outputs`, which are of now; times are milliseconds since 1970.
 *
 *   {"server": "ns1", "version": "0.1.0", "now_ms": 0, "started_ms": 0, "interval_s": 10.0,
 *    "config_hash": "0123456789abcdef", "window": {"start_ms": 0, "end_ms": 0},
 *    "windows": 0, "frames": 0, "frames_bad": 0, "frames_ignored": 0, "late": 0, "skewed": 0,
 *    "merged": 0, "lost": 0, "pairs_evicted": 0, "resolvers": 0, "overflow": 0,
 *    "rss_bytes": 0, "cpu_us": 0,
 *    "inputs": [{"address": "/run/crosstap/dnstap.sock", "connections": 0, "accepted": 0,
 *                "refused": 0, "frames": 0, "frames_bad": 0, "bytes": 0, "late": 0, "skewed": 0,
 *                "tee_frames": 0, "tee_dropped": 0, "last_frame_age_s": 0.0}],
 *    "outputs": [{"name": "influxdb http://...", "points": 0, "bytes": 0, "points_dropped": 0,
 *                 "points_rejected": 0, "errors": 0, "queued": 0, "points_found": 0,
 *                 "spool_batches": 0, "spool_points": 0, "spool_bytes": 0, "spool_limit_bytes": 0,
 *                 "failing": false, "last_error": ""}]}
 *
 * `window` is missing until one is closed, `last_frame_age_s` until there was a frame, `tee_` ones
 * without a tee. An input's `late` and `skewed`, and `resolvers`, are of the last window.
 */
#ifndef CROSSTAP_HTTP_STATUS_H
#define CROSSTAP_HTTP_STATUS_H

#include "report/report.h"

/* To free(); NULL without memory. `now_ns`: wall clock. */
char *status_json(const struct report_status *status, int64_t now_ns);

#endif
