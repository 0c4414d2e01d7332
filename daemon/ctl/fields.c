/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate fields: what a rule can match, and what each field takes. */
#include <string.h>

#include "request.h"
#include "schema.h"
#include "text.h"
#include "util.h"
#include "wire.h"

#define LINE_WIDTH 78

static json_t *flag_names(void)
{
	struct shape shape = { SHAPE_WORDS, .words = tcp_flag_words };

	return shape_words(NULL, &shape);
}

static json_t *field_json(const struct key_schema *key)
{
	struct shape shape = {};
	json_t *field;

	if (shape_of(key, &shape) < 0)
		return NULL;
	field = json_pack("{s:s, s:s, s:s, s:b, s:b, s:o}", "name", key->name, "values", key->form,
			  "meaning", key->help, "not", shape.negatable, "sets", shape.sets, "words",
			  shape_words(key, &shape));
	if (field && shape.kind == SHAPE_NUMBER) {
		json_object_set_new(field, "least", json_integer(shape.least));
		json_object_set_new(field, "most", json_integer(shape.most));
	}
	if (field && shape.kind == SHAPE_TCP_FLAGS)
		json_object_set_new(field, "flags", flag_names());
	return field;
}

static int print_fields_json(void)
{
	json_t *fields = json_array();
	_cleanup_json_ json_t *answer = json_pack("{s:o}", "fields", fields);

	for (const struct key_schema *key = schema_match.keys; key->name; key++)
		if (key->parse && json_array_append_new(fields, field_json(key)) < 0) {
			fprintf(stderr, "xdpgate: out of memory\n");
			return EXIT_FAILED;
		}
	print_json(answer);
	return EXIT_OK;
}

/* In lines. */
static void print_words(const char *what, const char *field, const json_t *words)
{
	size_t i, column = 0;
	json_t *word;

	if (!json_array_size(words))
		return;
	printf("\n%s of %s:\n", what, field);
	json_array_foreach (words, i, word) {
		const char *text = json_string_value(word);

		if (column && column + 1 + strlen(text) > LINE_WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%s", column ? " " : "  ", text);
	}
	putchar('\n');
}

/* The words of a field, if it has more than its form tells. */
static void print_field_words(const struct key_schema *key)
{
	_cleanup_json_ json_t *words = NULL, *flags = NULL;
	struct shape shape = {};

	if (shape_of(key, &shape) < 0 || shape.kind == SHAPE_WORDS)
		return;
	words = shape_words(key, &shape);
	print_words("words", key->name, words);
	if (shape.kind != SHAPE_TCP_FLAGS)
		return;
	flags = flag_names();
	print_words("flags", key->name, flags);
}

int run_fields(const struct options *options, int n, char **arguments)
{
	static const char *const titles[] = { "FIELD", "VALUES", "MEANING" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };

	if (options->json)
		return print_fields_json();
	for (const struct key_schema *key = schema_match.keys; key->name; key++) {
		if (!key->parse)
			continue;
		table_text(&table, key->name, PAINT_BOLD);
		table_text(&table, key->form, PAINT_NONE);
		table_text(&table, key->help, PAINT_NONE);
	}
	table_print(&table, stdout, wants_color(options));
	printf("\nA value may be a list, of which one must hold, or {not: VALUE}, or {not: "
	       "[VALUE, ...]}.\n");
	for (const struct key_schema *key = schema_match.keys; key->name; key++)
		if (key->parse)
			print_field_words(key);
	return EXIT_OK;
}
