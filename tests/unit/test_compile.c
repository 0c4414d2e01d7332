/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_compile.c: the tables that daemon/compile makes, against the promises of compile.h:
 * the same bytes for the same policy, and in the row of every value the bits of just those
 * rules whose condition holds for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "compile.h"
#include "packet.h"
#include "random-policy.h"
#include "rng.h"
#include "util.h"

/* Compiles a policy that must compile. */
static struct tables *compiled(const struct policy *policy)
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

typedef unsigned __int128 u128;

static u128 join(uint64_t hi, uint64_t lo)
{
	return (u128)hi << 64 | lo;
}

static bool in_prefix_v6(const struct prefix_v6 *prefix, u128 address)
{
	return prefix->len == 0 ||
	       (address ^ join(prefix->hi, prefix->lo)) >> (128 - prefix->len) == 0;
}

static bool address_condition(const struct policy *policy, const struct address_match *match,
			      enum family family, uint32_t v4, u128 v6)
{
	bool listed = false;

	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_sets; i++) {
		const struct prefix_set *set = &policy->sets[match->sets[i]];

		for (size_t j = 0; family == FAMILY_V4 && j < set->n_v4; j++)
			listed |= in_prefix_v4(&set->v4[j], v4);
		for (size_t j = 0; family == FAMILY_V6 && j < set->n_v6; j++)
			listed |= in_prefix_v6(&set->v6[j], v6);
	}
	return listed != match->negated;
}

/* --- looking things up as the program would ----------------------------------------------- */

static bool row_bit(const struct tables *tables, uint32_t row, uint32_t bit)
{
	assert_true(row < tables->n_rows);
	assert_true(bit / ROW_WORD_BITS < tables->row_words);
	return tables->rows[(size_t)row * tables->row_words + bit / ROW_WORD_BITS] >>
		       bit % ROW_WORD_BITS &
	       1;
}

static uint32_t lookup_v4(const struct tables *tables, const struct ruleset_config *config,
			  unsigned int field, uint32_t address)
{
	uint32_t row = config->lpm_miss_row[field][FAMILY_V4];
	uint32_t best_len = 0;

	for (size_t i = 0; i < tables->n_lpm_v4[field]; i++) {
		const struct lpm_entry_v4 *entry = &tables->lpm_v4[field][i];
		struct prefix_v4 prefix = { .len = (uint8_t)entry->key.prefix_len };

		for (int j = 0; j < 4; j++)
			prefix.addr = prefix.addr << 8 | entry->key.addr[j];
		if (prefix.len >= best_len && in_prefix_v4(&prefix, address)) {
			row = entry->row;
			best_len = prefix.len;
		}
	}
	return row;
}

static u128 key_address_v6(const struct lpm_key_v6 *key)
{
	u128 address = 0;

	for (int i = 0; i < 16; i++)
		address = address << 8 | key->addr[i];
	return address;
}

static uint32_t lookup_v6(const struct tables *tables, const struct ruleset_config *config,
			  unsigned int field, u128 address)
{
	uint32_t row = config->lpm_miss_row[field][FAMILY_V6];
	uint32_t best_len = 0;

	for (size_t i = 0; i < tables->n_lpm_v6[field]; i++) {
		const struct lpm_entry_v6 *entry = &tables->lpm_v6[field][i];
		u128 key = key_address_v6(&entry->key);
		struct prefix_v6 prefix = { (uint64_t)(key >> 64), (uint64_t)key,
					    (uint8_t)entry->key.prefix_len };

		if (prefix.len >= best_len && in_prefix_v6(&prefix, address)) {
			row = entry->row;
			best_len = prefix.len;
		}
	}
	return row;
}

/* --- rows against brute force ------------------------------------------------------------- */

struct subject {
	const struct policy *policy;
	const struct tables *tables;
	size_t interface;
	const struct ruleset *ruleset;
	const struct ruleset_config *config;
	uint32_t first_bit;
};

static struct subject subject_of(const struct policy *policy, const struct tables *tables,
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

/* Element 0 of a field's table is for packets without it, element v + 1 for value v. */
static uint32_t scalar_row(const struct subject *s, unsigned int field, uint32_t element)
{
	uint32_t at = s->config->scalar_offset[field] + element;

	assert_true(at < s->tables->n_scalars);
	return s->tables->scalars[at];
}

static void check_scalar_value(const struct subject *s, unsigned int field, uint32_t value)
{
	uint32_t row = scalar_row(s, field, value + 1);

	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		bool expected = scalar_row_condition(&s->ruleset->rules[i].scalar[field], field,
						     true, value);
		bool bit = row_bit(s->tables, row, s->first_bit + (uint32_t)i);

		if (bit != expected) {
			fprintf(stderr, "%s %u, rule %zu: bit is %d\n", scalar_field_name(field),
				value, i, bit);
			print_policy(s->policy, stderr);
			fail();
		}
	}
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
		assert_int_equal(
			row_bit(s->tables, scalar_row(s, field, 0), s->first_bit + (uint32_t)i),
			scalar_row_condition(match, field, false, 0));
		for (size_t j = 0; match->present && j < match->n_ranges && j < 6; j++) {
			check_near(s, field, match->ranges[j].first);
			check_near(s, field, match->ranges[j].last);
		}
	}
	if (!used)
		return;
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

static void check_address_rows(const struct subject *s, unsigned int field, enum family family,
			       uint32_t v4, u128 v6)
{
	uint32_t row = address_row(s, field, family, v4, v6);

	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		bool expected = address_condition(s->policy, &s->ruleset->rules[i].address[field],
						  family, v4, v6);

		if (row_bit(s->tables, row, s->first_bit + (uint32_t)i) != expected) {
			fprintf(stderr, "%s %08x %016llx%016llx, rule %zu: not %d\n",
				field == ADDRESS_SRC ? "src" : "dst", v4,
				(unsigned long long)(v6 >> 64), (unsigned long long)v6, i,
				expected);
			print_policy(s->policy, stderr);
			fail();
		}
	}
}

static void check_prefix_v4(const struct subject *s, unsigned int field, struct prefix_v4 prefix)
{
	uint32_t last =
		prefix.addr | (prefix.len ? (uint32_t)((1ULL << (32 - prefix.len)) - 1) : ~0U);

	check_address_rows(s, field, FAMILY_V4, prefix.addr, 0);
	check_address_rows(s, field, FAMILY_V4, last, 0);
	check_address_rows(s, field, FAMILY_V4, prefix.addr - 1, 0);
	check_address_rows(s, field, FAMILY_V4, last + 1, 0);
}

static void check_prefix_v6(const struct subject *s, unsigned int field, struct prefix_v6 prefix)
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
			!match->present || listed != match->negated);
	}
}

static void check_actions(const struct subject *s)
{
	assert_int_equal(s->tables->n_actions, s->tables->row_words * ROW_WORD_BITS);
	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		const struct rule_action *action = &s->tables->actions[s->first_bit + i];
		const struct rule *rule = &s->ruleset->rules[i];

		assert_int_equal(action->verdict, rule->verdict);
		if (rule->verdict == VERDICT_REDIRECT)
			assert_int_equal(action->redirect, rule->redirect);
	}
}

static void check_config(const struct subject *s)
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
	assert_int_equal(config->n_row_words, s->tables->n_rows * s->tables->row_words);
	assert_int_equal(config->n_actions, s->tables->n_actions);
	assert_int_equal(config->n_scalars, s->tables->n_scalars);
	assert_int_equal(config->fate_malformed, s->policy->fate_malformed);
	assert_int_equal(config->fate_fragments, s->policy->fate_fragments);
	assert_int_equal(config->fate_extension, s->policy->fate_extension);
	assert_int_equal(config->fate_non_ip, s->policy->fate_non_ip);
	assert_int_equal(config->default_verdict, s->ruleset->default_verdict);
	/* the datapath's to fill in */
	assert_int_equal(config->generation, 0);
	assert_int_equal(config->interface_block, 0);
	assert_int_equal(config->interface_slots, 0);
	assert_int_equal(config->n_slots, 0);
	assert_int_equal(config->probe, 0);
}

static void check_lpm_order(const struct tables *tables)
{
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		for (size_t i = 0; i < tables->n_lpm_v4[f]; i++) {
			const struct lpm_entry_v4 *entry = &tables->lpm_v4[f][i];
			int order;

			assert_true(entry->key.prefix_len <= 32);
			if (i == 0)
				continue;
			order = memcmp(entry[-1].key.addr, entry->key.addr, 4);
			assert_true(order < 0 || (order == 0 && entry[-1].key.prefix_len <
									entry->key.prefix_len));
		}
		for (size_t i = 0; i < tables->n_lpm_v6[f]; i++) {
			const struct lpm_entry_v6 *entry = &tables->lpm_v6[f][i];
			int order;

			assert_true(entry->key.prefix_len <= 128);
			if (i == 0)
				continue;
			order = memcmp(entry[-1].key.addr, entry->key.addr, 16);
			assert_true(order < 0 || (order == 0 && entry[-1].key.prefix_len <
									entry->key.prefix_len));
		}
	}
}

static void check_tables(struct rng *rng, const struct policy *policy, const struct tables *tables)
{
	assert_int_equal(tables->n_configs, policy->n_interfaces);
	check_lpm_order(tables);
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

static void test_random_policies(void **state)
{
	struct rng rng = { 2 };

	for (int i = 0; i < 60; i++) {
		struct policy *policy = random_policy(&rng);
		struct tables *tables = compiled(policy);

		check_tables(&rng, policy, tables);
		tables_free(tables);
		policy_free(policy);
	}
}

/* --- the same bytes ----------------------------------------------------------------------- */

#define ASSERT_SAME(a, b, member, n)                                                               \
	do {                                                                                       \
		assert_int_equal((a)->n, (b)->n);                                                  \
		if ((a)->n)                                                                        \
			assert_memory_equal((a)->member, (b)->member,                              \
					    (a)->n * sizeof(*(a)->member));                        \
	} while (0)

static void test_same_bytes(void **state)
{
	struct rng rng = { 3 };

	for (int i = 0; i < 40; i++) {
		struct policy *policy = random_policy(&rng);
		struct tables *a = compiled(policy);
		/* memory that was used before, so that what is left unset would differ */
		void *dirt = malloc(1 << 20);

		assert_non_null(dirt);
		memset(dirt, 0x55, 1 << 20);
		free(dirt);
		struct tables *b = compiled(policy);

		assert_int_equal(a->row_words, b->row_words);
		assert_int_equal(a->n_rows, b->n_rows);
		assert_memory_equal(a->rows, b->rows,
				    (size_t)a->n_rows * a->row_words * sizeof(*a->rows));
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
			ASSERT_SAME(a, b, lpm_v4[f], n_lpm_v4[f]);
			ASSERT_SAME(a, b, lpm_v6[f], n_lpm_v6[f]);
		}
		ASSERT_SAME(a, b, scalars, n_scalars);
		ASSERT_SAME(a, b, actions, n_actions);
		ASSERT_SAME(a, b, configs, n_configs);
		assert_memory_equal(a->first_bit, b->first_bit,
				    policy->n_rulesets * sizeof(*a->first_bit));
		tables_free(a);
		tables_free(b);
		policy_free(policy);
	}
}

/* --- prefixes by hand --------------------------------------------------------------------- */

static struct policy *one_interface(void)
{
	struct policy *policy = build_policy();

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	return policy;
}

static void set_rule(struct policy *policy, const char *name, const char *const *prefixes)
{
	struct rule *rule = build_rule(policy, 0, name, VERDICT_NONE);
	uint32_t set = build_set(policy, name);

	for (; *prefixes; prefixes++)
		build_prefix(policy, set, *prefixes);
	build_address(rule, ADDRESS_SRC, set);
}

#define PREFIXES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The words of the row of a source address; there are less than 64 rules. */
static uint64_t src_bits(const struct tables *tables, const char *address)
{
	const struct ruleset_config *config = &tables->configs[0];
	uint32_t row;

	if (strchr(address, ':')) {
		struct lpm_key_v6 key;

		packet_address6(key.addr, address);
		row = lookup_v6(tables, config, ADDRESS_SRC, key_address_v6(&key));
	} else {
		row = lookup_v4(tables, config, ADDRESS_SRC, packet_address4(address));
	}
	return tables->rows[(size_t)row * tables->row_words];
}

static void test_nested_prefixes(void **state)
{
	struct policy *policy = one_interface();
	struct tables *tables;
	struct rng rng = { 4 };

	set_rule(policy, "all", PREFIXES("0.0.0.0/0", "::/0"));
	set_rule(policy, "eight", PREFIXES("10.0.0.0/8", "2001:db8::/32"));
	set_rule(policy, "twice", PREFIXES("10.1.0.0/16", "10.1.0.0/16", "2001:db8::/32"));
	set_rule(policy, "host", PREFIXES("10.1.2.3", "2001:db8::1/128"));
	set_rule(policy, "halves", PREFIXES("10.1.2.0/25", "10.1.2.128/25", "2001:db8::/64"));
	set_rule(policy, "same-start", PREFIXES("10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/32"));
	set_rule(policy, "last",
		 PREFIXES("255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	tables = compiled(policy);
	check_tables(&rng, policy, tables);

	assert_int_equal(src_bits(tables, "9.255.255.255"), 0x01);
	assert_int_equal(src_bits(tables, "10.0.0.0"), 0x23);
	assert_int_equal(src_bits(tables, "10.0.0.1"), 0x23);
	assert_int_equal(src_bits(tables, "10.128.0.0"), 0x23);
	assert_int_equal(src_bits(tables, "10.1.0.0"), 0x27);
	assert_int_equal(src_bits(tables, "10.1.2.3"), 0x3f);
	assert_int_equal(src_bits(tables, "10.1.2.4"), 0x37);
	assert_int_equal(src_bits(tables, "10.1.2.255"), 0x37);
	assert_int_equal(src_bits(tables, "10.1.3.0"), 0x27);
	assert_int_equal(src_bits(tables, "11.0.0.0"), 0x01);
	assert_int_equal(src_bits(tables, "255.255.255.255"), 0x41);
	assert_int_equal(src_bits(tables, "255.255.255.254"), 0x01);
	assert_int_equal(src_bits(tables, "2001:db8::1"), 0x1f);
	assert_int_equal(src_bits(tables, "2001:db8::2"), 0x17);
	assert_int_equal(src_bits(tables, "2001:db8:1::"), 0x07);
	assert_int_equal(src_bits(tables, "2001:db9::"), 0x01);
	assert_int_equal(src_bits(tables, "::"), 0x01);
	assert_int_equal(src_bits(tables, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 0x41);
	tables_free(tables);
	policy_free(policy);
}

/* Every length of prefix, each inside the one before. */
static void test_every_length(void **state)
{
	struct policy *policy = one_interface();
	struct tables *tables;
	struct rng rng = { 5 };
	char name[NAME_LEN];

	for (uint8_t len = 0; len <= 128; len++) {
		uint32_t set;

		snprintf(name, sizeof(name), "len-%u", len);
		set = build_set(policy, name);
		build_address(build_rule(policy, 0, name, VERDICT_NONE), ADDRESS_SRC, set);
		if (len <= 32)
			build_prefix_v4(policy, set, 0xa5c3964b, len);
		build_prefix_v6(policy, set, 0x20010db8a5c3964bULL, 0x123456789abcdef1ULL, len);
	}
	tables = compiled(policy);
	check_tables(&rng, policy, tables);
	tables_free(tables);
	policy_free(policy);
}

/* Numbers of prefixes around what 16 bits can count. */
static void test_many_prefixes(void **state)
{
	static const uint32_t numbers[] = { 65535, 65536, 65537 };
	struct rng rng = { 7 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct policy *policy = one_interface();
		uint32_t hosts = build_set(policy, "hosts"), nets = build_set(policy, "nets");
		struct tables *tables;
		struct subject s;

		build_address(build_rule(policy, 0, "hosts", VERDICT_NONE), ADDRESS_SRC, hosts);
		build_address(build_rule(policy, 0, "nets", VERDICT_NONE), ADDRESS_SRC, nets);
		for (uint32_t n = 0; n < numbers[i]; n++) {
			build_prefix_v4(policy, hosts, n * 20011, 32);
			build_prefix_v6(policy, hosts, 0x20010db8ULL << 32 | n, n, 128);
		}
		build_prefix(policy, nets, "10.0.0.0/8");
		tables = compiled(policy);
		s = subject_of(policy, tables, 0);
		check_lpm_order(tables);
		for (int j = 0; j < 12; j++) {
			uint32_t n = j == 0   ? 0
				     : j == 1 ? numbers[i] - 1
					      : rng_below(&rng, numbers[i]);

			check_prefix_v4(&s, ADDRESS_SRC, policy->sets[hosts].v4[n]);
			check_prefix_v6(&s, ADDRESS_SRC, policy->sets[hosts].v6[n]);
		}
		tables_free(tables);
		policy_free(policy);
	}
}

/* --- limits ------------------------------------------------------------------------------- */

static void many_rules(struct policy *policy, uint32_t ruleset, unsigned int n)
{
	char name[NAME_LEN];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "rule-%u", i);
		build_scalar(build_rule(policy, ruleset, name, VERDICT_NONE), FIELD_DPORT, i, i);
	}
}

/* The policy must be refused, by an error that has the rule's name or place and the limit. */
static void assert_refused(const struct policy *policy, const char *word)
{
	struct tables *tables = NULL;
	struct diags diags = {};
	bool found = false;

	assert_int_equal(tables_compile(policy, &tables, &diags), -EINVAL);
	assert_null(tables);
	assert_true(diags.n_errors > 0);
	for (size_t i = 0; i < diags.n; i++) {
		if (strstr(diags.items[i].message, word))
			found = true;
	}
	if (!found)
		diags_print(&diags, stderr, false);
	assert_true(found);
	diags_free(&diags);
}

static void test_most_rules(void **state)
{
	struct policy *policy = one_interface();
	struct tables *tables;

	many_rules(policy, 0, MAX_RULES);
	tables = compiled(policy);
	assert_int_equal(tables->row_words, MAX_ROW_WORDS);
	tables_free(tables);
	build_rule(policy, 0, "one-too-many", VERDICT_DROP);
	assert_refused(policy, "one-too-many");
	policy_free(policy);

	policy = one_interface(); /* each policy is rounded up to a word */
	build_interface(policy, "lan", build_ruleset(policy, "inside", VERDICT_DROP));
	many_rules(policy, 0, MAX_RULES - 2 * ROW_WORD_BITS + 1);
	many_rules(policy, 1, ROW_WORD_BITS);
	tables = compiled(policy);
	check_config(&(struct subject){ policy, tables, 1, &policy->rulesets[1],
					&tables->configs[1], tables->first_bit[1] });
	tables_free(tables);
	build_rule(policy, 1, "one-too-many", VERDICT_DROP);
	assert_refused(policy, "one-too-many");
	policy_free(policy);
}

/* A rule for each bit of the field: as many different rows as the field has values. */
static void rules_by_bit(struct policy *policy, enum scalar_field field, uint32_t n_values)
{
	char name[NAME_LEN];

	for (uint32_t bit = 1; bit < n_values; bit <<= 1) {
		struct rule *rule;

		snprintf(name, sizeof(name), "%s-bit-%u", scalar_field_name(field), bit);
		rule = build_rule(policy, 0, name, VERDICT_NONE);
		for (uint32_t first = bit; first < n_values; first += 2 * bit)
			build_scalar(rule, field, first, first + bit - 1);
	}
}

static void test_most_scalar_rows(void **state)
{
	struct policy *policy = one_interface();
	struct tables *tables;

	rules_by_bit(policy, FIELD_SPORT, 32768);
	rules_by_bit(policy, FIELD_DPORT, 16384);
	tables = compiled(policy);
	for (uint32_t port = 0; port < 65536; port += 977) {
		struct subject s = subject_of(policy, tables, 0);

		check_scalar_value(&s, FIELD_SPORT, port);
		check_scalar_value(&s, FIELD_DPORT, port);
	}
	tables_free(tables);
	policy_free(policy);

	policy = one_interface(); /* just as many rows as there are numbers for them */
	rules_by_bit(policy, FIELD_SPORT, 65536);
	tables = compiled(policy);
	for (uint32_t port = 0; port < 65536; port++) {
		struct subject s = subject_of(policy, tables, 0);

		check_scalar_value(&s, FIELD_SPORT, port);
	}
	tables_free(tables);
	policy_free(policy);

	policy = one_interface();
	rules_by_bit(policy, FIELD_SPORT, 65536);
	rules_by_bit(policy, FIELD_DPORT, 65536);
	assert_refused(policy, "port");
	policy_free(policy);

	policy = one_interface(); /* one field alone */
	rules_by_bit(policy, FIELD_ICMP, 131072);
	assert_refused(policy, "icmp");
	policy_free(policy);
}

static void test_no_rules(void **state)
{
	struct policy *policy = one_interface();
	struct tables *tables = compiled(policy);

	assert_int_equal(tables->configs[0].n_words, 0);
	tables_free(tables);
	policy_free(policy);
	assert_null(tables_free(NULL));
}

/* Rules behind the end of the ruleset must never match: bits beyond the last rule are 0 at
 * least in the row of the interface, which every packet meets. */
static void test_no_rule_beyond_the_last(void **state)
{
	for (unsigned int n = 62; n <= 66; n++) {
		struct policy *policy = one_interface();
		struct tables *tables;

		many_rules(policy, 0, n);
		tables = compiled(policy);
		for (uint32_t bit = n; bit < tables->row_words * ROW_WORD_BITS; bit++)
			assert_false(row_bit(tables, tables->configs[0].interface_row, bit));
		tables_free(tables);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_policies),         cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_nested_prefixes),         cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_many_prefixes),           cmocka_unit_test(test_most_rules),
		cmocka_unit_test(test_most_scalar_rows),        cmocka_unit_test(test_no_rules),
		cmocka_unit_test(test_no_rule_beyond_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
