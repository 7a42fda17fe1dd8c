/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every map of crosstap.bpf.c. One object is loaded for each interface; user space shares all maps
 * among them and sizes `counters` and `rare` for the number of interfaces.
 */
#ifndef CROSSTAP_MAPS_BPF_H
#define CROSSTAP_MAPS_BPF_H

#include "crosstap/compat.h"

CT_INLINE u64 packet_follow(const struct ct_view *view, const void *reader, u64 chain);
#define PACKET_FOLLOW packet_follow
#include "crosstap/wire_packet.h"

/* Set before loading. */
const volatile __u32 wire_interface = 0; /* row in `counters` and `rare` */
const volatile __u32 wire_raw = 0;       /* 1: the device has no link header */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_DIRECTIONS *WIRE_SLOTS);
	__type(key, __u32);
	__type(value, struct wire_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_SLOTS *WIRE_RARE_ENTRIES);
	__type(key, __u32);
	__type(value, __u64);
} rare SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_SOURCE_BUCKETS);
	__type(key, __u32);
	__type(value, struct wire_source_bucket);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_SOURCE_TAG_ENTRIES);
	__type(key, __u32);
	__type(value, struct wire_source_tags);
} source_tags SEC(".maps");

/* Apart: a map with locks in it cannot be mapped to memory. */
struct wire_source_lock {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_SOURCE_LOCKS);
	__type(key, __u32);
	__type(value, struct wire_source_lock);
} source_locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WIRE_MAX_SOURCE_RTTS);
	__type(key, struct packet_address);
	__type(value, struct wire_source_rtt);
} source_rtt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WIRE_MAX_FLOWS);
	__type(key, struct wire_flow_key);
	__type(value, struct wire_flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_HINTS);
	__type(key, __u32);
	__type(value, __u64);
} hints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_SLOTS);
	__type(key, __u32);
	__type(value, struct wire_rtt);
} rtt SEC(".maps");

/* What one packet needs beside the stack; ingress and egress may meet on one CPU. */
struct wire_scratch {
	struct wire_segment segment;
	__u8 bytes[CT_SCRATCH_BYTES + CT_SCRATCH_SLACK];
	struct wire_work work;
	__u32 sampled; /* sources that were not entered, so far */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_DIRECTIONS);
	__type(key, __u32);
	__type(value, struct wire_scratch);
} scratch SEC(".maps");

#endif
