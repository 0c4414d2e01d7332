/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_findings.c: what common/analysis.c says of random policies, against the oracle: a rule that
 * is said to match nothing, or to be decided before, never counts a packet, though packets are aimed
 * at it; and without a redundant one every packet has the same fate. Rules are made out of others of
 * the policy, narrower and wider, so that there is much to find.
 */
#include <string.h>

#include "analysis.h"
#include "build-policy.h"
#include "oracle.h"
#include "random-policy.h"
#include "util.h"

static uint64_t n_found[FINDING_NO_WAY_IN + 1], n_judged, n_decided;

/* What live sets hold: any half of all addresses. */
static bool holds(void *context, size_t set, enum family family, const uint8_t *address)
{
	uint64_t hash = *(uint64_t *)context + set * 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < (family == FAMILY_V4 ? 4 : 16); i++)
		hash = (hash ^ address[i]) * 0x100000001b3ULL;
	return hash >> 40 & 1;
}

/* --- policies that repeat themselves ------------------------------------------------------ */

/* The rule is a copy, whose arrays have no room for more. */
static void narrow(struct rng *rng, struct rule *rule)
{
	unsigned int field = rng_below(rng, N_SCALAR_FIELDS);
	uint32_t value = rng_below(rng, scalar_field_domain(field));
	struct scalar_match *match = &rule->scalar[field];

	if (match->n_ranges && rng_percent(rng, 60)) {
		struct range *range = &match->ranges[rng_below(rng, (uint32_t)match->n_ranges)];

		match->present = true;
		range->last = range->first > value ? range->first : value;
	} else {
		free(match->ranges);
		*match = (struct scalar_match){ 0 };
		build_scalar(rule, field, value, value);
	}
	if (rng_percent(rng, 10)) /* any value, if there is one */
		match->ranges[0] = (struct range){ 0, scalar_field_domain(field) - 1 };
	else if (rng_percent(rng, 10))
		match->negated = !match->negated;
}

static void widen(struct rng *rng, struct rule *rule)
{
	unsigned int field = rng_below(rng, N_SCALAR_FIELDS + N_ADDRESS_FIELDS);

	if (field < N_SCALAR_FIELDS)
		rule->scalar[field].present = false;
	else
		rule->address[field - N_SCALAR_FIELDS].present = false;
	if (rng_percent(rng, 30))
		rule->mac[rng_below(rng, N_MAC_FIELDS)].present = false;
}

/* Some of its sets, and maybe others. */
static void readdress(struct rng *rng, const struct policy *policy, struct rule *rule)
{
	unsigned int field = rng_below(rng, N_ADDRESS_FIELDS);
	struct address_match from = rule->address[field], *to = &rule->address[field];

	*to = (struct address_match){ .negated = from.negated };
	for (size_t i = 0; i < from.n_sets; i++)
		if (rng_percent(rng, 60))
			build_address(rule, field, from.sets[i]);
	for (size_t i = 0; i < from.n_live; i++)
		if (rng_percent(rng, 60))
			build_live_address(rule, field, from.live[i]);
	if (policy->n_sets && rng_percent(rng, 30))
		build_address(rule, field, rng_below(rng, (uint32_t)policy->n_sets));
	if (policy->n_live_sets && rng_percent(rng, 30))
		build_live_address(rule, field, rng_below(rng, (uint32_t)policy->n_live_sets));
	free(from.sets);
	free(from.live);
}

/* The condition of an earlier or later rule, changed a little; what it does stays. */
static void repeat(struct rng *rng, const struct policy *policy, struct ruleset *ruleset)
{
	struct rule *rule = &ruleset->rules[rng_below(rng, (uint32_t)ruleset->n_rules)];
	const struct rule *from = &ruleset->rules[rng_below(rng, (uint32_t)ruleset->n_rules)];
	struct rule copy;

	if (rule == from || rule < ruleset->rules + ruleset->n_protect)
		return;
	if (rule_copy(from, rule->name, &copy) < 0)
		abort();
	copy.shadow = rule->shadow;
	copy.expiry = rule->expiry;
	if (rng_percent(rng, 50)) {
		copy.verdict = rule->verdict;
		copy.redirect = rule->redirect;
	}
	rule_done(rule);
	*rule = copy;
	for (uint32_t i = rng_below(rng, 3); i > 0; i--)
		narrow(rng, rule);
	if (rng_percent(rng, 40))
		readdress(rng, policy, rule);
	for (uint32_t i = rng_below(rng, 2); i > 0; i--)
		widen(rng, rule);
}

static void build_up(struct rng *rng, struct policy *policy)
{
	for (size_t i = 0; i < policy->n_sets; i++)
		policy->sets[i].varies = rng_percent(rng, 10);
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		struct ruleset *ruleset = &policy->rulesets[i];

		for (size_t n = 0; n < ruleset->n_rules; n++)
			repeat(rng, policy, ruleset);
	}
}

/* --- one finding -------------------------------------------------------------------------- */

/* A frame that may well match the rule. */
static void aim(struct rng *rng, const struct policy *policy, size_t interface, size_t rule,
		struct packet *packet)
{
	uint32_t ruleset = policy->interfaces[interface].ruleset;
	struct ruleset only[MAX_RULESETS];
	struct policy narrowed = *policy;

	memcpy(only, policy->rulesets, policy->n_rulesets * sizeof(*only));
	narrowed.rulesets = only;
	if (rng_percent(rng, 90)) {
		only[ruleset].rules += rule;
		only[ruleset].n_rules = 1;
	}
	random_packet(rng, &narrowed, interface, packet);
}

/* The fate without the rule: it is off, as if it had expired. */
static bool is_same_without(const struct policy *policy, struct rule *rule, size_t interface,
			    const struct packet *packet, const struct oracle_live *live,
			    const struct oracle_answer *with)
{
	const struct expiry expiry = rule->expiry;
	struct oracle_answer without = { 0 };

	rule->expiry.past = true;
	oracle_judge_live(policy, interface, packet->data, packet->len, live, &without);
	rule->expiry = expiry;
	return without.verdict == with->verdict;
}

static int check_packet(struct rng *rng, const struct policy *policy, const struct finding *finding,
			size_t interface, uint8_t *counted)
{
	struct rule *rule = &policy->rulesets[finding->ruleset].rules[finding->rule];
	static struct packet packet;
	uint64_t salt = rng_u64(rng);
	const struct oracle_live live = { holds, &salt };
	struct oracle_answer answer = { .counted = counted };

	aim(rng, policy, interface, finding->rule, &packet);
	oracle_judge_live(policy, interface, packet.data, packet.len, &live, &answer);
	n_judged++;
	n_decided += answer.rule != ORACLE_NO_RULE;
	if (finding->kind == FINDING_REDUNDANT)
		return is_same_without(policy, rule, interface, &packet, &live, &answer) ? 0
											 : -EINVAL;
	return counted[finding->rule] ? -EINVAL : 0;
}

static int check_finding(struct rng *rng, const struct policy *policy,
			 const struct finding *finding, uint64_t n_packets)
{
	const struct ruleset *ruleset = &policy->rulesets[finding->ruleset];
	_cleanup_free_ uint8_t *counted = calloc(ruleset->n_rules + 1, 1);

	if (!counted)
		return -ENOMEM;
	n_found[finding->kind]++;
	if (finding->kind == FINDING_NO_WAY_IN)
		return 0;
	for (uint64_t i = 0; i < n_packets; i++) {
		size_t interface = rng_below(rng, (uint32_t)policy->n_interfaces);

		if (policy->interfaces[interface].ruleset != finding->ruleset)
			continue;
		if (check_packet(rng, policy, finding, interface, counted) < 0) {
			print_policy(policy, stderr);
			fprintf(stderr, "%s/%s: finding of kind %d, because of rule %s: wrong\n",
				ruleset->name, ruleset->rules[finding->rule].name, finding->kind,
				ruleset->rules[finding->other].name);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_policy(struct rng *rng, uint64_t n_packets)
{
	_cleanup_(policy_freep) struct policy *policy = random_policy(rng);
	_cleanup_(findings_done) struct findings findings = { 0 };
	int r;

	build_up(rng, policy);
	r = analyse(policy, &findings);
	/* Of long policies some: the oracle is slow there. */
	for (size_t i = 0; i < findings.n && !r; i += 1 + findings.n / 8)
		r = check_finding(rng, policy, &findings.items[i], n_packets);
	return r;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t n_policies = argc > 2 ? strtoull(argv[2], NULL, 0) : 150;
	uint64_t n_packets = argc > 3 ? strtoull(argv[3], NULL, 0) : 10000;
	uint64_t first = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;

	for (uint64_t i = first; i < first + n_policies; i++) {
		struct rng rng = { seed + i * 0x632be59bd9b4e019ULL };

		if (check_policy(&rng, n_packets) < 0) {
			fprintf(stderr, "again by: %s %llu 1 %llu %llu\n", argv[0],
				(unsigned long long)seed, (unsigned long long)n_packets,
				(unsigned long long)i);
			return 1;
		}
	}
	printf("never %llu, shadowed %llu, contradicts %llu, redundant %llu; %llu packets, a rule "
	       "decided %llu\n",
	       (unsigned long long)n_found[FINDING_NEVER],
	       (unsigned long long)n_found[FINDING_SHADOWED],
	       (unsigned long long)n_found[FINDING_CONTRADICTS],
	       (unsigned long long)n_found[FINDING_REDUNDANT], (unsigned long long)n_judged,
	       (unsigned long long)n_decided);
	for (int kind = 0; kind < FINDING_NO_WAY_IN; kind++)
		if (n_policies >= 100 && n_found[kind] < 5) {
			fprintf(stderr, "of kind %d hardly any was found\n", kind);
			return 1;
		}
	return 0;
}
