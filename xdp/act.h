/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * act.h: what a matching rule does, and how a judgement becomes an XDP action.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "classify.h"
#include "config.h"
#include "count.h"
#include "packet.h"

TABLE_MAP(actions, sizeof(struct rule_action));
TABLE_MAP(slots, sizeof(__u32)); /* counter slot by interface and rule */

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* ifindex */
} redirects SEC(".maps");

/* Written by probe instances only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace);
} traces SEC(".maps");

struct judgement {
	enum verdict verdict; /* VERDICT_NONE: not decided yet */
	enum reason reason;   /* REASON_NONE: a rule decided */
	__u32 rule;           /* that rule's bit position, or TRACE_NO_RULE */
	__u32 redirect;
};

static __always_inline void trace_match(__u32 bit)
{
	__u32 zero = 0;
	struct trace *trace;

	if (!config.probe)
		return;
	trace = bpf_map_lookup_elem(&traces, &zero);
	if (trace && bit / 64 < MAX_ROW_WORDS)
		trace->matched[bit / 64] |= 1ULL << bit % 64;
}

/* The rule (counted from the policy's first) matched: count it, and decide if it does. Judged
 * once by the verifier, like parse_ipv6_chain(). */
__noinline int act_on_match(struct judgement *judgement, __u32 rule, __u32 bytes)
{
	__u32 bit = config.first_word * ROW_WORD_BITS + rule;
	__u32 slot_index = config.interface_slots + rule;
	const struct rule_action *action = table(&actions);
	const __u32 *slot = table(&slots);

	if (!judgement || !action || !slot || bit >= config.n_actions ||
	    slot_index >= config.n_slots)
		return -1;
	count(slot[slot_index], bytes);
	trace_match(bit);
	if (action[bit].verdict == VERDICT_NONE)
		return 0;
	judgement->verdict = action[bit].verdict;
	judgement->reason = REASON_NONE;
	judgement->rule = bit;
	judgement->redirect = action[bit].redirect;
	return 0;
}

static __always_inline void act_trace(const struct judgement *judgement)
{
	__u32 zero = 0;
	struct trace *trace;

	if (!config.probe)
		return;
	trace = bpf_map_lookup_elem(&traces, &zero);
	if (!trace)
		return;
	trace->verdict = judgement->verdict;
	trace->reason = judgement->reason;
	trace->rule = judgement->rule;
}

/* Count the packet under its verdict and reason, and turn them into the program's result. */
static __always_inline int act(struct judgement *judgement, __u32 bytes)
{
	int action = XDP_PASS;

	if (judgement->verdict == VERDICT_DROP) {
		action = XDP_DROP;
	} else if (judgement->verdict == VERDICT_REDIRECT) {
		action = bpf_redirect_map(&redirects, judgement->redirect, XDP_DROP);
		if (action != XDP_REDIRECT) {
			judgement->verdict = VERDICT_DROP;
			judgement->reason = REASON_REDIRECT_FAILED;
		}
	}
	count_verdict(judgement->verdict, bytes);
	if (judgement->reason != REASON_NONE)
		count_reason(judgement->reason, bytes);
	act_trace(judgement);
	return action;
}
