/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * apply_file.h: the daemon's policy file, replaced by another text in one moment, and put back as it was
 * if the daemon will not have it. One process at a time does so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct policy_file_swap {
	char *target; /* the file itself, behind symbolic links */
	char *folder, *new_path, *old_path, *lock_path;
	int lock;       /* held while this is open; -1 */
	bool existed;   /* there was a file before */
	bool exchanged; /* the new text is in place, and can be undone */
};

#define POLICY_FILE_SWAP_CLOSED                                                                    \
	{                                                                                          \
		.lock = -1                                                                         \
	}

/* Each returns 0, or a negative errno after having said on standard error what cannot be done, and why. */

/* Find the file, and wait until no other process is about to replace it. optional: it will not be written
 * to, so a folder that is read-only, where nobody can, is no failure. */
int policy_file_lock(struct policy_file_swap *swap, const char *path, bool optional);
/* Put text into its place, with the mode and owner of what was there; nothing is done if that is just the
 * text: then exchanged is false. */
int policy_file_exchange(struct policy_file_swap *swap, const char *text, size_t len);
/* What was there is there again, the very same file; or none if there was none. */
int policy_file_put_back(struct policy_file_swap *swap);

/* Keep what is in place now, and let others go on. */
void policy_file_close(struct policy_file_swap *swap);
