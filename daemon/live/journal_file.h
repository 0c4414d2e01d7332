/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal_file.h: the file of a journal: found or made, with no other taken for it, and read.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "journal.h"

/* A million entries with long comments, twice. Neither read nor made larger. */
#define JOURNAL_MAX_BYTES (2LL << 30)

struct journal_place {
	char *folder_path; /* STATE_DIR/live */
	char *path;        /* of the file, for messages */
	char *name;        /* of the file, in the folder */
	char *new_name;    /* of the one that is to take its place */
	int folder;
};

/* Names, and the folder opened, made if make is true and it is not there. diags: NULL: say nothing.
 * -ENOENT only if it is not to be made. */
int journal_place_open(struct journal_place *place, const char *state_dir, const char *name,
		       bool make, struct diags *diags);
void journal_place_done(struct journal_place *place); /* an empty one: { .folder = -1 } */

/* Open the file for reading and writing, if it is one that we may have written. -ENOENT: there is
 * none, which is not reported. */
int journal_file_open(const struct journal_place *place, int *ret_fd, off_t *ret_size,
		      struct diags *diags);

struct journal_contents {
	off_t good;       /* bytes of whole lines; what is behind them was torn */
	size_t n;         /* records */
	size_t n_damaged; /* lines that were not understood, the first among them */
};

/* Each record goes to visit(). */
int journal_file_read(const struct journal_place *place, int fd, journal_visit *visit,
		      void *context, struct journal_contents *ret, struct diags *diags);

/* Report what failed on the file and what to do about it; returns r, a negative errno. */
int journal_file_error(const struct journal_place *place, int r, const char *what,
		       struct diags *diags);
