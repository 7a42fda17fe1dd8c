/* SPDX-License-Identifier: BSD-2-Clause */
/* AS number -> record of the database that names its holder: eight bytes an AS instead of the name
 * in each resolver's entry. Open addressing; it doubles as it fills, up to a fixed limit. */
#ifndef CROSSTAP_GEO_AS_TABLE_H
#define CROSSTAP_GEO_AS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some 80,000 are in use (2025); the table then takes 2 MiB. */
#define AS_TABLE_MAX 131072

struct as_table;

int as_table_new(struct as_table **ret);
void as_table_free(struct as_table *table);
/* Keeps the first record of an AS. -ENOSPC at AS_TABLE_MAX, -ENOMEM; the table stays as it was.
 * `asn` is not 0. */
int as_table_add(struct as_table *table, uint32_t asn, uint32_t record);
bool as_table_find(const struct as_table *table, uint32_t asn, uint32_t *ret_record);
size_t as_table_count(const struct as_table *table);
/* Empties it, keeps the memory. */
void as_table_reset(struct as_table *table);

#endif
