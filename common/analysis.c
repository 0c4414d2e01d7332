/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * analysis.c: the searches of analysis.h. Rules are compared pair by pair, most of them by two words
 * of their conditions' coarse images only, which takes a tenth of a second for as many rules as
 * there can be; what must be looked at closely is bounded in work.
 */
#include "analysis.h"

#include <string.h>

#include "condition.h"
#include "util.h"

#define MAX_WORK (1ULL << 24)     /* steps of close comparisons, in a policy */
#define MAX_ELEMENTS (1ULL << 21) /* prefixes that may be put in order */
#define MAX_BEHIND 64             /* rules behind one that are looked at, if it is redundant */

/* One ruleset while it is searched. */
struct search {
	const struct policy *policy;
	const struct ruleset *ruleset;
	size_t index;
	struct conditions conditions;
	struct findings *findings;
	int r;
};

static int add(struct search *search, const struct finding *finding)
{
	struct findings *findings = search->findings;

	if (array_reserve((void **)&findings->items, &findings->capacity, findings->n + 1,
			  sizeof(*findings->items)) < 0) {
		search->r = -ENOMEM;
		return -ENOMEM;
	}
	findings->items[findings->n] = *finding;
	findings->items[findings->n++].ruleset = search->index;
	return 0;
}

/* --- never -------------------------------------------------------------------------------- */

static bool is_empty(const struct policy *policy, const struct address_match *match)
{
	if (!match->present || match->negated || match->n_live)
		return false;
	for (size_t i = 0; i < match->n_sets; i++)
		if (policy->sets[match->sets[i]].n_v4 || policy->sets[match->sets[i]].n_v6)
			return false;
	return true;
}

/* The families of which some address may satisfy it, as bits. */
static unsigned int families_of(struct search *search, size_t rule, enum address_field field)
{
	unsigned int families = 0;

	for (enum family family = 0; family < N_FAMILIES; family++)
		if (!search->ruleset->rules[rule].address[field].present ||
		    addresses_may_hold(&search->conditions, rule, field, family, &search->r))
			families |= 1U << family;
	return families;
}

static bool excludes_all(const struct condition *condition)
{
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		if (condition->rule->scalar[f].present && !condition->scalar[f].n)
			return true;
	return false;
}

static enum never why_never(struct search *search, size_t rule)
{
	const struct condition *condition = &search->conditions.items[rule];
	const struct address_match *address = condition->rule->address;
	const struct scalar_match *ethertype = &condition->rule->scalar[FIELD_ETHERTYPE];
	unsigned int src = families_of(search, rule, ADDRESS_SRC);
	unsigned int dst = families_of(search, rule, ADDRESS_DST);

	if (is_empty(search->policy, &address[ADDRESS_SRC]))
		return NEVER_EMPTY_SRC;
	if (is_empty(search->policy, &address[ADDRESS_DST]))
		return NEVER_EMPTY_DST;
	if (!src || !dst || excludes_all(condition))
		return NEVER_EXCLUDED;
	if (!(src & dst))
		return NEVER_FAMILIES;
	if (condition->unfated)
		return NEVER_FRAGMENT;
	if (ethertype->present && (src & dst) != (1U << N_FAMILIES) - 1)
		return NEVER_ETHERTYPE;
	return NEVER_TOGETHER;
}

/* --- shadowed ----------------------------------------------------------------------------- */

static bool decides(const struct rule *rule)
{
	return !rule->expiry.past && !rule->shadow && rule->verdict != VERDICT_NONE;
}

static bool same_verdict(const struct rule *a, const struct rule *b)
{
	return a->verdict == b->verdict &&
	       (a->verdict != VERDICT_REDIRECT || a->redirect == b->redirect);
}

/* The group's part of the rule's name, or its own one. */
static bool same_group(const struct rule *a, const struct rule *b)
{
	size_t len = strcspn(a->name, "/");

	return a->from_group && b->from_group && strncmp(a->name, b->name, len + 1) == 0;
}

/* As long as the second one holds, so does the first. */
static bool outlasts(const struct rule *rule, const struct rule *other)
{
	return !rule->expiry.at || (other->expiry.at && rule->expiry.at >= other->expiry.at);
}

/* Is anything to be said of the rule at all? */
static bool is_candidate(const struct search *search, size_t index)
{
	const struct condition *condition = &search->conditions.items[index];

	if (index < search->ruleset->n_protect || condition->rule->expiry.past ||
	    condition->temporary)
		return false;
	for (int i = 0; i < INTERFACE_WORDS; i++)
		if (condition->interfaces[i])
			return true;
	return false; /* of other interfaces, in a group */
}

static bool shadows(struct search *search, size_t earlier, size_t later)
{
	const struct condition *wide = &search->conditions.items[earlier];
	const struct condition *narrow = &search->conditions.items[later];
	enum coverage coverage;

	if (!decides(wide->rule) || wide->temporary || !outlasts(wide->rule, narrow->rule))
		return false;
	/* A group is for several policies: what one of them says ahead of it is its own affair. */
	if (narrow->rule->from_group && !same_group(narrow->rule, wide->rule))
		return false;
	coverage = condition_covers(&search->conditions, earlier, later, &search->r);
	return coverage == COVERS ||
	       (coverage == COVERS_NOW && !same_verdict(wide->rule, narrow->rule));
}

static bool contradicts(struct search *search, size_t earlier, size_t later)
{
	const struct rule *wide = search->conditions.items[earlier].rule;
	const struct rule *narrow = search->conditions.items[later].rule;

	return narrow->verdict != VERDICT_NONE && !narrow->shadow && !same_verdict(wide, narrow) &&
	       condition_covers(&search->conditions, later, earlier, &search->r) != COVERS_NOT;
}

static bool find_shadow(struct search *search, size_t rule)
{
	for (size_t i = 0; i < rule && !search->r && search->conditions.work; i++) {
		struct finding finding = { .kind = FINDING_SHADOWED, .rule = rule, .other = i };

		if (!condition_may_cover(&search->conditions, i, rule) || !shadows(search, i, rule))
			continue;
		if (contradicts(search, i, rule))
			finding.kind = FINDING_CONTRADICTS;
		add(search, &finding);
		return true;
	}
	return false;
}

/* --- redundant ---------------------------------------------------------------------------- */

/* One with `count` is there to be counted. */
static bool only_decides(const struct rule *rule)
{
	return decides(rule) && rule->n_actions == 1;
}

/* Can the later rule neither be what decides all of the rule's packets, nor change what becomes of
 * any of them? */
static bool lets_alone(struct search *search, size_t rule, size_t later)
{
	const struct condition *other = &search->conditions.items[later];

	if (other->rule->expiry.past)
		return true;
	if (decides(other->rule) && same_verdict(other->rule, search->conditions.items[rule].rule))
		return true;
	return conditions_are_disjoint(&search->conditions, rule, later, &search->r);
}

static bool does_alike(struct search *search, size_t rule, size_t later)
{
	const struct condition *narrow = &search->conditions.items[rule];
	const struct condition *wide = &search->conditions.items[later];

	return decides(wide->rule) && same_verdict(wide->rule, narrow->rule) && !wide->temporary &&
	       !wide->rule->from_group && outlasts(wide->rule, narrow->rule) &&
	       condition_covers(&search->conditions, later, rule, &search->r) == COVERS;
}

static void find_redundant(struct search *search, size_t rule)
{
	const struct rule *this = search->conditions.items[rule].rule;

	if (!only_decides(this) || this->from_group)
		return;
	for (size_t i = rule + 1; i < search->ruleset->n_rules && i <= rule + MAX_BEHIND; i++) {
		if (search->r < 0 || !search->conditions.work)
			return;
		if (does_alike(search, rule, i)) {
			add(search, &(struct finding){
					    .kind = FINDING_REDUNDANT, .rule = rule, .other = i });
			return;
		}
		if (!lets_alone(search, rule, i))
			return;
	}
}

/* --- one ruleset -------------------------------------------------------------------------- */

static int search_ruleset(struct search *search)
{
	for (size_t i = 0; i < search->ruleset->n_rules && !search->r; i++) {
		struct finding never = { .kind = FINDING_NEVER, .rule = i };

		if (!is_candidate(search, i))
			continue;
		if (!search->conditions.items[i].shapes) {
			never.why = why_never(search, i);
			add(search, &never);
		} else if (!find_shadow(search, i)) {
			find_redundant(search, i);
		}
	}
	return search->r;
}

/* --- a way in ----------------------------------------------------------------------------- */

static bool names_self(const struct policy *policy, const struct address_match *match)
{
	for (size_t i = 0; match->present && !match->negated && i < match->n_sets; i++)
		if (strcmp(policy->sets[match->sets[i]].name, "self") == 0)
			return true;
	return false;
}

/* Does it let somebody open a TCP connection, from a port as clients use them? */
static bool is_way_in(const struct policy *policy, const struct rule *rule)
{
	return decides(rule) && rule->verdict == VERDICT_PASS &&
	       scalar_match_holds(&rule->scalar[FIELD_PROTO], 6) &&
	       scalar_match_holds(&rule->scalar[FIELD_SPORT], 49152) &&
	       scalar_match_holds(&rule->scalar[FIELD_TCP_FLAGS], 0x02) &&
	       !rule->scalar[FIELD_ICMP].present &&
	       (scalar_match_holds(&rule->scalar[FIELD_ETHERTYPE], 0x0800) ||
		scalar_match_holds(&rule->scalar[FIELD_ETHERTYPE], 0x86dd)) &&
	       scalar_match_holds(&rule->scalar[FIELD_FRAGMENT], FRAGMENT_NONE) &&
	       (scalar_match_holds(&rule->scalar[FIELD_DPORT], 22) ||
		names_self(policy, &rule->address[ADDRESS_DST]));
}

static bool has_way_in(const struct policy *policy, const struct ruleset *ruleset)
{
	if (ruleset->default_verdict != VERDICT_DROP)
		return true;
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (is_way_in(policy, &ruleset->rules[i]))
			return true;
	return false;
}

/* The first ruleset that is on an interface stands for all. */
static int find_way_in(const struct policy *policy, struct findings *findings)
{
	struct search search = { .policy = policy, .findings = findings };

	for (size_t i = 0; i < policy->n_interfaces; i++)
		if (has_way_in(policy, &policy->rulesets[policy->interfaces[i].ruleset]))
			return 0;
	if (!policy->n_interfaces)
		return 0;
	search.index = policy->interfaces[0].ruleset;
	return add(&search, &(struct finding){ .kind = FINDING_NO_WAY_IN });
}

/* --- all ---------------------------------------------------------------------------------- */

/* So many ranges that putting them in order would take long, and much memory. */
static bool is_too_large(const struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_rulesets; i++)
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++)
			for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
				n += policy->rulesets[i].rules[j].scalar[f].n_ranges;
	return n > MAX_ELEMENTS / 2;
}

int analyse(const struct policy *policy, struct findings *ret)
{
	uint64_t work = MAX_WORK, elements = MAX_ELEMENTS;
	int r = find_way_in(policy, ret);

	if (is_too_large(policy)) {
		ret->partial = true;
		return r;
	}
	for (size_t i = 0; i < policy->n_rulesets && !r; i++) {
		struct search search = { .policy = policy,
					 .ruleset = &policy->rulesets[i],
					 .index = i,
					 .findings = ret };

		r = conditions_make(policy, i, work, elements, &search.conditions);
		if (!r)
			r = search_ruleset(&search);
		work = search.conditions.work;
		elements = search.conditions.elements;
		ret->partial |= conditions_are_spent(&search.conditions);
		conditions_done(&search.conditions);
	}
	return r;
}

void findings_done(struct findings *findings)
{
	free(findings->items);
	*findings = (struct findings){ 0 };
}
