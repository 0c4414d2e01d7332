/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copies.h: the last good copy of each list file of the sets that ask for it. A copy is a list file
 * itself: a few lines of comment that say what it is of, with a checksum, then one prefix a line. It
 * is written to another name, flushed and renamed, so it is whole or not there. Its name is made
 * from the hash of the list file's path, and the path is in it.
 */
#pragma once

#include "loader.h"

struct copy {
	char *memory;     /* all of it, owned */
	const char *text; /* the prefixes, one a line */
	size_t len;
	uint64_t usec;                      /* CLOCK_REALTIME when it was made */
	uint8_t digest[SHA256_DIGEST_SIZE]; /* of the file that it is of */
};

/* The copy of the file at path. 0, -ENOENT: there is none, -EBADMSG: it is damaged, or another
 * negative errno, but not -EINVAL. */
int copy_read(const char *folder, const char *path, struct copy *ret);
void copy_done(struct copy *copy);

/* The paths of all files of which there is a copy. 0 or negative errno. */
int copies_list(const char *folder, struct paths *ret);
