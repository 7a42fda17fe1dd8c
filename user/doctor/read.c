/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void doctor_place(const struct doctor *doctor, char ret[PATH_MAX], const char *format, ...)
{
	const int used = snprintf(ret, PATH_MAX, "%s", doctor->root ? doctor->root : "");
	va_list arguments;

	if (used >= PATH_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(ret + used, (size_t)(PATH_MAX - used), format, arguments);
	va_end(arguments);
}

/* Nothing that blocks is opened to its end: a FIFO has no bytes then. */
int doctor_read(const char *place, char **ret, size_t *ret_length)
{
	const int fd = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t length = 0;
	ssize_t n = 0;
	char *text;
	int r = 0;

	if (fd < 0)
		return -errno;
	text = malloc(DOCTOR_FILE_BYTES + 1);
	while (text && length < DOCTOR_FILE_BYTES &&
	    (n = read(fd, text + length, DOCTOR_FILE_BYTES - length)) > 0)
		length += (size_t)n;
	if (!text)
		r = -ENOMEM;
	else if (n < 0)
		r = -errno;
	close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	text[length] = '\0';
	*ret = text;
	if (ret_length)
		*ret_length = length;
	return 0;
}

int doctor_read_number(const char *place, uint64_t *ret)
{
	char *text = NULL, *end;
	const int r = doctor_read(place, &text, NULL);
	unsigned long long value;

	if (r < 0)
		return r;
	errno = 0;
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): open() leaves no errno of 0 */
	value = strtoull(text, &end, 10);
	if (end == text || errno) {
		free(text);
		return -EINVAL;
	}
	free(text);
	*ret = value;
	return 0;
}
