/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_oracle_frame.c: docs/semantics.md section 1 by hand, up to the IPv6 extension headers.
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
#include "util.h"

static struct packet *const p = &packet;

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

/* --- options, both families --------------------------------------------------------------- */

static void test_ip_options(void **state)
{
	packet_start(p);
	assert_lacks(FIELD_IP_OPTIONS);
	ipv4_tcp();
	assert_carries(FIELD_IP_OPTIONS, 0);
	ipv4(); /* any header beyond 20 bytes, be it all padding */
	packet_ipv4_options(p, 4);
	packet_end(p);
	assert_carries(FIELD_IP_OPTIONS, 1);
	ipv4(); /* a later fragment too */
	packet_ipv4_options(p, 40);
	packet_fragment(p, 64, 1);
	packet_payload(p, 8);
	packet_end(p);
	assert_carries(FIELD_IP_OPTIONS, 1);

	ipv6_tcp();
	assert_carries(FIELD_IP_OPTIONS, 0);
	ipv6();
	packet_extension(p, 0, 8);
	packet_udp(p, 1, 2);
	packet_end(p);
	assert_carries(FIELD_IP_OPTIONS, 1);
	ipv6(); /* no options: destination options, routing, AH, fragment */
	packet_extension(p, 60, 16);
	packet_extension(p, 43, 8);
	packet_extension(p, 51, 12);
	packet_fragment(p, 0, 1);
	packet_udp(p, 1, 2);
	packet_end(p);
	assert_carries(FIELD_IP_OPTIONS, 0);
	packet_start(p); /* anywhere in the chain, here the last before a later fragment */
	packet_ipv6(p, src6, dst6);
	packet_extension(p, 60, 8);
	packet_extension(p, 0, 8);
	packet_fragment(p, 64, 1);
	packet_payload(p, 8);
	packet_end(p);
	assert_carries(FIELD_IP_OPTIONS, 1);
	ipv6(); /* but not behind its end: the next header of a later fragment is not read */
	packet_fragment(p, 64, 1);
	packet_proto(p, 0);
	packet_payload(p, 16);
	packet_end(p);
	assert_carries(FIELD_IP_OPTIONS, 0);
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
		cmocka_unit_test(test_ip_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
