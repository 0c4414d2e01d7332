/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_parse.c: program tests of how a frame is read: one table of frames with what must
 * become of them; frames cut off at every byte; header bytes with every value; headers that
 * lie outside the linear part of a multi-buffer frame.
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

static const uint8_t src6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
static const uint8_t dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

/* Rules that tell by which one decided what was read of the frame. */
static struct policy *edge_policy(void)
{
	struct policy *policy = build_policy();
	uint32_t internet = build_ruleset(policy, "internet", VERDICT_PASS);
	struct rule *rule;

	build_interface(policy, "wan", internet);
	build_scalar(build_rule(policy, internet, "vlan-100", VERDICT_NONE), FIELD_VLAN, 100, 100);
	build_scalar(build_rule(policy, internet, "first", VERDICT_NONE), FIELD_FRAGMENT,
		     FRAGMENT_FIRST, FRAGMENT_FIRST);
	build_scalar(build_rule(policy, internet, "later", VERDICT_NONE), FIELD_FRAGMENT,
		     FRAGMENT_LATER, FRAGMENT_LATER);
	rule = build_rule(policy, internet, "later-protocol", VERDICT_NONE);
	build_scalar(rule, FIELD_FRAGMENT, FRAGMENT_LATER, FRAGMENT_LATER);
	build_scalar(rule, FIELD_PROTO, 0, 255);
	build_scalar(build_rule(policy, internet, "jumbo", VERDICT_NONE), FIELD_LENGTH, 9000,
		     65575);
	rule = build_rule(policy, internet, "https", VERDICT_PASS);
	build_scalar(rule, FIELD_PROTO, 6, 6);
	build_scalar(rule, FIELD_DPORT, 443, 443);
	rule = build_rule(policy, internet, "dns", VERDICT_DROP);
	build_scalar(rule, FIELD_PROTO, 17, 17);
	build_scalar(rule, FIELD_DPORT, 53, 53);
	rule = build_rule(policy, internet, "ping", VERDICT_DROP);
	build_scalar(rule, FIELD_ICMP, 0x000800, 0x000800);
	build_scalar(rule, FIELD_ICMP, 0x018000, 0x018000);
	rule = build_rule(policy, internet, "tunnel", VERDICT_DROP);
	build_scalar(rule, FIELD_PROTO, 41, 50);
	rule = build_rule(policy, internet, "arp", VERDICT_DROP);
	build_scalar(rule, FIELD_ETHERTYPE, 0x0806, 0x0806);
	rule = build_rule(policy, internet, "udp-by-number", VERDICT_PASS);
	build_scalar(rule, FIELD_PROTO, 17, 17);
	return policy;
}

/* --- frames ------------------------------------------------------------------------------- */

static void put_ipv4(void)
{
	packet_ipv4(p, 0xc0000201, 0xc6336407);
}

static void put_ipv6(void)
{
	packet_ipv6(p, src6, dst6);
}

static void v4_tcp(void)
{
	packet_start(p);
	put_ipv4();
	packet_tcp(p, 1024, 443, TCP_SYN);
	packet_tcp_options(p, 12);
	packet_payload(p, 20);
	packet_end(p);
}

static void v6_tcp(void)
{
	packet_start(p);
	put_ipv6();
	packet_tcp(p, 1024, 443, TCP_SYN);
	packet_payload(p, 20);
	packet_end(p);
}

static void v4_udp_options_qinq(void)
{
	packet_start(p);
	packet_vlan(p, 0x88a8, 100);
	packet_vlan(p, 0x8100, 200);
	put_ipv4();
	packet_ipv4_options(p, 24);
	packet_udp(p, 1024, 53);
	packet_payload(p, 10);
	packet_end(p);
}

static void v6_chain_tcp(void)
{
	packet_start(p);
	put_ipv6();
	packet_extension(p, 0, 16);
	packet_extension(p, 60, 8);
	packet_extension(p, 43, 24);
	packet_fragment(p, 0, 0);
	packet_extension(p, 51, 28);
	packet_extension(p, 60, 40);
	packet_tcp(p, 1024, 443, TCP_ACK);
	packet_payload(p, 9);
	packet_end(p);
}

static void v4_icmp(void)
{
	packet_start(p);
	put_ipv4();
	packet_icmp(p, 8, 0);
	packet_payload(p, 8);
	packet_end(p);
}

static void v6_icmp(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_icmpv6(p, 128, 0);
	packet_payload(p, 8);
	packet_end(p);
}

static void v4_first_fragment(void)
{
	packet_start(p);
	put_ipv4();
	packet_fragment(p, 0, 1);
	packet_udp(p, 1024, 53);
	packet_payload(p, 16);
	packet_end(p);
	packet_set16(p, p->upper + 4, 3000);
}

static void v4_later_fragment(void)
{
	packet_start(p);
	put_ipv4();
	packet_fragment(p, 1480, 0);
	packet_proto(p, 17);
	packet_payload(p, 16);
	packet_end(p);
}

static void v6_first_fragment(void)
{
	packet_start(p);
	put_ipv6();
	packet_extension(p, 0, 8);
	packet_fragment(p, 0, 1);
	packet_tcp(p, 1024, 443, TCP_SYN);
	packet_payload(p, 4);
	packet_end(p);
}

static void v6_later_fragment(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 1480, 0);
	packet_proto(p, 17);
	packet_payload(p, 16);
	packet_end(p);
}

static void v6_atomic_fragment(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 0, 0);
	packet_udp(p, 1024, 53);
	packet_end(p);
}

static void v6_later_fragment_without_protocol(void)
{
	v6_later_fragment();
	packet_proto(p, 60);
}

static void v6_later_fragment_unknown(void)
{
	v6_later_fragment();
	packet_proto(p, 135);
}

static void v6_fragment_repeated(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 0, 0);
	packet_fragment(p, 0, 0);
	packet_udp(p, 1024, 53);
	packet_end(p);
}

static void v4_overlap(void)
{
	v4_later_fragment();
	packet_fragment(p, 8, 0);
	packet_proto(p, 6);
}

static void v4_offset_8_udp(void)
{
	v4_later_fragment();
	packet_fragment(p, 8, 1);
}

static void v6_overlap(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 8, 1);
	packet_proto(p, 6);
	packet_payload(p, 16);
	packet_end(p);
}

static void v4_overrun(void)
{
	v4_later_fragment();
	packet_fragment(p, 65520, 0);
}

static void v4_no_overrun(void)
{
	packet_start(p);
	put_ipv4();
	packet_fragment(p, 65520, 0);
	packet_proto(p, 17);
	packet_payload(p, 15);
	packet_end(p);
	packet_padding(p, 20);
}

static void v6_overrun(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 65528, 1);
	packet_proto(p, 17);
	packet_payload(p, 8);
	packet_end(p);
}

static void arp(void)
{
	packet_start(p);
	packet_ethertype(p, 0x0806);
	packet_payload(p, 46);
}

static void lldp(void)
{
	packet_start(p);
	packet_ethertype(p, 0x88cc);
	packet_payload(p, 46);
}

static void llc(void)
{
	packet_start(p);
	packet_ethertype(p, 38); /* 802.3: a length; spanning tree looks like this */
	packet_payload(p, 46);
}

static void shortest(void)
{
	packet_start(p);
	packet_ethertype(p, 0x0806);
}

static void vlan_arp(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 100);
	packet_ethertype(p, 0x0806);
	packet_payload(p, 42);
}

static void priority_tag(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 0xa000);
	put_ipv4();
	packet_udp(p, 1, 53);
	packet_end(p);
}

static void qinq_inner_100(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 200);
	packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_udp(p, 1, 53);
	packet_end(p);
}

static void triple_tag(void)
{
	packet_start(p);
	for (int i = 0; i < 3; i++)
		packet_vlan(p, 0x8100, 100);
	put_ipv4();
	packet_end(p);
}

static void padded(void)
{
	packet_start(p);
	put_ipv4();
	packet_udp(p, 1024, 53);
	packet_end(p);
	packet_padding(p, 18);
}

/* The UDP header would be in the padding. */
static void udp_in_padding(void)
{
	padded();
	packet_set16(p, p->network + 2, 27);
}

static void v6_udp_length_in_padding(void)
{
	packet_start(p);
	put_ipv6();
	packet_udp(p, 1024, 53);
	packet_end(p);
	packet_padding(p, 18);
	packet_set16(p, p->upper + 4, 9);
}

static void v6_extensions(int n)
{
	packet_start(p);
	put_ipv6();
	for (int i = 0; i < n; i++)
		packet_extension(p, 60, 8);
	packet_udp(p, 1, 53);
	packet_end(p);
}

static void v6_eight(void)
{
	v6_extensions(8);
}

static void v6_nine(void)
{
	v6_extensions(9);
}

static void v6_mobility(void)
{
	packet_start(p);
	put_ipv6();
	packet_extension(p, 60, 8);
	packet_extension(p, 135, 8);
	packet_end(p);
}

static void v6_esp(void)
{
	packet_start(p);
	put_ipv6();
	packet_proto(p, 50);
	packet_payload(p, 4);
	packet_end(p);
}

static void v6_no_next_header(void)
{
	packet_start(p);
	put_ipv6();
	packet_end(p);
}

static void v6_icmpv4(void)
{
	packet_start(p);
	put_ipv6();
	packet_icmp(p, 8, 0);
	packet_end(p);
}

static void v4_in_v6_type(void)
{
	v4_tcp();
	packet_set16(p, 12, 0x86dd);
}

static void v6_in_v4_type(void)
{
	v6_tcp();
	packet_set16(p, 12, 0x0800);
}

static void v4_tcp_short_offset(void)
{
	v4_tcp();
	p->data[p->upper + 12] = 0x40;
}

static void v4_tcp_long_offset(void)
{
	packet_start(p);
	put_ipv4();
	packet_tcp(p, 1024, 443, 0);
	packet_end(p);
	p->data[p->upper + 12] = 0x60;
}

static void v4_udp_length_short(void)
{
	padded();
	packet_set16(p, p->upper + 4, 7);
}

static void v4_jumbo(void)
{
	packet_start(p);
	put_ipv4();
	packet_udp(p, 1, 53);
	packet_payload(p, 8972);
	packet_end(p);
}

static void v6_jumbo(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_tcp(p, 1, 443, TCP_ACK);
	packet_payload(p, 8940);
	packet_end(p);
}

static void v6_just_no_jumbo(void)
{
	packet_start(p);
	put_ipv6();
	packet_tcp(p, 1, 443, TCP_ACK);
	packet_payload(p, 8939);
	packet_end(p);
	packet_padding(p, 100);
}

static void v4_longest(void)
{
	packet_start(p);
	put_ipv4();
	packet_tcp(p, 1, 443, TCP_ACK);
	packet_payload(p, 65495);
	packet_end(p);
}

static void v6_longest(void)
{
	packet_start(p);
	put_ipv6();
	packet_udp(p, 1, 53);
	packet_payload(p, 65527);
	packet_end(p);
}

/* The lengths are checked against the whole frame, not its linear part. */
static void v4_jumbo_one_byte_short(void)
{
	v4_jumbo();
	p->len--;
}

static void v6_jumbo_one_byte_short(void)
{
	v6_jumbo();
	p->len--;
}

static void udp_length_beyond_jumbo(void)
{
	v4_jumbo();
	packet_set16(p, p->upper + 4, 8981);
}

#define BY_RULE(verdict, rule)                                                                     \
	{                                                                                          \
		VERDICT_##verdict, REASON_NONE, rule, NULL                                         \
	}
#define BY_RULE_AND(verdict, rule, counted)                                                        \
	{                                                                                          \
		VERDICT_##verdict, REASON_NONE, rule, counted                                      \
	}
#define BY_REASON(verdict, reason)                                                                 \
	{                                                                                          \
		VERDICT_##verdict, REASON_##reason, NULL, NULL                                     \
	}
#define BY_REASON_AND(verdict, reason, counted)                                                    \
	{                                                                                          \
		VERDICT_##verdict, REASON_##reason, NULL, counted                                  \
	}

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

/* --- cut off at every byte ---------------------------------------------------------------- */

struct step {
	size_t from; /* frames of so many bytes, and more, up to the next step */
	enum reason reason;
};

struct cut {
	const char *description;
	void (*build)(void);
	/* The frame alone is cut off; the headers still tell of the whole packet. */
	struct step frame[8];
	/* The packet ends there, and the header says so. */
	struct step packet[16];
};

/* From here on nothing is malformed. */
#define END(bytes)                                                                                 \
	{                                                                                          \
		bytes, N_REASONS                                                                   \
	}

static const struct cut cuts[] = {
	{ "IPv4 TCP",
	  v4_tcp,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(86) },
	  { { 34, REASON_TCP_TRUNCATED }, { 54, REASON_TCP_HEADER_LENGTH }, END(66) } },
	{ "IPv4 UDP with options, QinQ",
	  v4_udp_options_qinq,
	  { { 14, REASON_VLAN_TRUNCATED },
	    { 22, REASON_IPV4_TRUNCATED },
	    { 66, REASON_IPV4_TOTAL_LENGTH },
	    END(84) },
	  { { 66, REASON_UDP_TRUNCATED }, { 74, REASON_UDP_LENGTH }, END(84) } },
	{ "IPv6 TCP behind six extension headers",
	  v6_chain_tcp,
	  { { 14, REASON_IPV6_TRUNCATED }, { 54, REASON_IPV6_PAYLOAD_LENGTH }, END(207) },
	  { { 54, REASON_IPV6_EXTENSION_TRUNCATED }, { 178, REASON_TCP_TRUNCATED }, END(198) } },
	{ "ICMP echo",
	  v4_icmp,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(50) },
	  { { 34, REASON_ICMP_TRUNCATED }, END(42) } },
	{ "ICMPv6 echo in a VLAN",
	  v6_icmp,
	  { { 14, REASON_VLAN_TRUNCATED },
	    { 18, REASON_IPV6_TRUNCATED },
	    { 58, REASON_IPV6_PAYLOAD_LENGTH },
	    END(70) },
	  { { 58, REASON_ICMP_TRUNCATED }, END(62) } },
	{ "IPv4 first fragment",
	  v4_first_fragment,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(58) },
	  { { 34, REASON_UDP_TRUNCATED }, END(42) } },
	{ "IPv4 later fragment",
	  v4_later_fragment,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(50) },
	  { END(34) } },
	{ "IPv6 first fragment",
	  v6_first_fragment,
	  { { 14, REASON_IPV6_TRUNCATED }, { 54, REASON_IPV6_PAYLOAD_LENGTH }, END(94) },
	  { { 54, REASON_IPV6_EXTENSION_TRUNCATED }, { 70, REASON_TCP_TRUNCATED }, END(90) } },
	{ "IPv6 later fragment",
	  v6_later_fragment,
	  { { 14, REASON_IPV6_TRUNCATED }, { 54, REASON_IPV6_PAYLOAD_LENGTH }, END(78) },
	  { { 54, REASON_IPV6_EXTENSION_TRUNCATED }, END(62) } },
	{ "three tags",
	  triple_tag,
	  { { 14, REASON_VLAN_TRUNCATED }, { 22, REASON_VLAN_TOO_DEEP }, END(46) },
	  {} },
};

static void expect_step(const struct cut *cut, const struct step *steps)
{
	const struct step *step = steps;
	char description[96];

	while (step[1].from && p->len >= step[1].from)
		step++;
	snprintf(description, sizeof(description), "%s, %zu bytes left", cut->description, p->len);
	if (step->reason != N_REASONS && p->len >= step->from) {
		struct expected expected = { VERDICT_DROP, step->reason, NULL, NULL };

		bench_expect(bench, description, p, &expected);
	}
	bench_as_oracle(bench, description, p);
}

static void test_frame_cut_off(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t whole;

		cuts[i].build();
		whole = p->len;
		for (p->len = 14; p->len <= whole; p->len++)
			expect_step(&cuts[i], cuts[i].frame);
	}
}

/* The frame is cut off, or stays and what is cut off becomes padding. */
static void test_packet_cut_off(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t whole, headers;
		bool v4;

		if (cuts[i].packet[0].from == 0)
			continue;
		cuts[i].build();
		whole = p->len;
		v4 = p->data[p->network] >> 4 == 4;
		headers = p->network + (v4 ? (size_t)(p->data[p->network] & 15) * 4 : 40);
		for (p->len = headers; p->len <= whole; p->len++) {
			size_t len = p->len;

			packet_set16(p, p->network + (v4 ? 2 : 4),
				     (uint16_t)(len - p->network - (v4 ? 0 : 40)));
			expect_step(&cuts[i], cuts[i].packet);
			p->len = whole;
			bench_as_oracle(bench, "padding behind a packet cut off", p);
			p->len = len;
		}
	}
}

/* --- every value of a header byte, against the oracle ------------------------------------- */

static void sweep_byte(void (*build)(void), size_t from, size_t to)
{
	build();
	for (size_t at = from; at < to; at++) {
		uint8_t was = p->data[at];

		for (unsigned int value = 0; value < 256; value++) {
			char description[64];

			p->data[at] = (uint8_t)value;
			snprintf(description, sizeof(description), "byte %zu is %u", at, value);
			bench_as_oracle(bench, description, p);
		}
		p->data[at] = was;
	}
}

static void test_every_byte_value(void **state)
{
	sweep_byte(v4_tcp, 12, 54);
	sweep_byte(v4_udp_options_qinq, 12, 32);
	sweep_byte(v4_first_fragment, 18, 42);
	sweep_byte(v4_icmp, 34, 36);
	sweep_byte(v6_chain_tcp, 14, 21);
	sweep_byte(v6_chain_tcp, 54, 56);
	sweep_byte(v6_chain_tcp, 70, 72);
	sweep_byte(v6_chain_tcp, 102, 112); /* the fragment header, and AH's first bytes */
	sweep_byte(v6_later_fragment, 20, 21);
	sweep_byte(v6_later_fragment, 54, 58);
	sweep_byte(v6_icmp, 58, 60);
}

static void test_every_ethertype(void **state)
{
	for (unsigned int tag = 0; tag < 2; tag++) {
		for (unsigned int type = 0; type < 65536; type += type < 0x700 ? 1 : 3) {
			char description[32];

			packet_start(p);
			if (tag)
				packet_vlan(p, 0x88a8, 100);
			packet_ethertype(p, (uint16_t)type);
			packet_payload(p, 46);
			snprintf(description, sizeof(description), "ethertype 0x%04x", type);
			bench_as_oracle(bench, description, p);
		}
	}
}

static void test_fragment_offsets(void **state)
{
	for (unsigned int offset = 0; offset < 65536; offset += 8) {
		char description[32];

		snprintf(description, sizeof(description), "fragment at %u", offset);
		v4_later_fragment();
		packet_fragment(p, offset, offset & 16);
		bench_as_oracle(bench, description, p);
		v6_later_fragment();
		packet_set16(p, p->fragment + 2, (uint16_t)(offset | (offset & 16 ? 1 : 0)));
		bench_as_oracle(bench, description, p);
	}
}

/* --- headers outside the linear part ------------------------------------------------------ */

/* Two long extension headers move the upper header across the end of the linear part (some
 * 3.5 KiB in BPF_PROG_TEST_RUN) in steps of 4 bytes. */
static void far_headers(size_t bytes, bool tag, bool tcp)
{
	packet_start(p);
	if (tag)
		packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_extension(p, 60, 2048);
	packet_extension(p, 60, bytes);
	packet_fragment(p, 0, 0);
	if (tcp)
		packet_tcp(p, 1024, 443, TCP_SYN);
	else
		packet_udp(p, 1024, 53);
	packet_payload(p, 3000);
	packet_end(p);
}

static void test_headers_across_buffers(void **state)
{
	static const struct expected https = BY_RULE(PASS, "https");
	static const struct expected dns = BY_RULE(DROP, "dns");
	char description[64];

	for (size_t bytes = 8; bytes <= 2048; bytes += 8) {
		for (int tag = 0; tag < 2; tag++) {
			far_headers(bytes, tag, true);
			snprintf(description, sizeof(description), "TCP header at byte %zu",
				 p->upper);
			bench_as_oracle(bench, description, p);
			p->len = p->upper + 19;
			bench_as_oracle(bench, description, p);
			packet_end(p);
			bench_as_oracle(bench, description, p);
			far_headers(bytes, tag, false);
			bench_as_oracle(bench, description, p);
		}
		if (bytes % 64)
			continue;
		far_headers(bytes, false, true);
		bench_expect(bench, description, p, &https);
		far_headers(bytes, false, false);
		bench_expect(bench, description, p, &dns);
	}
}

/* All eight headers as long as can be: the upper header at byte 16 KiB. */
static void test_longest_chain(void **state)
{
	static const struct expected expected = BY_RULE_AND(DROP, "dns", "jumbo");

	packet_start(p);
	put_ipv6();
	for (int i = 0; i < 8; i++)
		packet_extension(p, i == 0 ? 0 : 60, 2048);
	packet_udp(p, 1, 53);
	packet_payload(p, 100);
	packet_end(p);
	bench_expect(bench, "eight extension headers of 2048 bytes", p, &expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_unknown_extension_matched),
		cmocka_unit_test(test_ihl),
		cmocka_unit_test(test_frame_cut_off),
		cmocka_unit_test(test_packet_cut_off),
		cmocka_unit_test(test_every_byte_value),
		cmocka_unit_test(test_every_ethertype),
		cmocka_unit_test(test_fragment_offsets),
		cmocka_unit_test(test_headers_across_buffers),
		cmocka_unit_test(test_longest_chain),
	};

	if (!can_load_programs())
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
