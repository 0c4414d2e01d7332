/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * act.h: what a matching rule does, and how a judgement becomes an XDP action.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "classify.h"
#include "config.h"
#include "count.h"
#include "live.h"
#include "packet.h"

TABLE_MAP(actions, sizeof(struct rule_action));

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* ifindex */
} redirects SEC(".maps");

/* Written by probe instances only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace);
} traces SEC(".maps");

struct judgement {
	enum verdict verdict; /* VERDICT_NONE: not decided yet */
	enum reason reason;   /* REASON_NONE: a rule decided */
	__u32 rule;           /* that rule's bit position, or TRACE_NO_RULE */
	__u32 extra;          /* its rule_action.extra */
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

static __always_inline __u32 redirect_key(__u32 index)
{
	const struct rule_extra *extra = table(&extras);

	if (!extra || index >= config.n_extras)
		return 0; /* no rule gets here */
	return extra[index].redirect;
}

/* The rule (counted from the policy's first) matched, as far as rows can tell: count it, and decide
 * if it does. True if it does. Where the packet is not at hand (NULL), live sets have been looked at
 * before. */
static __always_inline bool act_on_match(const struct packet *packet, struct classification *state,
					 struct judgement *judgement, __u32 rule, __u32 bytes,
					 struct counter_page *home)
{
	__u32 index = config.interface_actions + rule;
	const struct rule_action *action = table(&actions);

	if (!action || index >= config.n_actions)
		return false;
	action += index;
	if (config.uses_live && action->live) {
		if (packet && !state->live_known)
			live_find(packet, state);
		if (!live_matches(state, action->extra))
			return false;
	}
	count(home, action->slot, bytes);
	trace_match(config.first_word * ROW_WORD_BITS + rule);
	if (action->verdict == VERDICT_NONE)
		return false;
	judgement->verdict = action->verdict;
	judgement->reason = REASON_NONE;
	judgement->rule = config.first_word * ROW_WORD_BITS + rule;
	judgement->extra = action->extra;
	return true;
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
static __always_inline int act(struct judgement *judgement, __u32 bytes, struct counter_page *home)
{
	int action = XDP_PASS;

	if (judgement->verdict == VERDICT_DROP) {
		action = XDP_DROP;
	} else if (judgement->verdict == VERDICT_REDIRECT) {
		action = bpf_redirect_map(&redirects, redirect_key(judgement->extra), XDP_DROP);
		if (action != XDP_REDIRECT) {
			judgement->verdict = VERDICT_DROP;
			judgement->reason = REASON_REDIRECT_FAILED;
		}
	}
	count_verdict(home, judgement->verdict, bytes);
	if (judgement->reason != REASON_NONE)
		count_reason(home, judgement->reason, bytes);
	act_trace(judgement);
	return action;
}
