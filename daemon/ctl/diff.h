/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diff.h: what is different between two policies, as a list of changes. Both are normalised, that is
 * printed and read again, so that the same condition is the same text.
 */
#pragma once

#include "policy.h"

struct change {
	char mark;        /* '+' added, '-' removed, '~' changed, '>' moved */
	const char *what; /* "rule", "set", … */
	char *name;
	char *detail; /* one line, or several; NULL: none */
};

struct changes {
	struct change *items;
	size_t n, capacity;
	size_t n_packets, n_differ; /* sampled; that change their fate */
	bool failed;                /* out of memory: the list has gaps */
};

/* One more, unless it is out of memory. Takes detail over, NULL is fine. */
void change_add(struct changes *changes, char mark, const char *what, const char *name,
		char *detail);
void changes_done(struct changes *changes);
/* As asprintf(); NULL when out of memory. */
char *change_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

void diff_policies(const struct policy *before, const struct policy *after,
		   struct changes *changes);
/* diff_sets.c */
bool same_prefixes(const struct prefix_set *a, const struct prefix_set *b);
void diff_sets(const struct policy *before, const struct policy *after, struct changes *changes);
/* diff_verdicts.c: by the oracle, for packets made of the conditions of both. 0 or -ENOMEM. */
int diff_verdicts(const struct policy *before, const struct policy *after, struct changes *changes);

/* By name, or NULL. */
const struct ruleset *ruleset_find(const struct policy *policy, const char *name);
/* Does it match and do the same, whatever its place? */
bool same_rule(const struct policy *a, const struct rule *rule_a, const struct policy *b,
	       const struct rule *rule_b);
const struct rule *rule_find(const struct ruleset *ruleset, const char *name);
