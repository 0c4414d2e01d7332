/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_maps_internal.h: what the parts share: live_maps.c is about sets and their slots,
 * live_tables.c about the tables there, live_comments.c about what is noted beside entries.
 */
#pragma once

#include "jiffies.h"
#include "live_maps.h"

/* The tables of a set in a bank. One is made with its first entry; a hash table takes memory for as
 * many entries as it may have, so it is made anew, larger, when it is full. */
struct tables_of {
	int fds[N_LIVE_TABLES];           /* -1: there is none */
	uint32_t capacity[N_LIVE_TABLES]; /* that it has, or is to begin with; 0: the least */
	bool filled[N_LIVE_TABLES];
};

#define TABLES_NONE ((struct tables_of){ .fds = { -1, -1, -1, -1, -1 } })
_Static_assert(N_LIVE_TABLES == 5, "as many as are in TABLES_NONE");

struct live_name {
	char text[NAME_LEN]; /* zeros behind it */
};

struct live_maps {
	int registry_fd; /* name to slot */
	int state_fd, comments_fd;
	int arrays_fd[N_LIVE_TABLES]; /* ARRAY_OF_MAPS, by LIVE_INDEX() */
	struct live_state *state;     /* mapped */
	struct jiffies_clock clock;
	struct live_name names[MAX_LIVE_SETS];
	bool restored[MAX_LIVE_SETS];
	struct tables_of tables[MAX_LIVE_SETS]; /* in the bank that packets use */
	struct tables_of new;                   /* between begin and commit */
	uint32_t new_slot;                      /* NO_SLOT: no replacement is under way */
	bool view;                              /* nothing can be changed; tables are not open */
};

#define NO_SLOT UINT32_MAX
#define LIVE_FOLDER "live" /* of pins */

/* --- live_tables.c --- */

int tables_open_arrays(const struct pins *pins, struct live_maps *maps, struct diags *diags);
int tables_view_arrays(const struct pins *pins, struct live_maps *maps, struct diags *diags);
enum family table_family(enum live_table table);
void tables_close(struct tables_of *tables);
/* How large hash tables of so many entries of each family are to begin. */
void tables_expect(struct tables_of *tables, const size_t expected[N_FAMILIES]);
/* What stands at the index of each array. */
int tables_find(const struct live_maps *maps, uint32_t index, struct tables_of *ret);
/* Enter all that there are, or remove what is there. The kernel waits until no packet that saw what
 * was there before is on its way. */
int tables_enter(const struct live_maps *maps, const struct tables_of *tables, uint32_t index);
int tables_remove(const struct live_maps *maps, uint32_t index);
/* index: where a table is to be entered that has to be made, or made anew; NO_SLOT: nowhere yet. */
int tables_put(const struct live_maps *maps, struct tables_of *tables, uint32_t index,
	       const struct live_prefix *prefix, const struct live_entry *entry);
/* -ENOENT: it is not there. */
int tables_delete(const struct tables_of *tables, const struct live_prefix *prefix);
/* Stops at the first visit that is not 0, and returns it. */
typedef int table_visit(void *context, const struct live_prefix *prefix,
			const struct live_entry *entry);
int tables_each(const struct tables_of *tables, table_visit *visit, void *context);

/* --- live_comments.c --- */

int comments_open(const struct pins *pins, struct live_maps *maps, struct diags *diags);
/* "": there is none any more. */
int comment_put(const struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		const char *text);
bool comment_get(const struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		 char ret[static LIVE_COMMENT_MAX + 1]);
