/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_parse.c: program tests of how a frame is read: one table of frames with what must
 * become of them, and other fates for some of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "frames.h"
#include "sandbox.h"
#include "util.h"

static struct packet *const p = &packet;

static const struct {
	const char *description;
	void (*build)(void);
	struct expected expected;
} frames[] = {
	{ "IPv4 TCP", v4_tcp, BY_RULE(PASS, "https") },
	{ "IPv6 TCP", v6_tcp, BY_RULE(PASS, "https") },
	{ "IPv4 UDP with options, QinQ", v4_udp_options_qinq,
	  BY_RULE_AND(DROP, "dns", "vlan-100") },
	{ "IPv6 TCP behind six extension headers", v6_chain_tcp, BY_RULE(PASS, "https") },
	{ "ICMP echo", v4_icmp, BY_RULE(DROP, "ping") },
	{ "ICMPv6 echo in a VLAN", v6_icmp, BY_RULE_AND(DROP, "ping", "vlan-100") },
	{ "ICMP in IPv6 is any protocol", v6_icmpv4, BY_REASON(PASS, DEFAULT) },
	{ "ESP ends the chain", v6_esp, BY_RULE(DROP, "tunnel") },
	{ "no next header", v6_no_next_header, BY_REASON(PASS, DEFAULT) },

	{ "IPv4 first fragment", v4_first_fragment, BY_RULE_AND(DROP, "dns", "first") },
	{ "IPv4 later fragment", v4_later_fragment,
	  BY_RULE_AND(PASS, "udp-by-number", "later later-protocol") },
	{ "IPv6 first fragment", v6_first_fragment, BY_RULE_AND(PASS, "https", "first") },
	{ "IPv6 later fragment", v6_later_fragment,
	  BY_RULE_AND(PASS, "udp-by-number", "later later-protocol") },
	{ "IPv6 atomic fragment", v6_atomic_fragment, BY_RULE(DROP, "dns") },
	{ "IPv6 later fragment ahead of options", v6_later_fragment_without_protocol,
	  BY_REASON_AND(PASS, DEFAULT, "later") },
	{ "IPv6 later fragment ahead of mobility", v6_later_fragment_unknown,
	  BY_REASON_AND(PASS, DEFAULT, "later") },
	{ "two fragment headers", v6_fragment_repeated, BY_REASON(DROP, IPV6_FRAGMENT_REPEATED) },
	{ "IPv4 fragment over the TCP flags", v4_overlap, BY_REASON(DROP, FRAGMENT_OVERLAP) },
	{ "IPv6 fragment over the TCP flags", v6_overlap, BY_REASON(DROP, FRAGMENT_OVERLAP) },
	{ "UDP at offset 8 overlaps nothing", v4_offset_8_udp,
	  BY_RULE_AND(PASS, "udp-by-number", "later later-protocol") },
	{ "IPv4 fragment beyond 65535", v4_overrun, BY_REASON(DROP, FRAGMENT_OVERRUN) },
	{ "IPv4 fragment up to 65535, and padding", v4_no_overrun,
	  BY_RULE_AND(PASS, "udp-by-number", "later later-protocol") },
	{ "IPv6 fragment beyond 65535", v6_overrun, BY_REASON(DROP, FRAGMENT_OVERRUN) },

	{ "ARP", arp, BY_RULE(DROP, "arp") },
	{ "LLDP", lldp, BY_REASON(PASS, NON_IP) },
	{ "802.3", llc, BY_REASON(PASS, NON_IP) },
	{ "an Ethernet header alone", shortest, BY_RULE(DROP, "arp") },
	{ "ARP in a VLAN: the rule on the VLAN is for IP", vlan_arp, BY_RULE(DROP, "arp") },
	{ "priority tag", priority_tag, BY_RULE(DROP, "dns") },
	{ "only the outer tag counts", qinq_inner_100, BY_RULE(DROP, "dns") },
	{ "three tags", triple_tag, BY_REASON(DROP, VLAN_TOO_DEEP) },

	{ "padding", padded, BY_RULE(DROP, "dns") },
	{ "UDP header in the padding", udp_in_padding, BY_REASON(DROP, UDP_TRUNCATED) },
	{ "UDP length into the padding", v6_udp_length_in_padding, BY_REASON(DROP, UDP_LENGTH) },
	{ "UDP length below 8", v4_udp_length_short, BY_REASON(DROP, UDP_LENGTH) },
	{ "TCP data offset 4", v4_tcp_short_offset, BY_REASON(DROP, TCP_HEADER_LENGTH) },
	{ "TCP data offset beyond the packet", v4_tcp_long_offset,
	  BY_REASON(DROP, TCP_HEADER_LENGTH) },
	{ "eight extension headers", v6_eight, BY_RULE(DROP, "dns") },
	{ "nine extension headers", v6_nine, BY_REASON(DROP, IPV6_EXTENSION_CHAIN) },
	{ "unknown extension header", v6_mobility, BY_REASON(PASS, UNKNOWN_EXTENSION) },
	{ "IPv4 behind the type of IPv6", v4_in_v6_type, BY_REASON(DROP, IPV6_VERSION) },
	{ "IPv6 behind the type of IPv4", v6_in_v4_type, BY_REASON(DROP, IPV4_VERSION) },

	{ "IPv4 jumbo frame", v4_jumbo, BY_RULE_AND(DROP, "dns", "jumbo") },
	{ "IPv6 jumbo frame in a VLAN", v6_jumbo, BY_RULE_AND(PASS, "https", "vlan-100 jumbo") },
	{ "IPv6 of 8999 bytes and padding", v6_just_no_jumbo, BY_RULE(PASS, "https") },
	{ "the longest IPv4 packet", v4_longest, BY_RULE_AND(PASS, "https", "jumbo") },
	{ "the longest IPv6 packet", v6_longest, BY_RULE_AND(DROP, "dns", "jumbo") },
	{ "IPv4 jumbo, a byte short", v4_jumbo_one_byte_short, BY_REASON(DROP, IPV4_TOTAL_LENGTH) },
	{ "IPv6 jumbo, a byte short", v6_jumbo_one_byte_short,
	  BY_REASON(DROP, IPV6_PAYLOAD_LENGTH) },
	{ "UDP length beyond a jumbo", udp_length_beyond_jumbo, BY_REASON(DROP, UDP_LENGTH) },
};

static struct bench *bench;

static int setup(void **state)
{
	bench = bench_open(edge_policy(), 0, true);
	return 0;
}

static int teardown(void **state)
{
	bench = bench_close(bench);
	return 0;
}

static void test_frames(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		frames[i].build();
		bench_expect(bench, frames[i].description, p, &frames[i].expected);
	}
}

/* Fates of the same kinds of frames by another policy. */
static void test_fates(void **state)
{
	static const struct {
		const char *description;
		void (*build)(void);
		struct expected expected;
	} other[] = {
		{ "malformed: pass", v4_tcp_short_offset, BY_REASON(PASS, TCP_HEADER_LENGTH) },
		{ "fragments: drop, first", v4_first_fragment, BY_REASON(DROP, FRAGMENT) },
		{ "fragments: drop, later", v6_later_fragment, BY_REASON(DROP, FRAGMENT) },
		{ "an atomic fragment is none", v6_atomic_fragment, BY_RULE(DROP, "dns") },
		{ "unknown-extension: drop", v6_mobility, BY_REASON(DROP, UNKNOWN_EXTENSION) },
		{ "no unknown extension", v6_later_fragment_unknown, BY_REASON(DROP, FRAGMENT) },
		{ "malformed before fragment", v4_overlap, BY_REASON(PASS, FRAGMENT_OVERLAP) },
		{ "non-ip: drop", lldp, BY_REASON(DROP, NON_IP) },
		{ "non-ip: drop, 802.3", llc, BY_REASON(DROP, NON_IP) },
		{ "default: drop", v6_no_next_header, BY_REASON(DROP, DEFAULT) },
	};
	struct policy *policy = edge_policy();
	struct bench *b;

	policy->fate_malformed = VERDICT_PASS;
	policy->fate_fragments = VERDICT_DROP;
	policy->fate_extension = VERDICT_DROP;
	policy->fate_non_ip = VERDICT_DROP;
	policy->rulesets[0].default_verdict = VERDICT_DROP;
	b = bench_open(policy, 0, true);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		other[i].build();
		bench_expect(b, other[i].description, p, &other[i].expected);
	}
	bench_close(b);
}

static void test_unknown_extension_matched(void **state)
{
	static const uint8_t unknown[] = { 135, 139, 140, 253, 254 };
	struct policy *policy = build_policy();
	struct rule *rule;
	struct bench *b;

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	policy->fate_extension = VERDICT_NONE;
	rule = build_rule(policy, 0, "unknown", VERDICT_DROP);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		build_scalar(rule, FIELD_PROTO, unknown[i], unknown[i]);
	b = bench_open(policy, 0, true);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		static const struct expected expected = BY_RULE(DROP, "unknown");

		v6_mobility();
		p->data[p->network + 40] = unknown[i];
		bench_expect(b, "unknown extension by number", p, &expected);
	}
	bench_close(b);
}

static void test_ihl(void **state)
{
	static const struct expected too_short = BY_REASON(DROP, IPV4_HEADER_LENGTH);
	static const struct expected too_long = BY_REASON(DROP, IPV4_TRUNCATED);
	static const struct expected no_payload = BY_REASON(DROP, UDP_TRUNCATED);

	for (unsigned int ihl = 0; ihl < 16; ihl++) {
		char description[32];

		packet_start(p);
		put_ipv4();
		packet_udp(p, 1, 53);
		packet_end(p);
		p->data[p->network] = (uint8_t)(0x40 | ihl);
		snprintf(description, sizeof(description), "ihl %u", ihl);
		if (ihl < 5)
			bench_expect(bench, description, p, &too_short);
		else if (ihl > 7) /* 28 bytes are there */
			bench_expect(bench, description, p, &too_long);
		else if (ihl > 5)
			bench_expect(bench, description, p, &no_payload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_unknown_extension_matched),
		cmocka_unit_test(test_ihl),
	};

	if (!can_load_programs())
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
