/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent finds in its environment and a shell has not: EnvironmentFile= of the unit. */
#ifndef CROSSTAP_OUTSIDE_UNIT_ENVIRONMENT_H
#define CROSSTAP_OUTSIDE_UNIT_ENVIRONMENT_H

#define UNIT_ENVIRONMENT "/etc/crosstap/environment" /* config/systemd/crosstap.service */

/* Sets those of the file's variables that the process has not, as systemd.exec(5) reads them, but
 * for a value of several lines. What cannot be read counts as not there. Before there are threads.
 */
void unit_environment_take(const char *path);

#endif
