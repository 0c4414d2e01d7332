/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compile_internal.h: what the parts of the compiler share.
 */
#pragma once

#include "compile.h"
#include "rows.h"

/* A policy whose conditions on live sets are left to the program; see live.c. */
struct lowering {
	struct policy policy;     /* shares with the one it was made of all but .. */
	struct ruleset *rulesets; /* .. these: its own, with one more at the end if .. */
	struct rule *parts;       /* .. there are any: parts of conditions, */
	size_t n_parts, parts_capacity;
	struct rule **rules;       /* and by ruleset: its rules, if some name a live set; or NULL */
	struct rule_extra *extras; /* of the rules that do, in order; sure: number of the part */
	size_t n_extras, extras_capacity;
};

struct compiler {
	const struct policy *policy;   /* lowered */
	const struct ruleset *written; /* the rulesets as the user wrote them */
	size_t n_written;
	struct lowering lowering;
	struct tables *tables;
	struct rows rows;
	struct diags *diags;
	uint64_t *scratch; /* one row, for whoever builds one */
	size_t at_rule;    /* bit of the rule in hand, to be named if limits are exceeded */
};

/* For each rule of the policy: `bit` is its position, in order. */
#define FOR_EACH_RULE(compiler, ruleset_index, rule_index, rule, bit)                              \
	for (size_t ruleset_index = 0; ruleset_index < (compiler)->policy->n_rulesets;             \
	     ruleset_index++)                                                                      \
		for (size_t rule_index = 0, bit = 0;                                               \
		     rule_index < (compiler)->policy->rulesets[ruleset_index].n_rules &&           \
		     (rule = &(compiler)->policy->rulesets[ruleset_index].rules[rule_index],       \
		     bit = (compiler)->tables->first_bit[ruleset_index] + rule_index, (void)bit,   \
		     true);                                                                        \
		     rule_index++)

static inline void row_set(uint64_t *row, size_t bit)
{
	row[bit / ROW_WORD_BITS] |= 1ULL << bit % ROW_WORD_BITS;
}

static inline void row_clear(uint64_t *row, size_t bit)
{
	row[bit / ROW_WORD_BITS] &= ~(1ULL << bit % ROW_WORD_BITS);
}

/* live.c: 0 or -ENOMEM; to be ended by lowering_done() in either case. It lives no longer than the
 * policy. */
int live_lower(const struct policy *policy, struct lowering *ret);
void lowering_done(struct lowering *lowering);
bool live_is_used(const struct rule *rule);

/* addresses.c: the LPM entries and rows of one address field, both families. */
int compile_addresses(struct compiler *compiler, enum address_field field);

/* macs.c: the entries and rows of one MAC field, if some rule looks at it. Before all others: row
 * numbers must fit an entry. */
int compile_macs(struct compiler *compiler, enum mac_field field);

/* fold.c: the arrays, folds and rows of the scalar fields `used` (bit enum scalar_field) by any
 * policy; the configs say in uses_scalars already what each looks at. */
int compile_scalars(struct compiler *compiler, uint32_t used);
