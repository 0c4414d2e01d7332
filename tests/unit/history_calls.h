/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_calls.h: the system calls by which the history is written, wrapped by the linker; see
 * mishap.h. When the power goes, too, what is not known to be on the disk is taken back: what was
 * written to files since their last fsync(), and what became of names in a folder since its own.
 */
#pragma once

#include "mishap.h"

/* Shared with the children. */
extern struct shared {
	struct mishaps mishaps;
	int n_acknowledged;
} * shared;

void calls_init(void);
/* Forget what was written so far: it is on the disk. */
void calls_begin(void);
/* The power is gone: of each folder, what was not synced is lost or not, as the seed says; 0: all is
 * lost. */
void lose_power(unsigned int seed);
