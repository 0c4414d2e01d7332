/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_fields.c: what the names of the language become in a policy, value by value: TCP flags,
 * groups of ICMP; and that however much a condition lists, the policy holds all of it, though the
 * text for people shows the first few.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "util.h"

#define HEAD "interfaces: {eth0: {policy: p}}\npolicies:\n  p:\n    rules:\n"

static struct policy *load(const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (policy_load_text("test.yaml", text, strlen(text), &policy, &diags) < 0 || diags.n) {
		diags_print(&diags, stderr, false);
		fail_msg("does not load, or not without a warning:\n%s", text);
	}
	return policy;
}

static struct policy *load_match(const char *match)
{
	char text[512];

	snprintf(text, sizeof(text), HEAD "      - {name: r, match: {%s}, do: count}\n", match);
	return load(text);
}

static bool is_listed(const struct scalar_match *match, uint32_t value)
{
	for (size_t i = 0; i < match->n_ranges; i++)
		if (value >= match->ranges[i].first && value <= match->ranges[i].last)
			return true;
	return false;
}

/* --- TCP flags --------------------------------------------------------------------------- */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

static bool is_syn(unsigned int f)
{
	return f & SYN && !(f & ACK);
}

static bool is_established(unsigned int f)
{
	return f & ACK || f & RST;
}

static bool is_null(unsigned int f)
{
	return f % 64 == 0; /* ECN's flags may be either */
}

static bool is_xmas(unsigned int f)
{
	return f & FIN && f & PSH && f & URG;
}

static bool is_syn_or_xmas(unsigned int f)
{
	return is_syn(f) || is_xmas(f);
}

static void tcp_flags(void **state)
{
	static const struct {
		const char *match;
		bool (*is_in)(unsigned int flags);
		bool negated;
	} cases[] = {
		{ "tcp-flags: syn", is_syn },
		{ "tcp-flags: {set: syn, clear: ack}", is_syn },
		{ "tcp-flags: established", is_established },
		{ "tcp-flags: [{set: ack}, {set: rst}]", is_established },
		{ "tcp-flags: null", is_null },
		{ "tcp-flags: 'null'", is_null },
		{ "tcp-flags: {clear: [fin, syn, rst, psh, ack, urg]}", is_null },
		{ "tcp-flags: xmas", is_xmas },
		{ "tcp-flags: [xmas, syn]", is_syn_or_xmas },
		{ "tcp-flags: {not: [xmas, {set: syn, clear: [ack]}]}", is_syn_or_xmas, true },
		{ "tcp-flags: {not: established}", is_established, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy *policy = load_match(cases[i].match);
		const struct scalar_match *match =
			&policy->rulesets[0].rules[0].scalar[FIELD_TCP_FLAGS];

		assert_true(match->present && match->negated == cases[i].negated);
		for (unsigned int flags = 0; flags < 256; flags++)
			if (is_listed(match, flags) != cases[i].is_in(flags))
				fail_msg("%s: 0x%02x", cases[i].match, flags);
		policy_free(policy);
	}
}

/* --- ICMP -------------------------------------------------------------------------------- */

/* Types that are in with every code; -1 ends. */
static void check_icmp(const char *match_text, const int *v4, const int *v6)
{
	struct policy *policy = load_match(match_text);
	const struct scalar_match *match = &policy->rulesets[0].rules[0].scalar[FIELD_ICMP];

	for (int family = 0; family < 2; family++) {
		const int *types = family ? v6 : v4;

		for (int type = 0; type < 256; type++) {
			bool is_in = false;

			for (const int *t = types; *t >= 0; t++)
				is_in |= *t == type;
			for (int code = 0; code < 256; code += 51) {
				uint32_t value = (uint32_t)(family << 16 | type << 8 | code);

				if (is_listed(match, value) != is_in)
					fail_msg("%s: family %d, type %d", match_text, family,
						 type);
			}
		}
	}
	policy_free(policy);
}

static void icmp_groups_hold(void **state)
{
	static const int none[] = { -1 };

	check_icmp("icmp: echo", (int[]){ 0, 8, -1 }, (int[]){ 128, 129, -1 });
	check_icmp("icmp: errors", (int[]){ 3, 11, 12, -1 }, (int[]){ 1, 2, 3, 4, -1 });
	check_icmp("icmp: nd", none, (int[]){ 133, 134, 135, 136, -1 });
	check_icmp("icmp: mld", none, (int[]){ 130, 131, 132, 143, -1 });
	check_icmp("icmp: essential", (int[]){ 0, 3, 8, 11, 12, -1 },
		   (int[]){ 1,   2,   3,   4,   128, 129, 130, 131, 132, 133, 134,
			    135, 136, 141, 142, 143, 148, 149, 151, 152, 153, -1 });
	check_icmp("icmp: {not: [nd, redirect]}", (int[]){ 5, -1 },
		   (int[]){ 133, 134, 135, 136, 137, -1 });
}

/* Path-MTU discovery goes through, and nothing else. */
static void path_mtu(void **state)
{
	struct policy *policy = load_match("icmp: path-mtu");
	const struct scalar_match *match = &policy->rulesets[0].rules[0].scalar[FIELD_ICMP];
	static const struct range expected[] = { { 0x000304, 0x000304 }, { 0x010200, 0x0102ff } };

	assert_int_equal(match->n_ranges, 2);
	assert_memory_equal(match->ranges, expected, sizeof(expected));
	policy_free(policy);
	policy = load_match("icmp: essential");
	match = &policy->rulesets[0].rules[0].scalar[FIELD_ICMP];
	assert_true(is_listed(match, 0x000304) && is_listed(match, 0x010200));
	policy_free(policy);
}

/* --- all of it --------------------------------------------------------------------------- */

#define N_LISTED 100

/* "field: [first, second, ...]" of N_LISTED values, each from a format of one number. */
static size_t add_list(char *text, const char *field, const char *format)
{
	size_t len = (size_t)sprintf(text, ", %s: [", field);

	for (int i = 0; i < N_LISTED; i++) {
		len += (size_t)sprintf(text + len, "%s", i ? ", " : "");
		len += (size_t)sprintf(text + len, format, 2 * i + 1);
	}
	return len + (size_t)sprintf(text + len, "]");
}

static void text_is_short_but_nothing_is_lost(void **state)
{
	_cleanup_free_ char *text = malloc(64 * 1024);
	size_t len = (size_t)sprintf(text, HEAD "      - {name: r, do: drop, match: {proto: udp");
	const struct rule *rule;
	struct policy *policy;

	len += add_list(text + len, "src", "10.0.0.%d");
	len += add_list(text + len, "dst", "10.1.0.%d");
	len += add_list(text + len, "sport", "%d");
	len += add_list(text + len, "dport", "%d");
	len += add_list(text + len, "length", "%d");
	len += add_list(text + len, "ttl", "%d");
	len += add_list(text + len, "vlan", "%d");
	len += add_list(text + len, "src-mac", "02:00:00:00:01:%02x");
	sprintf(text + len, "}}\n");
	policy = load(text);
	rule = &policy->rulesets[0].rules[0];
	assert_int_equal(policy->sets[rule->address[ADDRESS_SRC].sets[0]].n_v4, N_LISTED);
	assert_int_equal(policy->sets[rule->address[ADDRESS_DST].sets[0]].n_v4, N_LISTED);
	for (size_t i = 0; i < N_LISTED; i++) {
		static const enum scalar_field fields[] = { FIELD_SPORT, FIELD_DPORT, FIELD_LENGTH,
							    FIELD_TTL, FIELD_VLAN };

		for (size_t f = 0; f < ARRAY_SIZE(fields); f++) {
			const struct scalar_match *match = &rule->scalar[fields[f]];

			assert_int_equal(match->n_ranges, N_LISTED);
			assert_int_equal(match->ranges[i].first, 2 * i + 1);
			assert_int_equal(match->ranges[i].last, 2 * i + 1);
		}
		assert_int_equal(policy->sets[rule->address[ADDRESS_SRC].sets[0]].v4[i].addr,
				 0x0a000000 + 2 * i + 1);
		assert_int_equal(rule->mac[MAC_SRC].n_macs, N_LISTED);
		assert_int_equal(rule->mac[MAC_SRC].macs[i][5], 2 * i + 1);
	}
	assert_non_null(strstr(rule->match_text, "src: [10.0.0.1, 10.0.0.3, "));
	assert_non_null(strstr(rule->match_text, "31, and 84 more], proto: udp, sport: [1, 3,"));
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_flags),
		cmocka_unit_test(icmp_groups_hold),
		cmocka_unit_test(path_mtu),
		cmocka_unit_test(text_is_short_but_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
