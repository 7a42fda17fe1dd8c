/* SPDX-License-Identifier: BSD-2-Clause */
/* Short texts are the nodes that libyaml makes of them, or none. */
#include "base/arena.h"
#include "base/unused.h"
#include "config/output_kind.h"
#include "config/parse/tree_short.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void assert_same(const struct node *a, const struct node *b)
{
	for (; a && b; a = a->next, b = b->next) {
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->line, b->line);
		assert_int_equal(a->column, b->column);
		assert_int_equal(a->plain, b->plain);
		assert_int_equal(a->n, b->n);
		if (a->kind == NODE_SCALAR)
			assert_string_equal(a->text, b->text);
		assert_null(a->key);
		assert_same(a->first, b->first);
	}
	assert_ptr_equal(a, b); /* both ended */
}

/* A line's end is no part of a short text: that goes to libyaml. Whether the text was short. */
static bool holds(struct arena *arena, const char *text)
{
	struct node *read = NULL, *made = NULL;
	struct tree_error error;
	char longer[256];
	const int n = snprintf(longer, sizeof(longer), "%s\n", text);
	const int r = tree_short(arena, text, strlen(text), &made);
	struct node word;
	const bool is_word = tree_short_word(text, &word);

	assert_in_range(n, 1, sizeof(longer) - 1);
	assert_in_range(r, 0, 1);
	assert_int_equal(tree_short(arena, longer, (size_t)n, &made), 0);
	assert_int_equal(is_word, r && made->plain);
	if (!r)
		return false;
	if (is_word) {
		assert_same(&word, made);
		assert_ptr_equal(word.text, text);
	}
	assert_int_equal(tree_parse(arena, longer, (size_t)n, &read, &error), 0);
	assert_same(made, read);
	return true;
}

static void what_is_short_is_what_libyaml_makes_of_it(void **state)
{
	static const char *const texts[] = {"a", "0", "a/b.c_d-e", "10s", "127.0.0.1:9053",
	    "http://127.0.0.1:8086", "a::b", "\"\"", "\"0660\"", "\"a:b\"", "[]", "[53]",
	    "[core, edns]", "[a.b, 1/2, c-d_e]"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_true(holds(*state, texts[i]));
}

static void what_has_rules_of_its_own_is_left_to_libyaml(void **state)
{
	static const char *const texts[] = {"", "a:", "a: b", "-", "- a", "---", "...", "*a", "&a",
	    "?", "\"", "\"\\n\"", "\"a b\"", "\"a\" b", "[", "[a", "[,]", "[a,]", "[a,b]", "[a, ]",
	    "[a ]", "[[a]]", "[a:b]", "[a] ", "[-a]", "{}", "a #b", "'a'", "~"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(holds(*state, texts[i]));
}

static void nothing_is_read_past_the_end(void **state)
{
	struct node *node;

	assert_int_equal(tree_short(*state, "a]", 1, &node), 1);
	assert_int_equal(tree_short(*state, "[a]", 2, &node), 0);
	assert_int_equal(tree_short(*state, "[]", 1, &node), 0);
	assert_int_equal(tree_short(*state, "\"\"", 1, &node), 0);
	assert_int_equal(tree_short(*state, "", 0, &node), 0);
}

struct counts {
	unsigned all, others;
};

static void count(struct arena *arena, const struct option_table *table, struct counts *ret)
{
	for (size_t i = 0; i < table->n; i++) {
		const char *fallback = table->options[i].fallback;

		ret->all += fallback != NULL;
		ret->others += fallback && !holds(arena, fallback);
	}
}

/* A configuration is read at each reload, and by each test of it. */
static void nearly_every_default_is_short(void **state)
{
	struct counts counts = {0};

	count(*state, &options_root, &counts);
	count(*state, &options_input, &counts);
	for (size_t i = 0; output_kinds[i]; i++)
		count(*state, &output_kinds[i]->table, &counts);
	assert_in_range(counts.all, 100, 1000);
	assert_in_range(counts.others * 20, 0, counts.all);
}

static int make(void **state)
{
	return arena_new((struct arena **)state);
}

static int drop(void **state)
{
	arena_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_short_is_what_libyaml_makes_of_it),
	    cmocka_unit_test(what_has_rules_of_its_own_is_left_to_libyaml),
	    cmocka_unit_test(nothing_is_read_past_the_end),
	    cmocka_unit_test(nearly_every_default_is_short),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
