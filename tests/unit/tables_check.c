/* SPDX-License-Identifier: GPL-2.0-only */
/* tables_check.c: compiled tables against brute force, see tables_check.h. */
#include "tables_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"

/* Of a larger ruleset, not every rule's edges are looked at, as each look is at all rules. */
#define MOST_RULES 300

/* Compiles a policy that must compile. */
struct tables *compiled(const struct policy *policy)
{
	struct tables *tables = NULL;
	struct diags diags = {};
	int r = tables_compile(policy, &tables, &diags);

	if (r < 0) {
		diags_print(&diags, stderr, false);
		print_policy(policy, stderr);
	}
	assert_int_equal(r, 0);
	assert_non_null(tables);
	assert_int_equal(diags.n_errors, 0);
	diags_free(&diags);
	return tables;
}

/* --- what a value's row must say, worked out the long way --------------------------------- */

static bool scalar_condition(const struct scalar_match *match, bool present, uint32_t value)
{
	bool listed = false;

	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_ranges; i++)
		listed |= match->ranges[i].first <= value && value <= match->ranges[i].last;
	return present && listed != match->negated;
}

/* The rows of *ethertype* also say that a rule which does not name one is for IP only. */
static bool scalar_row_condition(const struct scalar_match *match, unsigned int field, bool present,
				 uint32_t value)
{
	if (field == FIELD_ETHERTYPE && !match->present)
		return present && (value == 0x0800 || value == 0x86dd);
	return scalar_condition(match, present, value);
}

static bool in_prefix_v4(const struct prefix_v4 *prefix, uint32_t address)
{
	return prefix->len == 0 || (address ^ prefix->addr) >> (32 - prefix->len) == 0;
}

static u128 join(uint64_t hi, uint64_t lo)
{
	return (u128)hi << 64 | lo;
}

static bool in_prefix_v6(const struct prefix_v6 *prefix, u128 address)
{
	return prefix->len == 0 ||
	       (address ^ join(prefix->hi, prefix->lo)) >> (128 - prefix->len) == 0;
}

/* For one address, which sets hold it. Looked up once for all rules. Caller frees. */
static bool *holding_sets(const struct policy *policy, enum family family, uint32_t v4, u128 v6)
{
	bool *holding = calloc(policy->n_sets + 1, sizeof(*holding));

	assert_non_null(holding);
	for (size_t i = 0; i < policy->n_sets; i++) {
		const struct prefix_set *set = &policy->sets[i];

		for (size_t j = 0; family == FAMILY_V4 && j < set->n_v4; j++)
			holding[i] |= in_prefix_v4(&set->v4[j], v4);
		for (size_t j = 0; family == FAMILY_V6 && j < set->n_v6; j++)
			holding[i] |= in_prefix_v6(&set->v6[j], v6);
	}
	return holding;
}

static bool is_listed(const struct address_match *match, const bool *holding)
{
	bool listed = false;

	for (size_t i = 0; i < match->n_sets; i++)
		listed |= holding[match->sets[i]];
	return listed;
}

/* Could the condition hold? Live sets may hold any address, or not. */
static bool address_condition(const struct address_match *match, const bool *holding)
{
	if (!match->present || (match->n_live && !match->negated))
		return true;
	return is_listed(match, holding) != match->negated;
}

/* --- rows against brute force ------------------------------------------------------------- */

struct subject subject_of(const struct policy *policy, const struct tables *tables,
			  size_t interface)
{
	uint32_t ruleset = policy->interfaces[interface].ruleset;

	return (struct subject){ policy,
				 tables,
				 interface,
				 &policy->rulesets[ruleset],
				 &tables->configs[interface],
				 tables->first_bit[ruleset] };
}

/* Do the rows that a packet's fields lead to have the bits of just the rules that all of them
 * satisfy? */
static void check_scalars(const struct subject *s, const uint32_t index[N_SCALAR_FIELDS])
{
	struct scalar_rows rows = lookup_scalars(s->tables, s->config, index);

	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		bool expected = true, bit = true;

		for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
			if (s->config->uses_scalars >> f & 1)
				expected &= scalar_row_condition(&s->ruleset->rules[i].scalar[f], f,
								 index[f] > 0, index[f] - 1);
		for (uint32_t j = 0; j < rows.n; j++)
			bit &= row_bit(s->tables, rows.row[j], s->first_bit + (uint32_t)i);
		if (bit != expected) {
			for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
				fprintf(stderr, "%s %d ", scalar_field_name(f), (int)index[f] - 1);
			fprintf(stderr, "rule %zu: bit is %d\n", i, bit);
			print_policy(s->policy, stderr);
			fail();
		}
	}
}

/* A field's index, in a packet that otherwise has just what some rule wants of the other fields,
 * so that what they are folded with matters. */
static void check_scalar_index(const struct subject *s, unsigned int field, uint32_t wanted)
{
	const struct rule *rule =
		s->ruleset->n_rules ? &s->ruleset->rules[(wanted * 7 + field) % s->ruleset->n_rules]
				    : NULL;
	uint32_t index[N_SCALAR_FIELDS] = {};

	for (unsigned int f = 0; rule && f < N_SCALAR_FIELDS; f++)
		if (rule->scalar[f].present && rule->scalar[f].n_ranges)
			index[f] = 1 + rule->scalar[f].ranges[0].first;
	index[field] = wanted;
	if (field != FIELD_ETHERTYPE && !index[FIELD_ETHERTYPE])
		index[FIELD_ETHERTYPE] = 1 + 0x86dd; /* without it, no rule but one that names it */
	check_scalars(s, index);
}

void check_scalar_value(const struct subject *s, unsigned int field, uint32_t value)
{
	check_scalar_index(s, field, 1 + value);
}

/* The value and both its neighbours, as far as they exist. */
static void check_near(const struct subject *s, unsigned int field, uint32_t value)
{
	uint32_t domain = scalar_field_domain(field);

	for (uint32_t v = value ? value - 1 : 0; v <= value + 1 && v < domain; v++)
		check_scalar_value(s, field, v);
}

static void check_scalar(struct rng *rng, const struct subject *s, unsigned int field)
{
	bool used = s->config->uses_scalars >> field & 1;
	uint32_t domain = scalar_field_domain(field);

	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		const struct scalar_match *match = &s->ruleset->rules[i].scalar[field];

		if (!used) {
			assert_false(match->present);
			continue;
		}
		if (i % (s->ruleset->n_rules / MOST_RULES + 1))
			continue;
		for (size_t j = 0; match->present && j < match->n_ranges && j < 6; j++) {
			check_near(s, field, match->ranges[j].first);
			check_near(s, field, match->ranges[j].last);
		}
	}
	if (!used)
		return;
	check_scalar_index(s, field, 0);
	check_scalar_value(s, field, 0);
	check_scalar_value(s, field, domain - 1);
	for (int i = 0; i < 10; i++)
		check_scalar_value(s, field, rng_below(rng, domain));
}

/* The row that the program finds: it looks up only where there are prefixes. */
static uint32_t address_row(const struct subject *s, unsigned int field, enum family family,
			    uint32_t v4, u128 v6)
{
	if (!(s->config->uses_address & USES_PREFIXES(field, family)))
		return s->config->lpm_miss_row[field][family];
	return family == FAMILY_V4 ? lookup_v4(s->tables, s->config, field, v4)
				   : lookup_v6(s->tables, s->config, field, v6);
}

/* What a rule with live sets has besides: which they are, and the bit by which the row says that the
 * address is in one of the others. */
static void check_live(const struct subject *s, unsigned int field, uint32_t row, size_t rule,
		       const bool *holding)
{
	const struct address_match *match = &s->ruleset->rules[rule].address[field];
	const struct rule_action *action = &s->tables->actions[s->first_bit + rule];
	const struct rule_extra *extra = &s->tables->extras[action->extra];
	uint64_t live = 0;

	if (!match->present || !match->n_live)
		return;
	for (size_t i = 0; i < match->n_live; i++)
		live |= 1ULL << match->live[i];
	assert_true(action->live);
	assert_true(extra->live[field] == live);
	assert_int_equal(extra->negated >> field & 1, match->negated);
	assert_int_equal(extra->sure[field] != RULE_NO_BIT, match->n_sets && !match->negated);
	if (extra->sure[field] != RULE_NO_BIT)
		assert_int_equal(row_bit(s->tables, row, extra->sure[field]),
				 is_listed(match, holding));
}

static void check_address_rows(const struct subject *s, unsigned int field, enum family family,
			       uint32_t v4, u128 v6)
{
	uint32_t row = address_row(s, field, family, v4, v6);
	bool *holding = holding_sets(s->policy, family, v4, v6);

	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		bool expected = address_condition(&s->ruleset->rules[i].address[field], holding);

		check_live(s, field, row, i, holding);

		if (row_bit(s->tables, row, s->first_bit + (uint32_t)i) != expected) {
			fprintf(stderr, "%s %08x %016llx%016llx, rule %zu: not %d\n",
				field == ADDRESS_SRC ? "src" : "dst", v4,
				(unsigned long long)(v6 >> 64), (unsigned long long)v6, i,
				expected);
			print_policy(s->policy, stderr);
			fail();
		}
	}
	free(holding);
}

void check_prefix_v4(const struct subject *s, unsigned int field, struct prefix_v4 prefix)
{
	uint32_t last =
		prefix.addr | (prefix.len ? (uint32_t)((1ULL << (32 - prefix.len)) - 1) : ~0U);

	check_address_rows(s, field, FAMILY_V4, prefix.addr, 0);
	check_address_rows(s, field, FAMILY_V4, last, 0);
	check_address_rows(s, field, FAMILY_V4, prefix.addr - 1, 0);
	check_address_rows(s, field, FAMILY_V4, last + 1, 0);
}

void check_prefix_v6(const struct subject *s, unsigned int field, struct prefix_v6 prefix)
{
	u128 first = join(prefix.hi, prefix.lo);
	u128 last = first | (prefix.len ? (((u128)1 << (127 - (prefix.len - 1))) - 1) : ~(u128)0);

	check_address_rows(s, field, FAMILY_V6, 0, first);
	check_address_rows(s, field, FAMILY_V6, 0, last);
	check_address_rows(s, field, FAMILY_V6, 0, first - 1);
	check_address_rows(s, field, FAMILY_V6, 0, last + 1);
}

static void check_address(struct rng *rng, const struct subject *s, unsigned int field)
{
	bool used = s->config->uses_address & USES_ADDRESS(field);

	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		bool present = s->ruleset->rules[i].address[field].present;

		if (!used)
			assert_false(present);
		else
			assert_int_equal(row_bit(s->tables, s->config->lpm_absent_row[field],
						 s->first_bit + (uint32_t)i),
					 !present);
	}
	if (!used)
		return;
	for (size_t i = 0; i < s->policy->n_sets; i++) {
		const struct prefix_set *set = &s->policy->sets[i];

		for (size_t j = 0; j < set->n_v4 && j < 12; j++)
			check_prefix_v4(s, field, set->v4[j]);
		for (size_t j = 0; j < set->n_v6 && j < 12; j++)
			check_prefix_v6(s, field, set->v6[j]);
	}
	for (int i = 0; i < 10; i++) {
		check_address_rows(s, field, FAMILY_V4, (uint32_t)rng_u64(rng), 0);
		check_address_rows(s, field, FAMILY_V6, 0, join(rng_u64(rng), rng_u64(rng)));
	}
}

static void check_interface_row(const struct subject *s)
{
	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		const struct interface_match *match = &s->ruleset->rules[i].interface;
		bool listed = false;

		for (size_t j = 0; j < match->n_interfaces; j++)
			listed |= match->interfaces[j] == s->interface;
		assert_int_equal(
			row_bit(s->tables, s->config->interface_row, s->first_bit + (uint32_t)i),
			!s->ruleset->rules[i].expiry.past &&
				(!match->present || listed != match->negated));
	}
}

static void check_actions(const struct subject *s)
{
	assert_int_equal(s->tables->n_actions, s->tables->row_words * ROW_WORD_BITS);
	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		const struct rule_action *action = &s->tables->actions[s->first_bit + i];
		const struct rule *rule = &s->ruleset->rules[i];

		assert_int_equal(action->verdict, rule->shadow ? VERDICT_NONE : rule->verdict);
		if (rule->verdict == VERDICT_REDIRECT)
			assert_int_equal(s->tables->extras[action->extra].redirect, rule->redirect);
	}
}

void check_config(const struct subject *s)
{
	const struct ruleset_config *config = s->config;

	assert_int_equal(s->first_bit % ROW_WORD_BITS, 0);
	if (s->ruleset->n_rules) {
		assert_int_equal(config->first_word * ROW_WORD_BITS, s->first_bit);
		assert_true(config->first_word + config->n_words <= s->tables->row_words);
	}
	assert_int_equal(config->n_words,
			 (s->ruleset->n_rules + ROW_WORD_BITS - 1) / ROW_WORD_BITS);
	assert_int_equal(config->row_words, s->tables->row_words);
	assert_int_equal(config->n_row_words, s->tables->n_rows * row_stride(s->tables));
	assert_int_equal(config->n_actions, 0);
	assert_int_equal(config->n_scalars, s->tables->n_scalars);
	assert_int_equal(config->fate_malformed, s->policy->fate_malformed);
	assert_int_equal(config->fate_fragments, s->policy->fate_fragments);
	assert_int_equal(config->fate_extension, s->policy->fate_extension);
	assert_int_equal(config->fate_non_ip, s->policy->fate_non_ip);
	assert_int_equal(config->default_verdict, s->ruleset->default_verdict);
	/* the datapath's to fill in */
	assert_int_equal(config->generation, 0);
	assert_int_equal(config->interface_block, 0);
	assert_int_equal(config->interface_actions, 0);
	assert_int_equal(config->n_actions, 0);
	assert_int_equal(config->probe, 0);
}

void check_tables(struct rng *rng, const struct policy *policy, const struct tables *tables)
{
	assert_int_equal(tables->n_configs, policy->n_interfaces);
	check_lpm(tables);
	check_summaries(tables);
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		struct subject s = subject_of(policy, tables, i);

		check_config(&s);
		check_actions(&s);
		check_interface_row(&s);
		for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
			check_scalar(rng, &s, f);
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
			check_address(rng, &s, f);
	}
}
