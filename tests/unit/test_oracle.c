/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_oracle.c: every sentence of docs/semantics.md, by hand. The program is compared with
 * the oracle, so what the oracle has wrong no other test would find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "oracle.h"
#include "packet.h"
#include "random-policy.h"
#include "util.h"

static struct packet packet;
static struct packet *const p = &packet;

static struct oracle_answer judge_on(const struct policy *policy, size_t interface)
{
	struct oracle_answer answer = {};
	/* A copy of just the frame: so that AddressSanitizer sees a read beyond it. */
	uint8_t *frame = malloc(p->len ? p->len : 1);

	assert_non_null(frame);
	memcpy(frame, p->data, p->len);
	oracle_judge(policy, interface, frame, p->len, &answer);
	free(frame);
	return answer;
}

static struct policy *one_rule(struct rule **ret)
{
	struct policy *policy = build_policy();

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	*ret = build_rule(policy, 0, "rule", VERDICT_DROP);
	/* All frames are to reach the rule. */
	policy->fate_extension = VERDICT_NONE;
	return policy;
}

static bool matches(enum scalar_field field, uint32_t first, uint32_t last, bool negated)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	struct oracle_answer answer;

	build_scalar(rule, field, first, last);
	rule->scalar[field].negated = negated;
	if (field != FIELD_ETHERTYPE) { /* else frames that are not IP would never match */
		build_scalar(rule, FIELD_ETHERTYPE, 0x600, 0xffff);
	}
	answer = judge_on(policy, 0);
	policy_free(policy);
	return answer.rule == 0;
}

/* The packet has the field with this value, no other. */
static void assert_carries(enum scalar_field field, uint32_t value)
{
	uint32_t last = scalar_field_domain(field) - 1;

	assert_true(matches(field, value, value, false));
	assert_false(matches(field, value, value, true));
	assert_true(matches(field, 0, last, false));
	if (value > 0) {
		assert_false(matches(field, 0, value - 1, false));
		assert_true(matches(field, 0, value - 1, true));
	}
	if (value < last) {
		assert_false(matches(field, value + 1, last, false));
		assert_true(matches(field, value + 1, last, true));
	}
}

/* The packet lacks the field: neither any value holds, nor the negation of any. */
static void assert_lacks(enum scalar_field field)
{
	uint32_t last = scalar_field_domain(field) - 1;

	assert_false(matches(field, 0, last, false));
	assert_false(matches(field, 0, last, true));
	assert_false(matches(field, 0, 0, false));
	assert_false(matches(field, 0, 0, true));
	assert_false(matches(field, last, last, true));
}

static enum reason reason_of_frame(void)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	struct oracle_answer answer = judge_on(policy, 0);

	policy_free(policy);
	return answer.reason;
}

#define assert_reason(reason)                                                                      \
	assert_string_equal(reason_name(reason_of_frame()), reason_name(reason))
/* REASON_NONE: well-formed IP, the rule without conditions decided. */
#define assert_well_formed() assert_int_equal(reason_of_frame(), REASON_NONE)

static const uint8_t src6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
static const uint8_t dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

static void ipv4(void)
{
	packet_start(p);
	packet_ipv4(p, 0xc0000201, 0xc6336407);
}

static void ipv6(void)
{
	packet_start(p);
	packet_ipv6(p, src6, dst6);
}

static void ipv4_tcp(void)
{
	ipv4();
	packet_tcp(p, 1000, 443, TCP_SYN);
	packet_payload(p, 12);
	packet_end(p);
}

static void ipv6_tcp(void)
{
	ipv6();
	packet_tcp(p, 1000, 443, TCP_SYN);
	packet_payload(p, 12);
	packet_end(p);
}

/* --- 1. Reading the frame: Ethernet ------------------------------------------------------- */

static void test_ethernet(void **state)
{
	packet_start(p);
	p->len = 13;
	assert_reason(REASON_ETHERNET_TRUNCATED);
	p->len = 0;
	assert_reason(REASON_ETHERNET_TRUNCATED);
	packet_start(p);
	assert_reason(REASON_NON_IP);
	assert_carries(FIELD_ETHERTYPE, 0x88b5);
}

static void test_vlan(void **state)
{
	for (int svlan = 0; svlan < 2; svlan++) {
		packet_start(p);
		packet_vlan(p, svlan ? 0x88a8 : 0x8100, 0xf000 | 4094);
		packet_ipv4(p, 1, 2);
		packet_udp(p, 53, 54);
		packet_end(p);
		assert_well_formed();
		assert_carries(FIELD_VLAN, 4094);
		assert_carries(FIELD_ETHERTYPE, 0x0800);
		assert_carries(FIELD_DPORT, 54);
	}

	packet_start(p); /* the outermost tag is *vlan* */
	packet_vlan(p, 0x88a8, 100);
	packet_vlan(p, 0x8100, 200);
	packet_ipv6(p, src6, dst6);
	packet_end(p);
	assert_carries(FIELD_VLAN, 100);
	assert_carries(FIELD_ETHERTYPE, 0x86dd);

	packet_start(p); /* a priority tag is none, whatever is behind it */
	packet_vlan(p, 0x8100, 0xe000);
	packet_vlan(p, 0x8100, 200);
	packet_ipv4(p, 1, 2);
	packet_end(p);
	assert_lacks(FIELD_VLAN);
	assert_carries(FIELD_TTL, 64);

	ipv4_tcp();
	assert_lacks(FIELD_VLAN);
	packet_start(p); /* and a frame that is not IP may have one */
	packet_vlan(p, 0x8100, 7);
	assert_carries(FIELD_VLAN, 7);
}

static void test_vlan_malformed(void **state)
{
	packet_start(p);
	packet_vlan(p, 0x8100, 1);
	for (p->len = 14; p->len < 18; p->len++)
		assert_reason(REASON_VLAN_TRUNCATED);
	assert_reason(REASON_NON_IP);
	p->len = 18;
	packet_vlan(p, 0x88a8, 2);
	for (p->len = 18; p->len < 22; p->len++)
		assert_reason(REASON_VLAN_TRUNCATED);
	p->len = 22;
	packet_vlan(p, 0x8100, 3);
	for (p->len = 22; p->len <= 26; p->len++)
		assert_reason(REASON_VLAN_TOO_DEEP);
}

static void test_ethertype(void **state)
{
	packet_start(p);
	packet_ethertype(p, 0x0600);
	assert_carries(FIELD_ETHERTYPE, 0x0600);
	packet_ethertype(p, 0x05ff);
	assert_lacks(FIELD_ETHERTYPE);
	assert_reason(REASON_NON_IP);
	packet_ethertype(p, 0);
	assert_lacks(FIELD_ETHERTYPE);
	packet_start(p); /* behind a tag too */
	packet_vlan(p, 0x8100, 9);
	packet_ethertype(p, 46);
	assert_lacks(FIELD_ETHERTYPE);
	assert_reason(REASON_NON_IP);
	packet_start(p);
	packet_vlan(p, 0x8100, 9);
	packet_ethertype(p, 0x0806);
	assert_carries(FIELD_ETHERTYPE, 0x0806);
	packet_start(p); /* an old QinQ TPID is no tag */
	packet_ethertype(p, 0x9100);
	assert_carries(FIELD_ETHERTYPE, 0x9100);
}

/* --- IPv4 --------------------------------------------------------------------------------- */

static void test_ipv4_fields(void **state)
{
	ipv4_tcp();
	p->data[p->network + 1] = 0xbb; /* DSCP EF and ECN 3 */
	p->data[p->network + 8] = 0;
	assert_well_formed();
	assert_carries(FIELD_PROTO, 6);
	assert_carries(FIELD_SPORT, 1000);
	assert_carries(FIELD_DPORT, 443);
	assert_carries(FIELD_TCP_FLAGS, TCP_SYN);
	assert_carries(FIELD_LENGTH, 20 + 20 + 12);
	assert_carries(FIELD_TTL, 0);
	assert_carries(FIELD_DSCP, 46);
	assert_carries(FIELD_FRAGMENT, FRAGMENT_NONE);
	assert_carries(FIELD_ETHERTYPE, 0x0800);
	assert_lacks(FIELD_ICMP);
	assert_lacks(FIELD_VLAN);
}

static void test_ipv4_malformed(void **state)
{
	ipv4();
	packet_end(p);
	for (p->len = 14; p->len < 34; p->len++)
		assert_reason(REASON_IPV4_TRUNCATED);
	p->len = 33; /* truncated comes before version */
	p->data[14] = 0x65;
	assert_reason(REASON_IPV4_TRUNCATED);
	p->len = 34;
	for (uint8_t version = 0; version < 16; version++) {
		p->data[14] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			assert_reason(REASON_IPV4_VERSION);
	}
	p->data[14] = 0x60; /* version comes before header length */
	assert_reason(REASON_IPV4_VERSION);
	for (uint8_t ihl = 0; ihl < 5; ihl++) {
		p->data[14] = 0x40 | ihl;
		assert_reason(REASON_IPV4_HEADER_LENGTH);
	}
	p->data[14] = 0x46;
	assert_reason(REASON_IPV4_TRUNCATED);
	p->data[14] = 0x45;
	assert_well_formed();
	packet_set16(p, 16, 21);
	assert_reason(REASON_IPV4_TOTAL_LENGTH);
	packet_set16(p, 16, 19);
	assert_reason(REASON_IPV4_TOTAL_LENGTH);
	packet_set16(p, 16, 0);
	assert_reason(REASON_IPV4_TOTAL_LENGTH);
	packet_set16(p, 16, 20);
	assert_well_formed();
}

static void test_ipv4_options(void **state)
{
	ipv4();
	packet_ipv4_options(p, 40);
	packet_udp(p, 1, 2);
	packet_end(p);
	assert_well_formed();
	assert_carries(FIELD_SPORT, 1);
	assert_carries(FIELD_LENGTH, 68);
	packet_set16(p, 16, 59); /* below the header's 60 */
	assert_reason(REASON_IPV4_TOTAL_LENGTH);
	packet_set16(p, 16, 60); /* an empty payload: no UDP header */
	assert_reason(REASON_UDP_TRUNCATED);
	p->len = 14 + 59;
	assert_reason(REASON_IPV4_TRUNCATED);
}

/* Bytes behind the IP packet do not exist. */
static void test_padding(void **state)
{
	ipv4();
	packet_tcp(p, 1, 2, 0);
	packet_end(p);
	packet_padding(p, 6);
	assert_well_formed();
	assert_carries(FIELD_LENGTH, 40);
	packet_set16(p, p->network + 2, 39);
	assert_reason(REASON_TCP_TRUNCATED);
	packet_set16(p, p->network + 2, 40);
	p->data[p->upper + 12] = 0x60;
	assert_reason(REASON_TCP_HEADER_LENGTH);

	ipv6();
	packet_udp(p, 1, 2);
	packet_end(p);
	packet_padding(p, 6);
	assert_well_formed();
	assert_carries(FIELD_LENGTH, 48);
	packet_set16(p, p->upper + 4, 9);
	assert_reason(REASON_UDP_LENGTH);
	packet_set16(p, p->network + 4, 7);
	assert_reason(REASON_UDP_TRUNCATED);

	ipv6();
	packet_extension(p, 60, 16);
	packet_end(p);
	packet_padding(p, 16);
	packet_set16(p, p->network + 4, 15);
	assert_reason(REASON_IPV6_EXTENSION_TRUNCATED);
	packet_set16(p, p->network + 4, 7);
	assert_reason(REASON_IPV6_EXTENSION_TRUNCATED);
}

/* Protocol numbers that are extension headers in IPv6 mean nothing special in IPv4. */
static void test_ipv4_no_extensions(void **state)
{
	static const uint8_t protocols[] = { 0, 43, 44, 50, 51, 58, 59, 60, 135, 139, 253, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		ipv4();
		packet_proto(p, protocols[i]);
		packet_end(p);
		assert_well_formed();
		assert_carries(FIELD_PROTO, protocols[i]);
		assert_lacks(FIELD_SPORT);
		assert_lacks(FIELD_ICMP);
	}
}

/* --- IPv6 --------------------------------------------------------------------------------- */

static void test_ipv6_fields(void **state)
{
	ipv6_tcp();
	p->data[p->network] = 0x6b; /* traffic class 0xbb */
	p->data[p->network + 1] = 0xbf;
	p->data[p->network + 7] = 255;
	assert_well_formed();
	assert_carries(FIELD_PROTO, 6);
	assert_carries(FIELD_SPORT, 1000);
	assert_carries(FIELD_DPORT, 443);
	assert_carries(FIELD_TCP_FLAGS, TCP_SYN);
	assert_carries(FIELD_LENGTH, 40 + 20 + 12);
	assert_carries(FIELD_TTL, 255);
	assert_carries(FIELD_DSCP, 46);
	assert_carries(FIELD_FRAGMENT, FRAGMENT_NONE);
	assert_carries(FIELD_ETHERTYPE, 0x86dd);
}

static void test_ipv6_malformed(void **state)
{
	ipv6();
	packet_end(p);
	for (p->len = 14; p->len < 54; p->len++)
		assert_reason(REASON_IPV6_TRUNCATED);
	for (uint8_t version = 0; version < 16; version++) {
		p->data[14] = (uint8_t)(version << 4);
		if (version != 6)
			assert_reason(REASON_IPV6_VERSION);
	}
	p->len = 53;
	assert_reason(REASON_IPV6_TRUNCATED);
	p->len = 54;
	p->data[14] = 0x60;
	assert_well_formed();
	packet_set16(p, 18, 1);
	assert_reason(REASON_IPV6_PAYLOAD_LENGTH);
	packet_set16(p, 18, 65535);
	assert_reason(REASON_IPV6_PAYLOAD_LENGTH);
}

/* Payload length 0 is no payload, also where RFC 2675 would see a jumbogram. */
static void test_ipv6_no_jumbogram(void **state)
{
	ipv6();
	packet_extension(p, 0, 8);
	packet_udp(p, 1, 2);
	packet_end(p);
	packet_set16(p, p->network + 4, 0);
	assert_reason(REASON_IPV6_EXTENSION_TRUNCATED);
	ipv6();
	packet_tcp(p, 1, 2, 0);
	packet_end(p);
	packet_set16(p, p->network + 4, 0);
	assert_reason(REASON_TCP_TRUNCATED);
	ipv6(); /* the longest packet of all */
	packet_udp(p, 1, 2);
	packet_payload(p, 65527);
	packet_end(p);
	assert_well_formed();
	assert_carries(FIELD_LENGTH, 65575);
}

static void chain(int n)
{
	static const uint8_t types[] = { 0, 43, 60, 51, 60, 0, 43, 51, 60 };

	ipv6();
	for (int i = 0; i < n; i++)
		packet_extension(p, types[i], i == 3 ? 12 : 8 * ((size_t)i + 1));
	packet_tcp(p, 7, 8, TCP_ACK);
	packet_end(p);
}

static void test_ipv6_chain(void **state)
{
	for (int n = 0; n <= 8; n++) {
		chain(n);
		assert_well_formed();
		assert_carries(FIELD_PROTO, 6);
		assert_carries(FIELD_DPORT, 8);
	}
	chain(9);
	assert_reason(REASON_IPV6_EXTENSION_CHAIN);
	p->len -= 20 + 72; /* the ninth need not be there */
	packet_set16(p, p->network + 4, (uint16_t)(p->len - p->network - 40));
	assert_reason(REASON_IPV6_EXTENSION_CHAIN);
}

static void test_ipv6_extension_lengths(void **state)
{
	for (int ah = 0; ah < 2; ah++) {
		size_t bytes = ah ? 1028 : 2048; /* the longest: second byte 255 */

		ipv6();
		packet_extension(p, ah ? 51 : 60, bytes);
		packet_end(p);
		assert_int_equal(p->data[p->network + 41], 255);
		assert_well_formed();
		assert_carries(FIELD_PROTO, 59);
		packet_set16(p, p->network + 4, (uint16_t)(bytes - 1));
		assert_reason(REASON_IPV6_EXTENSION_TRUNCATED);
	}
	ipv6(); /* AH of 8 bytes, the shortest that its length can say */
	packet_extension(p, 51, 8);
	packet_udp(p, 5, 6);
	packet_end(p);
	assert_carries(FIELD_SPORT, 5);
	ipv6(); /* the fragment header's second byte is reserved, no length */
	packet_fragment(p, 0, 0);
	p->data[p->fragment + 1] = 200;
	packet_udp(p, 5, 6);
	packet_end(p);
	assert_well_formed();
	assert_carries(FIELD_SPORT, 5);
	for (size_t left = 0; left < 8; left++) {
		packet_set16(p, p->network + 4, (uint16_t)left);
		assert_reason(REASON_IPV6_EXTENSION_TRUNCATED);
	}
}

static void test_ipv6_chain_ends(void **state)
{
	static const uint8_t protocols[] = { 1, 4, 41, 47, 50, 59, 89, 132, 136, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		ipv6();
		packet_extension(p, 60, 8);
		packet_proto(p, protocols[i]);
		packet_end(p);
		assert_well_formed();
		assert_carries(FIELD_PROTO, protocols[i]);
		assert_lacks(FIELD_SPORT);
		assert_lacks(FIELD_ICMP);
	}
}

static void test_unknown_extension(void **state)
{
	static const uint8_t unknown[] = { 135, 139, 140, 253, 254 };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct rule *rule;
		struct policy *policy = one_rule(&rule);
		struct oracle_answer answer;

		ipv6();
		packet_extension(p, 0, 8);
		packet_proto(p, unknown[i]); /* nothing of it is read, so it may be cut off */
		packet_end(p);
		assert_well_formed(); /* with unknown-extension: match */
		assert_carries(FIELD_PROTO, unknown[i]);
		assert_lacks(FIELD_SPORT);

		policy->fate_extension = VERDICT_PASS;
		answer = judge_on(policy, 0);
		assert_int_equal(answer.reason, REASON_UNKNOWN_EXTENSION);
		assert_int_equal(answer.verdict, VERDICT_PASS);
		assert_true(answer.rule == ORACLE_NO_RULE);
		policy->fate_extension = VERDICT_DROP;
		assert_int_equal(judge_on(policy, 0).verdict, VERDICT_DROP);
		policy_free(policy);
	}
}

/* --- fragments ---------------------------------------------------------------------------- */

static void test_ipv4_fragments(void **state)
{
	ipv4();
	packet_fragment(p, 0, 1);
	packet_udp(p, 1, 2);
	packet_payload(p, 8);
	packet_end(p);
	assert_carries(FIELD_FRAGMENT, FRAGMENT_FIRST);
	assert_carries(FIELD_DPORT, 2);

	packet_set16(p, p->network + 6, 0xc000); /* don't fragment and the reserved bit */
	assert_carries(FIELD_FRAGMENT, FRAGMENT_NONE);

	for (int more = 0; more < 2; more++) {
		packet_fragment(p, 8, more);
		assert_well_formed();
		assert_carries(FIELD_FRAGMENT, FRAGMENT_LATER);
		assert_carries(FIELD_PROTO, 17);
		assert_lacks(FIELD_SPORT);
		assert_lacks(FIELD_DPORT);
	}
	ipv4(); /* a later fragment's upper header is not read, so not malformed either */
	packet_fragment(p, 16, 0);
	packet_proto(p, 6);
	packet_payload(p, 3);
	packet_end(p);
	assert_well_formed();
	assert_lacks(FIELD_TCP_FLAGS);
	packet_proto(p, 1);
	assert_well_formed();
	assert_lacks(FIELD_ICMP);
}

static void test_ipv6_fragments(void **state)
{
	ipv6(); /* atomic: whole in every respect */
	packet_fragment(p, 0, 0);
	packet_udp(p, 1, 2);
	packet_end(p);
	assert_well_formed();
	assert_carries(FIELD_FRAGMENT, FRAGMENT_NONE);
	assert_carries(FIELD_DPORT, 2);
	packet_set16(p, p->upper + 4, 9); /* the UDP length must fit */
	assert_reason(REASON_UDP_LENGTH);
	packet_set16(p, p->upper + 4, 8);
	p->data[p->fragment + 3] |= 6; /* the reserved bits are neither offset nor M */
	assert_carries(FIELD_FRAGMENT, FRAGMENT_NONE);

	ipv6();
	packet_fragment(p, 0, 1);
	packet_extension(p, 60, 8); /* the chain of a first fragment goes on */
	packet_tcp(p, 1, 2, TCP_FIN);
	packet_end(p);
	assert_carries(FIELD_FRAGMENT, FRAGMENT_FIRST);
	assert_carries(FIELD_TCP_FLAGS, TCP_FIN);

	ipv6();
	packet_extension(p, 0, 8);
	packet_fragment(p, 1480, 1);
	packet_udp(p, 1, 2);
	packet_end(p);
	assert_well_formed();
	assert_carries(FIELD_FRAGMENT, FRAGMENT_LATER);
	assert_carries(FIELD_PROTO, 17);
	assert_lacks(FIELD_SPORT);
}

/* Ahead of an extension header, only the first fragment tells the protocol. */
static void test_later_fragment_without_protocol(void **state)
{
	static const uint8_t next[] = { 0, 43, 44, 51, 60, 135, 139, 140, 253, 254 };

	for (size_t i = 0; i < ARRAY_SIZE(next); i++) {
		struct rule *rule;
		struct policy *policy = one_rule(&rule);

		ipv6();
		packet_fragment(p, 1480, 0);
		packet_proto(p, next[i]);
		packet_payload(p, 8);
		packet_end(p);
		assert_well_formed();
		assert_carries(FIELD_FRAGMENT, FRAGMENT_LATER);
		assert_lacks(FIELD_PROTO);
		/* and it is no unknown extension */
		policy->fate_extension = VERDICT_DROP;
		policy->fate_fragments = VERDICT_PASS;
		assert_int_equal(judge_on(policy, 0).reason, REASON_FRAGMENT);
		policy_free(policy);
	}
	packet_proto(p, 50); /* ESP is a protocol */
	assert_carries(FIELD_PROTO, 50);
}

static void test_fragment_repeated(void **state)
{
	for (int first_more = 0; first_more < 2; first_more++) {
		ipv6(); /* also behind an atomic one, also with other headers between */
		packet_fragment(p, 0, first_more);
		packet_extension(p, 60, 8);
		packet_fragment(p, 0, 0);
		packet_udp(p, 1, 2);
		packet_end(p);
		assert_reason(REASON_IPV6_FRAGMENT_REPEATED);
		p->len -= 9; /* truncated is found first */
		packet_set16(p, p->network + 4, (uint16_t)(p->len - p->network - 40));
		assert_reason(REASON_IPV6_EXTENSION_TRUNCATED);
	}
	ipv6(); /* as the ninth it is one too many, not one again */
	packet_fragment(p, 0, 0);
	for (int i = 0; i < 7; i++)
		packet_extension(p, 60, 8);
	packet_fragment(p, 0, 0);
	packet_end(p);
	assert_reason(REASON_IPV6_EXTENSION_CHAIN);
}

static void test_fragment_overrun(void **state)
{
	ipv4();
	packet_fragment(p, 65528, 0);
	packet_proto(p, 17);
	packet_payload(p, 7);
	packet_end(p);
	assert_well_formed(); /* ends at 65535 */
	packet_payload(p, 1);
	packet_end(p);
	assert_reason(REASON_FRAGMENT_OVERRUN);
	packet_set16(p, p->network + 2, 27); /* padding is not payload */
	assert_well_formed();

	ipv6();
	packet_extension(p, 60, 24); /* not of the fragment's payload: ahead of it */
	packet_fragment(p, 65528, 1);
	packet_proto(p, 17);
	packet_payload(p, 7);
	packet_end(p);
	assert_well_formed();
	packet_payload(p, 1);
	packet_end(p);
	assert_reason(REASON_FRAGMENT_OVERRUN);
	packet_proto(p, 60); /* whatever the protocol, known or not */
	assert_reason(REASON_FRAGMENT_OVERRUN);
}

static void test_fragment_overlap(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t offset = 8; offset <= 16; offset += 8) {
			if (v6)
				ipv6();
			else
				ipv4();
			packet_fragment(p, offset, 1);
			packet_proto(p, 6);
			packet_payload(p, 24);
			packet_end(p);
			if (offset == 8)
				assert_reason(REASON_FRAGMENT_OVERLAP);
			else
				assert_well_formed();
			packet_proto(p, 17);
			assert_well_formed();
		}
	}
}

/* --- upper headers ------------------------------------------------------------------------ */

static void test_tcp(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		if (v6)
			ipv6();
		else
			ipv4();
		packet_tcp(p, 0, 65535, 0xff);
		packet_tcp_options(p, 40);
		packet_end(p);
		assert_well_formed();
		assert_carries(FIELD_SPORT, 0); /* port 0 is a port: present, not absent */
		assert_carries(FIELD_DPORT, 65535);
		assert_carries(FIELD_TCP_FLAGS, 0xff);
		for (uint8_t words = 0; words < 5; words++) {
			p->data[p->upper + 12] = (uint8_t)(words << 4 | 0x0f);
			assert_reason(REASON_TCP_HEADER_LENGTH);
		}
		p->data[p->upper + 12] = 0xf0;
		p->len -= 1;
		packet_set16(p, p->network + (v6 ? 4 : 2),
			     (uint16_t)(p->len - p->network - (v6 ? 40 : 0)));
		assert_reason(REASON_TCP_HEADER_LENGTH);
		p->len = p->upper + 19;
		packet_set16(p, p->network + (v6 ? 4 : 2),
			     (uint16_t)(p->len - p->network - (v6 ? 40 : 0)));
		assert_reason(REASON_TCP_TRUNCATED);
	}
}

static void test_udp(void **state)
{
	ipv4();
	packet_udp(p, 53, 0);
	packet_payload(p, 10);
	packet_end(p);
	assert_carries(FIELD_SPORT, 53);
	assert_carries(FIELD_DPORT, 0);
	assert_lacks(FIELD_TCP_FLAGS);
	packet_set16(p, p->upper + 4, 19);
	assert_reason(REASON_UDP_LENGTH);
	packet_set16(p, p->upper + 4, 18);
	assert_well_formed();
	packet_set16(p, p->upper + 4, 8); /* may be shorter than the packet */
	assert_well_formed();
	packet_set16(p, p->upper + 4, 7);
	assert_reason(REASON_UDP_LENGTH);
	packet_set16(p, p->upper + 4, 0);
	assert_reason(REASON_UDP_LENGTH);

	packet_fragment(p, 0, 1); /* a first fragment holds less than the length says */
	packet_set16(p, p->upper + 4, 65535);
	assert_well_formed();
	packet_set16(p, p->upper + 4, 7);
	assert_reason(REASON_UDP_LENGTH);
	packet_set16(p, p->network + 2, 27);
	assert_reason(REASON_UDP_TRUNCATED);
}

static void test_icmp(void **state)
{
	ipv4();
	packet_icmp(p, 3, 4);
	packet_end(p);
	assert_carries(FIELD_ICMP, 0x000304);
	assert_carries(FIELD_PROTO, 1);
	assert_lacks(FIELD_SPORT);
	packet_set16(p, p->network + 2, 27);
	assert_reason(REASON_ICMP_TRUNCATED);

	ipv4(); /* echo reply: type 0 and code 0, and yet present */
	packet_icmp(p, 0, 0);
	packet_end(p);
	assert_carries(FIELD_ICMP, 0);

	ipv6();
	packet_icmpv6(p, 135, 255);
	packet_end(p);
	assert_carries(FIELD_ICMP, 0x0187ff);
	packet_set16(p, p->network + 4, 3);
	assert_reason(REASON_ICMP_TRUNCATED);

	ipv6(); /* each in the other's family is a protocol like any other */
	packet_icmp(p, 8, 0);
	packet_end(p);
	assert_carries(FIELD_PROTO, 1);
	assert_lacks(FIELD_ICMP);
	packet_set16(p, p->network + 4, 0);
	assert_well_formed();
	ipv4();
	packet_icmpv6(p, 128, 0);
	packet_end(p);
	assert_carries(FIELD_PROTO, 58);
	assert_lacks(FIELD_ICMP);
	packet_set16(p, p->network + 2, 20);
	assert_well_formed();
}

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
		cmocka_unit_test(test_ethernet),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_vlan_malformed),
		cmocka_unit_test(test_ethertype),
		cmocka_unit_test(test_ipv4_fields),
		cmocka_unit_test(test_ipv4_malformed),
		cmocka_unit_test(test_ipv4_options),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_ipv4_no_extensions),
		cmocka_unit_test(test_ipv6_fields),
		cmocka_unit_test(test_ipv6_malformed),
		cmocka_unit_test(test_ipv6_no_jumbogram),
		cmocka_unit_test(test_ipv6_chain),
		cmocka_unit_test(test_ipv6_extension_lengths),
		cmocka_unit_test(test_ipv6_chain_ends),
		cmocka_unit_test(test_unknown_extension),
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_ipv6_fragments),
		cmocka_unit_test(test_later_fragment_without_protocol),
		cmocka_unit_test(test_fragment_repeated),
		cmocka_unit_test(test_fragment_overrun),
		cmocka_unit_test(test_fragment_overlap),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_fate_order),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_first_match_and_counting),
		cmocka_unit_test(test_addresses_v4),
		cmocka_unit_test(test_addresses_v6),
		cmocka_unit_test(test_addresses_other_family),
		cmocka_unit_test(test_src_is_not_dst),
		cmocka_unit_test(test_and_of_or),
		cmocka_unit_test(test_not_later),
		cmocka_unit_test(test_non_ip),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
