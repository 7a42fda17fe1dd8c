/* SPDX-License-Identifier: BSD-2-Clause */
#include "privacy/key_file.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 4, 5))) static int fail(
    char *reason, size_t size, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, size, format, arguments);
	va_end(arguments);
	return error;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_key(const uint8_t *text, size_t length, uint8_t key[KEY_FILE_BYTES])
{
	if (length == KEY_FILE_BYTES) {
		memcpy(key, text, length);
		return true;
	}
	if (length > 0 && text[length - 1] == '\n')
		length--;
	if (length > 0 && text[length - 1] == '\r')
		length--;
	if (length != 2 * KEY_FILE_BYTES)
		return false;
	for (size_t i = 0; i < KEY_FILE_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int key_file_read(const char *path, uint8_t key[KEY_FILE_BYTES], char *reason, size_t reason_size)
{
	return key_file_read_for(geteuid(), path, key, reason, reason_size);
}

int key_file_read_for(
    uid_t reader, const char *path, uint8_t key[KEY_FILE_BYTES], char *reason, size_t reason_size)
{
	uint8_t text[2 * KEY_FILE_BYTES + 3]; /* one more than the longest valid file */
	struct stat st;
	ssize_t n;
	int r, fd;

	/* O_NONBLOCK: a FIFO must not hold up the start. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		r = fail(reason, reason_size, -errno,
		    "%s: %m: (umask 077; head -c 32 /dev/urandom > %s), as the agent's user", path,
		    path);
		goto out;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = fail(reason, reason_size, -errno, "%s: %m", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode))
		r = fail(reason, reason_size, -EPERM, "%s: is not a regular file", path);
	else if (st.st_uid != 0 && st.st_uid != reader)
		r = fail(reason, reason_size, -EPERM,
		    "%s: belongs to user %u, not to root or user %u", path, (unsigned)st.st_uid,
		    (unsigned)reader);
	else if (st.st_mode & 077)
		r = fail(reason, reason_size, -EPERM,
		    "%s: mode %04o lets others at the key, use 0600 or 0400", path,
		    (unsigned)(st.st_mode & 07777));
	else if ((n = io_read(fd, text, sizeof(text))) < 0)
		r = fail(reason, reason_size, (int)n, "%s: %s", path, strerror((int)-n));
	else if (!parse_key(text, (size_t)n, key))
		r = fail(reason, reason_size, -EINVAL,
		    "%s: must hold 32 bytes or 64 hexadecimal digits", path);
	else
		r = 0;
	explicit_bzero(text, sizeof(text));
out:
	if (fd >= 0)
		close(fd);
	return r;
}
