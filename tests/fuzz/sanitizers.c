/* SPDX-License-Identifier: BSD-2-Clause */
/* What a sanitizer does for each allocation, kept small: a fuzz target makes millions of them. The
 * filling of new memory, 4 KiB by default, the queue of freed memory and the callers that are kept
 * of each allocation cost most; ASAN_OPTIONS=malloc_context_size=30 shows all of what was found. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "malloc_context_size=2:max_malloc_fill_size=64:quarantine_size_mb=1:"
	       "thread_local_quarantine_size_kb=32:allocator_release_to_os_interval_ms=-1";
}
