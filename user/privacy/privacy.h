/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every address and name of a client that leaves the process, in points, on the page, in JSON or in
 * logs, is written by this room. `privacy.addresses` and `privacy.names` of the configuration
 * decide what is left of it. The report's thread calls it for each window that it encodes; replay
 * and doctor use one of their own.
 */
#ifndef CROSSTAP_PRIVACY_PRIVACY_H
#define CROSSTAP_PRIVACY_PRIVACY_H

#include "config/config.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* 255 octets of a name (RFC 1035 section 2.3.4), each at most \DDD, and a NUL. */
#define PRIVACY_NAME_SIZE 1024

struct privacy;

/*
 * Holds a reference to `config`. With `addresses: cryptopan` the key is read from
 * privacy.cryptopan_key_file: 32 bytes, or 64 hexadecimal digits and a line end. The file must be a
 * regular one of root or of our user that nobody else can read or write. Any error must stop the
 * start: there is no weaker mode to fall back to. -ENOKEY (no file named), -EPERM (owner, mode or
 * kind of file), -EINVAL (content), or the error of opening it; *reason is then one line of text.
 */
int privacy_new(struct privacy **ret, const struct config *config, char *reason, size_t size);
void privacy_free(struct privacy *privacy);

/*
 * The address as text, a network with its length for `prefix` (192.0.2.0/24, 2001:db8::/48), a
 * pseudonym for `cryptopan`, "" for `none`. `family` is 4 (first four bytes) or 6. Safe from any
 * thread.
 */
void privacy_address(struct privacy *privacy, const uint8_t address[16], unsigned family,
    char text[INET6_ADDRSTRLEN]);

/*
 * A name from the wire, uncompressed, with or without the root's octet. Text is lower case without
 * a dot at the end, the root is "."; `\.` and `\\` for these in a label, \DDD for octets up to 0x20
 * and from 0x7f on (RFC 1035 section 5.1), the form in which the configuration keeps zones.
 * `suffix` leaves the zone and one label where the name is in a zone of the configuration (`zones`,
 * `zones_file`, or a `zone` label that is the name of one), else the last two labels; `none`
 * gives "". 0, -EINVAL for no valid name, -ENOSPC for a small buffer; `text` is then "".
 */
int privacy_name(
    const struct privacy *privacy, const uint8_t *name, size_t length, char *text, size_t size);

#endif
