/* SPDX-License-Identifier: BSD-2-Clause */
/* What a change of the verdict says, in the log and as an event. */
#include "base/clock.h"
#include "base/unused.h"
#include "report/events/news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define START_NS (1700000000 * (int64_t)NS_PER_S) /* 2023-11-14T22:13:20Z */

/* What the log gets of it. */
static void tell(struct events *events, const struct crosscheck_result *result, char written[1024])
{
	const struct news news = {.events = events, .now_ms = START_NS / NS_PER_MS};
	FILE *log = tmpfile();
	const int saved = dup(STDERR_FILENO);

	assert_non_null(log);
	dup2(fileno(log), STDERR_FILENO);
	news_of_verdict(&news, result, START_NS);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(log);
	written[fread(written, 1, 1023, log)] = '\0';
	fclose(log);
}

static void test_line_of_a_verdict(void **state UNUSED)
{
	struct crosscheck_result result = {.verdict = VERDICT_SOCKET_LOSS,
	    .verdict_before = VERDICT_OK,
	    .horizon = {.windows = 6,
		.wire_queries = 120000,
		.dnstap_queries = 118000,
		.stack_drops = 1,
		.socket_drops = 1998,
		.unexplained = -7,
		.responses = 117990,
		.tc = 12}};
	struct events events = {0};
	char written[1024];

	tell(&events, &result, written);
	assert_string_equal(written,
	    "warning verdict: socket-loss: the nameserver's sockets were full and queries were "
	    "dropped since=2023-11-14T22:13:20Z was=ok windows=6 wire_queries=120000 "
	    "dnstap_queries=118000 stack_drops=1 socket_drops=1998 unexplained=-7 "
	    "responses=117990 tc=12\n");
	assert_int_equal(events.n, 1);
	assert_string_equal(events.list[0].text, "socket-loss");

	result.verdict_before = result.verdict;
	tell(&events, &result, written);
	assert_string_equal(written, ""); /* as before */
	assert_int_equal(events.n, 1);

	result.verdict = VERDICT_OK;
	tell(&events, &result, written);
	assert_int_equal(strncmp(written, "info verdict: ok: both witnesses agree since=", 45), 0);
	assert_non_null(strstr(written, " was=socket-loss windows=6 "));
	assert_int_equal(events.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_line_of_a_verdict)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
