/* SPDX-License-Identifier: GPL-2.0-only */
/* history_case.h: a history in a folder of its own, and policies to put into it. */
#pragma once

#include "diag.h"
#include "history.h"

#define LONG_LIST 1200 /* prefixes of a set that goes to a list file */

extern char state_dir[64], folder[80]; /* and STATE_DIR/history */

int setup(void **state);
int teardown(void **state);

/* A policy of two sets, of which the first is a list file; number tells it from others, list its
 * long set. Caller frees. */
struct policy *make_policy(unsigned int number, unsigned int list);

struct history *open_good(void); /* without an error or a warning */
struct history *open_with(struct diags *diags);

/* Returns its number. */
uint64_t add(struct history *history, unsigned int number, unsigned int list,
	     enum history_state state);
int try_add(struct history *history, unsigned int number, unsigned int list,
	    enum history_state state, uint64_t *ret_id, struct diags *diags);

/* The entry is the policy that make_policy() makes: its files load to the same tables. */
void check_entry(struct history *history, uint64_t id, unsigned int number, unsigned int list,
		 enum history_state state);

/* By the shell; it must succeed. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A path in the folder of the history. */
const char *in_folder(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* How many files or folders there are in a folder; -1: there is no such. */
int count_in(const char *path);
/* Files of lists. */
int count_lists(void);

/* The i-th message is this, at this path, and has the words. */
void assert_said(const struct diags *diags, size_t i, enum severity severity, const char *path,
		 const char *words);
