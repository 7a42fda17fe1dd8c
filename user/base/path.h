/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens what a path leads to, and follows of the links on the way those alone that belong to root
 * or to the user of this process. Where another user may write to a folder of the path, his link
 * would have root write a file of his choice (fs.protected_symlinks looks after sticky folders
 * only).
 */
#ifndef CROSSTAP_BASE_PATH_H
#define CROSSTAP_BASE_PATH_H

#include <sys/types.h>

/*
 * As open(2), with O_CLOEXEC; O_PATH with O_DIRECTORY alone. -ELOOP: a link is another user's, or
 * there are too many. -EMLINK: to be written to, and a file of several names in a folder of another
 * user, who may have put the name there.
 */
int path_open(const char *path, int flags, mode_t mode);

#endif
