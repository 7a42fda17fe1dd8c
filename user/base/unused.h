/* SPDX-License-Identifier: BSD-2-Clause */
/* For a parameter that a callback's type asks for and this function does not need. */
#ifndef CROSSTAP_BASE_UNUSED_H
#define CROSSTAP_BASE_UNUSED_H

#define UNUSED __attribute__((unused))

#endif
