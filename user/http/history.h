/* SPDX-License-Identifier: BSD-2-Clause */
/* /api/v1/history: what the history (history/history.h) has for the parameters of a request. */
#ifndef CROSSTAP_HTTP_HISTORY_H
#define CROSSTAP_HTTP_HISTORY_H

#include "report/report.h"

#include <microhttpd.h>

/* To free(): the document, or what is wrong as {"error": "..."}; NULL without memory. *ret_code:
 * the status of the answer. */
char *http_history(struct report *report, struct MHD_Connection *connection, unsigned *ret_code);

#endif
