/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.c: strings that grow.
 */
#include "text.h"

#include <stdarg.h>
#include <string.h>

#include "util.h"

static int text_addv(struct text *text, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0 ||
	    array_reserve((void **)&text->text, &text->capacity, text->len + (size_t)n + 1, 1) < 0)
		return -ENOMEM;
	vsnprintf(text->text + text->len, (size_t)n + 1, format, args);
	text->len += (size_t)n;
	return 0;
}

int text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = text_addv(text, format, args);
	va_end(args);
	return r;
}

char *text_take(struct text *text)
{
	char *taken = text->text ? text->text : strdup("");

	*text = (struct text){ 0 };
	return taken;
}

void text_done(struct text *text)
{
	free(text->text);
	*text = (struct text){ 0 };
}

int text_list_add(struct text_list *list, const char *format, ...)
{
	va_list args;
	int r = 0;

	if (list->n++ >= TEXT_LIST_SHOWN)
		return 0;
	if (list->n > 1)
		r = text_add(&list->text, ", ");
	va_start(args, format);
	if (!r)
		r = text_addv(&list->text, format, args);
	va_end(args);
	return r;
}

int text_add_list(struct text *text, const struct text_list *list)
{
	const char *items = list->text.text ? list->text.text : "";

	if (list->n == 1)
		return text_add(text, "%s", items);
	if (list->n <= TEXT_LIST_SHOWN)
		return text_add(text, "[%s]", items);
	return text_add(text, "[%s, and %zu more]", items, list->n - TEXT_LIST_SHOWN);
}

void text_list_done(struct text_list *list)
{
	text_done(&list->text);
	*list = (struct text_list){ 0 };
}
