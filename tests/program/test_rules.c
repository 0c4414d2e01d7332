/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_rules.c: program tests of what the rules do: who decides, who counts, redirects; very
 * many matches of one packet; rules at the edges of the words of a row; several policies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"
#include "build-policy.h"
#include "sandbox.h"
#include "util.h"

static struct packet packet;
static struct packet *const p = &packet;

static void udp_to(uint16_t dport)
{
	packet_start(p);
	packet_ipv4(p, 0xc0000201, 0xc6336407);
	packet_udp(p, 1024, dport);
	packet_payload(p, 10);
	packet_end(p);
}

static struct policy *one_interface(void)
{
	struct policy *policy = build_policy();

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	return policy;
}

static struct expected by_rule(enum verdict verdict, const char *rule, const char *counted)
{
	return (struct expected){ verdict, REASON_NONE, rule, counted };
}

static void expect(struct bench *bench, const char *description, struct expected expected)
{
	bench_expect(bench, description, p, &expected);
}

static const struct expected by_default = { VERDICT_PASS, REASON_DEFAULT, NULL, NULL };

/* --- actions ------------------------------------------------------------------------------ */

static void test_redirect(void **state)
{
	for (int exists = 0; exists < 2; exists++) {
		struct policy *policy = one_interface();
		struct rule *rule;
		struct bench *bench;

		build_rule(policy, 0, "count", VERDICT_NONE);
		rule = build_rule(policy, 0, "other", VERDICT_REDIRECT);
		build_redirect(policy, rule, "out0");
		build_scalar(rule, FIELD_DPORT, 1, 1);
		rule = build_rule(policy, 0, "scrub", VERDICT_REDIRECT);
		build_redirect(policy, rule, "out1");
		build_scalar(rule, FIELD_DPORT, 53, 53);
		build_rule(policy, 0, "behind", VERDICT_DROP);
		bench = bench_open(policy, 0, exists);

		udp_to(53);
		if (exists) {
			expect(bench, "redirect", by_rule(VERDICT_REDIRECT, "scrub", "count"));
		} else {
			struct expected failed = { VERDICT_DROP, REASON_REDIRECT_FAILED, "scrub",
						   "count" };

			bench_expect(bench, "redirect to nowhere", p, &failed);
		}
		udp_to(54);
		expect(bench, "no redirect", by_rule(VERDICT_DROP, "behind", "count"));
		bench_close(bench);
	}
}

static void test_count_goes_on(void **state)
{
	struct policy *policy = one_interface();
	struct bench *bench;

	build_rule(policy, 0, "all", VERDICT_NONE);
	build_scalar(build_rule(policy, 0, "dns", VERDICT_NONE), FIELD_DPORT, 53, 53);
	build_scalar(build_rule(policy, 0, "low", VERDICT_PASS), FIELD_DPORT, 0, 100);
	build_rule(policy, 0, "rest", VERDICT_NONE);
	build_scalar(build_rule(policy, 0, "high", VERDICT_DROP), FIELD_DPORT, 60000, 65535);
	build_rule(policy, 0, "last", VERDICT_NONE);
	bench = bench_open(policy, 0, true);

	udp_to(53);
	expect(bench, "two count, one decides", by_rule(VERDICT_PASS, "low", "all dns"));
	udp_to(100);
	expect(bench, "one counts, one decides", by_rule(VERDICT_PASS, "low", "all"));
	udp_to(60000);
	expect(bench, "the second terminal rule", by_rule(VERDICT_DROP, "high", "all rest"));
	udp_to(101);
	expect(bench, "all count, none decides",
	       (struct expected){ VERDICT_PASS, REASON_DEFAULT, NULL, "all rest last" });
	packet_start(p);
	expect(bench, "not IP", (struct expected){ VERDICT_PASS, REASON_NON_IP, NULL, NULL });
	bench_close(bench);
}

static void test_addresses(void **state)
{
	struct policy *policy = one_interface();
	struct rule *rule;
	struct bench *bench;
	uint32_t v4 = build_set(policy, "v4"), both = build_set(policy, "both");
	uint8_t a[16], b[16];

	build_prefix(policy, v4, "192.0.2.0/24");
	build_prefix(policy, both, "10.0.0.0/8");
	build_prefix(policy, both, "2001:db8::/32");
	rule = build_rule(policy, 0, "not-v4", VERDICT_DROP);
	build_address(rule, ADDRESS_SRC, v4);
	rule->address[ADDRESS_SRC].negated = true;
	build_address(rule, ADDRESS_DST, both);
	rule = build_rule(policy, 0, "arp", VERDICT_DROP);
	build_scalar(rule, FIELD_ETHERTYPE, 0x0806, 0x0806);
	build_address(rule, ADDRESS_SRC, v4);
	rule->address[ADDRESS_SRC].negated = true;
	bench = bench_open(policy, 0, true);

	packet_start(p);
	packet_ipv4(p, packet_address4("192.0.2.255"), packet_address4("10.1.1.1"));
	packet_end(p);
	bench_expect(bench, "in the set", p, &by_default);
	packet_start(p);
	packet_ipv4(p, packet_address4("192.0.3.0"), packet_address4("10.255.255.255"));
	packet_end(p);
	expect(bench, "not in the set", by_rule(VERDICT_DROP, "not-v4", NULL));
	packet_address6(a, "2001:db8::1");
	packet_address6(b, "2001:db9::1");
	packet_start(p);
	packet_ipv6(p, b, a);
	packet_end(p);
	expect(bench, "an IPv6 address is in no IPv4 set", by_rule(VERDICT_DROP, "not-v4", NULL));
	packet_start(p);
	packet_ipv6(p, a, b);
	packet_end(p);
	bench_expect(bench, "the other way round", p, &by_default);
	packet_start(p);
	packet_ethertype(p, 0x0806);
	packet_payload(p, 46);
	expect(bench, "no address is neither in a set nor not",
	       (struct expected){ VERDICT_PASS, REASON_NON_IP, NULL, NULL });
	bench_close(bench);
}

/* --- very many matches -------------------------------------------------------------------- */

static char *names_of_rules(unsigned int from, unsigned int to)
{
	size_t size = 0;
	char *names = NULL;
	FILE *stream = open_memstream(&names, &size);

	assert_non_null(stream);
	for (unsigned int i = from; i < to; i++)
		fprintf(stream, "%srule-%u", i == from ? "" : " ", i);
	fclose(stream);
	return names;
}

/* n rules match every packet; the one at `decider` is terminal and those behind it must not
 * count. decider == n: none decides. */
static void many_match(unsigned int n, unsigned int decider)
{
	struct policy *policy = one_interface();
	_cleanup_free_ char *counted = names_of_rules(0, decider);
	char name[NAME_LEN], description[64];
	struct bench *bench;

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "rule-%u", i);
		build_rule(policy, 0, name, i == decider ? VERDICT_DROP : VERDICT_NONE);
	}
	bench = bench_open(policy, 0, true);
	snprintf(name, sizeof(name), "rule-%u", decider);
	snprintf(description, sizeof(description), "%u rules match, number %u decides", n, decider);
	udp_to(53);
	for (int i = 0; i < 2; i++) {
		if (decider < n)
			expect(bench, description, by_rule(VERDICT_DROP, name, counted));
		else
			expect(bench, description,
			       (struct expected){ VERDICT_PASS, REASON_DEFAULT, NULL, counted });
	}
	bench_close(bench);
}

static void test_hundreds_match(void **state)
{
	static const unsigned int deciders[] = { 0,  1,  2,   31,  32,  33,  62,  63,
						 64, 65, 127, 128, 255, 256, 499, 500 };

	for (size_t i = 0; i < ARRAY_SIZE(deciders); i++)
		many_match(500, deciders[i]);
}

static void test_thousands_match(void **state)
{
	many_match(2000, 2000);
	many_match(MAX_RULES - 1, 3000);
	many_match(MAX_RULES, MAX_RULES - 1);
	many_match(MAX_RULES, MAX_RULES);
}

/* Matches far from each other: one in each word, the last of the word. */
static void test_sparse_matches(void **state)
{
	struct policy *policy = one_interface();
	char name[NAME_LEN];
	struct bench *bench;
	char *counted = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&counted, &size);

	assert_non_null(stream);
	for (unsigned int i = 0; i < MAX_RULES; i++) {
		bool matching = i % ROW_WORD_BITS == ROW_WORD_BITS - 1;
		struct rule *rule;

		snprintf(name, sizeof(name), "rule-%u", i);
		rule = build_rule(policy, 0, name, VERDICT_NONE);
		if (matching)
			fprintf(stream, "%s%s", i == ROW_WORD_BITS - 1 ? "" : " ", name);
		else
			build_scalar(rule, FIELD_DPORT, 54, 54);
	}
	fclose(stream);
	bench = bench_open(policy, 0, true);
	udp_to(53);
	expect(bench, "one match in each word",
	       (struct expected){ VERDICT_PASS, REASON_DEFAULT, NULL, counted });
	bench_close(bench);
	free(counted);
}

/* --- edges of words, several policies ----------------------------------------------------- */

/* n rules, each for the one port of its own number, from `first` on. */
static void rules_by_port(struct policy *policy, uint32_t ruleset, unsigned int n, uint32_t first)
{
	static const enum verdict verdicts[] = { VERDICT_DROP, VERDICT_PASS };
	char name[NAME_LEN];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "rule-%u", i);
		build_scalar(build_rule(policy, ruleset, name, verdicts[i % 2]), FIELD_DPORT,
			     first + i, first + i);
	}
}

static void expect_rules_by_port(struct bench *bench, unsigned int n, uint32_t first)
{
	char name[NAME_LEN], description[64];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "rule-%u", i);
		snprintf(description, sizeof(description), "rule %u of %u", i, n);
		udp_to((uint16_t)(first + i));
		expect(bench, description,
		       by_rule(i % 2 ? VERDICT_PASS : VERDICT_DROP, name, NULL));
	}
	udp_to((uint16_t)(first + n));
	bench_expect(bench, "behind the last rule", p, &by_default);
	udp_to((uint16_t)(first - 1));
	bench_expect(bench, "ahead of the first rule", p, &by_default);
}

static void test_word_boundaries(void **state)
{
	static const unsigned int numbers[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 192, 193 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct policy *policy = one_interface();
		struct bench *bench;

		rules_by_port(policy, 0, numbers[i], 1000);
		bench = bench_open(policy, 0, true);
		expect_rules_by_port(bench, numbers[i], 1000);
		bench_close(bench);
	}
}

/* The ports of the policies overlap, so a rule of the wrong one would be seen. */
static struct policy *several_policies(const unsigned int *numbers, size_t n)
{
	struct policy *policy = build_policy();
	char name[NAME_LEN];

	for (size_t i = 0; i < n; i++) {
		uint32_t ruleset;

		snprintf(name, sizeof(name), "policy-%zu", i);
		ruleset = build_ruleset(policy, name, VERDICT_PASS);
		rules_by_port(policy, ruleset, numbers[i], 1000 + 7 * (uint32_t)i);
		snprintf(name, sizeof(name), "interface-%zu", i);
		build_interface(policy, name, ruleset);
	}
	return policy;
}

static void test_several_policies(void **state)
{
	static const unsigned int numbers[] = { 63, 64, 65, 0, 1, 130 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct bench *bench =
			bench_open(several_policies(numbers, ARRAY_SIZE(numbers)), i, true);

		expect_rules_by_port(bench, numbers[i], 1000 + 7 * (uint32_t)i);
		bench_close(bench);
	}
}

/* A policy on two interfaces, with a rule for one of them and one for all others. */
static void test_interfaces(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		struct policy *policy = one_interface();
		struct rule *rule;
		struct bench *bench;

		build_interface(policy, "lan", 0);
		build_interface(policy, "dmz", 0);
		rule = build_rule(policy, 0, "wan", VERDICT_NONE);
		build_on_interface(rule, 0);
		rule = build_rule(policy, 0, "not-wan", VERDICT_NONE);
		build_on_interface(rule, 0);
		rule->interface.negated = true;
		rule = build_rule(policy, 0, "wan-or-dmz", VERDICT_DROP);
		build_on_interface(rule, 0);
		build_on_interface(rule, 2);
		bench = bench_open(policy, i, true);

		udp_to(1);
		if (i == 0)
			expect(bench, "wan", by_rule(VERDICT_DROP, "wan-or-dmz", "wan"));
		else if (i == 1)
			expect(bench, "lan",
			       (struct expected){ VERDICT_PASS, REASON_DEFAULT, NULL, "not-wan" });
		else
			expect(bench, "dmz", by_rule(VERDICT_DROP, "wan-or-dmz", "not-wan"));
		bench_close(bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirect),        cmocka_unit_test(test_count_goes_on),
		cmocka_unit_test(test_addresses),       cmocka_unit_test(test_hundreds_match),
		cmocka_unit_test(test_thousands_match), cmocka_unit_test(test_sparse_matches),
		cmocka_unit_test(test_word_boundaries), cmocka_unit_test(test_several_policies),
		cmocka_unit_test(test_interfaces),
	};

	if (!can_load_programs())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
