/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal.h: the entries of a live set with `persist: true`, on disk, so that they survive a
 * reboot. What was acknowledged to a client was in the file, and the file on the disk (fsync),
 * before.
 *
 * Times in it are CLOCK_REALTIME, since CLOCK_MONOTONIC begins anew with each boot; how long the
 * entry was to hold is beside it, and bounds it if the clock was wrong then or is wrong now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "live.h"

struct journal;

struct journal_record {
	struct live_prefix prefix;
	bool gone;           /* the entry was removed; the rest is 0 */
	uint64_t end_real;   /* seconds since 1970; 0: for ever */
	uint32_t holds;      /* seconds from when it was written to its end; 0: for ever */
	uint32_t since;      /* when it was added, seconds since 1970 */
	const char *comment; /* NULL: none; valid during the call only */
};

/* Other than 0: no more, and journal_open() returns that. */
typedef int journal_visit(void *context, const struct journal_record *record);

/*
 * Open STATE_DIR/live/NAME.journal, or make it. Each record goes to visit() in order. A torn end,
 * as a crash leaves it, is cut off; what cannot be read for other reasons is a warning that names
 * file and line, the rest is taken. -errno, reported in diags, if the file cannot be used at all:
 * it is none of ours, or of a newer version.
 */
int journal_open(const char *state_dir, const char *name, journal_visit *visit, void *context,
		 struct journal **ret, struct diags *diags);
struct journal *journal_close(struct journal *journal); /* NULL is fine; returns NULL */

/* Behind the others, in memory yet. 0 or -ENOMEM. */
int journal_add(struct journal *journal, const struct journal_record *record);
/* Write what was added, and return when it is on the disk. On failure (diags names the file and
 * the remedy) the file holds what it held before, or a torn record that the next open cuts off, and
 * what was added is forgotten. */
int journal_sync(struct journal *journal, struct diags *diags);

/* More of it is past than present, n_entries being what is present, and it is worth the while; or it
 * is damaged. After a compaction that failed, false until it has grown by half. */
bool journal_is_wasteful(const struct journal *journal, size_t n_entries);
/*
 * Write a new file that holds just what next() gives (until that returns 0; 1: there was one;
 * negative: give up), and put it in the place of the old one by rename. At any moment of it, a
 * crash leaves one of the two, whole. What was added and not synced is forgotten, on failure too: next()
 * gives all that is present. On failure (in diags, but for what next() returned) the journal goes on, in one of the two.
 */
typedef int journal_next(void *context, struct journal_record *ret);
int journal_compact(struct journal *journal, journal_next *next, void *context,
		    struct diags *diags);

bool journal_exists(const char *state_dir, const char *name);
/* Remove the file: of a set that no policy names any more and that is empty. 0 also if there is
 * none. */
int journal_remove(const char *state_dir, const char *name);
