/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.h: the frames that the tests of the parser share, each built into `packet`, and a
 * policy whose rules tell what was read of them.
 */
#pragma once

#include "bench.h"

extern struct packet packet;

/* Rules that tell by which one decided what was read of the frame. */
struct policy *edge_policy(void);

void put_ipv4(void);
void put_ipv6(void);
void v4_tcp(void);
void v6_tcp(void);
void v4_udp_options_qinq(void);
void v6_chain_tcp(void);
void v4_icmp(void);
void v6_icmp(void);
void v4_first_fragment(void);
void v4_later_fragment(void);
void v6_first_fragment(void);
void v6_later_fragment(void);
void v6_atomic_fragment(void);
void v6_later_fragment_without_protocol(void);
void v6_later_fragment_unknown(void);
void v6_fragment_repeated(void);
void v4_overlap(void);
void v4_offset_8_udp(void);
void v6_overlap(void);
void v4_overrun(void);
void v4_no_overrun(void);
void v6_overrun(void);
void arp(void);
void lldp(void);
void llc(void);
void shortest(void);
void vlan_arp(void);
void priority_tag(void);
void qinq_inner_100(void);
void triple_tag(void);
void padded(void);
void udp_in_padding(void);
void v6_udp_length_in_padding(void);
void v6_eight(void);
void v6_nine(void);
void v6_mobility(void);
void v6_esp(void);
void v6_no_next_header(void);
void v6_icmpv4(void);
void v4_in_v6_type(void);
void v6_in_v4_type(void);
void v4_tcp_short_offset(void);
void v4_tcp_long_offset(void);
void v4_udp_length_short(void);
void v4_jumbo(void);
void v6_jumbo(void);
void v6_just_no_jumbo(void);
void v4_longest(void);
void v6_longest(void);
void v4_jumbo_one_byte_short(void);
void v6_jumbo_one_byte_short(void);
void udp_length_beyond_jumbo(void);

/* Shorthands for struct expected. */
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
