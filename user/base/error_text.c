/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

const char *error_text(char text[static ERROR_TEXT_BYTES], int error)
{
	struct rlimit files;

	if (error == EMFILE && getrlimit(RLIMIT_NOFILE, &files) == 0)
		snprintf(text, ERROR_TEXT_BYTES,
		    "%s: the process has %llu, raise it with LimitNOFILE= (systemctl edit "
		    "crosstap) or `ulimit -n`",
		    strerror(error), (unsigned long long)files.rlim_cur);
	else if (error == ENFILE)
		snprintf(text, ERROR_TEXT_BYTES,
		    "%s, all processes together: raise it with `sysctl -w fs.file-max=...`",
		    strerror(error));
	else if (error == ELOOP)
		snprintf(text, ERROR_TEXT_BYTES,
		    "%s, or one of another user, which is not followed", strerror(error));
	else if (error == EMLINK)
		snprintf(text, ERROR_TEXT_BYTES,
		    "%s: the file has a second name, and its folder belongs to another user",
		    strerror(error));
	else if (error == EROFS)
		snprintf(text, ERROR_TEXT_BYTES,
		    "%s: beside /run/crosstap, /var/lib/crosstap and /var/log/crosstap, the unit "
		    "wants BindPaths= for the folder (systemctl edit crosstap)",
		    strerror(error));
	else
		snprintf(text, ERROR_TEXT_BYTES, "%s", strerror(error));
	return text;
}
