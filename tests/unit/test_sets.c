/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_sets.c: what sets, and the fields that name them, become in a policy: sets of prefixes with
 * elements, sets of ports as ranges of the conditions that name them, MAC addresses; and what
 * bounds them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config.h"
#include "util.h"

#define HEAD "interfaces: {eth0: {policy: p}}\npolicies:\n  p:\n    rules:\n"

static struct policy *load_with(const char *text, size_t n_warnings)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (policy_load_text("test.yaml", text, strlen(text), &policy, &diags) < 0) {
		diags_print(&diags, stderr, false);
		fail_msg("does not load:\n%s", text);
	}
	assert_int_equal(diags.n, n_warnings);
	return policy;
}

static struct policy *load(const char *text)
{
	return load_with(text, 0);
}

static void refuses(const char *text, const char *line)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *first = NULL;
	struct policy *policy = NULL;

	assert_int_equal(policy_load_text("test.yaml", text, strlen(text), &policy, &diags),
			 -EINVAL);
	assert_null(policy);
	assert_int_equal(diags.n_errors, 1);
	first = diag_line(&diags.items[0]);
	assert_string_equal(first, line);
}

static void assert_ranges(const struct range *ranges, size_t n, const struct range *expected,
			  size_t n_expected)
{
	assert_int_equal(n, n_expected);
	assert_memory_equal(ranges, expected, n * sizeof(*ranges));
}

static void elements_of_prefixes(void **state)
{
	struct policy *policy =
		load("sets:\n"
		     "  a: {elements: [192.0.2.0/24, 2001:db8::, 192.0.2.0/24]}\n"
		     "  b: {type: prefix, elements: []}\n" HEAD
		     "      - {name: r, match: {src: $a, dst: {not: $b}}, do: drop}\n");

	assert_int_equal(policy->n_sets, 2);
	assert_int_equal(policy->n_port_sets, 0);
	assert_int_equal(policy->sets[0].n_v4, 2);
	assert_int_equal(policy->sets[0].n_v6, 1);
	assert_int_equal(policy->sets[1].n_v4 + policy->sets[1].n_v6, 0);
	policy_free(policy);
}

static void sets_of_ports(void **state)
{
	static const struct range amp[] = { { 19, 20 }, { 1000, 3000 } };
	static const struct range joined[] = { { 19, 22 }, { 53, 53 }, { 999, 3000 } };
	struct policy *policy = load_with(
		"sets:\n"
		"  own: [192.0.2.0/24]\n"
		"  amp: {type: port, elements: [1000-2000, 20, 19, 1500-3000]}\n"
		"  none: {type: port, elements: []}\n" HEAD
		"      - {name: r0, match: {sport: $amp, src: $own}, do: drop}\n"
		"      - {name: r1, match: {dport: {not: [53, $amp, 999, 21-22, $none]}}, do: count}\n"
		"      - {name: r2, match: {dport: $none}, do: count}\n",
		1);
	const struct rule *rules = policy->rulesets[0].rules;

	assert_int_equal(policy->n_sets, 1); /* indices of prefix sets are their own */
	assert_int_equal(rules[0].address[ADDRESS_SRC].sets[0], 0);
	assert_int_equal(policy->n_port_sets, 2);
	assert_string_equal(policy->port_sets[0].name, "amp");
	assert_int_equal(policy->port_sets[0].place.line, 3);
	assert_int_equal(policy->port_sets[0].place.column, 3);
	assert_ranges(policy->port_sets[0].ranges, policy->port_sets[0].n_ranges, amp, 2);
	assert_ranges(rules[0].scalar[FIELD_SPORT].ranges, rules[0].scalar[FIELD_SPORT].n_ranges,
		      amp, 2);
	assert_ranges(rules[1].scalar[FIELD_DPORT].ranges, rules[1].scalar[FIELD_DPORT].n_ranges,
		      joined, 3);
	assert_true(rules[1].scalar[FIELD_DPORT].negated);
	assert_string_equal(rules[1].match_text, "dport: {not: [$amp, $none, 21-22, 53, 999]}");
	assert_true(rules[2].scalar[FIELD_DPORT].present);
	assert_int_equal(rules[2].scalar[FIELD_DPORT].n_ranges, 0);
	policy_free(policy);
}

static void mac_addresses(void **state)
{
	static const uint8_t sorted[][MAC_BYTES] = { { 0, 0x1a, 0xff, 3, 4, 5 },
						     { 2, 0, 0x5e, 0x10, 0, 1 },
						     { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct policy *policy = load(
		HEAD
		"      - {name: r, match: {dst-mac: {not: [ff:ff:ff:ff:ff:ff, 02-00-5E-10-00-01,\n"
		"          \"00:1A:ff:03:04:05\", ff-ff-ff-ff-ff-ff]}}, do: drop}\n");
	const struct rule *rule = &policy->rulesets[0].rules[0];

	assert_false(rule->mac[MAC_SRC].present);
	assert_true(rule->mac[MAC_DST].present && rule->mac[MAC_DST].negated);
	assert_int_equal(rule->mac[MAC_DST].n_macs, 3);
	assert_memory_equal(rule->mac[MAC_DST].macs, sorted, sizeof(sorted));
	policy_free(policy);
}

static void most_macs(void **state)
{
	_cleanup_free_ char *text = malloc(1 << 20);
	struct policy *policy;
	size_t len = (size_t)sprintf(text, HEAD "      - name: r\n        do: drop\n"
						"        match:\n          src-mac:\n");

	for (int i = 0; i < CONFIG_MAX_MACS; i++)
		len += (size_t)sprintf(text + len, "            - 02:00:00:00:%02x:%02x\n", i >> 8,
				       i & 255);
	policy = load(text);
	assert_int_equal(policy->rulesets[0].rules[0].mac[MAC_SRC].n_macs, CONFIG_MAX_MACS);
	policy_free(policy);
	sprintf(text + len, "      - {name: s, do: drop, match: {dst-mac: 02:00:00:00:00:00}}\n");
	refuses(text, "test.yaml:16393:46: error: more than 16384 MAC addresses in all rules");
}

/* A set of n ports that do not touch. */
static size_t large_set(char *text, int n)
{
	size_t len = (size_t)sprintf(text, "sets:\n  s:\n    type: port\n    elements:\n");

	for (int i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "      - %d\n", 2 * i);
	return len;
}

static void most_ports(void **state)
{
	_cleanup_free_ char *text = malloc(1 << 20);
	size_t len = large_set(text, CONFIG_MAX_RANGES);
	int n_rules = 0;
	struct policy *policy;

	len += (size_t)sprintf(text + len, HEAD);
	for (size_t n = CONFIG_MAX_RANGES; n <= CONFIG_MAX_ALL_RANGES; n += CONFIG_MAX_RANGES)
		len += (size_t)sprintf(text + len,
				       "      - {name: r%d, match: {dport: $s}, do: count}\n",
				       n_rules++);
	policy = load(text);
	assert_int_equal(policy->rulesets[0].n_rules, n_rules);
	policy_free(policy);
	sprintf(text + len, "      - {name: more, match: {sport: $s}, do: count}\n");
	refuses(text, "test.yaml:5081:37: error: more than 4000000 ranges in the conditions of all "
		      "rules; name large sets of ports in fewer rules");

	len = large_set(text, CONFIG_MAX_RANGES + 1);
	sprintf(text + len, HEAD "      - {name: r, match: {dport: $s}, do: count}\n");
	refuses(text, "test.yaml:4:13: error: more than 4096 ranges in one set");

	/* together they are too many for a condition */
	len = large_set(text, CONFIG_MAX_RANGES);
	sprintf(text + len, HEAD "      - {name: r, match: {dport: [$s, 65535]}, do: count}\n");
	refuses(text, "test.yaml:4105:34: error: more than 4096 ranges in one condition");
}

/* As much as there may be of each loads; one more is refused where it stands. */
static void most_rules_and_sets(void **state)
{
	_cleanup_free_ char *text = malloc(4 << 20);
	_cleanup_(diags_free) struct diags diags = { 0 }; /* of sets that nobody uses */
	struct policy *policy;
	size_t len;

	len = (size_t)sprintf(text, HEAD);
	for (int i = 0; i < MAX_RULES; i++)
		len += (size_t)sprintf(text + len, "      - {name: r%d, do: count}\n", i);
	policy = load(text);
	assert_int_equal(policy->rulesets[0].n_rules, MAX_RULES);
	policy_free(policy);
	sprintf(text + len, "      - {name: more, do: count}\n");
	refuses(text, "test.yaml:16389:9: error: more than 16384 rules in all policies");

	len = (size_t)sprintf(text, "sets:\n");
	for (int i = 0; i < CONFIG_MAX_SETS; i++)
		len += (size_t)sprintf(text + len,
				       i % 2 ? "  s%d: {type: port, elements: [1]}\n"
					     : "  s%d: [192.0.2.0/24]\n",
				       i);
	sprintf(text + len, HEAD "      - {name: r, do: count, match: {src: $s0}}\n");
	policy = NULL;
	assert_int_equal(policy_load_text("test.yaml", text, strlen(text), &policy, &diags), 0);
	assert_int_equal(policy->n_sets + policy->n_port_sets, CONFIG_MAX_SETS);
	policy_free(policy);
	sprintf(text + len, "  more: []\n" HEAD "      - {name: r, do: count}\n");
	refuses(text, "test.yaml:4098:3: error: more than 4096 sets");
}

/* A set of n single addresses or ports, and n_sets that name it. */
static char *many_copies(bool ports, int n, int n_sets, const char *way)
{
	char *text = malloc(4 << 20);
	size_t len = (size_t)sprintf(text, "sets:\n  s:\n    type: %s\n    elements:\n",
				     ports ? "port" : "prefix");

	for (int i = 0; i < n; i++)
		len += (size_t)(ports ? sprintf(text + len, "      - %d\n", 2 * i)
				      : sprintf(text + len, "      - 10.%d.%d.%d\n", i >> 15,
						i >> 7 & 255, 2 * i & 255));
	for (int i = 0; i < n_sets; i++)
		len += (size_t)sprintf(text + len, "  t%d: %s\n", i, way);
	sprintf(text + len, HEAD "      - {name: r, do: count}\n");
	return text;
}

/* Sets that name a large one again and again are refused before that takes long. */
static void most_copies(void **state)
{
	static const struct {
		bool ports;
		int n_sets;
		const char *way, *error;
	} cases[] = {
		{ false, 600, "{elements: [10.0.0.0/8], except: $s}",
		  "test.yaml:60070:33: error: cut around its exceptions, the set is of so many "
		  "prefixes that there are more than 4000000 in all sets" },
		{ false, 4000, "{elements: [192.0.2.0/24], except: $s}",
		  "test.yaml:60671:44: error: the sets that others name have more than 40000000 "
		  "elements in all, each counted as often as its set is named; name large sets less "
		  "often" },
		{ false, 600, "[$s]",
		  "test.yaml:60070:9: error: more than 4000000 prefixes in all sets; those of a set "
		  "in a set count again" },
		{ true, 4000, "{type: port, elements: [$s]}" },
		{ true, 4000, "{type: port, elements: [1], except: $s}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text =
			many_copies(cases[i].ports, cases[i].ports ? 4095 : 60000, cases[i].n_sets,
				    cases[i].way);
		_cleanup_(diags_free) struct diags diags = { 0 }; /* of sets that nobody uses */
		struct policy *policy = NULL;
		clock_t start = clock();

		if (cases[i].error) {
			refuses(text, cases[i].error);
		} else {
			assert_int_equal(
				policy_load_text("test.yaml", text, strlen(text), &policy, &diags),
				0);
			policy_free(policy);
		}
		print_message("%s: %.1f s\n", cases[i].way,
			      (double)(clock() - start) / CLOCKS_PER_SEC);
		assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_of_prefixes), cmocka_unit_test(sets_of_ports),
		cmocka_unit_test(mac_addresses),        cmocka_unit_test(most_macs),
		cmocka_unit_test(most_ports),           cmocka_unit_test(most_rules_and_sets),
		cmocka_unit_test(most_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
