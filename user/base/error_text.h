/* SPDX-License-Identifier: BSD-2-Clause */
/* An errno as words, with the limit that was hit and what raises it. */
#ifndef CROSSTAP_BASE_ERROR_TEXT_H
#define CROSSTAP_BASE_ERROR_TEXT_H

#define ERROR_TEXT_BYTES 200

/* `error` is positive. Returns `text`. */
const char *error_text(char text[static ERROR_TEXT_BYTES], int error);

#endif
