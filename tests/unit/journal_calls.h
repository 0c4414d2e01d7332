/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal_calls.h: the system calls by which a journal is written, wrapped by the linker. A child
 * dies in front of the n-th, or in the middle of it, or it fails. When the power goes, too, what is
 * not known to be on the disk is taken back: bytes behind the last fsync() of a file, and a rename()
 * before that of the folder.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "mishap.h"

/* Shared with the children. */
extern struct shared {
	struct mishaps mishaps;
	int n_acknowledged;
	/* of the disk, for the power */
	off_t synced;     /* of the journal */
	off_t new_synced; /* of the one that is to take its place */
	bool renamed;     /* and the folder not synced */
	bool was_there;   /* something had that name before */
	off_t synced_before;
} * shared;

int calls_setup(void **state); /* as setup(), teardown() of journal_case.h */
int calls_teardown(void **state);
/* The power is gone: the files as the disk has them. */
void lose_power(void);
