/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal_text.h: the lines of a journal.
 *
 *   xdpgate-journal 1 d18a4061
 *   + 198.51.100.7 end=1767225600 holds=3600 since=1767222000 c0248eac # from the log of sshd
 *   - 198.51.100.7 4bfb7d2e
 *
 * Added, removed. Times are as in struct journal_record. In front of a comment, or last, is the
 * CRC-32 (that of zlib) of all else in the line, in hex. In comments what could not be on one line, and
 * the backslash, is \xNN. The first line is like that in all versions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "journal.h"

#define JOURNAL_VERSION 1
/* Of a line with its newline. A prefix has up to 43, a comment four for each of its bytes. */
#define JOURNAL_LINE_MAX (160 + 4 * LIVE_COMMENT_MAX)

/* All return the length, newline included; text has room for JOURNAL_LINE_MAX. */
size_t journal_format_header(char *text);
size_t journal_format(const struct journal_record *record, char *text);

/* Lines without their newline. A header's version, or 0: it is damaged or none. */
unsigned int journal_parse_header(const char *line, size_t len);
/* false: damaged. The comment is put into `comment`, which *ret refers to. */
bool journal_parse(const char *line, size_t len, struct journal_record *ret,
		   char comment[static LIVE_COMMENT_MAX + 1]);
