/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/window/mode.h"

const char *wire_mode_name(enum wire_mode mode)
{
	static const char *const names[] = {[WIRE_AUTO] = "auto",
	    [WIRE_NATIVE] = "native",
	    [WIRE_GENERIC] = "generic",
	    [WIRE_TC] = "tc",
	    [WIRE_PACKET] = "packet",
	    [WIRE_OFF] = "off"};

	return names[mode];
}
