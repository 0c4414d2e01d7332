/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_diag.c: diagnostics: their text to the byte, order, limits, and that nothing a terminal
 * would obey gets through. Suggestions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "diag.h"
#include "util.h"

static struct diag_place at(const char *file, unsigned int line, unsigned int column,
			    unsigned int width, const char *source)
{
	return (struct diag_place){
		file, line, column, width, source, source ? strlen(source) : 0
	};
}

static __attribute__((noinline)) char *print(const struct diags *diags, bool colour)
{
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	assert_non_null(stream);
	diags_print(diags, stream, colour);
	fclose(stream);
	return text;
}

static void assert_printed(const struct diags *diags, const char *expected)
{
	_cleanup_free_ char *text = print(diags, false);

	assert_string_equal(text, expected);
}

static void places(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct diag_place place = at("a.yaml", 12, 5, 3, "abcdefgh");

	assert_int_equal(diag_error(&diags, &place, "no %s", "good"), -EINVAL);
	assert_int_equal(diag_warning(&diags, NULL, "anywhere"), 0);
	place = at("a.yaml", 0, 0, 0, NULL);
	diag_error(&diags, &place, "whole file");
	place = at("a.yaml", 7, 0, 0, "whole line");
	diag_error(&diags, &place, "whole line");
	assert_int_equal(diags.n, 4);
	assert_int_equal(diags.n_errors, 3);
	assert_int_equal(diags.n_warnings, 1);
	assert_printed(&diags, "a.yaml:12:5: error: no good\n"
			       "   12 | abcdefgh\n"
			       "      |     ^~~\n"
			       "warning: anywhere\n"
			       "a.yaml: error: whole file\n"
			       "a.yaml:7: error: whole line\n"
			       "    7 | whole line\n");
}

static void line_without_source(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct diag_place place = at("a.yaml", 12, 5, 3, "abcdefgh");
	_cleanup_free_ char *line = NULL;

	diag_error(&diags, &place, "no good");
	line = diag_line(&diags.items[0]);
	assert_string_equal(line, "a.yaml:12:5: error: no good");
}

static void carets(void **state)
{
	static const struct {
		const char *source, *expected;
		unsigned int column, width;
	} cases[] = {
		{ "\tab\tcd", "    1 |         ab      cd\n      |                 ^~\n", 5, 2 },
		{ "ä€x", "    1 | ä€x\n      |   ^\n", 6, 1 },    /* two characters before it */
		{ "äöü!", "    1 | äöü!\n      | ^~~\n", 1, 6 },  /* bytes are not columns */
		{ "abc", "    1 | abc\n      |    ^\n", 4, 1 },   /* at the end of the line */
		{ "abc", "    1 | abc\n      |   ^\n", 3, 999 },  /* never beyond it */
		{ "abc", "    1 | abc\n      |    ^\n", 999, 9 }, /* nor from there */
		{ "", "    1 | \n      | ^\n", 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct diag_place place =
			at("f", 1, cases[i].column, cases[i].width, cases[i].source);
		char *text;

		diag_error(&diags, &place, "x");
		text = print(&diags, false);
		assert_string_equal(strchr(text, '\n') + 1, cases[i].expected);
		free(text);
	}
}

static void nothing_for_terminals(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct diag_place place =
		at("\033[2Jf", 1, 1, 1, "\033]0;x\a \x7f \xc2\x9b \xff \xe2\x80\xae ü");

	diag_error(&diags, &place, "'%s'", "\033[31m\nsecond \r line");
	assert_printed(&diags, "?[2Jf:1:1: error: '?[31m?second ? line'\n"
			       "    1 | ?]0;x? ? ?? ? ??? ü\n"
			       "      | ^\n");
}

static void colours(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct diag_place place = at("f", 1, 1, 2, "ab");
	_cleanup_free_ char *text = NULL;

	diag_warning(&diags, &place, "x");
	text = print(&diags, true);
	assert_string_equal(text, "\033[1mf:1:1: \033[1;35mwarning:\033[0m x\n"
				  "    1 | ab\n"
				  "      | \033[1;32m^~\033[0m\n");
}

static void long_lines(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *line = malloc(100001);
	struct diag_place place;

	assert_non_null(line);
	memset(line, 'x', 100000);
	line[100000] = '\0';
	memcpy(line + 511, "ä", 2); /* the cut must not halve it */
	place = at("f", 1, 3, 1, line);
	diag_error(&diags, &place, "near the start");
	place = at("f", 1, 50000, 1, line);
	diag_error(&diags, &place, "far behind");
	assert_int_equal(strlen(diags.items[0].source), 511);
	assert_null(diags.items[1].source);
}

static void order(void **state)
{
	static const struct {
		const char *file;
		unsigned int line, column;
	} reported[] = { { "b", 9, 1 }, { "a", 1, 1 }, { "b", 2, 7 }, { "b", 2, 3 },
			 { "a", 1, 1 }, { "b", 0, 0 }, { NULL, 0, 0 } };
	static const char *const expected[] = { "5", "3", "2", "0", "1", "4", "6" };
	_cleanup_(diags_free) struct diags diags = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(reported); i++) {
		struct diag_place place =
			at(reported[i].file, reported[i].line, reported[i].column, 1, NULL);

		diag_error(&diags, &place, "%zu", i);
	}
	diags_sort(&diags);
	for (size_t i = 0; i < ARRAY_SIZE(reported); i++)
		assert_string_equal(diags.items[i].message, expected[i]);
}

static void limit(void **state)
{
	_cleanup_(diags_free) struct diags diags = { .limit = 3 };

	for (int i = 0; i < 5; i++)
		diag_warning(&diags, NULL, "w%d", i);
	assert_printed(&diags, "warning: w0\nwarning: w1\nwarning: w2\nand 2 more warnings\n");
	diag_error(&diags, NULL, "e0"); /* takes the place of a warning */
	assert_printed(&diags, "warning: w0\nwarning: w1\nerror: e0\nand 3 more warnings\n");
	for (int i = 1; i < 5; i++)
		diag_error(&diags, NULL, "e%d", i);
	assert_printed(&diags,
		       "error: e0\nerror: e1\nerror: e2\nand 2 more errors and 5 more warnings\n");
	assert_int_equal(diags.n, 3);
	assert_int_equal(diags.n_errors, 5);
	assert_int_equal(diags.n_warnings, 5);
}

static void default_limit(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };

	for (int i = 0; i < DIAGS_DEFAULT_LIMIT + 1; i++)
		diag_error(&diags, NULL, "e%d", i);
	assert_int_equal(diags.n, DIAGS_DEFAULT_LIMIT);
	assert_int_equal(diags.n_errors, DIAGS_DEFAULT_LIMIT + 1);
}

static void freed(void **state)
{
	struct diags diags = { 0 };

	diags_free(NULL);
	diag_error(&diags, NULL, "x");
	diags_free(&diags);
	assert_int_equal(diags.n + diags.n_errors, 0);
	diag_error(&diags, NULL, "usable again");
	assert_int_equal(diags.n, 1);
	diags_free(&diags);
}

static void suggestions(void **state)
{
	static const char *const words[] = {
		"src", "dst", "sport", "dport", "interface", "do", NULL
	};
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "dprot", "dport" }, /* a swap is one step */
		{ "sprot", "sport" },
		{ "interfcae", "interface" },
		{ "intrfaces", "interface" },
		{ "DPORT", "dport" },
		{ "dst", "dst" },
		{ "dts", "dst" },
		{ "od", "do" },
		{ "x", NULL },
		{ "", NULL },
		{ "colour", NULL },
		{ "zzz", NULL },
		{ "interface-and-much-more", NULL },
	};
	static const char *const none[] = { NULL };
	char longest[200];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *nearest = suggest(cases[i].word, words);

		if (cases[i].nearest) {
			assert_non_null(nearest);
			assert_string_equal(nearest, cases[i].nearest);
		} else {
			assert_null(nearest);
		}
	}
	assert_null(suggest("dport", none));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(suggest(longest, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),        cmocka_unit_test(line_without_source),
		cmocka_unit_test(carets),        cmocka_unit_test(nothing_for_terminals),
		cmocka_unit_test(colours),       cmocka_unit_test(long_lines),
		cmocka_unit_test(order),         cmocka_unit_test(limit),
		cmocka_unit_test(default_limit), cmocka_unit_test(freed),
		cmocka_unit_test(suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
