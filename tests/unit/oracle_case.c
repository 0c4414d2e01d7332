/* SPDX-License-Identifier: GPL-2.0-only */
/* oracle_case.c: what the oracle's tests share, see oracle_case.h. */
#include "oracle_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"

struct packet packet;
static struct packet *const p = &packet;

struct oracle_answer judge_on(const struct policy *policy, size_t interface)
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

struct policy *one_rule(struct rule **ret)
{
	struct policy *policy = build_policy();

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	*ret = build_rule(policy, 0, "rule", VERDICT_DROP);
	/* All frames are to reach the rule. */
	policy->fate_extension = VERDICT_NONE;
	return policy;
}

bool matches(enum scalar_field field, uint32_t first, uint32_t last, bool negated)
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
void assert_carries(enum scalar_field field, uint32_t value)
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
void assert_lacks(enum scalar_field field)
{
	uint32_t last = scalar_field_domain(field) - 1;

	assert_false(matches(field, 0, last, false));
	assert_false(matches(field, 0, last, true));
	assert_false(matches(field, 0, 0, false));
	assert_false(matches(field, 0, 0, true));
	assert_false(matches(field, last, last, true));
}

enum reason reason_of_frame(void)
{
	struct rule *rule;
	struct policy *policy = one_rule(&rule);
	struct oracle_answer answer = judge_on(policy, 0);

	policy_free(policy);
	return answer.reason;
}

const uint8_t src6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
const uint8_t dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

void ipv4(void)
{
	packet_start(p);
	packet_ipv4(p, 0xc0000201, 0xc6336407);
}

void ipv6(void)
{
	packet_start(p);
	packet_ipv6(p, src6, dst6);
}

void ipv4_tcp(void)
{
	ipv4();
	packet_tcp(p, 1000, 443, TCP_SYN);
	packet_payload(p, 12);
	packet_end(p);
}

void ipv6_tcp(void)
{
	ipv6();
	packet_tcp(p, 1000, 443, TCP_SYN);
	packet_payload(p, 12);
	packet_end(p);
}
