/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Batches on disk, for a far end that is down or a stop. One file a batch (sink/spool_file.h),
 * written under a temporary name and renamed, so that a killed process leaves no half file under a
 * name that counts; a checksum tells those that a power failure left torn. Total size is bounded,
 * the oldest go first, but for those that are held: somebody has them in hand. One thread uses a
 * spool; spool_stats may be called from any.
 */
#ifndef CROSSTAP_SINK_SPOOL_H
#define CROSSTAP_SINK_SPOOL_H

#include "base/replace.h"
#include "sink/sink.h"

struct spool;

#define SPOOL_BAD_FILES 8 /* damaged ones that are kept for a human, and the largest of them */
#define SPOOL_BAD_BYTES (4u << 20)
/* Put aside ones with which those that cannot be read, but may be whole, are left where they are:
 * the error is all that is told then, and the limit of the whole goes on to hold. */
#define SPOOL_ASIDE_FILES 64
/* Beside each folder, with its name before this: the output that it is of, without secrets. */
#define SPOOL_PLACE ".output"

/* Files live in `path`/`identity` as 16 hex digits, made when first needed. Looks at nothing yet.
 */
int spool_new(struct spool **ret, const char *path, uint64_t identity, uint64_t limit_bytes);
/* The output's name, for SPOOL_PLACE; outlives the spool. */
void spool_set_place(struct spool *spool, const char *name);
/* Takes over what an earlier process, or sink, left there; the first call. 0 also where there is no
 * folder yet. -ENOMEM, or the error of reading it: nothing is taken over, to be called again. */
int spool_load(struct spool *spool);
/* Another bound, from the next put on. Any thread. */
void spool_set_limit(struct spool *spool, uint64_t limit_bytes);
/* The files stay. */
void spool_free(struct spool *spool);

/* Adds `points` lines of text as the newest. *ret_id (or NULL): how it is named from now on; it is
 * then held. *ret_dropped: points in older files that were removed for it, or with the folder,
 * which is made again. REPLACE_DURABLE waits for the disk twice, for file and folder. -EFBIG:
 * larger than the whole spool; else the error of the file system. */
int spool_put(struct spool *spool, const char *text, size_t length, size_t points,
    enum replace_sync sync, uint64_t *ret_id, size_t *ret_dropped);
/* Loads the oldest batch that is not held, and holds it: -ENOENT: there is none; -EBADMSG: its file
 * is damaged, another version's or cannot be read, *ret_lost are the points that its name tells,
 * and it was put aside as NAME.bad, or, damaged, removed where SPOOL_BAD_FILES or SPOOL_BAD_BYTES
 * forbid that (ask again); or the error of reading, where the folder takes no renaming either, or
 * there are SPOOL_ASIDE_FILES. */
int spool_oldest(struct spool *spool, struct batch **ret, uint64_t *ret_id, size_t *ret_lost);
/* False: its file went with the folder. */
bool spool_holds(const struct spool *spool, uint64_t id);
/* Of a batch that is held: removes it; lets it lie in its place; replaces it by what is left of it
 * (fewer points), durably. */
void spool_remove(struct spool *spool, uint64_t id);
void spool_release(struct spool *spool, uint64_t id);
int spool_shorten(struct spool *spool, uint64_t id, const char *text, size_t length, size_t points);
bool spool_empty(const struct spool *spool);

struct spool_stats {
	uint64_t batches, points;
	uint64_t bytes;     /* of its files, in whole blocks */
	uint64_t oldest_ns; /* when the oldest was put there, since 1970; 0: there is none */
};
/* Any thread. */
void spool_stats(const struct spool *spool, struct spool_stats *ret);
/* Any thread. */
uint64_t spool_limit(const struct spool *spool);
/* Files in the folder that are not ours, when it was read. */
size_t spool_foreign(const struct spool *spool);

#endif
