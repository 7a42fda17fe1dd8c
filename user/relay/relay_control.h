/* SPDX-License-Identifier: BSD-2-Clause */
/* What the reader of a frame stream says to its writer: ACCEPT and FINISH (fstrm/control.h). */
#ifndef CROSSTAP_RELAY_RELAY_CONTROL_H
#define CROSSTAP_RELAY_RELAY_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#define RELAY_CONTROL_MAX_BYTES (8 + 512)

enum relay_control {
	RELAY_CONTROL_MORE,    /* not all of it has come */
	RELAY_CONTROL_ACCEPT,  /* it takes dnstap */
	RELAY_CONTROL_FINISH,  /* it has read everything */
	RELAY_CONTROL_REFUSED, /* ACCEPT of other content types alone */
	RELAY_CONTROL_ERROR,   /* it is none of them */
};

/* The control frame at the beginning of `data`; *ret_used: its bytes, where it is ACCEPT or
 * FINISH. */
enum relay_control relay_control_read(const uint8_t *data, size_t length, size_t *ret_used);

#endif
