/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tree.h: a YAML document as a tree of scalars, lists and mappings with their places. The only
 * part that knows libfyaml; made from its events, so that depth and size are bounded here and
 * anchors, aliases and tags are refused before they can mean anything.
 */
#pragma once

#include "source.h"

enum node_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAPPING,
	NODE_BAD, /* an error was reported for it already: say no more */
};

struct node {
	enum node_kind kind;
	bool plain;             /* a scalar without quotes */
	uint32_t offset, width; /* in the source, bytes */
	const struct source *source;
	const char *text; /* of a scalar; NUL-terminated, no NUL inside */
	size_t len;
	struct node *key; /* of a mapping's value */
	struct node *first, *last, *next;
	size_t n; /* children; of a mapping, values */
};

struct tree {
	struct node *root; /* NULL: the file holds no document */
	bool complete;     /* it is YAML; what was refused in it is marked NODE_BAD or harmless */
	void *chunks;      /* all memory of the nodes */
	size_t used;       /* bytes of the first chunk */
	size_t n_nodes;
};

#define TREE_MAX_NODES 1000000 /* keys and values of all files together */

/* 0, -EINVAL with errors in diags, -ENOMEM. tree_done() in every case. tree->n_nodes says how many
 * of TREE_MAX_NODES other trees have already; the source must live as long as the tree. */
int tree_parse(struct tree *tree, const struct source *source, struct diags *diags);
void tree_done(struct tree *tree);

/* "nothing", "a list", "'text'" ...: what a node is, for messages. buffer is only used if needed.
 */
const char *node_describe(const struct node *node, char *buffer, size_t size);
bool node_is_empty(const struct node *node);
