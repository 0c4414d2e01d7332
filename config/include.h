/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * include.h: the files of which one policy is made: the policy file, those that it includes, and
 * so on, and parts that xdpgate brings along. All are read before any of them is understood, and
 * joined at the top level: what several of them say of sets, interfaces, policies … is one mapping
 * then, whose nodes know the file that each came from.
 */
#pragma once

#include "tree.h"

struct loader;
struct builtin;

struct document {
	struct source source;
	struct tree tree;
	char *identity;                /* tells files apart, by whatever name they are called */
	const struct builtin *builtin; /* NULL: a file */
	const struct document *parent; /* which includes it; NULL: the policy file */
	const struct node *root;       /* NULL: nothing is in it */
};

struct documents {
	struct document **items; /* in the order of reading */
	size_t n, capacity;
	size_t n_includes; /* entries of all 'include' so far */
	size_t n_bytes, n_nodes;
	struct node root; /* all of them in one */
};

/* Read the policy file, from text, and all that it includes, and join them. 0, -EINVAL, reported;
 * *ret_joined says whether there is something to understand nonetheless. -ENOMEM. */
int documents_read(struct loader *loader, const char *path, const char *text, size_t len,
		   bool *ret_joined);
void documents_done(struct documents *documents);

/* The source of the file that a place is in. */
const struct source *documents_source(const struct documents *documents, const char *file);

/* The path that a name stands for, which is relative to the file that has it. Caller frees; NULL
 * when out of memory. */
char *path_resolve(const struct node *name);
