/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secret_file.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(char *error, size_t size, int r, const char *path, const char *reason)
{
	snprintf(error, size, "%s: %s", path, reason);
	return r;
}

static int check(int fd, const char *path, bool is_private, char *error, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(error, size, -errno, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(error, size, -EINVAL, path, "not a regular file");
	if (is_private && st.st_mode & S_IROTH)
		return fail(error, size, -EPERM, path, "everybody may read it; chmod o-r");
	return 0;
}

int secret_file_read(char **ret, const char *path, bool is_private, char *error, size_t size)
{
	char *text = NULL;
	ssize_t length;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(error, size, -errno, path, strerror(errno));
	r = check(fd, path, is_private, error, size);
	if (r < 0)
		goto out;
	text = calloc(1, SECRET_FILE_MAX + 2);
	if (!text) {
		r = fail(error, size, -ENOMEM, path, strerror(ENOMEM));
		goto out;
	}
	length = io_read(fd, text, SECRET_FILE_MAX + 1);
	if (length < 0)
		r = fail(error, size, (int)length, path, strerror((int)-length));
	else if (length == 0 || length > SECRET_FILE_MAX || strlen(text) != (size_t)length)
		r = fail(error, size, -EINVAL, path, "empty, too large, or no text");
	if (r == 0) {
		*ret = text;
		text = NULL;
	}
out:
	secret_free(text);
	close(fd);
	return r;
}

void secret_free(char *text)
{
	if (!text)
		return;
	explicit_bzero(text, strlen(text));
	free(text);
}

bool secret_equal(const char *a, const char *b)
{
	size_t length = strlen(a);
	volatile unsigned char difference = 0;

	if (strlen(b) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}
