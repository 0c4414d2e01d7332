/* SPDX-License-Identifier: GPL-2.0-only */
/* cost_policies.c: policies from nothing to everything, see cost_policies.h. */
#include "cost_policies.h"

#include "abi.h"
#include "build-policy.h"
#include "rng.h"
#include "util.h"

/* More rows of addresses than 16 bits can number, so that their tables are wide. */
#define WIDE_SETS 17
#define WIDE_ADDRESSES 70000

/* One interface that judges by ruleset 0. */
static void begin(struct policy *policy)
{
	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
}

static struct rule *add_rule(struct policy *policy, uint32_t ruleset, uint32_t number,
			     enum verdict verdict)
{
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "rule-%u", number);
	return build_rule(policy, ruleset, name, verdict);
}

static void no_rule(struct policy *policy)
{
	begin(policy);
}

static void one_set(struct policy *policy)
{
	begin(policy);
	build_prefix(policy, build_set(policy, "listed"), "198.18.0.0/15");
	build_address(add_rule(policy, 0, 0, VERDICT_DROP), ADDRESS_SRC, 0);
}

static void ports_only(struct policy *policy)
{
	struct rule *rule;

	begin(policy);
	rule = add_rule(policy, 0, 0, VERDICT_DROP);
	build_scalar(rule, FIELD_PROTO, 17, 17);
	build_scalar(rule, FIELD_SPORT, 123, 123);
	build_scalar(add_rule(policy, 0, 1, VERDICT_NONE), FIELD_DPORT, 1024, 65535);
}

/* --- everything --------------------------------------------------------------------------- */

static void add_sets(struct policy *policy, uint32_t n_addresses)
{
	char name[NAME_LEN];

	for (uint32_t set = 0; set < WIDE_SETS; set++) {
		snprintf(name, sizeof(name), "set-%u", set);
		build_set(policy, name);
		build_prefix_v6(policy, set, 0x20010db800000000 | set, 0, 32);
		build_prefix_v6(policy, set, 0x20010db800000000 | set, 0, 64);
		build_prefix_v6(policy, set, 0x20010db800000000 | set << 8, set, 128);
	}
	/* Each address is in sets that no other is in just so. */
	for (uint32_t i = 1; i <= n_addresses; i++) {
		for (uint32_t set = 0; set < WIDE_SETS; set++) {
			if (i >> set & 1)
				build_prefix_v4(policy, set, 0x0a000000 + i * 37, 32);
		}
	}
}

/* A range that begins and ends at random, now and then not that. */
static void random_scalar(struct rng *rng, struct rule *rule, enum scalar_field field)
{
	uint32_t domain = scalar_field_domain(field);
	uint32_t a = rng_below(rng, domain), b = rng_below(rng, domain);

	build_scalar(rule, field, a < b ? a : b, a < b ? b : a);
	rule->scalar[field].negated = rng_percent(rng, 25);
}

static void random_rule(struct rng *rng, struct policy *policy, uint32_t ruleset, uint32_t number)
{
	static const enum verdict verdicts[] = { VERDICT_NONE, VERDICT_DROP, VERDICT_PASS,
						 VERDICT_REDIRECT };
	struct rule *rule = add_rule(policy, ruleset, number, verdicts[number % 4]);
	const uint8_t mac[MAC_BYTES] = { 2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number };

	if (rule->verdict == VERDICT_REDIRECT)
		build_redirect(policy, rule, number % 8 < 4 ? "out0" : "out1");
	/* With these and the sets alone every field has rows enough. */
	if (number < 2 * WIDE_SETS) {
		build_address(rule, number % N_ADDRESS_FIELDS, number / 2);
		rule->address[number % N_ADDRESS_FIELDS].negated = number % 5 == 0;
	} else {
		build_address(rule, ADDRESS_SRC, rng_below(rng, WIDE_SETS));
		build_address(rule, ADDRESS_DST, rng_below(rng, WIDE_SETS));
	}
	build_mac(rule, number % N_MAC_FIELDS, mac);
	random_scalar(rng, rule, number % N_SCALAR_FIELDS);
	random_scalar(rng, rule, rng_below(rng, N_SCALAR_FIELDS));
	if (number % 16 == 0)
		build_on_interface(rule, 0);
}

/* Every field, both ways, both families, every verdict, every fate, and another policy beside,
 * whose words come first. */
static void everything(struct policy *policy, uint32_t n_rules, uint32_t n_addresses)
{
	struct rng rng = { 31 };

	build_ruleset(policy, "other", VERDICT_DROP);
	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	build_interface(policy, "lan", 0);
	policy->fate_malformed = VERDICT_DROP;
	policy->fate_extension = VERDICT_DROP;
	policy->fate_non_ip = VERDICT_DROP;
	add_sets(policy, n_addresses);
	if (n_rules > ROW_WORD_BITS)
		add_rule(policy, 0, 0, VERDICT_NONE);
	for (uint32_t i = 0; i < n_rules; i++)
		random_rule(&rng, policy, 1, i);
}

static void everything_in_a_word(struct policy *policy)
{
	everything(policy, ROW_WORD_BITS, 100);
}

static void wide_in_a_word(struct policy *policy)
{
	everything(policy, ROW_WORD_BITS, WIDE_ADDRESSES);
}

/* A word of the summary tells of 64 words: one group. */
static void wide_in_a_group(struct policy *policy)
{
	everything(policy, 40 * ROW_WORD_BITS, WIDE_ADDRESSES);
}

static void wide_in_groups(struct policy *policy)
{
	everything(policy, 66 * ROW_WORD_BITS, WIDE_ADDRESSES);
}

/* Fragments have a fate of their own: another way out ahead of the rules. */
static void all_fates(struct policy *policy)
{
	everything(policy, 40 * ROW_WORD_BITS, 100);
	policy->fate_fragments = VERDICT_DROP;
}

/* --- as they come ------------------------------------------------------------------------- */

/* A prefix and a port each, as in a filter set. */
static void most_rules(struct policy *policy)
{
	struct rng rng = { 32 };
	char name[NAME_LEN];

	begin(policy);
	for (uint32_t i = 0; i < MAX_RULES; i++) {
		struct rule *rule = add_rule(policy, 0, i, i % 2 ? VERDICT_DROP : VERDICT_PASS);

		snprintf(name, sizeof(name), "set-%u", i);
		build_prefix_v4(policy, build_set(policy, name), (uint32_t)rng_u64(&rng),
				(uint8_t)rng_between(&rng, 16, 32));
		build_address(rule, i % N_ADDRESS_FIELDS, i);
		build_scalar(rule, FIELD_PROTO, 6, 6);
		build_scalar(rule, FIELD_DPORT, i, i);
	}
}

/* What an edge router typically wants. */
static void typical_edge(struct policy *policy)
{
	static const uint32_t amplifiers[] = { 19, 123, 389, 1900, 11211 };
	struct rule *rule;

	begin(policy);
	build_prefix(policy, build_set(policy, "own"), "198.51.100.0/24");
	build_prefix(policy, 0, "2001:db8:100::/40");
	build_prefix(policy, build_set(policy, "block"), "203.0.113.0/24");
	build_prefix(policy, 1, "2001:db8:bad::/48");
	rule = add_rule(policy, 0, 0, VERDICT_PASS);
	build_scalar(rule, FIELD_PROTO, 6, 6);
	build_scalar(rule, FIELD_DPORT, 179, 179);
	build_scalar(add_rule(policy, 0, 1, VERDICT_PASS), FIELD_ICMP, 0x0300, 0x03ff);
	build_address(add_rule(policy, 0, 2, VERDICT_DROP), ADDRESS_SRC, 0);
	build_address(add_rule(policy, 0, 3, VERDICT_DROP), ADDRESS_SRC, 1);
	rule = add_rule(policy, 0, 4, VERDICT_DROP);
	for (size_t i = 0; i < ARRAY_SIZE(amplifiers); i++)
		build_scalar(rule, FIELD_SPORT, amplifiers[i], amplifiers[i]);
	build_scalar(rule, FIELD_PROTO, 17, 17);
	build_scalar(rule, FIELD_LENGTH, 468, 65535);
	rule = add_rule(policy, 0, 5, VERDICT_NONE);
	build_address(rule, ADDRESS_DST, 0);
	build_scalar(rule, FIELD_FRAGMENT, FRAGMENT_LATER, FRAGMENT_LATER);
	rule = add_rule(policy, 0, 6, VERDICT_NONE);
	build_address(rule, ADDRESS_DST, 0);
	build_scalar(rule, FIELD_TCP_FLAGS, 2, 2);
}

static void one_live_set(struct policy *policy)
{
	begin(policy);
	build_live_address(add_rule(policy, 0, 0, VERDICT_DROP), ADDRESS_SRC,
			   build_live_set(policy, "banned"));
}

/* As many as there can be, in rules of every field; by turns negated, and mixed with other sets. */
static void all_live_sets(struct policy *policy)
{
	char name[NAME_LEN];

	wide_in_groups(policy);
	for (uint32_t i = 0; i < MAX_LIVE_SETS; i++) {
		struct ruleset *ruleset = &policy->rulesets[policy->interfaces[0].ruleset];
		struct rule *rule = &ruleset->rules[i * 3 % ruleset->n_rules];
		struct address_match *match = &rule->address[i % N_ADDRESS_FIELDS];

		snprintf(name, sizeof(name), "live-%u", i);
		build_live_address(rule, i % N_ADDRESS_FIELDS, build_live_set(policy, name));
		match->negated = i % 3 == 0;
	}
}

const struct cost_policy cost_policies[] = {
	[COST_NO_RULE] = { "no rule", no_rule },
	[COST_ONE_SET] = { "one set of sources", one_set },
	[COST_PORTS] = { "ports only", ports_only },
	[COST_EVERYTHING] = { "every field, one word of rules", everything_in_a_word },
	{ "the same, wide tables", wide_in_a_word },
	{ "every field, wide, one group of words", wide_in_a_group },
	{ "every field, wide, several groups", wide_in_groups },
	{ "every field, every fate", all_fates },
	{ "a typical edge policy", typical_edge },
	{ "one live set", one_live_set },
	{ "every field, wide, 64 live sets", all_live_sets },
	{ "16,384 rules: prefix and port", most_rules },
};
const size_t n_cost_policies = ARRAY_SIZE(cost_policies);
