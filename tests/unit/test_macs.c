/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_macs.c: the compiled MAC addresses against brute force: for each address that a rule names,
 * for its neighbours and for random ones, the row that the program's search leads to has the bits
 * of just those rules whose condition holds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "random-policy.h"
#include "tables_check.h"

static uint64_t number(const uint8_t *mac)
{
	uint64_t value = 0;

	for (int i = 0; i < MAC_BYTES; i++)
		value = value << 8 | mac[i];
	return value;
}

static void to_mac(uint64_t value, uint8_t *mac)
{
	for (int i = MAC_BYTES - 1; i >= 0; i--, value >>= 8)
		mac[i] = (uint8_t)value;
}

/* As the program: in so many steps, never outside the table. */
static uint32_t lookup(const struct tables *tables, const struct ruleset_config *config,
		       enum mac_field field, uint64_t mac)
{
	uint32_t index = config->mac_first[field], left = config->mac_count[field];

	assert_true(index + left <= tables->n_macs);
	if (left == 0)
		return config->mac_miss_row[field];
	for (int i = 0; i < MAC_SEARCH_STEPS && left > 1; i++) {
		if (tables->macs[index + left / 2] >> MAC_ADDRESS_SHIFT <= mac)
			index += left / 2;
		left -= left / 2;
	}
	assert_int_equal(left, 1);
	return tables->macs[index] >> MAC_ADDRESS_SHIFT == mac ? tables->macs[index] & MAC_ROW_MASK
							       : config->mac_miss_row[field];
}

static int compare_macs(const void *a, const void *b)
{
	return memcmp(a, b, MAC_BYTES);
}

static bool holds(const struct mac_match *match, uint64_t mac)
{
	uint8_t bytes[MAC_BYTES];
	bool listed;

	if (!match->present)
		return true;
	to_mac(mac, bytes);
	listed = match->n_macs &&
		 bsearch(bytes, match->macs, match->n_macs, sizeof(bytes), compare_macs);
	return listed != match->negated;
}

static void check_mac(const struct subject *s, enum mac_field field, uint64_t mac)
{
	uint32_t row;

	mac &= 0xffffffffffff;
	row = lookup(s->tables, s->config, field, mac);
	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		if (row_bit(s->tables, row, s->first_bit + (uint32_t)i) ==
		    holds(&s->ruleset->rules[i].mac[field], mac))
			continue;
		print_policy(s->policy, stderr);
		fail_msg("%s %012llx, rule %zu", field == MAC_SRC ? "src-mac" : "dst-mac",
			 (unsigned long long)mac, i);
	}
}

static void check_field(struct rng *rng, const struct subject *s, enum mac_field field,
			size_t most_of_a_rule)
{
	for (size_t i = 0; i < s->ruleset->n_rules; i++) {
		const struct mac_match *match = &s->ruleset->rules[i].mac[field];

		for (size_t j = 0; j < match->n_macs && j < most_of_a_rule; j++) {
			size_t at = match->n_macs > most_of_a_rule
					    ? rng_below(rng, (uint32_t)match->n_macs)
					    : j;

			for (uint64_t mac = number(match->macs[at]) - 1, n = 0; n < 3; n++)
				check_mac(s, field, mac + n);
		}
	}
	for (int i = 0; i < 20; i++) {
		uint8_t mac[MAC_BYTES];

		random_mac(rng, mac);
		check_mac(s, field, number(mac));
		check_mac(s, field, rng_u64(rng));
	}
	check_mac(s, field, 0);
	check_mac(s, field, ~0ULL);
}

static void check_macs(struct rng *rng, const struct policy *policy, const struct tables *tables)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		struct subject s = subject_of(policy, tables, i);

		assert_int_equal(s.config->n_macs, tables->n_macs);
		for (enum mac_field field = 0; field < N_MAC_FIELDS; field++) {
			if (s.config->uses_macs >> field & 1)
				check_field(rng, &s, field, 100);
			else
				for (size_t j = 0; j < s.ruleset->n_rules; j++)
					assert_false(s.ruleset->rules[j].mac[field].present);
		}
	}
}

static void random_policies(void **state)
{
	struct rng rng = { 20251124 };

	for (int i = 0; i < 150; i++) {
		struct policy *policy = random_policy(&rng);
		struct tables *tables = compiled(policy);

		check_macs(&rng, policy, tables);
		tables_free(tables);
		policy_free(policy);
	}
}

static struct policy *one_interface(void)
{
	struct policy *policy = build_policy();

	build_interface(policy, "eth0", build_ruleset(policy, "p", VERDICT_PASS));
	return policy;
}

/* Every number of entries around powers of two; all are found, their neighbours are not. */
static void numbers_of_entries(void **state)
{
	static const uint32_t numbers[] = { 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 1023, 1024, 1025 };
	struct rng rng = { 5 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct policy *policy = one_interface();
		struct rule *rule = build_rule(policy, 0, "r", VERDICT_DROP);
		struct tables *tables;

		for (uint32_t j = 0; j < numbers[i]; j++) {
			uint8_t mac[MAC_BYTES];

			to_mac(0xffffffffffffULL / numbers[i] * j, mac);
			build_mac(rule, MAC_DST, mac);
		}
		tables = compiled(policy);
		assert_int_equal(tables->n_macs, numbers[i]);
		assert_int_equal(tables->configs[0].mac_count[MAC_DST], numbers[i]);
		check_macs(&rng, policy, tables);
		tables_free(tables);
		policy_free(policy);
	}
}

/* Each rule has an address of its own, so each address a row of its own. */
static void many_rows(void **state)
{
	enum { N = 4096 };
	struct rng rng = { 6 };
	struct policy *policy = one_interface();
	struct tables *tables;

	for (uint32_t i = 0; i < N; i++) {
		struct rule *rule = build_rule(policy, 0, "r", VERDICT_DROP);
		uint8_t mac[MAC_BYTES];

		to_mac(0x020000000000ULL + 3 * i, mac);
		build_mac(rule, i % 2 ? MAC_SRC : MAC_DST, mac);
		rule->mac[i % 2 ? MAC_SRC : MAC_DST].negated = i % 5 == 0;
	}
	tables = compiled(policy);
	assert_int_equal(tables->n_macs, N);
	for (int i = 0; i < 40; i++) {
		struct subject s = subject_of(policy, tables, 0);

		check_mac(&s, i % 2 ? MAC_SRC : MAC_DST,
			  0x020000000000ULL + rng_below(&rng, 3 * N));
	}
	tables_free(tables);
	policy_free(policy);
}

/* Present without an address, as no policy file can say it: the condition holds for none. */
static void no_address(void **state)
{
	struct rng rng = { 7 };
	struct policy *policy = one_interface();
	struct tables *tables;

	build_rule(policy, 0, "none", VERDICT_DROP)->mac[MAC_SRC].present = true;
	build_rule(policy, 0, "all", VERDICT_DROP)->mac[MAC_SRC] =
		(struct mac_match){ .present = true, .negated = true };
	tables = compiled(policy);
	assert_int_equal(tables->n_macs, 0);
	check_macs(&rng, policy, tables);
	tables_free(tables);
	policy_free(policy);
}

/* Rule b names the addresses below n that have bit b: each address has a row of its own. */
static struct policy *rules_by_bit(uint64_t n)
{
	struct policy *policy = one_interface();
	char name[NAME_LEN];

	for (int bit = 0; n >> bit; bit++) {
		struct mac_match *match;

		snprintf(name, sizeof(name), "bit-%d", bit);
		match = &build_rule(policy, 0, name, VERDICT_DROP)->mac[MAC_DST];
		match->present = true;
		match->macs = malloc(n * sizeof(*match->macs));
		for (uint64_t mac = 0; mac < n; mac++)
			if (mac >> bit & 1)
				to_mac(mac, match->macs[match->n_macs++]);
	}
	return policy;
}

static void assert_refused(const struct policy *policy, unsigned int line, const char *message)
{
	struct tables *tables = NULL;
	struct diags diags = {};

	assert_int_equal(tables_compile(policy, &tables, &diags), -EINVAL);
	assert_null(tables);
	assert_int_equal(diags.n_errors, 1);
	assert_int_equal(diags.items[0].line, line);
	assert_string_equal(diags.items[0].message, message);
	diags_free(&diags);
}

static void too_many(void **state)
{
	struct policy *policy = rules_by_bit(65536);
	struct rng rng = { 8 };
	struct tables *tables = compiled(policy);

	assert_int_equal(tables->n_macs, 65535); /* and the row of all others */
	check_macs(&rng, policy, tables);
	tables_free(tables);
	policy_free(policy);

	policy = rules_by_bit(65537);
	assert_refused(
		policy, 18,
		"rule 'bit-16': more than 65536 different sets of rules in the conditions on "
		"'dst-mac'");
	policy_free(policy);

	policy = one_interface();
	build_rule(policy, 0, "all", VERDICT_DROP)->mac[MAC_SRC] =
		(struct mac_match){ .present = true, .macs = malloc(65537 * MAC_BYTES) };
	for (uint64_t mac = 0; mac < 65537; mac++)
		to_mac(mac * 0x10001, policy->rulesets[0].rules[0].mac[MAC_SRC].macs[mac]);
	policy->rulesets[0].rules[0].mac[MAC_SRC].n_macs = 65536;
	tables = compiled(policy);
	assert_int_equal(tables->n_macs, 65536);
	check_macs(&rng, policy, tables);
	tables_free(tables);
	policy->rulesets[0].rules[0].mac[MAC_SRC].n_macs = 65537;
	assert_refused(policy, 2,
		       "rule 'all': more than 65536 MAC addresses in the conditions on 'src-mac'");
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies), cmocka_unit_test(numbers_of_entries),
		cmocka_unit_test(many_rows),       cmocka_unit_test(no_address),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
