/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_oracle_upper.c: docs/semantics.md section 1 by hand: fragments and upper headers.
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_ipv6_fragments),
		cmocka_unit_test(test_later_fragment_without_protocol),
		cmocka_unit_test(test_fragment_repeated),
		cmocka_unit_test(test_fragment_overrun),
		cmocka_unit_test(test_fragment_overlap),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_icmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
