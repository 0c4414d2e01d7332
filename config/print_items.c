/* SPDX-License-Identifier: GPL-2.0-only */
/* print_items.c: values as YAML that every reader of YAML takes for the same texts. */
#include "print.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "util.h"

#define MAX_IN_LINE 8 /* more values stand one on each line */

void items_add(struct items *items, const char *format, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		items->failed = true;
		return;
	}
	if (array_reserve((void **)&items->items, &items->capacity, items->n + 1,
			  sizeof(*items->items)) < 0) {
		items->failed = true;
		free(text);
		return;
	}
	items->items[items->n++] = text;
}

void items_done(struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		free(items->items[i]);
	free(items->items);
	*items = (struct items){ 0 };
}

/* Words that are no texts to other readers of YAML. */
static bool has_meaning(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
					     "off",  "null",  "y",   "n" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

/* A number to some reader: with one point at most, or, with colons, in base 60. */
static bool is_number(const char *text)
{
	const char *point = strchr(text, '.');

	return text[0] >= '0' && text[0] <= '9' && !text[strspn(text, "0123456789:_.eExX+-")] &&
	       !(point && strchr(point + 1, '.'));
}

/* Is it a text to all readers of YAML, without quotes, in brackets too? */
static bool is_plain(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const char more[] = "0123456789_.-/:$";
	size_t len = strlen(text);

	if (!len || has_meaning(text) || is_number(text) || text[len - 1] == ':')
		return false;
	if (!strchr(letters, text[0]) && !strchr("0123456789$_:", text[0]))
		return false;
	for (const char *p = text; *p; p++)
		if (!strchr(letters, *p) && !strchr(more, *p))
			return false;
	return text[0] != ':' || text[1] == ':';
}

const char *yaml_word(const char *text, char *buffer)
{
	char *out = buffer;

	if (is_plain(text)) {
		strcpy(buffer, text);
		return buffer;
	}
	*out++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	strcpy(out, "\"");
	return buffer;
}

int print_items(FILE *stream, int indent, const char *key, bool negated, struct items *items)
{
	int r = items->failed ? -ENOMEM : 0;
	const char *open = items->n == 1 ? "" : "[", *close = items->n == 1 ? "" : "]";

	if (items->n <= MAX_IN_LINE) {
		fprintf(stream, "%*s%s: %s%s", indent, "", key, negated ? "{not: " : "", open);
		for (size_t i = 0; i < items->n; i++)
			fprintf(stream, "%s%s", i ? ", " : "", items->items[i]);
		fprintf(stream, "%s%s\n", close, negated ? "}" : "");
	} else {
		fprintf(stream, "%*s%s:\n", indent, "", key);
		if (negated)
			fprintf(stream, "%*snot:\n", indent += 2, "");
		for (size_t i = 0; i < items->n; i++)
			fprintf(stream, "%*s- %s\n", indent + 2, "", items->items[i]);
	}
	items_done(items);
	return r;
}
