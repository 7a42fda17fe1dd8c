/* SPDX-License-Identifier: BSD-2-Clause */
#include "download/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* MaxMind's archives hold a folder, two texts and the database. */
#define MAX_MEMBERS     64
#define MAX_OTHER_BYTES (1u << 20) /* of a member that is skipped */
#define SUFFIX          ".mmdb"
#define NAME_BYTES      100
#define PREFIX_BYTES    155
#define SIZE_OFFSET     124
#define SIZE_BYTES      12
#define CHECKSUM_OFFSET 148
#define CHECKSUM_BYTES  8
#define TYPE_OFFSET     156
#define MAGIC_OFFSET    257
#define PREFIX_OFFSET   345
#define END_BLOCKS      2 /* of zeros */

struct tar {
	uint64_t max_bytes;
	tar_sink sink;
	void *context;
	uint8_t block[TAR_BLOCK_BYTES];
	size_t filled;          /* of block */
	uint64_t data, padding; /* of the member at hand, still to come */
	bool wanted;            /* the member at hand goes to the sink */
	bool found;
	unsigned members, zero_blocks;
	int error;
	const char *problem;
};

int tar_new(struct tar **ret, uint64_t max_bytes, tar_sink sink, void *context)
{
	struct tar *tar = calloc(1, sizeof(*tar));

	if (!tar)
		return -ENOMEM;
	tar->max_bytes = max_bytes;
	tar->sink = sink;
	tar->context = context;
	tar->problem = "";
	*ret = tar;
	return 0;
}

void tar_free(struct tar *tar)
{
	free(tar);
}

const char *tar_problem(const struct tar *tar)
{
	return tar->problem;
}

static int refuse(struct tar *tar, const char *problem)
{
	tar->problem = problem;
	tar->error = -EBADMSG;
	return tar->error;
}

/* Octal digits, spaces around them, ended by the field, NUL or space. GNU's binary form is only
 * for sizes over 8 GiB and so always refused. */
static bool parse_octal(const uint8_t *field, size_t n, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0, digits = 0;

	while (i < n && field[i] == ' ')
		i++;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++, digits++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (digits == 0 || (i < n && field[i] != '\0' && field[i] != ' '))
		return false;
	*ret = value;
	return true;
}

static bool has_valid_checksum(const uint8_t *block)
{
	uint64_t expected, sum = (uint64_t)' ' * CHECKSUM_BYTES;

	if (!parse_octal(block + CHECKSUM_OFFSET, CHECKSUM_BYTES, &expected))
		return false;
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		if (i < CHECKSUM_OFFSET || i >= CHECKSUM_OFFSET + CHECKSUM_BYTES)
			sum += block[i];
	return sum == expected;
}

bool tar_is_header(const uint8_t *block)
{
	return memcmp(block + MAGIC_OFFSET, "ustar", 5) == 0;
}

static bool is_zero(const uint8_t *block)
{
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		if (block[i])
			return false;
	return true;
}

static bool is_safe_name(const char *name)
{
	if (*name == '/' || *name == '\0')
		return false;
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 2 && name[0] == '.' && name[1] == '.')
			return false;
		name += n;
		name += strspn(name, "/");
	}
	return true;
}

static void read_name(const uint8_t *block, char ret[PREFIX_BYTES + NAME_BYTES + 2])
{
	/* GNU headers ("ustar" and two spaces) keep other things in the prefix field. */
	bool has_prefix = block[MAGIC_OFFSET + 5] == '\0' && block[PREFIX_OFFSET];
	size_t n = 0;

	if (has_prefix) {
		n = strnlen((const char *)block + PREFIX_OFFSET, PREFIX_BYTES);
		memcpy(ret, block + PREFIX_OFFSET, n);
		ret[n++] = '/';
	}
	memcpy(ret + n, block, NAME_BYTES);
	ret[n + NAME_BYTES] = '\0';
}

static bool has_suffix(const char *name)
{
	size_t n = strlen(name);

	return n > sizeof(SUFFIX) - 1 && strcmp(name + n - (sizeof(SUFFIX) - 1), SUFFIX) == 0;
}

static int begin_file(struct tar *tar, const char *name, uint64_t size)
{
	tar->wanted = has_suffix(name);
	if (!tar->wanted)
		return size <= MAX_OTHER_BYTES ? 0 : refuse(tar, "a member is too large");
	if (tar->found)
		return refuse(tar, "has two .mmdb members");
	if (size == 0)
		return refuse(tar, "the .mmdb member is empty");
	if (size > tar->max_bytes)
		return refuse(tar, "the .mmdb member is too large");
	tar->found = true;
	return 0;
}

static int begin_member(struct tar *tar)
{
	char name[PREFIX_BYTES + NAME_BYTES + 2];
	uint64_t size;

	if (!tar_is_header(tar->block) || !has_valid_checksum(tar->block))
		return refuse(tar, "a header is damaged");
	if (tar->members++ == MAX_MEMBERS)
		return refuse(tar, "has too many members");
	if (!parse_octal(tar->block + SIZE_OFFSET, SIZE_BYTES, &size))
		return refuse(tar, "a member has no valid size");
	read_name(tar->block, name);
	if (!is_safe_name(name))
		return refuse(tar, "a member's name leads out of the archive");
	tar->wanted = false;
	tar->data = size;
	tar->padding = (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
	switch (tar->block[TYPE_OFFSET]) {
	case '0':
	case '\0':
		return begin_file(tar, name, size);
	case '5': /* folder; its size means nothing */
		tar->data = tar->padding = 0;
		return 0;
	case 'x': /* extended headers (pax) and GNU long names: read over */
	case 'g':
	case 'L':
		return size <= MAX_OTHER_BYTES ? 0 : refuse(tar, "an extended header is too large");
	default:
		return refuse(tar, "holds a link or a device");
	}
}

static int take_block(struct tar *tar)
{
	if (is_zero(tar->block)) {
		tar->zero_blocks++;
		return 0;
	}
	if (tar->zero_blocks)
		return refuse(tar, "a header is damaged");
	return begin_member(tar);
}

static size_t least(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* Takes some of the input: content, padding, or a part of a header. */
static int take(struct tar *tar, const uint8_t *data, size_t n, size_t *ret_taken)
{
	if (tar->data > 0) {
		*ret_taken = least(tar->data, n);
		tar->data -= *ret_taken;
		if (tar->wanted)
			tar->error = tar->sink(tar->context, data, *ret_taken);
		return tar->error;
	}
	if (tar->padding > 0) {
		*ret_taken = least(tar->padding, n);
		tar->padding -= *ret_taken;
		return 0;
	}
	*ret_taken = least(TAR_BLOCK_BYTES - tar->filled, n);
	memcpy(tar->block + tar->filled, data, *ret_taken);
	tar->filled += *ret_taken;
	if (tar->filled < TAR_BLOCK_BYTES)
		return 0;
	tar->filled = 0;
	return take_block(tar);
}

int tar_write(struct tar *tar, const uint8_t *data, size_t n)
{
	if (tar->error)
		return tar->error;
	/* What follows the end fills the last record of a tape. */
	while (n > 0 && tar->zero_blocks < END_BLOCKS) {
		size_t taken;
		int r = take(tar, data, n, &taken);

		if (r < 0)
			return r;
		data += taken;
		n -= taken;
	}
	return 0;
}

int tar_finish(struct tar *tar)
{
	if (tar->error)
		return tar->error;
	if (tar->zero_blocks < END_BLOCKS)
		return refuse(tar, "is cut short");
	if (!tar->found)
		return refuse(tar, "has no .mmdb member");
	return 0;
}
