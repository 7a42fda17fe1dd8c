/* SPDX-License-Identifier: BSD-2-Clause */
/* Text in a page of mdoc(7). */
#ifndef CROSSTAP_DOCUMENT_ROFF_H
#define CROSSTAP_DOCUMENT_ROFF_H

#include <stdio.h>

/* Text that roff takes as text: no request at a line's beginning, no escapes. A sentence ends its
 * line (mdoc(7)), and so does the text. */
void roff_text(FILE *out, const char *text);

#endif
