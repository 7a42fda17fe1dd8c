/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of whole lines to stderr: at once, or, once log_hold() was called, into a ring of
 * LOG_RING_BYTES, and on by a thread (`crosstap-log`), the only one that a full stderr can hold.
 * log.c alone calls this.
 */
#ifndef CROSSTAP_BASE_LOG_WRITER_H
#define CROSSTAP_BASE_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* Never waits for a reader once log_hold() was called. */
void log_writer_put(const char *line, size_t length);
/* The line that tells of lines dropped; 0: it does not fit `size` bytes. */
size_t log_dropped_line(char *ret, size_t size, uint64_t lines);

#endif
