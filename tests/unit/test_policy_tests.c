/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_policy_tests.c: the packet that a test describes is the one that its writer means, defaults
 * included; and to run the tests over thinned sets answers as the whole policy does. What is
 * refused, and what a failing test says, is in tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "config.h"
#include "policy_tests.h"
#include "random-policy.h"
#include "util.h"

static struct policy *load(const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (policy_load_text("test.yaml", text, strlen(text), &policy, &diags) < 0) {
		diags_print(&diags, stderr, false);
		fail_msg("does not load:\n%s", text);
	}
	return policy;
}

/* Run the tests of a policy with one rule. Unknown extensions go to the rules, too. */
static int run(const char *test, const char *match, const char *expect)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *text = NULL;
	struct policy *policy;
	int r;

	assert_true(asprintf(&text,
			     "interfaces: {i: {policy: p}}\nfate: {unknown-extension: match}\n"
			     "policies: {p: {rules: [{name: r, match: {%s}, do: drop}]}}\n"
			     "tests: [{in: i, %s, expect: %s}]\n",
			     match, test, expect) > 0);
	policy = load(text);
	r = policy_tests_run(policy, &diags);
	assert_int_equal(diags.n_errors, r < 0);
	policy_free(policy);
	return r;
}

#define MACS "src-mac: 02:00:00:00:00:01, dst-mac: 02:00:00:00:00:02"
#define BARE "ttl: 64, dscp: 0, ip-options: absent, " MACS
#define WHOLE BARE ", fragment: {not: any}"
#define V4 "ethertype: ipv4, src: 192.0.2.1, dst: 198.51.100.1"
#define V6 "ethertype: ipv6, src: 2001:db8::1, dst: 2001:db8::2"
#define PORTS "sport: 49152, dport: 443"
#define SYN "tcp-flags: {set: syn, clear: [fin, rst, psh, ack, urg, ece, cwr]}"

/* All that each packet is, by the fields that it carries. */
static const struct {
	const char *test, *match;
} packets[] = {
	{ "ttl: 64", V4 ", " WHOLE ", proto: tcp, length: 40, " PORTS ", " SYN },
	{ "proto: udp", V4 ", " WHOLE ", proto: udp, length: 28, " PORTS },
	{ "proto: icmp", V4 ", " WHOLE ", length: 28, icmp: icmp:8/0" },
	{ "proto: icmpv6", V6 ", " WHOLE ", length: 48, icmp: icmpv6:128/0" },
	{ "proto: gre", V4 ", " WHOLE ", proto: gre, length: 20" },
	{ "proto: icmpv6, dst: 198.51.100.1", V4 ", " WHOLE ", proto: icmpv6, length: 20" },
	{ "proto: icmp, ethertype: ipv6", V6 ", " WHOLE ", proto: icmp, length: 40" },
	{ "src: 2001:db8::1", V6 ", " WHOLE ", proto: tcp, length: 60, " PORTS ", " SYN },
	{ "dst: 2001:db8::2, proto: udp", V6 ", " WHOLE ", proto: udp, length: 48, " PORTS },
	{ "ethertype: ipv6, proto: mpls", V6 ", " WHOLE ", proto: mpls, length: 40" },
	{ "ethertype: ipv6, proto: 253", V6 ", " WHOLE ", proto: 253, length: 40" },
	{ "icmp: packet-too-big", V6 ", " WHOLE ", length: 48, icmp: icmpv6:2/0" },
	{ "icmp: port-unreachable", V4 ", " WHOLE ", length: 28, icmp: icmp:3/3" },
	{ "icmp: port-unreachable, proto: icmpv6", V6 ", icmp: icmpv6:1/4" },
	{ "icmp: icmpv6:1/77", V6 ", icmp: icmpv6:1/77" },
	{ "icmp: icmp:255", V4 ", icmp: icmp:255/0" },
	{ "sport: 0, dport: 65535", V4 ", proto: tcp, sport: 0, dport: 65535, " SYN },
	{ "sport: 65535, dport: 0, proto: udp", V4 ", proto: udp, sport: 65535, dport: 0" },
	{ "tcp-flags: [syn, ack]",
	  "proto: tcp, tcp-flags: {set: [syn, ack], clear: [fin, rst, psh, urg, ece, cwr]}" },
	{ "tcp-flags: []",
	  "proto: tcp, tcp-flags: {clear: [fin, syn, rst, psh, ack, urg, ece, cwr]}" },
	{ "length: 41", "proto: tcp, length: 41" },
	{ "length: 65535, proto: udp", "proto: udp, sport: 49152, length: 65535" },
	{ "length: 65575, proto: udp, src: 2001:db8::1",
	  "proto: udp, sport: 49152, length: 65575" },
	{ "ttl: 255, dscp: ef", V4 ", ttl: 255, dscp: ef, " PORTS },
	{ "ttl: 0, dscp: 63, src: 2001:db8::1", V6 ", ttl: 0, dscp: 63, " PORTS },
	{ "ip-options: present", V4 ", ip-options: present, length: 44, " PORTS ", " SYN },
	{ "ip-options: present, ethertype: ipv6", V6 ", ip-options: present, length: 68, " PORTS },
	{ "fragment: first", V4 ", " BARE ", fragment: first, length: 40, " PORTS },
	{ "fragment: first, proto: udp", V4 ", " BARE ", fragment: first, length: 28, " PORTS },
	{ "fragment: later", V4 ", " BARE ", fragment: later, proto: tcp, length: 28" },
	{ "fragment: later, proto: udp, length: 64075", "fragment: later, length: 64075" },
	{ "fragment: first, ethertype: ipv6",
	  V6 ", " BARE ", fragment: first, length: 68, " PORTS },
	{ "fragment: later, ethertype: ipv6",
	  V6 ", " BARE ", fragment: later, proto: tcp, length: 56" },
	{ "fragment: later, ethertype: ipv6, ip-options: present",
	  V6 ", fragment: later, ip-options: present, proto: tcp, length: 64" },
	{ "fragment: none", V4 ", " WHOLE },
	{ "vlan: 4094", V4 ", " WHOLE ", vlan: 4094, " PORTS },
	{ "vlan: 1, ethertype: arp", MACS ", vlan: 1, ethertype: arp" },
	{ "ethertype: 0xffff", MACS ", ethertype: 0xffff" },
	{ "src-mac: 00:11:22:33:44:55, dst-mac: ff:ff:ff:ff:ff:ff, ethertype: lldp",
	  "src-mac: 00:11:22:33:44:55, dst-mac: ff:ff:ff:ff:ff:ff, ethertype: lldp" },
	{ "src: 255.255.255.255, dst: 0.0.0.0", "src: 255.255.255.255, dst: 0.0.0.0" },
	{ "src: \"::\", dst: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "src: \"::\", dst: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
};

static void describes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		if (run(packets[i].test, packets[i].match, "drop/r") != 0)
			fail_msg("{%s} is no packet of {%s}", packets[i].test, packets[i].match);
		assert_int_equal(run(packets[i].test, packets[i].match, "pass/default"), -EINVAL);
	}
}

static void frame_length(void **state)
{
	struct policy *policy =
		load("interfaces: {i: {policy: p}}\npolicies: {p: {}}\n"
		     "tests: [{in: i, ethertype: arp, expect: pass},\n"
		     " {in: i, src: \"::1\", length: 65575, vlan: 5, expect: pass}]");
	static uint8_t frame[TEST_FRAME_MAX + 1];

	frame[TEST_FRAME_MAX] = 0x5a;
	assert_int_equal(test_frame(&policy->tests[0].packet, frame), 60);
	assert_int_equal(test_frame(&policy->tests[1].packet, frame), TEST_FRAME_MAX);
	assert_int_equal(frame[TEST_FRAME_MAX], 0x5a);
	policy_free(policy);
}

/* An address that some prefix of the policy is likely to hold. */
static void random_address(struct rng *rng, const struct policy *policy, struct test_packet *packet,
			   enum address_field field)
{
	const struct prefix_set *set =
		policy->n_sets ? &policy->sets[rng_below(rng, (uint32_t)policy->n_sets)] : NULL;
	uint8_t *address = packet->address[field];

	for (int i = 0; i < 16; i++)
		address[i] = (uint8_t)rng_u64(rng);
	if (set && packet->family == FAMILY_V4 && set->n_v4) {
		const struct prefix_v4 *p = &set->v4[rng_below(rng, (uint32_t)set->n_v4)];

		for (int i = 0; i < p->len; i++)
			address[i / 8] = (uint8_t)((address[i / 8] & ~(0x80 >> i % 8)) |
						   ((p->addr >> (31 - i) & 1) ? 0x80 >> i % 8 : 0));
	} else if (set && packet->family == FAMILY_V6 && set->n_v6) {
		const struct prefix_v6 *p = &set->v6[rng_below(rng, (uint32_t)set->n_v6)];

		for (int i = 0; i < p->len; i++) {
			uint64_t half = i < 64 ? p->hi : p->lo;

			address[i / 8] =
				(uint8_t)((address[i / 8] & ~(0x80 >> i % 8)) |
					  ((half >> (63 - i % 64) & 1) ? 0x80 >> i % 8 : 0));
		}
	}
}

static void random_test(struct rng *rng, const struct policy *policy, struct policy_test *test)
{
	struct test_packet *packet = &test->packet;

	test->interface = rng_below(rng, (uint32_t)policy->n_interfaces);
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		packet->scalar[i] = TEST_ABSENT;
	packet->ip = true;
	packet->family = (enum family)rng_below(rng, N_FAMILIES);
	for (enum address_field field = 0; field < N_ADDRESS_FIELDS; field++)
		random_address(rng, policy, packet, field);
	packet->scalar[FIELD_PROTO] = 17;
	packet->scalar[FIELD_FRAGMENT] = FRAGMENT_NONE;
	packet->scalar[FIELD_IP_OPTIONS] = rng_below(rng, 2);
	packet->scalar[FIELD_TTL] = rng_below(rng, 256);
	packet->scalar[FIELD_DSCP] = rng_below(rng, 64);
	packet->scalar[FIELD_SPORT] = rng_below(rng, 65536);
	packet->scalar[FIELD_DPORT] = rng_below(rng, 65536);
	packet->scalar[FIELD_LENGTH] = test_headers_length(packet);
	/* What the whole policy says of it. */
	test->place = (struct place){ "test.yaml", 1, 1 };
}

static void expect_oracle(const struct policy *policy, struct policy_test *test)
{
	static uint8_t frame[TEST_FRAME_MAX];
	struct oracle_answer answer = {};

	oracle_judge(policy, test->interface, frame, test_frame(&test->packet, frame), &answer);
	test->verdict = answer.verdict;
	test->reason = answer.reason;
	test->rule = answer.rule == ORACLE_NO_RULE ? TEST_ANY_RULE : (uint32_t)answer.rule;
}

static void thinned_sets(void **state)
{
	struct rng rng = { .state = 4 };

	for (int i = 0; i < 200; i++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct policy *policy = random_policy(&rng);

		policy->n_tests = 1 + rng_below(&rng, 40);
		policy->tests = calloc(policy->n_tests, sizeof(*policy->tests));
		assert_non_null(policy->tests);
		for (size_t j = 0; j < policy->n_tests; j++) {
			random_test(&rng, policy, &policy->tests[j]);
			expect_oracle(policy, &policy->tests[j]);
		}
		if (policy_tests_run(policy, &diags) != 0) {
			diags_print(&diags, stderr, false);
			print_policy(policy, stderr);
			fail_msg("policy %d: thinned sets answer otherwise", i);
		}
		/* And a wrong expectation is noticed. */
		policy->tests[0].verdict = (policy->tests[0].verdict + 1) % N_VERDICTS;
		assert_int_equal(policy_tests_run(policy, &diags), -EINVAL);
		assert_int_equal(diags.n_errors, 1);
		policy_free(policy);
	}
}

/* As many as may be; one more is an error at its place. */
static void limit(void **state)
{
	static const char head[] = "interfaces: {i: {policy: p}}\npolicies: {p: {}}\ntests:\n";
	static const char test[] = "  - {in: i, expect: pass}\n";
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *text = calloc(1, sizeof(head) + 1025 * sizeof(test));
	struct policy *policy = NULL;

	assert_non_null(text);
	strcpy(text, head);
	for (int i = 0; i < CONFIG_MAX_TESTS; i++)
		strcat(text, test);
	policy = load(text);
	assert_int_equal(policy->n_tests, CONFIG_MAX_TESTS);
	assert_int_equal(policy_tests_run(policy, &diags), 0);
	policy_free(policy);
	policy = NULL;
	strcat(text, test);
	assert_int_equal(policy_load_text("test.yaml", text, strlen(text), &policy, &diags),
			 -EINVAL);
	assert_int_equal(diags.items[0].line, 4 + CONFIG_MAX_TESTS);
	assert_string_equal(diags.items[0].message, "more than 1024 tests");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes),
		cmocka_unit_test(frame_length),
		cmocka_unit_test(thinned_sets),
		cmocka_unit_test(limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
