/* SPDX-License-Identifier: BSD-2-Clause */
/* Zeroed memory of tables, at a cache line's beginning; that of large ones on huge pages where the
 * kernel has them: a random access then misses one cache, not the TLB as well. */
#ifndef CROSSTAP_BASE_PAGES_H
#define CROSSTAP_BASE_PAGES_H

#include <stddef.h>

/* NULL without memory. Pages are taken from the system as they are touched. */
void *pages_alloc(size_t size);
/* The same, on small pages: for what is filled little by little, or by a thread that must not wait
 * for as long as the kernel takes to clear a huge one. `size` is not 0. */
void *pages_reserve(size_t size);
/* Zeros again. A large table's pages go back to the system: one that waits for its next use takes
 * no memory. `size` as it was asked for. */
void pages_clear(void *memory, size_t size);
/* Zeros again, with all pages there, huge ones if they can be: whoever uses it next never waits for
 * one. Takes its time. `size` as it was asked for. */
void pages_renew(void *memory, size_t size);
/* `size` as it was asked for; takes NULL. */
void pages_free(void *memory, size_t size);

#endif
