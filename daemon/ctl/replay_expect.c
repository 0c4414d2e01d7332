/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay_expect.c: a replay against what was expected of it. An expectation is what --json prints, or
 * a part of that: what it names must be so, what it leaves out may be as it likes.
 */
#include "replay.h"

#include <string.h>

#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

#define MAX_DIFFERENCES 40 /* that are printed; the others are counted */

struct comparison {
	const char *path; /* of the file, for messages */
	size_t n;         /* differences */
};

int expected_read(const char *path, json_t **ret)
{
	_cleanup_(diags_free) struct diags diags = {};
	struct diag_place place = { .file = path };
	json_error_t error;

	*ret = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!*ret && error.line > 0) {
		place.line = (unsigned int)error.line;
		place.column = error.column > 0 ? (unsigned int)error.column : 1;
	}
	if (!*ret)
		diag_error(&diags, &place,
			   "cannot be read as JSON: %s; make one by xdpgate replay --json",
			   error.text);
	else if (!json_is_object(*ret) ||
		 !(json_object_get(*ret, "interfaces") || json_object_get(*ret, "each") ||
		   json_object_get(*ret, "packets")))
		diag_error(&diags, &place,
			   "this expects nothing: it names neither 'interfaces' nor 'each' nor "
			   "'packets'; make one by xdpgate replay --json");
	if (!diags.n_errors)
		return EXIT_OK;
	diags_print(&diags, stderr, false);
	json_decref(TAKE_PTR(*ret));
	return EXIT_FAILED;
}

/* One line, unless there were enough; true if it is to be printed. */
static bool begin(struct comparison *comparison)
{
	return comparison->n++ < MAX_DIFFERENCES;
}

static void different(struct comparison *comparison, const char *where, const char *what,
		      const char *format, ...)
{
	_cleanup_free_ char *message = NULL;
	va_list args;

	if (!begin(comparison))
		return;
	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	va_end(args);
	text_printf(stderr, "%s: ", where);
	text_printf(stderr, "%s: ", what);
	text_printf(stderr, "%s\n", message ? message : "out of memory");
}

/* packets and bytes, as far as they are expected; actual NULL: nothing was counted. */
static void compare_counter(struct comparison *comparison, const char *where, const char *what,
			    const json_t *expected, const json_t *actual)
{
	static const char *const members[] = { "packets", "bytes" };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const json_t *wanted = json_object_get(expected, members[i]);

		if (!wanted)
			continue;
		if (!json_is_integer(wanted))
			different(comparison, where, what, "'%s' must be a number", members[i]);
		else if (json_integer_value(wanted) != number_of(actual, members[i]))
			different(comparison, where, what, "expected %lld %s, got %lld",
				  (long long)json_integer_value(wanted), members[i],
				  number_of(actual, members[i]));
	}
}

static const json_t *find_named(const json_t *array, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (array, i, item)
		if (strcmp(string_of(item, "name"), name) == 0)
			return item;
	return NULL;
}

static void compare_interface(struct comparison *comparison, const json_t *expected,
			      const json_t *actual)
{
	static const char *const groups[] = { "verdicts", "reasons" };
	const char *where = string_of(expected, "name"), *name;
	const json_t *item;
	size_t j;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		json_object_foreach ((json_t *)json_object_get(expected, groups[i]), name, item)
			compare_counter(comparison, where, name, item,
					json_object_get(json_object_get(actual, groups[i]), name));
	json_array_foreach (json_object_get(expected, "rules"), j, item) {
		const json_t *rule =
			find_named(json_object_get(actual, "rules"), string_of(item, "name"));

		if (!rule && actual && number_of(item, "packets"))
			different(comparison, where, string_of(item, "name"),
				  "expected %lld packets, but the policy has no such rule",
				  number_of(item, "packets"));
		else
			compare_counter(comparison, where, string_of(item, "name"), item, rule);
	}
}

static void compare_each(struct comparison *comparison, const json_t *expected,
			 const json_t *actual)
{
	size_t n = json_array_size(actual);
	const json_t *item;
	size_t i;

	if (json_array_size(expected) != n)
		different(comparison, "each", "packets", "expected %zu, the capture has %zu",
			  json_array_size(expected), n);
	json_array_foreach (expected, i, item) {
		char number[32];

		if (i >= n || json_is_null(item) ||
		    json_equal((json_t *)item, json_array_get(actual, i)))
			continue;
		snprintf(number, sizeof(number), "packet %zu", i + 1);
		different(comparison, "each", number, "expected %s, got %s",
			  json_is_string(item) ? json_string_value(item) : "no text",
			  json_string_value(json_array_get(actual, i)));
	}
}

bool expected_compare(const char *path, const json_t *expected, const json_t *answer)
{
	static const char *const totals[] = { "packets", "bytes", "cut", "too_large", "unjudged" };
	struct comparison comparison = { .path = path };
	const json_t *item;
	size_t j;

	for (size_t i = 0; i < ARRAY_SIZE(totals); i++) {
		const json_t *wanted = json_object_get(expected, totals[i]);

		if (wanted && !json_equal((json_t *)wanted, json_object_get(answer, totals[i])))
			different(&comparison, "all packets", totals[i], "expected %lld, got %lld",
				  (long long)json_integer_value(wanted),
				  number_of(answer, totals[i]));
	}
	json_array_foreach (json_object_get(expected, "interfaces"), j, item) {
		const json_t *actual =
			find_named(json_object_get(answer, "interfaces"), string_of(item, "name"));

		compare_interface(&comparison, item, actual);
	}
	if (json_object_get(expected, "each"))
		compare_each(&comparison, json_object_get(expected, "each"),
			     json_object_get(answer, "each"));
	if (comparison.n > MAX_DIFFERENCES)
		fprintf(stderr, "and %zu more\n", comparison.n - MAX_DIFFERENCES);
	if (comparison.n) {
		fprintf(stderr, "xdpgate: %zu difference%s from ", comparison.n,
			comparison.n == 1 ? "" : "s");
		text_printf(stderr, "%s\n", path);
	}
	return comparison.n == 0;
}
