/* SPDX-License-Identifier: BSD-2-Clause */
/* `crosstap top` in a terminal, until its user wants to end. */
#ifndef CROSSTAP_TOP_LIVE_H
#define CROSSTAP_TOP_LIVE_H

#include "top/client.h"
#include "top/layout.h"

/* `model` holds a first answer. Takes `model`, which is then what is shown; `spare` is another one
 * to fill. -ENOTTY: ncurses does not know this terminal. */
int live_run(struct layout *layout, struct top_client *client, struct top_model *model,
    struct top_model *spare, struct screen *screen);

#endif
