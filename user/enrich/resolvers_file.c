/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/resolvers_file.h"

#include "base/io.h"
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* "cslresv1" and "cslresv2", which another byte order does not read. */
#define MAGIC_1     0x31767365726c7363ull
#define MAGIC       0x32767365726c7363ull
#define MAX_ENTRIES (100u << 20)

struct header {
	uint64_t magic;
	uint32_t entry_bytes, count;
	uint64_t saved_s;
};

struct stored {
	uint64_t address[2];
	uint32_t icmp_rtt_us, tcp_rtt_us, icmp_s, tcp_s;
	uint8_t family, credit, zero[6];
	struct client_day day; /* from version 2 on */
};
_Static_assert(sizeof(struct header) == 24 && sizeof(struct stored) == 72, "no padding");
#define STORED_1_BYTES offsetof(struct stored, day)

/* -- writing */

struct writer {
	FILE *file;
	XXH3_state_t *hash;
};

static int put(const struct writer *writer, const void *data, size_t size)
{
	XXH3_64bits_update(writer->hash, data, size);
	return io_put(writer->file, data, size);
}

static bool is_worth(const struct resolver *resolver)
{
	return resolver->credit || resolver->icmp_rtt_us || resolver->tcp_rtt_us;
}

static int put_entries(const struct writer *writer, struct resolvers *resolvers)
{
	int r = 0;

	for (size_t i = 0; i < resolvers_count(resolvers) && r == 0; i++) {
		const struct resolver *from = resolvers_at(resolvers, i);
		struct stored stored = {
		    .address = {from->address[0], from->address[1]},
		    .icmp_rtt_us = from->icmp_rtt_us,
		    .tcp_rtt_us = from->tcp_rtt_us,
		    .icmp_s = from->icmp_s,
		    .tcp_s = from->tcp_s,
		    .family = from->family,
		    .credit = from->credit,
		    .day = from->day,
		};

		client_day_end_window(&stored.day); /* a window may have ended for want of memory */
		if (is_worth(from))
			r = put(writer, &stored, sizeof(stored));
	}
	return r;
}

static int write_all(const struct writer *writer, struct resolvers *resolvers, uint32_t now_s)
{
	struct header header = {
	    .magic = MAGIC, .entry_bytes = sizeof(struct stored), .saved_s = now_s};
	uint64_t hash;
	int r;

	for (size_t i = 0; i < resolvers_count(resolvers); i++)
		header.count += is_worth(resolvers_at(resolvers, i));
	XXH3_64bits_reset(writer->hash);
	r = put(writer, &header, sizeof(header));
	if (r == 0)
		r = put_entries(writer, resolvers);
	hash = XXH3_64bits_digest(writer->hash);
	if (r == 0)
		r = io_put(writer->file, &hash, sizeof(hash));
	if (r == 0 && fflush(writer->file) != 0)
		r = -errno;
	return r;
}

/* The file's descriptor stays open. */
static int write_to(int fd, struct resolvers *resolvers, uint32_t now_s)
{
	struct writer writer = {.hash = XXH3_createState()};
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r = copy < 0 ? -errno : 0;

	if (r == 0) {
		writer.file = fdopen(copy, "w");
		r = writer.file && writer.hash ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = write_all(&writer, resolvers, now_s);
	if (writer.file ? fclose(writer.file) != 0 : copy >= 0 && close(copy) != 0)
		r = r < 0 ? r : -errno;
	XXH3_freeState(writer.hash);
	return r;
}

int resolvers_save(struct resolvers *resolvers, const char *path, uint32_t now_s)
{
	struct replace replace;
	int r = replace_begin(&replace, path, 0600);

	if (r < 0)
		return r;
	r = write_to(replace.fd, resolvers, now_s);
	/* Windows wait for this thread, and a torn file is found by its hash. */
	if (r == 0)
		r = replace_commit(&replace, REPLACE_FAST);
	replace_abort(&replace);
	return r;
}

/* -- reading */

static int check_size(size_t size)
{
	if (size < sizeof(struct header) + sizeof(uint64_t))
		return -EBADMSG;
	return size > sizeof(struct stored) * MAX_ENTRIES ? -EFBIG : 0;
}

/* The hash of all but the last eight bytes, against these. */
static int check_hash(FILE *file, size_t size)
{
	XXH3_state_t *hash = XXH3_createState();
	uint8_t buffer[16384];
	uint64_t expected;
	int r = 0;

	if (!hash)
		return -ENOMEM;
	XXH3_64bits_reset(hash);
	for (size_t left = size - sizeof(expected); left && r == 0;) {
		const size_t part = left < sizeof(buffer) ? left : sizeof(buffer);

		if (fread(buffer, 1, part, file) != part)
			r = -EBADMSG;
		XXH3_64bits_update(hash, buffer, part);
		left -= part;
	}
	if (r == 0 &&
	    (fread(&expected, sizeof(expected), 1, file) != 1 ||
		expected != XXH3_64bits_digest(hash)))
		r = -EBADMSG;
	XXH3_freeState(hash);
	return r;
}

static bool is_sound(const struct stored *stored)
{
	if (stored->family != 6 && stored->family != 4)
		return false;
	/* Big or little: the last four bytes of the first word lie behind an IPv4 address. */
	if (stored->family == 4 &&
	    (stored->address[1] || memcmp((const char *)stored->address + 4, "\0\0\0\0", 4) != 0))
		return false;
	if (stored->day.before >> CLIENT_TRAIT_COUNT || stored->day.signs & ~CLIENT_SIGNS)
		return false;
	return stored->icmp_rtt_us <= RESOLVER_MAX_RTT_US &&
	    stored->tcp_rtt_us <= RESOLVER_MAX_RTT_US && stored->credit <= RESOLVER_MAX_CREDIT;
}

static int take(struct resolvers *resolvers, const struct stored *stored, uint32_t now_s)
{
	const uint64_t hash = resolvers_hash(resolvers, stored->address, stored->family);
	struct resolver *resolver;

	if (!is_sound(stored))
		return -EBADMSG;
	if (resolvers_find(resolvers, hash, stored->address, stored->family))
		return -EBADMSG;
	if (resolvers_count(resolvers) == resolvers_limit(resolvers))
		return 0; /* the limit was lowered */
	resolver = resolvers_add(resolvers, hash, stored->address, stored->family);
	if (!resolver)
		return -ENOMEM;
	resolver->credit = stored->credit;
	resolver->day = stored->day; /* whatever day that is: the next window's may be another */
	/* A clock that was wrong then, or is now: nothing is newer than now. */
	if (stored->icmp_s <= now_s) {
		resolver->icmp_rtt_us = stored->icmp_rtt_us;
		resolver->icmp_s = stored->icmp_s;
	}
	if (stored->tcp_s <= now_s) {
		resolver->tcp_rtt_us = stored->tcp_rtt_us;
		resolver->tcp_s = stored->tcp_s;
	}
	return 0;
}

static int read_entries(
    struct resolvers *resolvers, FILE *file, const struct header *header, uint32_t now_s)
{
	struct stored stored = {0}; /* the first version ends before the day */
	int r = 0;

	for (uint32_t i = 0; i < header->count && r == 0; i++) {
		if (fread(&stored, header->entry_bytes, 1, file) != 1)
			r = -EBADMSG;
		else
			r = take(resolvers, &stored, now_s);
	}
	return r;
}

static bool is_known(const struct header *header)
{
	return (header->magic == MAGIC && header->entry_bytes == sizeof(struct stored)) ||
	    (header->magic == MAGIC_1 && header->entry_bytes == STORED_1_BYTES);
}

static int read_all(struct resolvers *resolvers, FILE *file, size_t size, uint32_t now_s)
{
	struct header header;
	int r = check_hash(file, size);

	if (r < 0)
		return r;
	rewind(file);
	if (fread(&header, sizeof(header), 1, file) != 1 || !is_known(&header) ||
	    size != sizeof(header) + (size_t)header.count * header.entry_bytes + sizeof(uint64_t))
		return -EBADMSG;
	return read_entries(resolvers, file, &header, now_s);
}

int resolvers_load(struct resolvers *resolvers, const char *path, uint32_t now_s)
{
	size_t size = 0;
	const int fd = io_open_regular(path, &size);
	FILE *file;
	int r;

	if (fd < 0)
		return fd;
	r = check_size(size);
	file = r == 0 ? fdopen(fd, "r") : NULL;
	if (!file) {
		r = r < 0 ? r : -errno;
		close(fd);
		return r;
	}
	r = read_all(resolvers, file, size, now_s);
	fclose(file);
	return r;
}
