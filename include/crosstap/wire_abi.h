/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Keys and values of the BPF maps: what the kernel side and user space, or a running program and a
 * newer daemon that adopts it, must agree on. Any change here raises WIRE_ABI_VERSION.
 *
 * Time: the kernel side counts into one of two slots, wire_config.slot. User space flips the word
 * at a window's end, waits 10 ms, reads the closed slot and subtracts what it read there the last
 * time. Nobody clears a counter. All counters are u64 and wrap.
 *
 * Counters are per CPU and exact. Only flows, hints and sources are shared and bounded: when they
 * overflow, detail is lost, never a count.
 */
#ifndef CROSSTAP_WIRE_ABI_H
#define CROSSTAP_WIRE_ABI_H

#include "crosstap/compat.h"
#include "crosstap/dns.h"
#include "crosstap/packet.h"

#define WIRE_ABI_VERSION 6
#define WIRE_SLOTS       2

enum wire_direction { WIRE_IN, WIRE_OUT, WIRE_DIRECTIONS };

#define WIRE_TRANSPORTS_(X)                                                                        \
	X(UDP, "udp")                                                                              \
	X(TCP, "tcp")                                                                              \
	X(DOT, "dot")                                                                              \
	X(DOH, "doh")                                                                              \
	X(DOQ, "doq")
#define WIRE_TRANSPORT_(id, name) WIRE_##id,
enum wire_transport { WIRE_TRANSPORTS_(WIRE_TRANSPORT_) WIRE_TRANSPORTS };
#undef WIRE_TRANSPORT_
#define WIRE_NO_TRANSPORT WIRE_TRANSPORTS

/* What a port is for: wire.ports, dot_ports, doh_ports, doq_ports. */
enum wire_port { WIRE_PORT_DNS = 1, WIRE_PORT_DOT = 2, WIRE_PORT_DOH = 4, WIRE_PORT_DOQ = 8 };

/* The transport of a port's packets. DoH is counted on UDP too (HTTP/3). */
CT_INLINE u32 wire_transport(u8 ports, u8 protocol)
{
	if (ports & WIRE_PORT_DNS)
		return protocol == PACKET_UDP ? WIRE_UDP : WIRE_TCP;
	if (ports & WIRE_PORT_DOQ && protocol == PACKET_UDP)
		return WIRE_DOQ;
	if (ports & WIRE_PORT_DOT && protocol == PACKET_TCP)
		return WIRE_DOT;
	return ports & WIRE_PORT_DOH ? WIRE_DOH : WIRE_NO_TRANSPORT;
}

/* --- configuration: one entry, written by user space only ---------------------------------- */

enum wire_option {
	WIRE_PER_SOURCE = 1,  /* count per client address */
	WIRE_RTT = 2,         /* time TCP handshakes */
	WIRE_RTT_SYN = 4,     /* ... from the SYN in: there is no egress program */
	WIRE_ANY_ADDRESS = 8, /* every address is a server's: the address table is not asked */
};

enum wire_address_flag {
	WIRE_ADDRESS_SERVER = 1, /* traffic to and from it is ours */
	WIRE_ADDRESS_HOST = 2,   /* this host's own: as a client, left out of the cross-check */
};

/*
 * Local addresses, looked up in a few instructions: buckets of four, found by a multiplication
 * whose factor user space chooses such that no bucket overflows (wire_addresses_build). An entry
 * without flags ends its bucket. Room for 256 addresses of each family and mostly for more.
 */
#define WIRE_ADDRESS_BUCKETS 256
#define WIRE_ADDRESS_WAYS    4

struct wire_address4 {
	u32 address; /* network order */
	u32 flags;   /* enum wire_address_flag */
};
struct wire_address6 {
	u32 address[4];
	u32 flags, pad;
};
struct wire_addresses {
	u64 factor; /* odd */
	/* Which buckets hold one, four buckets a bit: most clients need not be looked for, which
	 * would fetch a line of memory for each. */
	u64 some4, some6;
	struct wire_address4 v4[WIRE_ADDRESS_BUCKETS][WIRE_ADDRESS_WAYS];
	struct wire_address6 v6[WIRE_ADDRESS_BUCKETS][WIRE_ADDRESS_WAYS];
};

struct wire_config {
	u32 abi;             /* WIRE_ABI_VERSION */
	u32 slot;            /* 0 or 1: what is counted into now */
	u32 options;         /* enum wire_option */
	u32 active;          /* 0 or 1: addresses[] in force; the other one is being written */
	u32 source_sampling; /* a new source is entered only for one in N messages, N = 2^this; 32:
				never */
	u32 owner; /* user space's: whose maps these are, a hash of `server`; stays at this offset
		    */
	u64 seed;  /* random: where handshake hints go is no client's business */
	u64 source_keys[5]; /* random: of wire_source_hash() */
	u32 source_mask;    /* buckets of `sources` in use, less one: a power of two, less one */
	u32 pad;
	struct wire_addresses addresses[2];
	u8 ports[65536]; /* enum wire_port */
};

/* --- counters: per CPU; entry = wire_counters_index() -------------------------------------- */

#define WIRE_SIZE_BINS       257 /* 16 bytes each (RSSAC002v4 section 2.4); the last: from 4096 on */
#define WIRE_SIZE_TRANSPORTS 2   /* udp, tcp */
#define WIRE_QTYPES          512 /* counted here; greater ones in the map `rare` */
#define WIRE_RCODES          32
#define WIRE_OPCODES         16
#define WIRE_REASONS         8

/*
 * One transport and family. Compared with dnstap are messages - not_query - left_out: inbound ones
 * with QR=0 and opcode QUERY, outbound ones with QR=1, less transfers and less clients that are
 * this host's own addresses. A message shorter than a header is QR=0, QUERY.
 */
struct wire_cell {
	u64 packets;   /* on the wire: merged segments count each */
	u64 bytes;     /* of IP, headers included */
	u64 fragments; /* first ones of our ports, and all later ones to or from our addresses */
	/* udp, tcp */
	u64 messages;
	u64 message_bytes;
	u64 malformed;
	u64 not_query;            /* in: QR=1; out: QR=0 */
	u64 tc;                   /* well-formed ones with TC set */
	u64 left_out;             /* other opcodes, transfers, own clients; never also not_query */
	u64 malformed_uncompared; /* malformed ones among left_out and not_query */
	/* tcp, dot, doh, doq */
	u64 connections; /* in: SYN; out: SYN-ACK; doq: QUIC Initial packets in (RFC 9000 17.2.2) */
	u64 resets;
	u64 resync; /* tcp: the stream could not be followed: a hole, an eviction, a fragment */
	/* udp, tcp */
	u64 not_query_aa; /* those of not_query with AA */
	u64 pad[2];
};

/*
 * Compared, well-formed queries over UDP that some producers never log (crosscheck/not_logged.h),
 * counted by themselves or, where only that tells, by their answer. An answer counts only with one
 * question. QCLASS ANY (255) is taken for IN, as servers take it.
 */
enum wire_class {
	/* in */
	WIRE_CLASS_QUESTIONS, /* QDCOUNT is not 1 */
	WIRE_CLASS_CHAOS,     /* QCLASS CH */
	WIRE_CLASS_OTHER,     /* QCLASS neither IN nor CH */
	/* out; IN where nothing else is said */
	WIRE_CLASS_REFUSED,
	WIRE_CLASS_NOTIMP,
	WIRE_CLASS_NOTAUTH,      /* IN and CH: a TSIG that does not hold (RFC 8945 section 5) */
	WIRE_CLASS_FAULT,        /* FORMERR, BADVERS */
	WIRE_CLASS_FAULT_CHAOS,  /* ... of QCLASS CH */
	WIRE_CLASS_FAULT_OTHER,  /* ... of other ones */
	WIRE_CLASS_FORMERR_META, /* FORMERR, IN and CH: of a meta type (RFC 6895 section 3.1) */
	WIRE_CLASSES,
	WIRE_NO_CLASS = WIRE_CLASSES
};

struct wire_counters {
	struct wire_cell cells[WIRE_TRANSPORTS][2]; /* transport, family */
	u64 sizes[WIRE_SIZE_TRANSPORTS][WIRE_SIZE_BINS];
	u64 malformed[WIRE_REASONS];      /* enum dns_malformed */
	u64 opcodes[WIRE_OPCODES];        /* in, QR=0, well-formed */
	u64 qtypes[WIRE_QTYPES];          /* in, QR=0, well-formed, with a question */
	u64 qtypes_left_out[WIRE_QTYPES]; /* of these, those in left_out */
	u64 rcodes[WIRE_RCODES];          /* out, QR=1, well-formed */
	u64 rare;             /* additions to `rare`: nothing to read there if unchanged */
	u64 sources_other;    /* compared messages whose client has no entry in `sources` */
	u64 handshakes[2];    /* timed ones, by family; also in the map `rtt` */
	u64 retransmitted[2]; /* handshakes not timed, by family: a segment was sent twice (Karn) */
	u64 flows_new;        /* TCP cursors made */
	u64 classes[WIRE_CLASSES];
};

CT_INLINE u32 wire_counters_index(u32 interface, u32 direction, u32 slot)
{
	return (interface * WIRE_DIRECTIONS + direction) * WIRE_SLOTS + slot;
}

/* --- rare: shared, u64 each; counts without a place in wire_counters ------------------------ */

#define WIRE_RARE_QTYPES   0
#define WIRE_RARE_LEFT_OUT 65536       /* qtypes of left_out */
#define WIRE_RARE_RCODES   (2 * 65536) /* 12 bits */
#define WIRE_RARE_ENTRIES  (2 * 65536 + 4096)

CT_INLINE u32 wire_rare_index(u32 interface, u32 slot)
{
	return (interface * WIRE_SLOTS + slot) * WIRE_RARE_ENTRIES;
}

/* --- sources: shared, in buckets (wire_source.h) -------------------------------------------- */

/*
 * A client has a way in one of two buckets. Complements of its address are stored, so that 0, which
 * is a free way's, stands for no half of an address that is ever entered; and a way of which one
 * half is written matches nobody. The programs take free ways, under a lock; user space, which
 * reads all through memory, frees those that rest: `high` becomes 0, and a window later, when every
 * packet that found the client there is long counted, `low`.
 *
 * Beside the table, a byte of each way's client tells in which buckets looking is in vain: with
 * many clients the buckets are in no cache, and these bytes are.
 */
#define WIRE_SOURCE_WAYS    4
#define WIRE_SOURCE_BUCKETS 32768
#define WIRE_SOURCE_FIRST   512  /* buckets in use at first: a small table stays in the caches */
#define WIRE_SOURCE_LOCKS   1024 /* a bucket's: its number modulo this */
#define WIRE_SOURCE_TAGGED  2    /* buckets of an entry of `source_tags`: an array's have 8 bytes */

struct wire_source_id {
	u64 low, high;
};

struct wire_source_bucket {
	struct wire_source_id clients[WIRE_SOURCE_WAYS];
	u64 messages[WIRE_SLOTS][WIRE_SOURCE_WAYS]; /* compared ones, in; whoever had the way */
};

/* 0: the way is free. Written after the client, and taken back before it. */
struct wire_source_tags {
	u8 of[WIRE_SOURCE_TAGGED][WIRE_SOURCE_WAYS];
};

#define WIRE_SOURCES_BYTES      (WIRE_SOURCE_BUCKETS * sizeof(struct wire_source_bucket))
#define WIRE_SOURCE_TAG_ENTRIES (WIRE_SOURCE_BUCKETS / WIRE_SOURCE_TAGGED)
#define WIRE_SOURCE_TAGS_BYTES  (WIRE_SOURCE_TAG_ENTRIES * sizeof(struct wire_source_tags))

/* --- source_rtt: shared LRU; key: struct packet_address -------------------------------------- */

struct wire_source_rtt {
	u64 count[WIRE_SLOTS];
	u64 sum_us[WIRE_SLOTS];
	u64 min_us; /* since the entry was made; two CPUs at once may keep the greater */
};

/* --- flows: shared LRU; where a TCP stream's next DNS message begins ------------------------ */

struct wire_flow_key {
	struct packet_address client, server;
	u16 client_port, server_port;
	u32 direction;
};

enum wire_phase {
	WIRE_AT_PREFIX, /* of two bytes (RFC 1035 section 4.2.2) */
	WIRE_AT_HEADER,
	WIRE_AT_NAME,
	WIRE_AT_TYPE,
	WIRE_AT_BODY,
};

enum wire_sync {
	WIRE_SYNC_NEW,  /* the first data of what may be a connection or the middle of one */
	WIRE_SYNC_HELD, /* followed from message to message */
	WIRE_SYNC_LOST, /* waiting for a segment that begins with a message */
};

/* Data this far behind the cursor is no repetition but another connection. */
#define WIRE_FLOW_BEHIND (1 << 24)

/* Does the connection end with this segment? An RST that is not of the window is somebody else's,
 * and not taken (RFC 5961 section 3). */
CT_INLINE bool wire_tcp_closes(u8 flags, u32 sequence, u32 next)
{
	if (flags & PACKET_RST)
		return sequence - next < WIRE_FLOW_BEHIND;
	return flags & PACKET_FIN;
}

struct wire_flow {
	u32 next; /* sequence number of the first byte not yet looked at */
	u32 left; /* bytes of the message still to come, from `next` on */
	u16 size; /* of the message under way; the rest of the fields is about it */
	u16 id, word, qtype;
	u16 rcode;       /* of the header and, where readable, OPT */
	u16 records[3];  /* ANCOUNT, NSCOUNT, ARCOUNT */
	u16 name_used;   /* bytes of the name before `next` ... */
	u16 name_skip;   /* ... and bytes of its label still to come */
	u16 transfer_id; /* of the AXFR or IXFR that runs here */
	u8 transfer;     /* 1: there is one */
	u8 closed;       /* FIN or RST was seen: the next data is another connection's */
	u8 phase;        /* enum wire_phase */
	u8 has_question;
	u8 malformed; /* enum dns_malformed */
	u8 sync;      /* enum wire_sync */
	u8 held;      /* bytes of a prefix, header or type that the last segment cut */
	u8 pad[3];
	u8 bytes[12];
	u32 begin; /* sequence number from which on the stream was seen, at most WIRE_FLOW_BEHIND
		      before `next` */
};

/* --- rtt: shared; one entry a slot ---------------------------------------------------------- */

/* Microseconds: up to 64 one bin each, then 64 bins an octave up to 16.8 s, the last: all above. */
#define WIRE_RTT_LINEAR  64
#define WIRE_RTT_OCTAVES 18
#define WIRE_RTT_BINS    (WIRE_RTT_LINEAR * (1 + WIRE_RTT_OCTAVES))

struct wire_rtt {
	u64 bins[2][WIRE_RTT_BINS]; /* by family */
};

/* The least value of a bin, in microseconds. */
CT_INLINE u64 wire_rtt_bin_us(u32 bin)
{
	if (bin < WIRE_RTT_LINEAR)
		return bin;
	return (u64)(WIRE_RTT_LINEAR + bin % WIRE_RTT_LINEAR) << (bin / WIRE_RTT_LINEAR - 1);
}

/* --- hints: shared u64 each: tag (24 bits) and time (40 bits of 256 ns; 0: sent twice) ------- */

#define WIRE_HINTS 65536

/* --- drops (drops.bpf.c): per CPU; one entry a slot. The agent's own: not adopted by another ----
 */

/* enum skb_drop_reason of the running kernel; the last: all others, and what cannot be read. */
#define WIRE_DROP_REASONS 256

/* Datagrams to `wire.ports` of the server's addresses. */
enum wire_drop_kind {
	WIRE_DROP_COMPARED,     /* compared, well-formed queries */
	WIRE_DROP_QUEUED,       /* the same, freed out of a socket by a task of the namespace */
	WIRE_DROP_CLOSED,       /* the same, freed out of a socket of which nobody can tell whose */
	WIRE_DROP_OTHER,        /* all others */
	WIRE_DROP_QUEUED_OTHER, /* all others, freed out of a socket by a task of the namespace */
	WIRE_DROP_KINDS
};

struct wire_drops {
	u64 messages[WIRE_DROP_KINDS][WIRE_DROP_REASONS];
};

/* --- sizes ---------------------------------------------------------------------------------- */

#define WIRE_MAX_FLOWS       65536
#define WIRE_MAX_SOURCES     (WIRE_SOURCE_BUCKETS * WIRE_SOURCE_WAYS)
#define WIRE_MAX_SOURCE_RTTS 16384 /* few clients use TCP */

_Static_assert(WIRE_REASONS >= DNS_MALFORMED_COUNT, "a reason has no counter");
_Static_assert(sizeof(struct packet_address) == 16, "abi");
_Static_assert(sizeof(struct wire_addresses) == 24 + 256 * 4 * (8 + 24), "abi");
_Static_assert(sizeof(struct wire_config) == 80 + 2 * sizeof(struct wire_addresses) + 65536, "abi");
_Static_assert(sizeof(struct wire_cell) == 128, "abi");
_Static_assert(sizeof(struct wire_counters) == 14168, "abi");
_Static_assert(sizeof(struct wire_counters) <= 32768, "a per-CPU value is at most 32 KiB");
_Static_assert(sizeof(struct wire_drops) <= 32768, "a per-CPU value is at most 32 KiB");
_Static_assert(sizeof(struct wire_source_bucket) == 128, "abi");
_Static_assert(sizeof(struct wire_source_tags) == 8, "abi");
_Static_assert(sizeof(struct wire_source_rtt) == 40, "abi");
_Static_assert(sizeof(struct wire_flow_key) == 40, "abi");
_Static_assert(sizeof(struct wire_flow) == 56, "abi");
_Static_assert(sizeof(struct wire_rtt) == 19456, "abi");

#endif
