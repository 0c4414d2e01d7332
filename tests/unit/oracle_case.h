/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oracle_case.h: what the oracle's tests share: one packet, put to a policy of one rule whose
 * condition asks for one field.
 */
#pragma once

#include <stdbool.h>

#include "oracle.h"
#include "packet.h"

/* The packet that all of these are about; built by the test. */
extern struct packet packet;

/* Two addresses of 2001:db8::/32. */
extern const uint8_t src6[16], dst6[16];

struct oracle_answer judge_on(const struct policy *policy, size_t interface);

/* A policy of one interface and one rule, "drop", that matches all IP; unknown extension
 * headers and fragments are matched too. Free with policy_free(). */
struct policy *one_rule(struct rule **ret);

/* Does a rule with this condition match the packet? */
bool matches(enum scalar_field field, uint32_t first, uint32_t last, bool negated);

/* The packet has the field with this value, no other. */
void assert_carries(enum scalar_field field, uint32_t value);
/* The packet lacks the field: neither any value holds, nor the negation of any. */
void assert_lacks(enum scalar_field field);

enum reason reason_of_frame(void);

#define assert_reason(reason)                                                                      \
	assert_string_equal(reason_name(reason_of_frame()), reason_name(reason))
/* REASON_NONE: well-formed IP, the rule without conditions decided. */
#define assert_well_formed() assert_int_equal(reason_of_frame(), REASON_NONE)

/* Begin a packet with its IP header, or build a whole one: TCP from 1000 to 443. */
void ipv4(void);
void ipv6(void);
void ipv4_tcp(void);
void ipv6_tcp(void);
