/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.h: errors and warnings with their place, in the style of a compiler:
 *
 *   edge.yaml:12:23: error: unknown field 'dprot'; did you mean 'dport'?
 *      12 |       - {name: ssh, match: {dprot: 22}, do: pass}
 *         |                             ^~~~~
 *
 * They are collected, not printed, where they arise; only the edges (daemon log, socket,
 * command line) print them.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diag {
	enum severity severity;
	char *file;          /* NULL: no place */
	unsigned int line;   /* from 1; 0: the whole file */
	unsigned int column; /* from 1, in bytes; 0: the whole line */
	unsigned int width;  /* bytes to underline, at least 1 */
	char *message;       /* one line: what is wrong, and the remedy */
	char *source;        /* text of the line without its end, or NULL */
};

struct diags {
	struct diag *items;
	size_t n;
	size_t n_errors; /* all that were reported, kept or not */
	size_t n_warnings;
	size_t limit; /* at most so many are kept; 0: DIAGS_DEFAULT_LIMIT */
};

#define DIAGS_DEFAULT_LIMIT 100

/* What diags_add() needs to know of a place. All strings are copied. */
struct diag_place {
	const char *file;
	unsigned int line, column, width;
	const char *source;
	size_t source_len;         /* source need not end in NUL */
	const char *included_from; /* "edge.yaml:3:10", …: is added to the message; or NULL */
};

/* Add one; place may be NULL. Out of memory counts it and drops the text. Returns -EINVAL for an
 * error (so that `return diag_error(…)` reads well) and 0 for a warning. */
int diag_error(struct diags *diags, const struct diag_place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int diag_warning(struct diags *diags, const struct diag_place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int diag_addv(struct diags *diags, enum severity severity, const struct diag_place *place,
	      const char *format, va_list args);

/* All that are kept in `from`, again: as they are, or each as a warning. */
void diags_repeat(struct diags *diags, const struct diags *from, bool as_warnings);

/* Order by file (in order of first report), line and column; equal ones stay in order. */
void diags_sort(struct diags *diags);

/* One diagnostic without source or caret: "file:line:col: error: message". Caller frees;
 * NULL when out of memory. */
char *diag_line(const struct diag *diag);

/* All of them with source line and caret, and a last line if some were not kept. */
void diags_print(const struct diags *diags, FILE *stream, bool colour);

void diags_free(struct diags *diags); /* frees what it owns and empties it; NULL is fine */

/* The candidate nearest to word (optimal string alignment distance, at most a third of its
 * length, at least 1), or NULL. candidates ends with NULL. */
const char *suggest(const char *word, const char *const *candidates);
