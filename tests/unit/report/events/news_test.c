/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes say, in the log and as an event. */
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

/* What the log gets from now on. */
struct listener {
	FILE *log;
	int saved;
};

static struct listener listen_begin(void)
{
	const struct listener listener = {tmpfile(), dup(STDERR_FILENO)};

	assert_non_null(listener.log);
	dup2(fileno(listener.log), STDERR_FILENO);
	return listener;
}

static void listen_end(const struct listener *listener, char written[1024])
{
	dup2(listener->saved, STDERR_FILENO);
	close(listener->saved);
	rewind(listener->log);
	written[fread(written, 1, 1023, listener->log)] = '\0';
	fclose(listener->log);
}

static void tell(struct events *events, const struct crosscheck_result *result, char written[1024])
{
	const struct news news = {.events = events, .now_ms = START_NS / NS_PER_MS};
	const struct listener listener = listen_begin();

	news_of_verdict(&news, result, START_NS);
	listen_end(&listener, written);
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

static void tell_attacks(struct events *events, const struct attacks_now *attacks,
    enum privacy_addresses addresses, char written[1024])
{
	struct config config = {.privacy = {.addresses = addresses}};
	const struct news news = {.events = events, .now_ms = START_NS / NS_PER_MS};
	struct listener listener;
	struct privacy *privacy;
	char reason[128];

	assert_int_equal(privacy_new(&privacy, &config, reason, sizeof(reason)), 0);
	listener = listen_begin();
	news_of_attacks(&news, attacks, START_NS, START_NS + 10 * (int64_t)NS_PER_S, privacy);
	listen_end(&listener, written);
	privacy_free(privacy);
}

static void test_attacks_begin_and_end(void **state UNUSED)
{
	struct attack attack = {.subject = {.form = SUBJECT_SUBNET, .family = 4, .prefix = 24},
	    .since_ns = START_NS,
	    .queries = 7000,
	    .share = 0.25,
	    .kind = ATTACK_FLOOD};
	const struct attacks_now begun = {.list = &attack, .n = 1},
				 over = {.ended = &attack, .n_ended = 1};
	struct events events = {0};
	char written[1024];

	memcpy(attack.subject.address, (const uint8_t[]){192, 0, 2, 0}, 4);
	tell_attacks(&events, &begun, ADDRESSES_FULL, written);
	assert_string_equal(written,
	    "warning report: attack begins: flood subject=192.0.2.0/24 queries=7000 "
	    "response_bytes=0 share=0.250\n");
	assert_int_equal(events.n, 1);
	assert_string_equal(
	    events.list[0].text, "flood begins: 192.0.2.0/24, 7000 queries, 25.0 % of all");

	/* It goes on: nothing is new. Whom it is about may not leave. */
	attack.since_ns = START_NS - 50 * (int64_t)NS_PER_S;
	tell_attacks(&events, &begun, ADDRESSES_FULL, written);
	assert_string_equal(written, "");
	assert_int_equal(events.n, 1);
	tell_attacks(&events, &over, ADDRESSES_NONE, written);
	assert_string_equal(
	    written, "info report: attack is over: flood subject=(private) seconds=60\n");
	assert_int_equal(events.n, 2);
	assert_string_equal(events.list[1].text, "flood ends: (private), after 60 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_line_of_a_verdict), cmocka_unit_test(test_attacks_begin_and_end)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
