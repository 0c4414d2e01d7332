/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_compile.c: the tables that daemon/compile makes, against the promises of compile.h:
 * the same bytes for the same policy, rows that say what the conditions say (see
 * tables_check.h), and limits that are refused by name.
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
#include "shapes.h"
#include "tables_check.h"
#include "util.h"

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
				    (size_t)a->n_rows * row_stride(a) * sizeof(*a->rows));
		ASSERT_SAME(a, b, lpm4, n_lpm4);
		ASSERT_SAME(a, b, lpm6, n_lpm6);
		ASSERT_SAME(a, b, macs, n_macs);
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
		uint8_t bytes[16];
		u128 value = 0;

		packet_address6(bytes, address);
		for (int i = 0; i < 16; i++)
			value = value << 8 | bytes[i];
		row = lookup_v6(tables, config, ADDRESS_SRC, value);
	} else {
		row = lookup_v4(tables, config, ADDRESS_SRC, packet_address4(address));
	}
	return row_word(tables, row, 0);
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

/* A few prefixes of the set, its last one among them. */
static void check_some(struct rng *rng, const struct subject *s, const struct prefix_set *set)
{
	for (int i = 0; i < 6; i++) {
		enum address_field field = i % N_ADDRESS_FIELDS;

		if (set->n_v4)
			check_prefix_v4(
				s, field,
				set->v4[i ? rng_below(rng, (uint32_t)set->n_v4) : set->n_v4 - 1]);
		if (set->n_v6)
			check_prefix_v6(
				s, field,
				set->v6[i ? rng_below(rng, (uint32_t)set->n_v6) : set->n_v6 - 1]);
	}
}

/* Every shape of large sets, smaller where its size is free: all that can be reached, and some
 * prefixes by brute force. */
static void test_shapes(void **state)
{
	struct rng rng = { 6 };
	char name[NAME_LEN];

	for (size_t i = 0; i < n_shapes; i++) {
		struct policy *policy = one_interface();
		struct tables *tables;
		struct subject s;

		for (uint32_t j = 0; j < SHAPE_SETS; j++) {
			uint32_t set;

			snprintf(name, sizeof(name), "set-%u", j);
			set = build_set(policy, name);
			for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
				build_address(build_rule(policy, 0, name, VERDICT_NONE), f, set);
		}
		shapes[i].fill(&rng, policy, shapes[i].n / 20);
		tables = compiled(policy);
		check_lpm(tables);
		s = subject_of(policy, tables, 0);
		for (uint32_t j = 0; j < SHAPE_SETS; j++)
			check_some(&rng, &s, &policy->sets[j]);
		tables_free(tables);
		policy_free(policy);
	}
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
		check_lpm(tables);
		for (int j = 0; j < 6; j++) {
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
	assert_int_equal(tables->row_words, MAX_RULES / ROW_WORD_BITS);
	tables_free(tables);
	build_rule(policy, 0, "one-too-many", VERDICT_DROP);
	assert_refused(policy, "one-too-many");
	policy_free(policy);
}

/* Each policy is rounded up to a word, and yet there is room for all rules. */
static void test_most_rulesets(void **state)
{
	struct policy *policy = one_interface();
	struct tables *tables;
	uint32_t last = 0;

	build_rule(policy, 0, "alone", VERDICT_DROP);
	for (int i = 1; i < MAX_RULESETS - 1; i++)
		build_rule(policy, build_ruleset(policy, "one", VERDICT_DROP), "alone",
			   VERDICT_DROP);
	last = build_ruleset(policy, "last", VERDICT_DROP);
	build_interface(policy, "lan", last);
	many_rules(policy, last, MAX_RULES - MAX_RULESETS + 1);
	tables = compiled(policy);
	assert_in_range(tables->row_words, MAX_ROW_WORDS - 8, MAX_ROW_WORDS);
	check_config(&(struct subject){ policy, tables, 1, &policy->rulesets[last],
					&tables->configs[1], tables->first_bit[last] });
	tables_free(tables);
	build_rule(policy, last, "one-too-many", VERDICT_DROP);
	assert_refused(policy, "one-too-many");
	policy_free(policy);

	policy = one_interface();
	for (int i = 0; i < MAX_RULESETS; i++)
		build_ruleset(policy, "empty", VERDICT_DROP);
	assert_refused(policy, "more than 256 policies");
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
	for (uint32_t port = 0; port < 65536; port += 61) {
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

/* A set for each bit of the hosts' numbers: as many different rows as hosts. */
static struct policy *hosts_by_bit(uint32_t n_hosts)
{
	struct policy *policy = one_interface();
	char name[NAME_LEN];

	for (uint32_t bit = 1; bit < n_hosts; bit <<= 1) {
		uint32_t set;

		snprintf(name, sizeof(name), "bit-%u", bit);
		set = build_set(policy, name);
		build_address(build_rule(policy, 0, name, VERDICT_NONE), ADDRESS_DST, set);
		for (uint32_t host = 0; host < n_hosts; host++) {
			if (host & bit)
				build_prefix_v4(policy, set, 0x0a000000 + 3 * host, 32);
		}
	}
	return policy;
}

static void test_most_address_rows(void **state)
{
	/* Around what 8 bits, and 16, can tell apart. */
	static const uint32_t numbers[] = {
		LPM4_MAX_ROWS - 1, LPM4_MAX_ROWS, LPM4_MAX_ROWS + 1, 65535, 65536, 65537
	};
	struct rng rng = { 8 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct policy *policy = hosts_by_bit(numbers[i]);
		struct tables *tables = compiled(policy);
		struct subject s = subject_of(policy, tables, 0);

		check_lpm(tables);
		for (int j = 0; j < 20; j++) {
			uint32_t host = j ? rng_below(&rng, numbers[i]) : numbers[i] - 1;
			uint32_t address = 0x0a000000 + 3 * host;
			uint32_t row = lookup_v4(tables, s.config, ADDRESS_DST, address);

			assert_int_equal(row_word(tables, row, 0), host);
		}
		tables_free(tables);
		policy_free(policy);
	}
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
		cmocka_unit_test(test_random_policies),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_nested_prefixes),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_many_prefixes),
		cmocka_unit_test(test_most_rules),
		cmocka_unit_test(test_most_rulesets),
		cmocka_unit_test(test_most_scalar_rows),
		cmocka_unit_test(test_most_address_rows),
		cmocka_unit_test(test_no_rules),
		cmocka_unit_test(test_no_rule_beyond_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
