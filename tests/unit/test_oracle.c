/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_oracle.c: docs/semantics.md sections 2 to 4, sentence by sentence, by hand; section 1
 * is in test_oracle_frame.c and test_oracle_upper.c. The program is compared with the oracle,
 * so what the oracle has wrong no other test would find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "oracle_case.h"
#include "random-policy.h"
#include "util.h"

static struct packet *const p = &packet;

/* --- 2. Which fate ------------------------------------------------------------------------ */

static void test_fate_order(void **state)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	struct oracle_answer answer;

	policy->fate_malformed = VERDICT_PASS;
	policy->fate_extension = VERDICT_PASS;
	policy->fate_fragments = VERDICT_PASS;

	ipv6(); /* a first fragment with an unknown extension */
	packet_fragment(p, 0, 1);
	packet_proto(p, 253);
	packet_payload(p, 8);
	packet_end(p);
	assert_int_equal(judge_on(policy, 0).reason, REASON_UNKNOWN_EXTENSION);
	policy->fate_extension = VERDICT_NONE;
	answer = judge_on(policy, 0);
	assert_int_equal(answer.reason, REASON_FRAGMENT);
	assert_int_equal(answer.verdict, VERDICT_PASS);
	policy->fate_fragments = VERDICT_DROP;
	assert_int_equal(judge_on(policy, 0).verdict, VERDICT_DROP);
	policy->fate_fragments = VERDICT_NONE;
	answer = judge_on(policy, 0);
	assert_int_equal(answer.reason, REASON_NONE);
	assert_int_equal(answer.rule, 0);

	policy->fate_fragments = VERDICT_PASS; /* malformed comes before both */
	policy->fate_extension = VERDICT_PASS;
	packet_set16(p, p->network + 4, 7);
	answer = judge_on(policy, 0);
	assert_int_equal(answer.reason, REASON_IPV6_EXTENSION_TRUNCATED);
	assert_int_equal(answer.verdict, VERDICT_PASS);
	assert_true(answer.rule == ORACLE_NO_RULE);
	policy->fate_malformed = VERDICT_DROP;
	assert_int_equal(judge_on(policy, 0).verdict, VERDICT_DROP);

	ipv6(); /* an atomic fragment is no fragment for the fate */
	packet_fragment(p, 0, 0);
	packet_end(p);
	assert_int_equal(judge_on(policy, 0).rule, 0);
	ipv4();
	packet_fragment(p, 64, 0);
	packet_end(p);
	assert_int_equal(judge_on(policy, 0).reason, REASON_FRAGMENT);
	policy_free(policy);
}

static void test_defaults(void **state)
{
	struct policy *policy = build_policy();
	uint32_t ruleset = build_ruleset(policy, "internet", VERDICT_DROP);
	struct oracle_answer answer;

	build_interface(policy, "wan", ruleset);
	policy->fate_non_ip = VERDICT_PASS;
	ipv4_tcp();
	answer = judge_on(policy, 0);
	assert_int_equal(answer.reason, REASON_DEFAULT);
	assert_int_equal(answer.verdict, VERDICT_DROP);
	assert_true(answer.rule == ORACLE_NO_RULE);
	packet_start(p); /* `default: drop` never drops ARP, LACP, LLDP */
	answer = judge_on(policy, 0);
	assert_int_equal(answer.reason, REASON_NON_IP);
	assert_int_equal(answer.verdict, VERDICT_PASS);

	policy->rulesets[0].default_verdict = VERDICT_PASS;
	policy->fate_non_ip = VERDICT_DROP;
	assert_int_equal(judge_on(policy, 0).verdict, VERDICT_DROP);
	ipv6_tcp();
	assert_int_equal(judge_on(policy, 0).verdict, VERDICT_PASS);
	policy_free(policy);
}

/* The first terminal match decides; it and every match ahead of it count. */
static void test_first_match_and_counting(void **state)
{
	struct policy *policy = build_policy();
	uint32_t ruleset = build_ruleset(policy, "internet", VERDICT_PASS);
	uint8_t counted[7], expected[7] = { 1, 0, 1, 0, 1, 0, 0 };
	struct oracle_answer answer = { .counted = counted };

	build_interface(policy, "wan", ruleset);
	build_rule(policy, ruleset, "0-count", VERDICT_NONE);
	build_scalar(build_rule(policy, ruleset, "1-no", VERDICT_DROP), FIELD_DPORT, 80, 80);
	build_scalar(build_rule(policy, ruleset, "2-count", VERDICT_NONE), FIELD_DPORT, 443, 443);
	build_scalar(build_rule(policy, ruleset, "3-no", VERDICT_NONE), FIELD_DPORT, 444, 445);
	build_redirect(policy, build_rule(policy, ruleset, "4-out", VERDICT_REDIRECT), "out0");
	build_rule(policy, ruleset, "5-count", VERDICT_NONE);
	build_rule(policy, ruleset, "6-drop", VERDICT_DROP);

	ipv4_tcp();
	memset(counted, 0xaa, sizeof(counted));
	oracle_judge(policy, 0, p->data, p->len, &answer);
	assert_int_equal(answer.rule, 4);
	assert_int_equal(answer.verdict, VERDICT_REDIRECT);
	assert_int_equal(answer.reason, REASON_NONE);
	assert_memory_equal(counted, expected, sizeof(counted));

	p->data[p->network] = 0x44; /* malformed: no rule is asked */
	memset(counted, 0xaa, sizeof(counted));
	memset(expected, 0, sizeof(expected));
	oracle_judge(policy, 0, p->data, p->len, &answer);
	assert_int_equal(answer.reason, REASON_IPV4_HEADER_LENGTH);
	assert_memory_equal(counted, expected, sizeof(counted));
	policy_free(policy);
}

/* --- 3. When a condition holds ------------------------------------------------------------ */

static bool src_matches(const char *const prefixes[2], bool negated)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	struct oracle_answer answer;

	for (int i = 0; i < 2; i++) {
		uint32_t set = build_set(policy, "");

		if (prefixes[i])
			build_prefix(policy, set, prefixes[i]);
		build_address(rule, ADDRESS_SRC, set);
	}
	rule->address[ADDRESS_SRC].negated = negated;
	answer = judge_on(policy, 0);
	policy_free(policy);
	return answer.rule == 0;
}

#define SRC(...) ((const char *const[2]){ __VA_ARGS__ })

static void test_addresses_v4(void **state)
{
	static const struct {
		const char *address, *prefix;
		bool inside;
	} cases[] = {
		{ "192.0.2.0", "192.0.2.0/24", true },
		{ "192.0.2.255", "192.0.2.0/24", true },
		{ "192.0.1.255", "192.0.2.0/24", false },
		{ "192.0.3.0", "192.0.2.0/24", false },
		{ "0.0.0.0", "0.0.0.0/0", true },
		{ "255.255.255.255", "0.0.0.0/0", true },
		{ "127.255.255.255", "0.0.0.0/1", true },
		{ "128.0.0.0", "0.0.0.0/1", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.0", "10.0.0.1", false },
		{ "255.255.255.255", "255.255.255.255/32", true },
		{ "0.0.0.0", "0.0.0.0/32", true },
		{ "0.0.0.1", "0.0.0.0/32", false },
		{ "10.0.0.3", "10.0.0.2/31", true },
		{ "10.0.0.4", "10.0.0.2/31", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		packet_start(p);
		packet_ipv4(p, packet_address4(cases[i].address), 0x01020304);
		packet_end(p);
		assert_int_equal(src_matches(SRC(cases[i].prefix), false), cases[i].inside);
		assert_int_equal(src_matches(SRC(cases[i].prefix), true), !cases[i].inside);
		assert_int_equal(src_matches(SRC("9.9.9.9", cases[i].prefix), false),
				 cases[i].inside);
	}
}

static void test_addresses_v6(void **state)
{
	static const struct {
		const char *address, *prefix;
		bool inside;
	} cases[] = {
		{ "2001:db8::", "2001:db8::/32", true },
		{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32", true },
		{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32", false },
		{ "2001:db9::", "2001:db8::/32", false },
		{ "::", "::/0", true },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0", true },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::", "2001:db8::1", false },
		{ "2001:db8:0:1::", "2001:db8::/63", true },
		{ "2001:db8:0:1::", "2001:db8::/64", false },
		{ "2001:db8:0:0:7fff::", "2001:db8::/65", true },
		{ "2001:db8:0:0:8000::", "2001:db8::/65", false },
		{ "2001:db8::3", "2001:db8::2/127", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t src[16];

		packet_address6(src, cases[i].address);
		packet_start(p);
		packet_ipv6(p, src, dst6);
		packet_end(p);
		assert_int_equal(src_matches(SRC(cases[i].prefix), false), cases[i].inside);
		assert_int_equal(src_matches(SRC(cases[i].prefix), true), !cases[i].inside);
	}
}

/* An address is only compared with prefixes of its own family. */
static void test_addresses_other_family(void **state)
{
	static const uint8_t like_v4[16] = { 192, 0, 2, 1 };

	ipv6_tcp();
	assert_false(src_matches(SRC("0.0.0.0/0"), false));
	assert_true(src_matches(SRC("0.0.0.0/0"), true));
	assert_true(src_matches(SRC("0.0.0.0/0", "2001:db8::/32"), false));
	assert_false(src_matches(SRC("0.0.0.0/0", "2001:db8::/32"), true));
	packet_start(p);
	packet_ipv6(p, like_v4, dst6);
	packet_end(p);
	assert_false(src_matches(SRC("192.0.2.0/24"), false));
	ipv4_tcp();
	assert_false(src_matches(SRC("::/0"), false));
	assert_true(src_matches(SRC("::/0"), true));
	assert_false(src_matches(SRC(NULL), false)); /* an empty set */
	assert_true(src_matches(SRC(NULL), true));
	packet_start(p);
	assert_false(src_matches(SRC("0.0.0.0/0", "::/0"), false));
	assert_false(src_matches(SRC("0.0.0.0/0", "::/0"), true));
}

/* The live set of this number holds the packet's source. */
static bool holds_source(void *context, size_t set, enum family family, const uint8_t *address)
{
	assert_int_equal(family, FAMILY_V4);
	return set == *(const size_t *)context && memcmp(address, packet.data + 26, 4) == 0;
}

static bool live_matches(const struct policy *policy, size_t holding)
{
	const struct oracle_live live = { holds_source, &holding };
	struct oracle_answer answer = { 0 };

	oracle_judge_live(policy, 0, p->data, p->len, &live, &answer);
	return answer.rule == 0;
}

/* Of two live sets and one set: any of them, or none; in the address that is asked about only. */
static void test_live_sets(void **state)
{
	const size_t nobody = 7;
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	uint32_t set = build_set(policy, "set");

	build_live_set(policy, "a");
	build_live_set(policy, "b");
	build_live_address(rule, ADDRESS_SRC, 1);
	ipv4_tcp();
	assert_true(live_matches(policy, 1));
	assert_false(live_matches(policy, 0));
	assert_int_equal(judge_on(policy, 0).reason, REASON_DEFAULT); /* by itself: empty */
	rule->address[ADDRESS_SRC].negated = true;
	assert_false(live_matches(policy, 1));
	assert_true(live_matches(policy, 0));
	assert_int_equal(judge_on(policy, 0).rule, 0);

	build_address(rule, ADDRESS_SRC, set);
	assert_true(live_matches(policy, nobody));
	build_prefix(policy, set, "0.0.0.0/0");
	assert_false(live_matches(policy, nobody)); /* in the set, if in no live one */
	rule->address[ADDRESS_SRC].negated = false;
	assert_true(live_matches(policy, nobody));
	build_live_address(rule, ADDRESS_DST, 1);
	assert_false(live_matches(policy, 1)); /* which has the source, not the destination */
	rule->address[ADDRESS_DST].negated = true;
	assert_true(live_matches(policy, 1));

	packet_start(p); /* without addresses, neither in it nor out of it */
	packet_end(p);
	build_scalar(rule, FIELD_ETHERTYPE, 0, 0xffff);
	assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
	policy_free(policy);
}

static void test_src_is_not_dst(void **state)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	uint32_t set = build_set(policy, "");

	build_prefix(policy, set, "198.51.100.7"); /* ipv4()'s destination */
	build_prefix(policy, set, "2001:db8::2");
	build_address(rule, ADDRESS_DST, set);
	ipv4_tcp();
	assert_int_equal(judge_on(policy, 0).rule, 0);
	ipv6_tcp();
	assert_int_equal(judge_on(policy, 0).rule, 0);
	rule->address[ADDRESS_SRC] = rule->address[ADDRESS_DST];
	memset(&rule->address[ADDRESS_DST], 0, sizeof(rule->address[ADDRESS_DST]));
	assert_true(judge_on(policy, 0).rule == ORACLE_NO_RULE);
	ipv4_tcp();
	assert_true(judge_on(policy, 0).rule == ORACLE_NO_RULE);
	rule->address[ADDRESS_DST] = rule->address[ADDRESS_SRC];
	memset(&rule->address[ADDRESS_SRC], 0, sizeof(rule->address[ADDRESS_SRC]));
	rule->address[ADDRESS_DST].negated = true;
	assert_true(judge_on(policy, 0).rule == ORACLE_NO_RULE);
	packet_start(p); /* no address: not even with an ethertype to ask for */
	build_scalar(rule, FIELD_ETHERTYPE, 0x88b5, 0x88b5);
	assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
	policy_free(policy);
}

/* All conditions must hold; of one condition, any range. */
static void test_and_of_or(void **state)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);

	build_scalar(rule, FIELD_DPORT, 80, 80);
	build_scalar(rule, FIELD_DPORT, 440, 443);
	build_scalar(rule, FIELD_PROTO, 6, 6);
	ipv4_tcp();
	assert_int_equal(judge_on(policy, 0).rule, 0);
	build_scalar(rule, FIELD_TTL, 65, 255);
	assert_true(judge_on(policy, 0).rule == ORACLE_NO_RULE);
	rule->scalar[FIELD_TTL].negated = true;
	assert_int_equal(judge_on(policy, 0).rule, 0);
	rule->scalar[FIELD_DPORT].negated = true; /* none of all the ranges */
	assert_true(judge_on(policy, 0).rule == ORACLE_NO_RULE);
	policy_free(policy);
}

/* *fragment* of a whole packet is none: neither first nor later, so `not: later` holds. */
static void test_not_later(void **state)
{
	ipv4_tcp();
	assert_true(matches(FIELD_FRAGMENT, FRAGMENT_LATER, FRAGMENT_LATER, true));
	assert_false(matches(FIELD_FRAGMENT, FRAGMENT_FIRST, FRAGMENT_LATER, false));
	packet_start(p);
	assert_lacks(FIELD_FRAGMENT);
	assert_lacks(FIELD_LENGTH);
	assert_lacks(FIELD_TTL);
	assert_lacks(FIELD_DSCP);
	assert_lacks(FIELD_PROTO);
}

/* Frames that are not IP are touched only by rules that name an ethertype. */
static void test_non_ip(void **state)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);

	packet_start(p);
	packet_vlan(p, 0x8100, 5);
	packet_ethertype(p, 0x0806);
	assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
	build_scalar(rule, FIELD_VLAN, 5, 5); /* not even by a field that it has */
	assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
	build_scalar(rule, FIELD_ETHERTYPE, 0x0806, 0x0806);
	assert_int_equal(judge_on(policy, 0).rule, 0);
	build_scalar(rule, FIELD_TTL, 0, 255); /* ARP has no TTL, whatever the rule says */
	assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
	rule->scalar[FIELD_TTL].negated = true;
	assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
	policy_free(policy);

	assert_true(matches(FIELD_ETHERTYPE, 0x0800, 0x0800, true));
	ipv4_tcp(); /* and such a rule matches IP frames, if the value says so */
	assert_true(matches(FIELD_ETHERTYPE, 0x0800, 0x0800, false));
	assert_true(matches(FIELD_ETHERTYPE, 0x0806, 0x0806, true));
	assert_false(matches(FIELD_ETHERTYPE, 0x86dd, 0x86dd, false));
}

/* Every frame carries both, and yet they are no ethertype condition. */
static void test_macs(void **state)
{
	static const uint8_t dst[] = { 2, 0, 0, 0, 0, 1 }, src[] = { 2, 0, 0, 0, 0, 2 };
	static const uint8_t other[] = { 2, 0, 0, 0, 0, 3 };

	for (enum mac_field field = 0; field < N_MAC_FIELDS; field++) {
		struct rule *rule;
		struct policy *policy = one_rule(&rule);
		struct mac_match *match = &rule->mac[field];

		ipv4_tcp(); /* from 02:..:02 to 02:..:01 */
		build_mac(rule, field, other);
		build_mac(rule, field, field == MAC_SRC ? dst : src);
		assert_int_equal(judge_on(policy, 0).reason, REASON_DEFAULT);
		match->negated = true;
		assert_int_equal(judge_on(policy, 0).rule, 0);
		build_mac(rule, field, field == MAC_SRC ? src : dst);
		assert_int_equal(judge_on(policy, 0).reason, REASON_DEFAULT);
		match->negated = false;
		assert_int_equal(judge_on(policy, 0).rule, 0);
		/* Compared as a whole; in the last two bits the others of the list differ. */
		for (size_t bit = 0; bit < 46; bit++) {
			size_t at = (field == MAC_SRC ? 6 : 0) + bit / 8;

			p->data[at] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(judge_on(policy, 0).reason, REASON_DEFAULT);
			p->data[at] ^= (uint8_t)(0x80 >> bit % 8);
		}

		packet_start(p);
		packet_ethertype(p, 0x0806);
		assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
		build_scalar(rule, FIELD_ETHERTYPE, 0x0806, 0x0806);
		assert_int_equal(judge_on(policy, 0).rule, 0);
		packet_ethertype(p, 0x0100); /* 802.3: no ethertype, but addresses */
		assert_int_equal(judge_on(policy, 0).reason, REASON_NON_IP);
		policy_free(policy);
	}
}

static void test_interfaces(void **state)
{
	struct policy *policy = build_policy();
	uint32_t shared = build_ruleset(policy, "shared", VERDICT_PASS);
	uint32_t other = build_ruleset(policy, "other", VERDICT_DROP);
	uint32_t wan = build_interface(policy, "wan", shared);
	uint32_t lan = build_interface(policy, "lan", shared);
	uint32_t dmz = build_interface(policy, "dmz", other);
	struct rule *rule = build_rule(policy, shared, "on-lan", VERDICT_DROP);

	build_on_interface(rule, dmz);
	build_on_interface(rule, lan);
	ipv4_tcp();
	assert_true(judge_on(policy, wan).rule == ORACLE_NO_RULE);
	assert_int_equal(judge_on(policy, lan).rule, 0);
	assert_int_equal(judge_on(policy, dmz).reason, REASON_DEFAULT); /* another policy */
	rule->interface.negated = true;
	assert_int_equal(judge_on(policy, wan).rule, 0);
	assert_true(judge_on(policy, lan).rule == ORACLE_NO_RULE);
	packet_start(p); /* always carried, and yet no ethertype condition */
	assert_int_equal(judge_on(policy, wan).reason, REASON_NON_IP);
	policy_free(policy);
}

/* --- any bytes ---------------------------------------------------------------------------- */

/* Nothing is read beyond the frame (AddressSanitizer would say so), every answer is valid. */
static void test_any_bytes(void **state)
{
	struct rng rng = { 1 };

	for (int i = 0; i < 40; i++) {
		struct policy *policy = random_policy(&rng);

		for (int j = 0; j < 500; j++) {
			struct oracle_answer answer;
			size_t interface = rng_below(&rng, (uint32_t)policy->n_interfaces);

			random_packet(&rng, policy, interface, p);
			if (rng_percent(&rng, 50))
				p->len = rng_below(&rng, (uint32_t)p->len + 1);
			for (uint32_t n = rng_below(&rng, 4); n > 0 && p->len > 12; n--) {
				size_t at = 12 + rng_below(&rng, (uint32_t)p->len - 12);

				p->data[at] = (uint8_t)rng_u64(&rng);
			}
			answer = judge_on(policy, interface);
			assert_true(answer.verdict < N_VERDICTS);
			assert_true((answer.reason == REASON_NONE) ==
				    (answer.rule != ORACLE_NO_RULE));
			assert_true(answer.reason == REASON_NONE || answer.reason < N_REASONS);
		}
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fate_order),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_first_match_and_counting),
		cmocka_unit_test(test_addresses_v4),
		cmocka_unit_test(test_addresses_v6),
		cmocka_unit_test(test_addresses_other_family),
		cmocka_unit_test(test_live_sets),
		cmocka_unit_test(test_src_is_not_dst),
		cmocka_unit_test(test_and_of_or),
		cmocka_unit_test(test_not_later),
		cmocka_unit_test(test_non_ip),
		cmocka_unit_test(test_macs),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
