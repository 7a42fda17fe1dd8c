/* SPDX-License-Identifier: BSD-2-Clause */
/* For COVERAGE=1, in which _exit() is this one (--wrap): a child that ends without exit(), as those
 * of the simulation and the one that looks at a database, writes what it ran as well. */
/* Of libgcov. */
void __gcov_dump(void);
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
