/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the parts of an MMDB file lie inside it, by the format's specification 2.0 (MaxMind DB).
 * libmaxminddb 1.7 and older multiply the number of nodes with their size in 32 bits and believe
 * the product; it reads outside a file that lies there.
 */
#ifndef CROSSTAP_GEO_MMDB_VERIFY_H
#define CROSSTAP_GEO_MMDB_VERIFY_H

#include <stddef.h>
#include <stdint.h>

/*
 * 0 if the metadata can be read, the search tree and the data section fit before it, and each
 * record of the tree names a node, nothing, or a place in the data section. Else -EBADMSG, and
 * *ret_why is a constant text that says what is wrong.
 */
int mmdb_verify(const uint8_t *bytes, size_t size, const char **ret_why);

#endif
