/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h: output for people: nothing that comes from elsewhere reaches the terminal as a
 * control sequence, tables are aligned, colour only where it is wanted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl.h"

/* text with control characters, changes of direction and what is not UTF-8 as \xNN. Caller
 * frees; NULL text: "". NULL when out of memory. */
char *text_safe(const char *text);

/* Columns it takes on a terminal, roughly: its characters. */
size_t text_width(const char *text);

/* format has one %s and no other; text is made safe. */
void text_printf(FILE *stream, const char *format, const char *text)
	__attribute__((format(printf, 2, 0)));

/* Lines and tabs stay, all else is made safe; ends with a newline. */
void text_print_lines(FILE *stream, const char *text);

/* On a terminal, the frame, of lines, replaces the last one, and what does not fit is left out. */
void text_show_frame(const char *frame);

/* On stdout: a terminal, not "dumb", NO_COLOR unset or empty, no --no-color. */
bool wants_color(const struct options *options);

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_GOOD, PAINT_WARN, PAINT_BAD, PAINT_DIM };

const char *paint_start(enum paint paint, bool color);
const char *paint_end(enum paint paint, bool color);

/* --- tables ------------------------------------------------------------------------------ */

#define TABLE_MAX_COLUMNS 10

struct cell {
	char *text;
	enum paint paint;
};

struct table {
	const char *const *titles; /* a leading '>' means: align right */
	size_t n_columns;
	struct cell *cells;
	size_t n_cells, size;
	bool failed; /* out of memory */
};

/* Cells are added from left to right, row by row; text is copied and made safe. */
void table_text(struct table *table, const char *text, enum paint paint);
void table_number(struct table *table, long long number);
void table_print(const struct table *table, FILE *stream, bool color);
void table_free(struct table *table);
