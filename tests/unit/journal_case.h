/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal_case.h: records, and a journal in a folder of its own, for the tests of journals. What fails
 * fails the test.
 */
#pragma once

#include <sys/types.h>

#include "journal.h"

extern char state_dir[64], folder[80], path[96], new_path[112];

int setup(void **state); /* of a test of cmocka */
int teardown(void **state);

/* The i-th of a list, comments with all kinds of bytes among them. */
struct journal_record nth(unsigned int i, char comment[LIVE_COMMENT_MAX + 1]);
void add(struct journal *journal, unsigned int i);
/* A journal_next: context is the range yet to give: from, to. */
int next_of(void *context, struct journal_record *ret);

#define MOST 4096

struct seen {
	struct journal_record records[MOST];
	char comments[MOST][LIVE_COMMENT_MAX + 1];
	size_t n;
};

extern struct seen seen; /* what the last open read */

int open_seen(struct journal **ret, struct diags *diags);
/* Opened, it is without fault. */
struct journal *open_good(void);
void sync_good(struct journal *journal);

void assert_same(const struct journal_record *a, const struct journal_record *b);
/* Are those seen, behind `from`, the n ones from first on, and in order? */
void check_range(size_t from, unsigned int first, unsigned int n);
void assert_said(struct diags *diags, size_t i, enum severity severity, unsigned int line,
		 const char *text);

size_t read_file(char *buffer, size_t size);
off_t file_size(void);
void write_file(const char *bytes, size_t n);
