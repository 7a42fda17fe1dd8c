/* SPDX-License-Identifier: BSD-2-Clause */
/* The file beside a database, by anybody: what is read has sound values, and is read again the same
 * after it was written. */
#include "download/maxmind_state.h"

#include "folder.h"
#include "require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What maxmind_state_write() writes. */
static void write_again(const struct maxmind_state *state)
{
	char text[MOST];

	snprintf(text, sizeof(text), "edition %s\nchecked %lld\nnot_before %lld\n", state->edition,
	    (long long)state->checked_s, (long long)state->not_before_s);
	folder_write("db.download", (const uint8_t *)text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[256];
	struct maxmind_state state, again;

	if (size > MOST)
		return 0;
	if (!*path)
		snprintf(path, sizeof(path), "%s/db", folder_path());
	folder_write("db.download", data, size);
	maxmind_state_read(path, &state);
	require(memchr(state.edition, 0, sizeof(state.edition)) && state.checked_s >= 0 &&
	    state.not_before_s >= 0);
	write_again(&state);
	maxmind_state_read(path, &again);
	require(strcmp(state.edition, again.edition) == 0 && state.checked_s == again.checked_s &&
	    state.not_before_s == again.not_before_s);
	return 0;
}
