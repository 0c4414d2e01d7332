/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lists.h: a list file while it is read: lists.c reads it, list_guard.c says whether it may take the
 * place of what was there before, list_kept.c puts its copy in its place.
 */
#pragma once

#include "list_cache.h"
#include "loader.h"

struct list {
	struct loader *loader;
	const struct list_reader *reader;
	struct prefix_set *set;
	struct prefix_space space;
	const struct node *name; /* where the policy file names it; NULL: no policy file is read */
	const char *path;
	unsigned int line;
	size_t n_prefixes, n_bytes;
	struct sha256_ctx hash;
	uint64_t copy_usec; /* not 0: it was recalled, and had come from the copy of this time */
	bool hopeless;      /* this is no list at all: no more of its lines */
	int status;
};

/* Report of the file as a whole. As node_error(). */
int list_error(const struct list *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Read the file, or recall what it held; list is as list_read() makes it. 0, -EINVAL, reported, or
 * -ENOMEM. */
int list_read_file(struct list *list);
/* The file at fd, whose prefixes are to be appended to the set and put into the cache. As
 * list_read_file(). */
int list_parse_file(struct list *list, int fd, const struct file_state *state);
/* All whole lines of the buffer. Returns how many bytes they have, or -ENOMEM; what is wrong with
 * lines goes to list->status. */
ssize_t list_parse_lines(struct list *list, const char *buffer, size_t len);

/* --- list_guard.c --- */

/* What was read may take the place of what is in force. 0, or -EINVAL, reported. */
int list_check_shrink(struct list *list);
/* What these first bytes of a file are, if they are not those of a list; or NULL. */
const char *list_sniff(const char *bytes, size_t len);

/* --- list_kept.c --- */

/* As list_read_file(); if the file is not what it should be, its copy stands for it, and the errors
 * become warnings. */
int list_read_kept(struct list *list, struct policy_file *file);
