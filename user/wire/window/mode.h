/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of modes, as wire.mode and every report have them. */
#ifndef CROSSTAP_WIRE_WINDOW_MODE_H
#define CROSSTAP_WIRE_WINDOW_MODE_H

#include "config/config.h"

const char *wire_mode_name(enum wire_mode mode);

#endif
