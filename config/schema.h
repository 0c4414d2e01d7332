/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema.h: the policy language as one table: every key at every level, what may stand there,
 * what holds if it is left out, and which function reads it. The loader, its messages and
 * suggestions come from it; the man page is checked against it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct loader;
struct node;
struct key_schema;

/* Reads the value of a key into target, whose type the mapping knows. 0, -EINVAL with an error
 * reported, -ENOMEM. */
typedef int key_parser(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target);

struct key_schema {
	const char *name;
	key_parser *parse; /* NULL: refused as "not supported yet" */
	bool required;
	const char *fallback; /* read instead if the key is absent; NULL: nothing is */
	const char *form;     /* what to write, for messages: "expected ..." */
	const char *help;     /* what it means, in one line */
	const char *mistaken; /* words from elsewhere that people write for it, by spaces */
	unsigned int arg;     /* for parse */
	bool alone;           /* nothing else may stand beside it, so nothing else is required */
};

struct mapping_schema {
	const char *what;              /* "a rule": for messages */
	const char *noun;              /* "key", "field": likewise */
	const struct key_schema *keys; /* read in this order; ends with a NULL name */
};

extern const struct mapping_schema schema_policy_file;
extern const struct mapping_schema schema_fate;
extern const struct mapping_schema schema_set;
extern const struct mapping_schema schema_width;
extern const struct mapping_schema schema_protect;
extern const struct mapping_schema schema_protect_bgp;
extern const struct mapping_schema schema_gtsm;
extern const struct mapping_schema schema_interface;
extern const struct mapping_schema schema_port;
extern const struct mapping_schema schema_ruleset;
extern const struct mapping_schema schema_rule;
extern const struct mapping_schema schema_match;
extern const struct mapping_schema schema_tcp_flags;
extern const struct mapping_schema schema_action;
extern const struct mapping_schema schema_test;

/* All of them, ends with NULL. */
extern const struct mapping_schema *const schemas[];

const struct key_schema *schema_find(const struct mapping_schema *schema, const char *name);
/* The supported key that the writer may have meant, or NULL. */
const struct key_schema *schema_suggest(const struct mapping_schema *schema, const char *name);
