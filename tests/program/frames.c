/* SPDX-License-Identifier: GPL-2.0-only */
/* frames.c: the frames that the tests of the parser share, see frames.h. */
#include "frames.h"

#include "build-policy.h"

struct packet packet;
static struct packet *const p = &packet;

static const uint8_t src6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
static const uint8_t dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

/* Rules that tell by which one decided what was read of the frame. */
struct policy *edge_policy(void)
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

void put_ipv4(void)
{
	packet_ipv4(p, 0xc0000201, 0xc6336407);
}

void put_ipv6(void)
{
	packet_ipv6(p, src6, dst6);
}

void v4_tcp(void)
{
	packet_start(p);
	put_ipv4();
	packet_tcp(p, 1024, 443, TCP_SYN);
	packet_tcp_options(p, 12);
	packet_payload(p, 20);
	packet_end(p);
}

void v6_tcp(void)
{
	packet_start(p);
	put_ipv6();
	packet_tcp(p, 1024, 443, TCP_SYN);
	packet_payload(p, 20);
	packet_end(p);
}

void v4_udp_options_qinq(void)
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

void v6_chain_tcp(void)
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

void v4_icmp(void)
{
	packet_start(p);
	put_ipv4();
	packet_icmp(p, 8, 0);
	packet_payload(p, 8);
	packet_end(p);
}

void v6_icmp(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_icmpv6(p, 128, 0);
	packet_payload(p, 8);
	packet_end(p);
}

void v4_first_fragment(void)
{
	packet_start(p);
	put_ipv4();
	packet_fragment(p, 0, 1);
	packet_udp(p, 1024, 53);
	packet_payload(p, 16);
	packet_end(p);
	packet_set16(p, p->upper + 4, 3000);
}

void v4_later_fragment(void)
{
	packet_start(p);
	put_ipv4();
	packet_fragment(p, 1480, 0);
	packet_proto(p, 17);
	packet_payload(p, 16);
	packet_end(p);
}

void v6_first_fragment(void)
{
	packet_start(p);
	put_ipv6();
	packet_extension(p, 0, 8);
	packet_fragment(p, 0, 1);
	packet_tcp(p, 1024, 443, TCP_SYN);
	packet_payload(p, 4);
	packet_end(p);
}

void v6_later_fragment(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 1480, 0);
	packet_proto(p, 17);
	packet_payload(p, 16);
	packet_end(p);
}

void v6_atomic_fragment(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 0, 0);
	packet_udp(p, 1024, 53);
	packet_end(p);
}

void v6_later_fragment_without_protocol(void)
{
	v6_later_fragment();
	packet_proto(p, 60);
}

void v6_later_fragment_unknown(void)
{
	v6_later_fragment();
	packet_proto(p, 135);
}

void v6_fragment_repeated(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 0, 0);
	packet_fragment(p, 0, 0);
	packet_udp(p, 1024, 53);
	packet_end(p);
}

void v4_overlap(void)
{
	v4_later_fragment();
	packet_fragment(p, 8, 0);
	packet_proto(p, 6);
}

void v4_offset_8_udp(void)
{
	v4_later_fragment();
	packet_fragment(p, 8, 1);
}

void v6_overlap(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 8, 1);
	packet_proto(p, 6);
	packet_payload(p, 16);
	packet_end(p);
}

void v4_overrun(void)
{
	v4_later_fragment();
	packet_fragment(p, 65520, 0);
}

void v4_no_overrun(void)
{
	packet_start(p);
	put_ipv4();
	packet_fragment(p, 65520, 0);
	packet_proto(p, 17);
	packet_payload(p, 15);
	packet_end(p);
	packet_padding(p, 20);
}

void v6_overrun(void)
{
	packet_start(p);
	put_ipv6();
	packet_fragment(p, 65528, 1);
	packet_proto(p, 17);
	packet_payload(p, 8);
	packet_end(p);
}

void arp(void)
{
	packet_start(p);
	packet_ethertype(p, 0x0806);
	packet_payload(p, 46);
}

void lldp(void)
{
	packet_start(p);
	packet_ethertype(p, 0x88cc);
	packet_payload(p, 46);
}

void llc(void)
{
	packet_start(p);
	packet_ethertype(p, 38); /* 802.3: a length; spanning tree looks like this */
	packet_payload(p, 46);
}

void shortest(void)
{
	packet_start(p);
	packet_ethertype(p, 0x0806);
}

void vlan_arp(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 100);
	packet_ethertype(p, 0x0806);
	packet_payload(p, 42);
}

void priority_tag(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 0xa000);
	put_ipv4();
	packet_udp(p, 1, 53);
	packet_end(p);
}

void qinq_inner_100(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 200);
	packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_udp(p, 1, 53);
	packet_end(p);
}

void triple_tag(void)
{
	packet_start(p);
	for (int i = 0; i < 3; i++)
		packet_vlan(p, 0x8100, 100);
	put_ipv4();
	packet_end(p);
}

void padded(void)
{
	packet_start(p);
	put_ipv4();
	packet_udp(p, 1024, 53);
	packet_end(p);
	packet_padding(p, 18);
}

/* The UDP header would be in the padding. */
void udp_in_padding(void)
{
	padded();
	packet_set16(p, p->network + 2, 27);
}

void v6_udp_length_in_padding(void)
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

void v6_eight(void)
{
	v6_extensions(8);
}

void v6_nine(void)
{
	v6_extensions(9);
}

void v6_mobility(void)
{
	packet_start(p);
	put_ipv6();
	packet_extension(p, 60, 8);
	packet_extension(p, 135, 8);
	packet_end(p);
}

void v6_esp(void)
{
	packet_start(p);
	put_ipv6();
	packet_proto(p, 50);
	packet_payload(p, 4);
	packet_end(p);
}

void v6_no_next_header(void)
{
	packet_start(p);
	put_ipv6();
	packet_end(p);
}

void v6_icmpv4(void)
{
	packet_start(p);
	put_ipv6();
	packet_icmp(p, 8, 0);
	packet_end(p);
}

void v4_in_v6_type(void)
{
	v4_tcp();
	packet_set16(p, 12, 0x86dd);
}

void v6_in_v4_type(void)
{
	v6_tcp();
	packet_set16(p, 12, 0x0800);
}

void v4_tcp_short_offset(void)
{
	v4_tcp();
	p->data[p->upper + 12] = 0x40;
}

void v4_tcp_long_offset(void)
{
	packet_start(p);
	put_ipv4();
	packet_tcp(p, 1024, 443, 0);
	packet_end(p);
	p->data[p->upper + 12] = 0x60;
}

void v4_udp_length_short(void)
{
	padded();
	packet_set16(p, p->upper + 4, 7);
}

void v4_jumbo(void)
{
	packet_start(p);
	put_ipv4();
	packet_udp(p, 1, 53);
	packet_payload(p, 8972);
	packet_end(p);
}

void v6_jumbo(void)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_tcp(p, 1, 443, TCP_ACK);
	packet_payload(p, 8940);
	packet_end(p);
}

void v6_just_no_jumbo(void)
{
	packet_start(p);
	put_ipv6();
	packet_tcp(p, 1, 443, TCP_ACK);
	packet_payload(p, 8939);
	packet_end(p);
	packet_padding(p, 100);
}

void v4_longest(void)
{
	packet_start(p);
	put_ipv4();
	packet_tcp(p, 1, 443, TCP_ACK);
	packet_payload(p, 65495);
	packet_end(p);
}

void v6_longest(void)
{
	packet_start(p);
	put_ipv6();
	packet_udp(p, 1, 53);
	packet_payload(p, 65527);
	packet_end(p);
}

/* The lengths are checked against the whole frame, not its linear part. */
void v4_jumbo_one_byte_short(void)
{
	v4_jumbo();
	p->len--;
}

void v6_jumbo_one_byte_short(void)
{
	v6_jumbo();
	p->len--;
}

void udp_length_beyond_jumbo(void)
{
	v4_jumbo();
	packet_set16(p, p->upper + 4, 8981);
}
