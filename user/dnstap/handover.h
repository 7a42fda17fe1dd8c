/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the next process must know of a connection to go on with it: the state of its frame stream,
 * and the beginning of a frame that has not come whole. It is kept in memory of its own (memfd)
 * that the service manager holds beside the socket (base/store.h), both under one name, and is true
 * at every moment but while a read is under way: so it serves after kill -9 as well. Bytes that a
 * killed process had read, and not yet taken, are lost, and the stream with them: then `busy` is
 * set, and the connection is set aside.
 */
#ifndef CROSSTAP_DNSTAP_HANDOVER_H
#define CROSSTAP_DNSTAP_HANDOVER_H

#include "base/passed.h"
#include "dnstap/frame_stream.h"

#define HANDOVER_INPUT_BYTES 512 /* of an input's name; longer ones are not handed over */

struct handover;

/* Memory with room for `stashed` bytes; `input` is the name of the input that is to go on. -errno.
 */
int handover_new(struct handover **ret, const char *input, size_t stashed);
/* Leaves the socket and the memory to the next process. -errno of the message. */
int handover_keep(struct handover *handover, int socket);
/* The next process needs nothing of it. */
void handover_forget(struct handover *handover);
/* What was left stays there. Takes NULL. */
void handover_free(struct handover *handover);

/* Room for so many bytes of a frame, which moves those that are there; NULL: -ENOMEM. */
uint8_t *handover_stash(struct handover *handover, size_t size);
/* Gives back memory behind the first `size` bytes. */
void handover_trim(struct handover *handover, size_t size);
/* Around each read. */
void handover_begin(struct handover *handover);
void handover_end(struct handover *handover, const struct frame_stream *stream, size_t stashed);

/*
 * The next connection for `input` among what was passed: its socket, which is then the caller's,
 * and in *ret_stream and *ret_stashed how far it was. `max_frame`: no frame of which more was kept.
 * -ENOENT: there is no more. Those that cannot be gone on with stay among the passed ones, unused.
 */
int handover_take(struct handover **ret, const struct passed_sockets *passed, const char *input,
    uint32_t max_frame, struct frame_stream *ret_stream, size_t *ret_stashed);

#endif
