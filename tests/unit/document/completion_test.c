/* SPDX-License-Identifier: BSD-2-Clause */
/* The completions as their shells read them: bash and fish are asked what they offer, zsh whether
 * it can read its. */
#include "base/unused.h"
#include "usage/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../skip.h"

#define FILES    "config/completion/"
#define MAX_TEXT 16384

/* What a shell command prints; it has to end well. */
static void run(const char *command, char *text)
{
	FILE *out = popen(command, "r");
	size_t length;

	assert_non_null(out);
	length = fread(text, 1, MAX_TEXT - 1, out);
	text[length] = '\0';
	assert_int_equal(pclose(out), 0);
}

static bool has_line(const char *text, const char *line)
{
	const size_t length = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p += length) {
		if ((p == text || p[-1] == '\n') && (p[length] == '\n' || p[length] == '\t'))
			return true;
	}
	return false;
}

/* `words`: the command line to the word that is being typed, in quotes for the shell. */
static void ask_bash(const char *words, char *text)
{
	char command[512];

	snprintf(command, sizeof(command),
	    "bash --norc -c 'set -eu; . " FILES "crosstap.bash; COMP_WORDS=(crosstap %s); "
	    "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); complete -p crosstap | grep -q _crosstap; "
	    "_crosstap || :; printf \"%%s\\n\" \"${COMPREPLY[@]-}\"'",
	    words);
	run(command, text);
}

static void ask_fish(const char *line, char *text)
{
	char command[512];

	snprintf(command, sizeof(command),
	    "fish --no-config -c 'source " FILES "crosstap.fish; complete -C \"crosstap %s\"'",
	    line);
	run(command, text);
}

static void skip_without(const char *shell)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", shell);
	if (system(command) != 0)
		skip_because("a shell is not installed");
}

/* Every command, each of its options, none that is for the build alone. */
static void check_options(void (*ask)(const char *, char *), const char *format)
{
	static char text[MAX_TEXT];

	for (int i = 0; i < COMMANDS; i++) {
		char line[64], name[64];

		snprintf(line, sizeof(line), format, commands[i].name);
		ask(line, text);
		assert_true(has_line(text, "--help"));
		for (size_t k = 0; k < commands[i].n_options; k++) {
			snprintf(name, sizeof(name), "--%s", commands[i].options[k].name);
			assert_int_equal(has_line(text, name), commands[i].options[k].help != NULL);
		}
	}
}

static void check_commands(const char *text)
{
	for (int i = 0; i < COMMANDS; i++)
		assert_true(has_line(text, commands[i].name));
}

static void bash_offers_what_there_is(void **state UNUSED)
{
	static char text[MAX_TEXT];

	skip_without("bash");
	ask_bash("\"\"", text);
	check_commands(text);
	check_options(ask_bash, "%s --");
	ask_bash("re", text);
	assert_string_equal(text, "replay\n");
	ask_bash("replay --queries r", text);
	assert_string_equal(text, "responses\n");
	ask_bash("replay config/comp", text);
	assert_string_equal(text, "config/completion\n");
	ask_bash("run -c config/crosst", text);
	assert_string_equal(text, "config/crosstap.yaml\n");
	ask_bash("./config/crosst", text);
	assert_string_equal(text, "./config/crosstap.yaml\n");
	ask_bash("detach l", text);
	assert_true(has_line(text, "lo"));
	ask_bash("top --url h", text);
	assert_string_equal(text, "\n");
}

static void fish_offers_what_there_is(void **state UNUSED)
{
	static char text[MAX_TEXT];

	skip_without("fish");
	ask_fish("", text);
	check_commands(text);
	check_options(ask_fish, "%s --");
	ask_fish("replay --queries r", text);
	assert_true(has_line(text, "responses"));
	assert_false(has_line(text, "frames"));
	ask_fish("run -c config/crosst", text);
	assert_true(has_line(text, "config/crosstap.yaml"));
}

static void zsh_can_read_it(void **state UNUSED)
{
	static char text[MAX_TEXT];

	skip_without("zsh");
	run("zsh -fn " FILES "_crosstap 2>&1", text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bash_offers_what_there_is),
	    cmocka_unit_test(fish_offers_what_there_is),
	    cmocka_unit_test(zsh_can_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
