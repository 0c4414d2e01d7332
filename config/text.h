/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h: normalised text, for people who look at rules: a string that grows, and lists of
 * values of which only the first few are shown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *text; /* NULL: empty */
	size_t len, capacity;
};

/* 0 or -ENOMEM */
int text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text, owned by the caller; "" if nothing was added. NULL when out of memory. */
char *text_take(struct text *text);
void text_done(struct text *text);

#define TEXT_LIST_SHOWN 16

struct text_list {
	struct text text; /* the first TEXT_LIST_SHOWN values, by ", " */
	size_t n;
};

int text_list_add(struct text_list *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "value", or "[value, value]", or "[value, ..., and N more]" behind what is in text. */
int text_add_list(struct text *text, const struct text_list *list);
void text_list_done(struct text_list *list);
