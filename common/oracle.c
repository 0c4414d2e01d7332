/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oracle.c: what is the right answer for this packet? Follows docs/semantics.md paragraph by
 * paragraph: read the frame into facts, as oracle_frame.c does, let the fates speak, then go
 * through the rules one by one. It is written to be checked by reading: no tables, no shortcuts.
 */
#include "oracle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oracle_internal.h"

/* --- conditions --------------------------------------------------------------------------- */

/* Are the first prefix_len bits of both the same? */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int prefix_len)
{
	for (unsigned int bit = 0; bit < prefix_len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((a[bit / 8] & mask) != (b[bit / 8] & mask))
			return false;
	}
	return true;
}

/* Host byte order to the order on the wire. */
static void to_bytes(uint8_t *bytes, uint64_t value, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		bytes[i] = (uint8_t)(value >> 8 * (n_bytes - 1 - i));
}

static bool set_holds(const struct prefix_set *set, enum family family, const uint8_t *address)
{
	uint8_t bytes[16];

	if (family == FAMILY_V4) {
		for (size_t i = 0; i < set->n_v4; i++) {
			to_bytes(bytes, set->v4[i].addr, 4);
			if (same_bits(bytes, address, set->v4[i].len))
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < set->n_v6; i++) {
		to_bytes(bytes, set->v6[i].hi, 8);
		to_bytes(bytes + 8, set->v6[i].lo, 8);
		if (same_bits(bytes, address, set->v6[i].len))
			return true;
	}
	return false;
}

/* What is asked again and again while one frame is judged. */
struct judging {
	const struct policy *policy;
	size_t interface;
	const struct oracle_live *live; /* NULL: live sets are empty */
	struct facts facts;
};

static bool address_holds(const struct judging *judging, const struct address_match *match,
			  const uint8_t *address)
{
	const struct oracle_live *live = judging->live;
	enum family family = judging->facts.family;
	bool listed = false;

	if (!match->present)
		return true;
	if (!judging->facts.ip)
		return false;
	for (size_t i = 0; i < match->n_sets; i++) {
		if (set_holds(&judging->policy->sets[match->sets[i]], family, address))
			listed = true;
	}
	for (size_t i = 0; i < match->n_live; i++) {
		if (live && live->holds(live->context, match->live[i], family, address))
			listed = true;
	}
	return listed != match->negated;
}

static bool scalar_holds(const struct scalar_match *match, const struct fact *fact)
{
	bool listed = false;

	if (!match->present)
		return true;
	if (!fact->present)
		return false;
	for (size_t i = 0; i < match->n_ranges; i++) {
		if (fact->value >= match->ranges[i].first && fact->value <= match->ranges[i].last)
			listed = true;
	}
	return listed != match->negated;
}

static bool mac_holds(const struct mac_match *match, const uint8_t *mac)
{
	bool listed = false;

	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_macs; i++) {
		if (memcmp(match->macs[i], mac, MAC_BYTES) == 0)
			listed = true;
	}
	return listed != match->negated;
}

static bool interface_holds(const struct interface_match *match, size_t interface)
{
	bool listed = false;

	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_interfaces; i++) {
		if (match->interfaces[i] == interface)
			listed = true;
	}
	return listed != match->negated;
}

static bool rule_matches(const struct judging *judging, const struct rule *rule)
{
	const struct facts *facts = &judging->facts;

	if (rule->expiry.past)
		return false;
	if (!facts->ip && !rule->scalar[FIELD_ETHERTYPE].present)
		return false;
	for (size_t i = 0; i < N_ADDRESS_FIELDS; i++) {
		if (!address_holds(judging, &rule->address[i], facts->address[i]))
			return false;
	}
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++) {
		if (!scalar_holds(&rule->scalar[i], &facts->scalar[i]))
			return false;
	}
	for (size_t i = 0; i < N_MAC_FIELDS; i++) {
		if (!mac_holds(&rule->mac[i], facts->mac[i]))
			return false;
	}
	return interface_holds(&rule->interface, judging->interface);
}

/* --- the answer --------------------------------------------------------------------------- */

static void answer_by_reason(struct oracle_answer *answer, enum verdict verdict, enum reason reason)
{
	answer->verdict = verdict;
	answer->reason = reason;
	answer->rule = ORACLE_NO_RULE;
}

/* By the first n_rules rules of the ruleset. True if one decided. */
static bool judge_by_rules(const struct judging *judging, const struct ruleset *ruleset,
			   size_t n_rules, struct oracle_answer *answer)
{
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule *rule = &ruleset->rules[i];

		if (!rule_matches(judging, rule))
			continue;
		if (answer->counted)
			answer->counted[i] = 1;
		if (rule->verdict == VERDICT_NONE || rule->shadow)
			continue;
		answer->verdict = rule->verdict;
		answer->reason = REASON_NONE;
		answer->rule = i;
		return true;
	}
	return false;
}

void oracle_judge_live(const struct policy *policy, size_t interface, const uint8_t *frame,
		       size_t len, const struct oracle_live *live, struct oracle_answer *answer)
{
	const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];
	struct judging judging = { .policy = policy, .interface = interface, .live = live };
	const struct facts *facts = &judging.facts;
	enum reason malformed;

	if (answer->counted && ruleset->n_rules > 0)
		memset(answer->counted, 0, ruleset->n_rules);

	malformed = oracle_read_frame(frame, len, &judging.facts);
	if (malformed != REASON_NONE)
		answer_by_reason(answer, policy->fate_malformed, malformed);
	else if (judge_by_rules(&judging, ruleset, ruleset->n_protect, answer))
		return;
	else if (facts->unknown_extension && policy->fate_extension != VERDICT_NONE)
		answer_by_reason(answer, policy->fate_extension, REASON_UNKNOWN_EXTENSION);
	else if (facts->scalar[FIELD_FRAGMENT].value != FRAGMENT_NONE &&
		 policy->fate_fragments != VERDICT_NONE)
		answer_by_reason(answer, policy->fate_fragments, REASON_FRAGMENT);
	else if (judge_by_rules(&judging, ruleset, ruleset->n_rules, answer))
		return;
	else if (facts->ip)
		answer_by_reason(answer, ruleset->default_verdict, REASON_DEFAULT);
	else
		answer_by_reason(answer, policy->fate_non_ip, REASON_NON_IP);
}

void oracle_judge(const struct policy *policy, size_t interface, const uint8_t *frame, size_t len,
		  struct oracle_answer *answer)
{
	oracle_judge_live(policy, interface, frame, len, NULL, answer);
}

int oracle_judge_trace(const struct policy *policy, size_t interface, uint32_t first_bit,
		       const uint8_t *frame, size_t len, const struct oracle_live *live,
		       struct trace *ret)
{
	size_t n = policy->rulesets[policy->interfaces[interface].ruleset].n_rules;
	struct oracle_answer answer = { .counted = calloc(n + 1, 1) };

	if (!answer.counted)
		return -ENOMEM;
	oracle_judge_live(policy, interface, frame, len, live, &answer);
	memset(ret, 0, sizeof(*ret));
	oracle_trace(frame, len, ret);
	ret->verdict = answer.verdict;
	ret->reason = answer.reason;
	ret->rule = TRACE_NO_RULE;
	if (answer.rule != ORACLE_NO_RULE)
		ret->rule = first_bit + (uint32_t)answer.rule;
	for (size_t i = 0; i < n; i++) {
		size_t bit = first_bit + i;

		if (answer.counted[i])
			ret->matched[bit / ROW_WORD_BITS] |= 1ULL << bit % ROW_WORD_BITS;
	}
	free(answer.counted);
	return 0;
}

/* --- whose frame it is -------------------------------------------------------------------- */

size_t oracle_interface(const struct policy *policy, size_t interface, const uint8_t *frame,
			size_t len)
{
	const char *port = policy->interfaces[interface].port;
	unsigned int vid = oracle_outermost_vid(frame, len);
	size_t others = ORACLE_NO_INTERFACE;

	for (size_t i = 0; i < policy->n_interfaces; i++) {
		if (strcmp(policy->interfaces[i].port, port) != 0)
			continue;
		if (policy->interfaces[i].vlan == 0)
			others = i;
		else if (policy->interfaces[i].vlan == vid)
			return i;
	}
	return others;
}
