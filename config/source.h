/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.h: the bytes of a policy file and where its lines begin, so that any offset can be
 * named as file:line:column with its line. Also the one way in which files are opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "diag.h"

struct source {
	const char *path;          /* not owned; lives as long as the policy */
	const char *included_from; /* likewise; NULL: by nothing */
	bool builtin;              /* it is a part of xdpgate */
	char *text;                /* owned; NUL-terminated beyond len */
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

/* What tells one state of a file from another. */
struct file_state {
	uint64_t device, inode, size;
	struct timespec mtime, ctime;
	/* It had been left alone for a while: as long as these stay, so do its bytes. In the tick
	 * of a clock in which it was changed, it may change again, and they stay too. */
	bool settled;
};

/* Of an open file. 0 or negative errno. */
int file_state_read(int fd, struct file_state *ret);
/* Were its bytes left alone from before to after, as far as size and mtime tell? (Its name or mode
 * may have changed, and it may have another name.) */
bool file_state_is_quiet(const struct file_state *before, const struct file_state *after);
/* Does the file have the same bytes as before, for sure? */
bool file_state_is_sure(const struct file_state *before, const struct file_state *after);

/* Read the whole file into *ret, owned by the caller; -EAGAIN if it changes meanwhile. As file_open()
 * otherwise. */
int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len,
	      const char **ret_why);
