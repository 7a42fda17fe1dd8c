/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agent says, as `crosstap top` shows it: filled from its documents (http/http.h) while
 * they arrive. All of it is bounded, and all texts are a stranger's: top/screen.h makes them safe.
 */
#ifndef CROSSTAP_TOP_MODEL_H
#define CROSSTAP_TOP_MODEL_H

#include "top/json_events.h"
#include "top/table.h"

enum top_document { TOP_STATUS, TOP_WINDOW, TOP_CROSSCHECK, TOP_RESOLVERS, TOP_DOCUMENTS };

enum top_list {
	TOP_ZONES,
	TOP_TYPES,
	TOP_RCODES,
	TOP_TRANSPORTS,
	TOP_CLIENTS, /* note: the country, TOP_AS_NUMBER */
	TOP_SUBNETS,
	TOP_NAMES,
	TOP_ASNS, /* note: who it belongs to */
	TOP_COUNTRIES,
	TOP_INPUTS,
	TOP_OUTPUTS, /* note: the last error */
	TOP_LISTS
};

/* Stages of UDP from the NIC to the answer, as the measurement `funnel` has them (encode/encode.h):
 * field, words, whether more than nothing is a loss. */
#define TOP_STAGES(X)                                                                              \
	X(NIC_DROPS, "nic_drops", "dropped by the NIC", true)                                      \
	X(WIRE_QUERIES, "wire_queries", "queries on the wire", false)                              \
	X(STACK_DROPS, "stack_drops", "dropped by the kernel's network stack", true)               \
	X(SOCKET_DROPS, "socket_drops", "found the nameserver's sockets full", true)               \
	X(QUEUED, "queued", "more wait in the sockets than before", false)                         \
	X(MALFORMED, "malformed", "malformed, not in dnstap", false)                               \
	X(NOT_LOGGED, "not_logged", "of a kind that dnstap leaves out", false)                     \
	X(DNSTAP_QUERIES, "dnstap_queries", "queries in dnstap", false)                            \
	X(UNEXPLAINED, "unexplained", "missing, and nothing explains it", true)                    \
	X(BOUNDARY, "boundary", "may count in a neighbouring window", false)                       \
	X(BALANCE, "balance", "running sum of the unexplained", false)                             \
	X(DNSTAP_RESPONSES, "dnstap_responses", "responses in dnstap", false)                      \
	X(WIRE_RESPONSES, "wire_responses", "responses on the wire", false)                        \
	X(TX_DROPS, "tx_drops", "dropped on the way out", true)                                    \
	X(UNANSWERED, "unanswered", "queries without an answer on the wire", false)                \
	X(LISTEN_OVERFLOWS, "listen_overflows", "TCP connections that met a full backlog", true)
#define TOP_STAGE_(id, name, words, loss) STAGE_##id,
enum top_stage { TOP_STAGES(TOP_STAGE_) STAGES };
#undef TOP_STAGE_

struct top_stage_words {
	const char *name, *words;
	bool loss;
};
extern const struct top_stage_words top_stages[STAGES];

struct top_model {
	char server[TOP_NAME_BYTES], version[TOP_NOTE_BYTES];
	char verdict[TOP_NOTE_BYTES]; /* "": none is made */
	double now_ms, started_ms, rss_bytes, cpu_us, resolvers;
	double window_end_ms; /* 0: none has closed */
	double interval_s;    /* above 0 */
	double queries, responses;
	double funnel[STAGES];
	uint32_t funnel_known; /* 1 << enum top_stage */
	struct top_table lists[TOP_LISTS];
	/* The reader's own: a row whose object has not ended, and its name; one of an object within
	 * that. */
	enum top_document document;
	struct json_events events;
	struct table_row row, inner;
};

void top_model_clear(struct top_model *model);
/* A document begins; top_model_feed() has its bytes. */
void top_model_begin(struct top_model *model, enum top_document document);
/* -EPROTO: no agent says that. */
int top_model_feed(struct top_model *model, const char *bytes, size_t length);
/* -EPROTO: it is not whole. */
int top_model_end(struct top_model *model);
/* False: there is none, or it is `ok`. */
bool top_model_not_ok(const struct top_model *model);

#endif
