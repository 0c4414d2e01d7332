/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.c: conditions on live sets, of which rows cannot tell what they hold.
 *
 * The compiler sees the policy without them: a rule has its bit set wherever it may match, which
 * is for any address, or, under `not:`, for any that is in none of the condition's other sets.
 * Where such a bit is found, the program asks the live sets (struct rule_extra). If a condition
 * has other sets besides and is not negated, it also has to know whether the address lies in one
 * of these: that is a bit of its own, in words behind those of all policies, at which no program
 * looks for matches. It stands for a rule that has nothing but that part of the condition.
 */
#include "compile_internal.h"

#include <string.h>

#include "util.h"

bool live_is_used(const struct rule *rule)
{
	for (int field = 0; field < N_ADDRESS_FIELDS; field++)
		if (rule->address[field].present && rule->address[field].n_live)
			return true;
	return false;
}

static bool same_part(const struct rule *part, enum address_field field,
		      const struct address_match *match)
{
	const struct address_match *had = &part->address[field];

	return had->present && had->n_sets == match->n_sets &&
	       memcmp(had->sets, match->sets, match->n_sets * sizeof(*match->sets)) == 0;
}

/* The number of the part of a condition that rows can tell. */
static int add_part(struct lowering *lowering, enum address_field field,
		    const struct address_match *match, const struct rule *rule, uint32_t *ret)
{
	struct rule *part;
	size_t n = lowering->n_parts;
	int r;

	/* Rules with the same sets tend to be neighbours; it does no harm if one is there twice. */
	for (size_t i = n; i > 0 && i + ROW_WORD_BITS > n; i--)
		if (same_part(&lowering->parts[i - 1], field, match)) {
			*ret = i - 1;
			return 0;
		}
	r = array_reserve((void **)&lowering->parts, &lowering->parts_capacity, n + 1,
			  sizeof(*lowering->parts));
	if (r < 0)
		return r;
	part = &lowering->parts[lowering->n_parts++];
	*part = (struct rule){ .place = rule->place, .verdict = VERDICT_NONE };
	memcpy(part->name, rule->name, sizeof(part->name));
	part->address[field] = *match; /* borrows the array */
	part->address[field].n_live = 0;
	*ret = n;
	return 0;
}

/* Leave of the condition what rows can tell; the rest is in the extra. */
static int lower_condition(struct lowering *lowering, const struct rule *rule,
			   enum address_field field, struct address_match *match,
			   struct rule_extra *extra)
{
	int r;

	if (!match->present || !match->n_live)
		return 0;
	for (size_t i = 0; i < match->n_live; i++)
		extra->live[field] |= UINT64_C(1) << match->live[i];
	if (match->negated) {
		extra->negated |= 1U << field;
		return 0;
	}
	if (match->n_sets) {
		r = add_part(lowering, field, match, rule, &extra->sure[field]);
		if (r < 0)
			return r;
	}
	*match = (struct address_match){ .present = true, .negated = true };
	return 0;
}

/* The rule, which is of a copy of its ruleset; rule: as the user wrote it. */
static int lower_rule(struct lowering *lowering, const struct rule *rule, struct rule *copy)
{
	struct rule_extra extra = { .sure = { RULE_NO_BIT, RULE_NO_BIT } };
	int r;

	r = array_reserve((void **)&lowering->extras, &lowering->extras_capacity,
			  lowering->n_extras + 1, sizeof(*lowering->extras));
	for (enum address_field field = 0; r >= 0 && field < N_ADDRESS_FIELDS; field++)
		r = lower_condition(lowering, rule, field, &copy->address[field], &extra);
	if (r >= 0)
		lowering->extras[lowering->n_extras++] = extra;
	return r;
}

static int lower_ruleset(struct lowering *lowering, struct ruleset *ruleset, struct rule **ret)
{
	const struct rule *rules = ruleset->rules;
	struct rule *copies = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ruleset->n_rules; i++) {
		if (!live_is_used(&rules[i]))
			continue;
		if (!copies) {
			copies = calloc(ruleset->n_rules, sizeof(*copies));
			if (!copies)
				return -ENOMEM;
			memcpy(copies, rules, ruleset->n_rules * sizeof(*copies));
			*ret = ruleset->rules = copies;
		}
		r = lower_rule(lowering, &rules[i], &copies[i]);
	}
	return r;
}

int live_lower(const struct policy *policy, struct lowering *ret)
{
	size_t n = policy->n_rulesets;
	int r = 0;

	ret->policy = *policy;
	if (!policy->n_live_sets)
		return 0;
	ret->rulesets = calloc(n + 1, sizeof(*ret->rulesets));
	ret->rules = calloc(n + 1, sizeof(*ret->rules));
	if (!ret->rulesets || !ret->rules)
		return -ENOMEM;
	if (n)
		memcpy(ret->rulesets, policy->rulesets, n * sizeof(*ret->rulesets));
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = lower_ruleset(ret, &ret->rulesets[i], &ret->rules[i]);
	ret->rulesets[n] = (struct ruleset){ .rules = ret->parts, .n_rules = ret->n_parts };
	ret->policy.rulesets = ret->rulesets;
	ret->policy.n_rulesets = n + (ret->n_parts > 0);
	return r;
}

void lowering_done(struct lowering *lowering)
{
	for (size_t i = 0; lowering->rules && i < lowering->policy.n_rulesets; i++)
		free(lowering->rules[i]);
	free(lowering->rules);
	free(lowering->rulesets);
	free(lowering->parts);
	free(lowering->extras);
}
