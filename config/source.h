/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.h: the bytes of a policy file and where its lines begin, so that any offset can be
 * named as file:line:column with its line. Also the one way in which files are opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diag.h"

struct source {
	const char *path; /* not owned; lives as long as the policy */
	char *text;       /* owned; NUL-terminated beyond len */
	size_t len;
	uint32_t *lines; /* offset of each line's first byte */
	size_t n_lines;
};

/* Take a copy of text, without a byte order mark, and index its lines. 0 or -ENOMEM. */
int source_init(struct source *source, const char *path, const char *text, size_t len);
void source_done(struct source *source);

/* The place of width bytes from offset on. Points into source. */
struct diag_place source_place(const struct source *source, size_t offset, size_t width);

/*
 * source_check() - refuse what is no text for a YAML parser, before it sees it: what is not UTF-8,
 * control characters, directives. Also what would cost libfyaml memory out of proportion to the
 * file: it reads a whole line ahead, and keeps each open bracket, anchor and tag.
 * 0, or -EINVAL with an error.
 */
#define SOURCE_MAX_LINE (256U << 10)
#define SOURCE_MAX_MARKS 250000 /* of [ { & ! in a file */
int source_check(const struct source *source, struct diags *diags);

/*
 * file_open() - open a regular file of at most max_bytes for reading; never waits (a FIFO).
 * Returns the fd, owned by the caller. Negative errno, with what is wrong in *ret_why, a constant
 * string.
 */
int file_open(const char *path, size_t max_bytes, const char **ret_why);

/* Read the whole file into *ret, owned by the caller. As file_open() otherwise. */
int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len,
	      const char **ret_why);
