/* SPDX-License-Identifier: GPL-2.0-only */
/* set.h: what the parts of `xdpgate set` share. */
#pragma once

#include <jansson.h>

#include "ctl.h"
#include "live.h"

struct set_entry {
	struct live_prefix prefix;
	int64_t timeout;   /* as struct live_request */
	char *comment;     /* NULL: none */
	unsigned int line; /* of the file; 0: of the command line */
};

struct set_entries {
	struct set_entry *items;
	size_t n, size;
	const char *file; /* for messages; NULL: the command line */
};

#define SET_ENTRIES_MAX (4U << 20) /* as the daemon takes for one replacement */

/* set_lines.c. All return an exit code; what is wrong was said, with its place. */

/* TIME of --timeout and timeout=: 1h30m, never. False: neither, and *why (of static storage) says
 * what is. */
bool set_timeout_parse(const char *text, int64_t *ret, const char **why);
/* NULL: it may be a comment; else why not. */
const char *set_comment_problem(const char *text);
/* The file of --file, all of its lines; then those of the command line. */
int set_entries_read(const struct options *options, int n, char **arguments,
		     struct set_entries *ret);
void set_entries_free(struct set_entries *entries);

/* set_send.c: SetAdd, SetDelete or SetReplace, in as many calls as it takes. */
int set_send(const struct options *options, const char *set, const char *method,
	     const struct set_entries *entries);
/* What became of it, for people; an exit code. */
int set_print_result(const struct options *options, const char *set, const json_t *result);

/* set_show.c */
int set_run_test(const struct options *options, int n, char **arguments);
int set_run_list(const struct options *options, int n, char **arguments);
int set_run_stats(const struct options *options, int n, char **arguments);
