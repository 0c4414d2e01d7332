/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * keys.c: the table of docs/policy.md, out of the schema: every key of every mapping.
 *
 *   keys             print it
 *   keys --update PAGE   put it in its place in the page
 */
#include <string.h>

#include "schema.h"
#include "text.h"
#include "util.h"

#define BEGIN "<!-- keys: begin -->\n"
#define END "<!-- keys: end -->\n"

static void add_cell(struct text *table, const char *text)
{
	text_add(table, " ");
	for (; *text; text++)
		text_add(table, *text == '|' ? "\\%c" : "%c", *text);
	text_add(table, " |");
}

static void add_key(struct text *table, const struct mapping_schema *schema,
		    const struct key_schema *key)
{
	text_add(table, "| %s | `%s` |", key == schema->keys ? schema->what : "", key->name);
	add_cell(table, key->form);
	if (key->required)
		add_cell(table, "required");
	else if (key->fallback && strcmp(key->fallback, "{}") != 0)
		text_add(table, " `%s` |", key->fallback);
	else
		add_cell(table, "");
	add_cell(table, key->help);
	text_add(table, "\n");
}

static char *make_table(void)
{
	struct text table = { 0 };

	text_add(&table, "| in | key | value | default | means |\n|---|---|---|---|---|\n");
	for (const struct mapping_schema *const *schema = schemas; *schema; schema++)
		for (const struct key_schema *key = (*schema)->keys; key->name; key++)
			if (key->parse)
				add_key(&table, *schema, key);
	return text_take(&table);
}

static int update(const char *path, const char *table)
{
	_cleanup_free_ char *page = NULL;
	_cleanup_fclose_ FILE *stream = fopen(path, "r+e");
	char *begin, *end;
	size_t size = 0;

	if (!stream || getdelim(&page, &size, '\0', stream) < 0)
		return -EIO;
	begin = strstr(page, BEGIN);
	end = strstr(page, END);
	if (!begin || !end)
		return -EINVAL;
	rewind(stream);
	if (ftruncate(fileno(stream), 0) < 0)
		return -EIO;
	fprintf(stream, "%.*s%s%s", (int)(begin - page + strlen(BEGIN)), page, table, end);
	return fflush(stream) == 0 ? 0 : -EIO;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *table = make_table();

	if (!table)
		return 1;
	if (argc == 3 && !strcmp(argv[1], "--update"))
		return update(argv[2], table) < 0;
	if (argc != 1) {
		fprintf(stderr, "usage: keys [--update PAGE]\n");
		return 2;
	}
	fputs(table, stdout);
	return 0;
}
